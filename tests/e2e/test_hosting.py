"""What docs/HOSTING.md tells a host: Caddy and nginx in front of a real `pitboard serve`, the unit, and a
reader who takes the extension from /addon/."""

import re
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support import hosting_site as site
from tests.support import needs
from tests.support.hosting_reader import sees_every_author
from tests.support.serve_process import serve_process

from pitboard.simulator import Population, Simulator

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-the-host-0001"

pytestmark = pytest.mark.xdist_group("browser")


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
    """Caddy in front; gives its port and the certificate that vouches for it."""
    command, port, certificate = site.caddy(served, folder)
    with site.proxied(command, port, folder):
        yield port, certificate


@pytest.fixture(scope="module")
def nginx(served, folder):
    """The same with nginx."""
    command, port, certificate = site.nginx(served, folder)
    with site.proxied(command, port, folder):
        yield port, certificate


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


@pytest.mark.parametrize("kind", site.PROXIES)
@pytest.mark.parametrize("behind", ["running", "stopped"])
def test_no_name_that_was_asked_for_is_in_a_log_of_the_proxy(kind, behind, served, simulator, tmp_path):
    place = served if behind == "running" else tmp_path / "none.sock"
    name = simulator.population.sample(1, seed=11)[0].display_name
    command, port, certificate = site.PROXIES[kind](place, tmp_path)
    with site.proxied(command, port, tmp_path):
        for target in (f"/drivers?name={quote(name)}", f"/?names={quote(name)}"):
            answer = site.ask(
                (port, certificate), target, Referer=f"https://{site.NAME}/?names={quote(name)}"
            )
            assert answer.status == (200 if behind == "running" else 502)
    logs = b"".join(path.read_bytes() for path in tmp_path.glob("*.log"))
    assert name.rpartition(" ")[2].encode() not in logs
    assert kind == "nginx" or behind == "running" or b"none.sock" in logs  # Caddy says what is wrong


@pytest.mark.browser
def test_a_reader_takes_the_extension_from_the_server_and_sees_every_author(
    caddy, chromium, simulator, tmp_path
):
    port, _ = caddy
    packed = site.ask(caddy, "/addon/pitboard-chromium.zip").data
    authors = [driver.display_name for driver in simulator.population.sample(20, seed=7)]
    sees_every_author(chromium, packed, f"{site.NAME}:443 127.0.0.1:{port}", authors, tmp_path)


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


def test_the_unit_leaves_no_core_dump_with_secrets_in_it():
    assert "\nLimitCORE=0\n" in (ROOT / "hosting" / "pitboard.service").read_text("utf-8")


def test_the_unit_and_the_proxies_name_the_same_socket():
    for name in ("pitboard.service", "Caddyfile", "nginx.conf"):
        assert site.SOCKET in (site.RECIPES / name).read_text("utf-8"), name
