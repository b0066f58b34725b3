"""What docs/HOSTING.md tells a host: Caddy and nginx in front of a real `pitboard serve`, the unit, and a
reader who takes the extension from /addon/."""

import io
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from tests.support import hosting_site as site
from tests.support import needs
from tests.support.forum_server import HOST, forum
from tests.support.serve_process import serve_process

from pitboard.local.demo_forum import forum_page
from pitboard.simulator import Population, Simulator

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-the-host-0001"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def simulator():
    with Simulator(Population(5_000), latency=0.005, link_latency=0.002) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("h")  # a Unix socket's path has a hundred letters at most


@pytest.fixture(scope="module")
def served(simulator, folder):
    """`pitboard serve` on a Unix socket; gives the socket's path."""
    place = folder / "pit.sock"
    with serve_process(
        simulator,
        folder,
        PITBOARD_HOST=f"unix:{place}",
        PITBOARD_ALLOWED_HOSTS=site.NAME,
        PITBOARD_STATUS_TOKEN=TOKEN,
        PITBOARD_AUDIENCE="everyone",
    ):
        yield place


@pytest.fixture(scope="module")
def caddy(served, folder):
    """Caddy in front; gives its port and the certificate of its authority."""
    program, port = needs.program("caddy"), site.free_port()
    made = site.caddyfile(port, served, folder)
    command = [program, "run", "--config", str(made), "--adapter", "caddyfile"]
    with site.proxied(command, port, folder):
        yield port, folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"


@pytest.fixture(scope="module")
def nginx(served, folder):
    """nginx in front; gives its port and its certificate."""
    program, port = needs.program("nginx"), site.free_port()
    made = site.nginx_conf(port, served, folder)
    with site.proxied([program, "-c", str(made), "-e", str(folder / "error.log")], port, folder):
        yield port, folder / "cert.pem"


@pytest.fixture(params=["caddy", "nginx"])
def proxy(request):
    return request.getfixturevalue(request.param)


def test_readers_are_served_by_the_public_name_with_its_certificate(proxy):
    answer = site.ask(proxy, "/health")
    assert answer.json()["status"] in ("healthy", "degraded")
    assert all({*check} == {"ok"} for check in answer.json()["checks"].values())
    script = site.ask(proxy, "/pitboard.user.js").data.decode()
    addresses = re.findall(r"^// @(?:downloadURL|updateURL|require) +(\S+)$", script, re.MULTILINE)
    assert addresses
    assert all(address.startswith(f"https://{site.NAME}/pitboard") for address in addresses)


def test_metrics_are_for_the_host_only(proxy):
    assert site.ask(proxy, "/metrics").status == 401
    answer = site.ask(proxy, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert b"pitboard_requests_total" in answer.data


def test_an_unknown_name_is_not_served(proxy):
    assert b"checks" not in site.ask(proxy, "/health", Host="evil.example").data


@pytest.mark.browser
def test_a_reader_takes_the_extension_from_the_server_and_sees_every_author(
    caddy, chromium, simulator, tmp_path
):
    """No address is entered and no permission given: the extension asks where it came from."""
    port, _ = caddy
    packed = site.ask(caddy, "/addon/pitboard-chromium.zip").data
    unpacked = tmp_path / "extension"
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        opened.extractall(unpacked)
    authors = [driver.display_name for driver in simulator.population.sample(20, seed=7)]
    html = forum_page(authors, scripts=False)
    styles = ROOT / "src" / "pitboard" / "local" / "static"
    with (
        forum(tmp_path, lambda path: html if path.startswith("/discussion") else None, styles) as forum_port,
        sync_playwright() as playwright,
    ):
        rules = f"MAP {HOST}:443 127.0.0.1:{forum_port}, MAP {site.NAME}:443 127.0.0.1:{port}"
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium,
            headless=True,
            viewport={"width": 1100, "height": 1000},
            ignore_default_args=["--disable-extensions"],
            args=[
                f"--disable-extensions-except={unpacked}",
                f"--load-extension={unpacked}",
                f"--host-resolver-rules={rules}",
                "--ignore-certificate-errors",
                "--disable-background-networking",
                "--no-first-run",
            ],
        )
        try:
            page = context.new_page()
            page.goto(f"https://{HOST}/discussion/90001/who-was-in-that-race")
            for post in page.locator(".Item").all():
                post.scroll_into_view_if_needed()
                stats, author = post.locator(".Item-Header pitboard-stats"), post.locator(".Author a")
                expect(stats).to_have_attribute("data-state", "fresh", timeout=20_000)
                expect(stats).to_have_attribute("data-name", author.inner_text())
            assert page.locator(".Item").count() == 30
            shots = ROOT / "build" / "shots"
            shots.mkdir(parents=True, exist_ok=True)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=shots / "hosting.png")
        finally:
            context.close()


def test_the_unit_is_one_that_systemd_takes_and_its_exposure_is_small(tmp_path):
    systemd = needs.program("systemd-analyze", "apt-get install systemd")
    text = (ROOT / "hosting" / "pitboard.service").read_text("utf-8")
    unit = tmp_path / "pitboard.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    verified = subprocess.run([systemd, "verify", unit], capture_output=True, text=True, check=False)
    assert "pitboard.service" not in verified.stderr
    command = [systemd, "security", "--offline=true", "--threshold=20", unit]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout[-200:]


def test_the_unit_and_the_proxies_name_the_same_socket():
    for name in ("pitboard.service", "Caddyfile", "nginx.conf"):
        assert site.SOCKET in (site.RECIPES / name).read_text("utf-8"), name
