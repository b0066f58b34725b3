"""`pitboard serve` behind a proxy: whose names it answers to, whom it believes, what it shows to whom."""

import asyncio
import http.client
import ipaddress
import re
import socket
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
import urllib3
from tests.support.doctor_checks import finding_of
from tests.support.local_server import local_home
from tests.support.serve_process import serve_process

from pitboard.local import limits, proxy
from pitboard.local.server import PortTakenError, listen, make_local_app, running
from pitboard.ops.doctor.check import Status
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.settings import FrontSettings
from pitboard.simulator import Simulator
from pitboard.telemetry import PrometheusTelemetry

NAME = "pit.example.org"
TOKEN = "a-token-of-the-host-0001"


@pytest.fixture(scope="module")
def simulator():
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def home(simulator, tmp_path_factory):
    with local_home(simulator, tmp_path_factory.mktemp("proxied")) as home:
        yield home


@pytest.fixture
def served(home):
    """Starts the server with settings; gives a function that asks it."""
    entered = []

    def start(app=None, proxies=("127.0.0.1/32",), **front):
        home.settings = replace(home.settings, front=FrontSettings(**front))
        door = listen("127.0.0.1", 0)
        server = running(app or make_local_app(home, PrometheusTelemetry()), [door], proxies=proxies)
        server.__enter__()
        entered.append((server, door))

        def ask(target, **headers):
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            base = f"http://127.0.0.1:{door.getsockname()[1]}"
            with urllib3.PoolManager() as pool:  # a connection of its own
                return pool.request("GET", base + target, headers=headers, retries=False, timeout=60)

        return ask

    yield start
    for server, door in entered:
        server.__exit__(None, None, None)
        door.close()


def test_an_allowed_name_is_served_and_others_are_told_what_the_host_can_set(served):
    ask = served(allowed_hosts=(NAME,))
    assert ask("/health", Host=NAME).status == 200
    assert ask("/health", Host=f"{NAME.upper()}:443").status == 200
    refused = ask("/health", Host="evil.example")
    assert refused.status == 421
    assert "PITBOARD_ALLOWED_HOSTS" in refused.json()["detail"]


@pytest.mark.parametrize("host", ["::", "192.0.2.7", NAME])
def test_listening_beyond_this_machine_without_an_allowed_host_is_refused(simulator, tmp_path, host):
    done = subprocess.run(
        [sys.executable, "-m", "pitboard", "serve", "--host", host, "--port", "0"],
        env={**simulator.environment(), "PITBOARD_DB": str(tmp_path / "p.sqlite3"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "PITBOARD_ALLOWED_HOSTS" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "p.sqlite3").exists()


def test_the_userscript_and_its_updates_have_the_public_address(served):
    ask = served(allowed_hosts=(NAME,), path_prefix="/league/pit")
    script = ask("/league/pit/pitboard.user.js", Host=NAME, X_Forwarded_Proto="https").data.decode()
    header = dict(re.findall(r"^// @(\w+URL|require) +(\S+)$", script, re.MULTILINE))
    public = f"https://{NAME}/league/pit"
    assert header["updateURL"] == header["downloadURL"] == f"{public}/pitboard.user.js"
    assert header["require"].startswith(f"{public}/pitboard-options.js#sha256-")
    assert f'"{public}"' in script
    assert "Loaded without encryption" not in script


@pytest.mark.parametrize(
    "path", ["/league/pit", ""], ids=["the proxy hands the prefix on", "it takes it off"]
)
def test_routes_are_found_with_and_without_the_path_prefix(served, home, path):
    ask = served(allowed_hosts=(NAME,), path_prefix="/league/pit")
    assert ask(f"{path}/health", Host=NAME).json()["status"] in ("healthy", "degraded")
    assert ask(f"{path}/static/site.css", Host=NAME).status == 200
    assert ask(f"{path}/driver", Host=NAME).status == 404
    assert ask("/league/pitboard/health", Host=NAME).status == 404


def test_the_bare_prefix_leads_to_the_page_and_has_the_headers_of_every_answer(served):
    ask = served(allowed_hosts=(NAME,), path_prefix="/league/pit")
    moved, health = ask("/league/pit", Host=NAME), ask("/league/pit/health", Host=NAME)
    assert (moved.status, moved.headers["Location"]) == (308, "/league/pit/")
    for header in ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "X-Content-Type-Options"):
        assert moved.headers[header] == health.headers[header]


def test_the_look_up_page_works_below_a_path_prefix(served):
    ask = served(allowed_hosts=(NAME,), path_prefix="/pit")
    assert ask("/pit", Host=NAME).headers["Location"] == "/pit/"
    page = ask("/pit/", Host=NAME).data.decode()
    links = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert links
    assert not [link for link in links if link.startswith("/")]


async def who(scope, receive, send):
    """Answers who asks, as the application sees it."""
    body = f"{scope['client'][0]} {scope['scheme']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (("127.0.0.1/32",), "198.51.100.4", b"198.51.100.4 https"),
        (("127.0.0.1/32",), "6.6.6.6, 198.51.100.4", b"198.51.100.4 https"),
        (("127.0.0.0/8", "10.1.0.0/16"), "6.6.6.6, 198.51.100.4, 10.1.2.3", b"198.51.100.4 https"),
        (("10.1.0.0/16",), "198.51.100.4", b"127.0.0.1 http"),
        (("127.0.0.1/32",), "", b"127.0.0.1 https"),
    ],
    ids=["one", "what a client writes itself is not believed", "two proxies", "not trusted", "none said"],
)
def test_only_a_trusted_proxy_says_who_asks_and_by_which_scheme(served, proxies, forwarded, seen):
    ask = served(who, proxies)
    headers = {"X_Forwarded_For": forwarded} if forwarded else {}
    assert ask("/", X_Forwarded_Proto="https", **headers).data == seen


class Hanging:
    """Answers at once what is asked of `/free`, and everything else when it is told to."""

    def __init__(self):
        self.asked, self.told = threading.Semaphore(0), threading.Event()

    async def __call__(self, scope, receive, send):
        if scope["path"] != "/free":
            self.asked.release()
            await asyncio.to_thread(self.told.wait, 60)
        await who(scope, receive, send)


def test_one_reader_behind_the_proxy_cannot_take_all_connections(served, monkeypatch):
    monkeypatch.setattr(proxy, "MOST_AN_ADDRESS", 2)
    hanging = Hanging()
    ask = served(proxy.EachClient(hanging))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, "/", X_Forwarded_For="198.51.100.4") for _ in range(2)]
        for _ in waiting:
            assert hanging.asked.acquire(timeout=60)
        refused = ask("/free", X_Forwarded_For="198.51.100.4")
        another = ask("/free", X_Forwarded_For="198.51.100.5")
        this_machine = ask("/free")
        hanging.told.set()
        assert [future.result().status for future in waiting] == [200, 200]
    assert refused.status == 429
    assert refused.json()["code"] == "too_many_requests"
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert (another.status, this_machine.status) == (200, 200)
    assert ask("/free", X_Forwarded_For="198.51.100.4").status == 200


def test_metrics_and_details_are_for_the_host_when_others_are_served(served):
    ask = served(allowed_hosts=(NAME,), status_token=TOKEN)
    for headers in ({}, {"Authorization": "Bearer wrong-wrong-wrong-1"}, {"Authorization": TOKEN}):
        assert ask("/metrics", **headers).status == 401
        told = ask("/health", **headers).json()
        assert told["status"] in ("healthy", "degraded")
        assert all(set(check) == {"ok"} for check in told["checks"].values())
    bearer = f"Bearer {TOKEN}"
    assert b"pitboard_requests_total" in ask("/metrics", Authorization=bearer).data
    assert ask("/health", Authorization=bearer).json()["checks"]["store"]["detail"]


def test_without_a_token_metrics_are_for_nobody_when_others_are_served(served):
    answer = served(allowed_hosts=(NAME,))("/metrics", Authorization="Bearer ")
    assert answer.status == 403
    assert "PITBOARD_STATUS_TOKEN" in answer.json()["detail"]


def test_readers_are_shown_no_links_to_what_is_for_the_host(served):
    ask = served(allowed_hosts=(NAME,), status_token=TOKEN)
    assert not re.search(rb'href="(status|metrics)"', ask("/").data)
    assert b'href="health"' in ask("/").data
    assert re.findall(rb'href="(status|metrics)"', ask("/", Authorization=f"Bearer {TOKEN}").data)


def test_a_server_for_its_own_machine_shows_its_host_everything(served):
    ask = served()
    assert re.findall(rb'href="(status|metrics)"', ask("/").data) == [b"status", b"metrics"]
    assert ask("/metrics").status == 200
    assert ask("/health").json()["checks"]["store"]["detail"]


class OverSocket(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets here")
def test_serve_listens_on_a_unix_socket_for_its_owner_and_group(simulator, tmp_path):
    path = tmp_path / "pit.sock"
    for _ in range(2):  # the second one finds the file that the first one left
        with serve_process(
            simulator, tmp_path, PITBOARD_HOST=f"unix:{path}", PITBOARD_ALLOWED_HOSTS=NAME
        ) as server:
            assert server.url == f"unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            connection = OverSocket(path)
            connection.request(
                "GET", "/pitboard.user.js", headers={"Host": NAME, "X-Forwarded-Proto": "https"}
            )
            assert f"https://{NAME}/pitboard.user.js".encode() in connection.getresponse().read()
            connection.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets here")
def test_over_a_unix_socket_the_proxy_says_who_asks(tmp_path):
    door = listen(f"unix:{tmp_path / 'pit.sock'}", 0)
    with door, running(who, [door], proxies=("10.0.0.1/32",)):
        connection = OverSocket(tmp_path / "pit.sock")
        connection.request("GET", "/", headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.4"})
        assert connection.getresponse().read() == b"198.51.100.4 http"
        connection.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets here")
def test_a_file_that_is_no_socket_and_a_socket_in_use_are_left_alone(tmp_path):
    other = tmp_path / "file"
    other.write_text("mine")
    with pytest.raises(PortTakenError, match="no socket"):
        listen(f"unix:{other}", 0)
    assert other.read_text() == "mine"
    with listen(f"unix:{tmp_path / 'pit.sock'}", 0), pytest.raises(PortTakenError, match="in use"):
        listen(f"unix:{tmp_path / 'pit.sock'}", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets here")
@pytest.mark.parametrize(
    ("token", "metrics", "says"), [(TOKEN, Status.OK, "all"), ("", Status.PROBLEM, "PITBOARD_STATUS_TOKEN")]
)
def test_the_doctor_asks_over_the_socket_as_the_host(home, tmp_path, token, metrics, says):
    front = FrontSettings(allowed_hosts=(NAME,), status_token=TOKEN)
    host = f"unix:{tmp_path / 'pit.sock'}"
    home.settings = replace(home.settings, host=host, front=front)
    mine = replace(home.settings, front=replace(front, status_token=token))
    with closing(LocalEnvironment(mine)) as environment:
        assert finding_of(environment, "port").status is Status.OK
        with listen(host, 0) as door, running(make_local_app(home, PrometheusTelemetry()), [door]):
            assert "runs" in finding_of(environment, "port").summary
            found = finding_of(environment, "metrics")
            assert found.status is metrics
            assert says in f"{found.summary} {found.remedy}"
            assert finding_of(environment, "health").status is not Status.PROBLEM
        assert "free" in finding_of(environment, "port").summary  # what is left over is no server


@pytest.mark.parametrize(
    ("address", "group"), [("::ffff:10.1.2.3", ""), ("::ffff:198.51.100.4", "198.51.100.4"), ("10.1.2.3", "")]
)
def test_a_proxy_has_no_bound_on_connections_whichever_way_its_address_is_written(address, group):
    made = limits.LimitedProtocol.__new__(limits.LimitedProtocol)
    made._proxies = [ipaddress.ip_network("10.1.0.0/16")]
    plain = limits._plain(address)
    assert ("" if made._is_proxy(plain) else limits.group(plain)) == group
