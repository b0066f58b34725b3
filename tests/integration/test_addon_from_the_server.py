"""The addon as `pitboard serve` hands it out at /addon/: readers need no Node.js and enter no address."""

import io
import json
import re
import zipfile
from urllib.parse import urljoin, urlsplit

import pytest
import urllib3
from tests.support.local_server import local_server

from pitboard import __version__
from pitboard.addon.extension import BROWSERS, package, zip_for
from pitboard.addon.userscript import BUILT_FOR

HANDED_OUT = ("/addon/pitboard-chromium.zip", "/addon/pitboard-firefox.zip", "/pitboard.user.js")

PUBLIC = "https://pit.example.org/league/pit"


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    with local_server(tmp_path_factory.mktemp("local"), latency=0.0, link_latency=0.0) as backend:
        yield backend


def get(backend, target, **headers):
    return urllib3.request("GET", backend.base_url + target, headers=headers, redirect=False)


def opened(content):
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


@pytest.mark.parametrize("path", ["/addon", "/addon/"])
def test_the_page_leads_to_both_extensions_and_the_userscript_of_this_server(backend, path):
    answer = get(backend, path)
    page = answer.data.decode()
    assert answer.status == 200
    assert backend.base_url in page
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    links = {urljoin(path, link) for link in re.findall(r'(?:href|src)="([^":]+)"', page)}
    assert {*HANDED_OUT, "/"} <= links
    for link in links:
        assert get(backend, link).status == 200, link


def test_the_look_up_page_leads_to_it(backend):
    assert 'href="addon/"' in get(backend, "/").data.decode()


@pytest.mark.parametrize("browser", BROWSERS)
def test_the_extension_asks_the_server_that_it_came_from_and_may_do_so(backend, browser):
    answer = get(backend, f"/addon/pitboard-{browser}.zip")
    assert answer.headers["Content-Type"] == "application/zip"
    assert f'filename="pitboard-{browser}-{__version__}.zip"' in answer.headers["Content-Disposition"]
    files = opened(answer.data)
    assert f'"{backend.base_url}"'.encode() in files["background.js"]
    assert not [name for name, content in files.items() if BUILT_FOR.encode() in content]
    manifest = json.loads(files["manifest.json"])
    assert manifest["version"] == __version__
    assert manifest["host_permissions"].count("http://127.0.0.1/*") == 1


@pytest.mark.parametrize(
    ("address", "pattern"),
    [
        (PUBLIC, "https://pit.example.org/*"),
        ("http://192.168.1.7:8765", "http://192.168.1.7/*"),
        ("http://[2001:db8::7]:8765", "http://[2001:db8::7]/*"),
    ],
)
def test_a_public_server_s_extension_differs_in_the_address_only(address, pattern):
    built, ours = opened(package("chromium").read_bytes()), opened(zip_for("chromium", address))
    assert {*built} == {*ours}
    changed = {name for name in built if built[name] != ours[name]}
    asking = {name for name, content in built.items() if BUILT_FOR.encode() in content}
    assert "background.js" in asking
    assert changed == {"manifest.json", *asking}
    for name in asking:
        assert ours[name] == built[name].replace(BUILT_FOR.encode(), address.encode())
    before, after = json.loads(built["manifest.json"]), json.loads(ours["manifest.json"])
    assert after.pop("host_permissions") == [*before.pop("host_permissions"), pattern]
    assert after == before


def test_equal_addresses_get_equal_bytes_and_the_default_one_the_built_file():
    first = zip_for("firefox", PUBLIC)
    zip_for.cache_clear()
    assert zip_for("firefox", PUBLIC) == first
    assert zip_for("firefox", BUILT_FOR) == package("firefox").read_bytes()


@pytest.mark.parametrize("port", ['1"+alert(1)+"', "8765/*", "1;stranger"])
def test_a_host_header_never_becomes_code(backend, port):
    for path in ("/addon/pitboard-chromium.zip", "/addon/", "/pitboard.user.js"):
        answer = get(backend, path, Host=f"127.0.0.1:{port}")
        assert answer.status == 421
        assert port not in answer.data.decode()


def test_an_address_over_a_network_without_tls_is_warned_of(backend):
    netloc = urlsplit(backend.base_url).netloc
    assert "not encrypted" not in get(backend, "/addon/", Host=netloc).data.decode()
    assert "not encrypted" in get(backend, "/addon/", Host="192.168.1.7").data.decode()
