"""What the local server adds to the contract: its page, its metrics, its check of the Host header."""

import base64
import hashlib
import re
import socket
from urllib.parse import quote

import pytest
import urllib3
from playwright.sync_api import sync_playwright
from starlette.routing import Route
from tests.support.local_server import local_server

from pitboard.addon import userscript
from pitboard.drivers.budget import hashed
from pitboard.http.openapi import document
from pitboard.iracing.meter import KEY
from pitboard.local.server import PortTakenError, host_guard, listen, local_routes


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    with local_server(tmp_path_factory.mktemp("local"), latency=0.005, link_latency=0.002) as backend:
        yield backend


def get(backend, target, method="GET", **headers):
    return urllib3.request(method, backend.base_url + target, headers=headers, redirect=False)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", ""])
def test_a_request_with_a_foreign_host_header_is_refused(backend, host):
    """Otherwise a web page could point its own host name at this machine and read the answers."""
    answer = get(backend, "/health", Host=host)
    assert answer.status == 421
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "host",
    [
        "localhost:80@evil.example", "[::1]@evil.example", "[::1].evil.example", "[fe80::1%evil.example]",
        "localhost:80/evil", "127.0.0.1:x",
    ],
)  # fmt: skip
def test_a_host_header_with_more_than_a_name_and_a_port_is_refused(backend, host):
    """The addresses in the userscript and on the addon's page are made of it."""
    assert get(backend, "/pitboard.user.js", Host=host).status == 421


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost:8765", "[::1]:8765", "192.168.1.7:8765", "pits.example:80"]
)
def test_ip_addresses_localhost_and_the_configured_host_are_allowed(host):
    assert host_guard("pits.example")(host)


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("POST", "/drivers?names=Ann", 405, "wrong_method"),
        ("GET", "/auth", 405, "wrong_method"),
        ("DELETE", "/health", 405, "wrong_method"),
        ("GET", "/driver", 404, "unknown_route"),
        ("GET", "/drivers/", 404, "unknown_route"),
        ("GET", "/drivers/abc/history", 404, "unknown_route"),
        ("GET", "/static/../server.py", 404, "unknown_route"),
        ("GET", "/drivers?names=" + "x" * 11_000, 414, "address_too_long"),
        ("GET", "/drivers?names=" + "%20" * 15_000, 414, "address_too_long"),
        ("GET", "/drivers?names=%ff%fe", 400, "invalid_name"),
    ],
)
def test_a_request_outside_the_contract_is_a_problem_and_makes_no_call(backend, method, target, status, code):
    before = len(backend.simulator.calls)
    answer = get(backend, target, method)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["code"] == code
    assert len(backend.simulator.calls) == before


def test_a_wrong_method_is_answered_with_the_allowed_ones(backend):
    assert "GET" in get(backend, "/drivers", "PUT").headers["Allow"]


def test_the_look_up_page_takes_calls_out_of_its_readers_share(backend):
    """Else a crawl of the page would have the whole budget."""
    get(backend, "/?names=Nobody+Of+This+Name")
    assert hashed("127.0.0.1") in backend.home.store.documents.get(KEY).value["clients"]


def test_the_look_up_page_shows_drivers_and_escapes_the_query(backend):
    (driver,) = backend.drivers(1)
    query = quote(f"{driver.display_name}, <script>alert(1)</script>")
    answer = get(backend, f"/?names={query}")
    text = answer.data.decode()
    assert answer.status == 200
    assert f"<h2>{driver.display_name}</h2>" in text
    assert str(driver.cust_id) not in text  # nobody has agreed to show it
    assert "<script" not in text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Type one name"),
        (",,", "Type one name"),
        (",".join("abcdefghijklmnopqrstuvwxyz" * 2), "At most 50"),
    ],
)
def test_the_look_up_page_says_what_to_type(backend, query, says):
    assert says in get(backend, f"/?names={quote(query)}").data.decode()


def test_metrics_count_requests_by_route_and_hold_no_driver(backend):
    (driver,) = backend.drivers(1)
    get(backend, f"/drivers?names={quote(driver.display_name)}")
    text = get(backend, "/metrics").data.decode()
    assert re.search(r'pitboard_requests_total\{route="/drivers",status="200"\} \d', text)
    assert driver.display_name not in text
    assert str(driver.cust_id) not in text


def test_openapi_describes_exactly_the_served_routes_of_the_contract(backend):
    assert get(backend, "/openapi.json").json() == document()
    routes = [route for route in local_routes(backend.home, backend.telemetry) if isinstance(route, Route)]
    served = {(route.path, *(set(route.methods or ()) - {"HEAD"})) for route in routes}
    described = {(path, *(m.upper() for m in methods)) for path, methods in document()["paths"].items()}
    own = {"/", "/metrics", "/openapi.json", "/pitboard.user.js", "/pitboard-card.js", "/pitboard-options.js"}
    ours = {route for route in served if route[0] in own or route[0].startswith(("/addon", "/static/"))}
    assert served - ours == described


def test_the_userscript_and_the_file_it_requires_come_from_this_server(backend):
    answer = get(backend, "/pitboard.user.js")
    assert answer.status == 200
    assert answer.data.startswith(b"// ==UserScript==")
    header = dict(re.findall(r"^// @(\w+URL|require) +(\S+)$", answer.data.decode(), re.MULTILINE))
    assert header["updateURL"] == header["downloadURL"] == f"{backend.base_url}/pitboard.user.js"
    address, _, stated = header["require"].partition("#sha256-")
    options = urllib3.request("GET", address)
    assert options.status == 200
    assert base64.b64encode(hashlib.sha256(options.data).digest()).decode() == stated


def test_the_userscript_calls_the_server_that_it_was_installed_from(backend):
    for file in ("/pitboard.user.js", "/pitboard-card.js", "/pitboard-options.js"):
        script = get(backend, file).data.decode()
        assert f'"{backend.base_url}"' in script
        assert userscript.BUILT_FOR not in script


@pytest.mark.parametrize("port", ['1"+alert(1)+"', "8765/*", "1;stranger"])
def test_a_host_header_never_becomes_code(backend, port):
    script = get(backend, "/pitboard.user.js", Host=f"127.0.0.1:{port}").data
    assert port.encode() not in script


def test_every_request_has_its_own_id(backend):
    ids = {get(backend, "/health").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


def test_a_port_in_use_is_reported_with_advice():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"{port}.*PITBOARD_PORT"):
            listen("127.0.0.1", port)


EXISTING_USERSCRIPT = """
async ([base, name]) => {
  const answer = await fetch(`${base}/drivers?names=${encodeURIComponent(name)}`);
  const driver = (await answer.json())[name];
  return {
    licences: driver.member_info.licenses
      .map(l => `${l.group_name.replace("Class ", "")} ${l.safety_rating}`),
    since: driver.member_info.member_since,
    country: driver.member_info.country,
    followers: driver.follow_counts.followers,
    races: driver.recent_events.filter(e => e.event_type === "RACE")
      .map(e => `${e.car_name} ${e.track.track_name} ${e.finish_position + 1} ${e.start_time.slice(0, 10)}`),
  };
}
"""
"""How existing userscripts read a driver: one name per request, and these fields."""


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_an_existing_userscript_works_unchanged(backend, chromium):
    drivers = backend.drivers(5, seed=11)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True)
        page = browser.new_page()
        page.goto(f"{backend.base_url}/health")
        read = [
            page.evaluate(EXISTING_USERSCRIPT, [backend.base_url, driver.display_name]) for driver in drivers
        ]
        browser.close()
    for shown in read:
        assert len(shown["licences"]) == 5
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", shown["since"])
        assert isinstance(shown["followers"], int)
        assert all("undefined" not in race for race in shown["races"])
    assert any(shown["races"] for shown in read)
