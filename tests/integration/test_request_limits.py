"""What strangers can send to `pitboard serve`: memory stays flat, and others are served meanwhile."""

import contextlib
import json
import resource
import socket
import time
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import pytest
import urllib3
from tests.support.local_server import local_server
from tests.support.serve_process import serve_process
from tests.support.waiting import wait_until

from pitboard.local import limits
from pitboard.simulator import Simulator

MiB = 2**20
FLAT = 24
"""MB that a server's memory may grow by; what is sent is larger."""


@pytest.fixture(scope="module")
def simulator():
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        yield simulator


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))


@pytest.fixture(scope="module")
def server(simulator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    with serve_process(simulator, folder, few_files, PITBOARD_SELF_SERVICE="on") as server:
        for _ in range(3):
            assert is_served(server, simulator)
        yield server


def is_served(server, simulator):
    """Whether a reader who comes now gets a driver."""
    (driver,) = simulator.population.sample(1, seed=5)
    with urllib3.PoolManager() as pool:  # a connection of its own
        url = f"{server.url}/drivers?name={quote(driver.display_name)}"
        answer = pool.request("GET", url, timeout=20, retries=False)
    return answer.json()[driver.display_name]["cust_id"] == driver.cust_id


def send_all(server, opening, part, size):
    """Sends `opening`, then `part` until `size` bytes are out or the server closes; gives (bytes, answer)."""
    sent, answer = 0, b""
    with socket.create_connection(server.address, timeout=60) as client, contextlib.suppress(OSError):
        client.sendall(opening)
        while sent < size:
            client.sendall(part)
            sent += len(part)
        while received := client.recv(65536):
            answer += received
    return sent, answer


HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
HALF_A_BODY = b"POST /members HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nna"


@pytest.mark.parametrize(
    ("opening", "part", "size"),
    [
        pytest.param(HEAD, b"a: b\r\n" * 10_000, 48 * MiB, id="48 MiB of short headers"),
        pytest.param(HEAD + b"X-Long: ", b"x" * 65_536, 100 * MiB, id="a header value of 100 MiB"),
        pytest.param(HEAD, b"x" * 65_536, 48 * MiB, id="a header name without an end"),
        pytest.param(b"GET /", b"x" * 65_536, 48 * MiB, id="an address without an end"),
        pytest.param(HEAD + b"\r\n", (HEAD + b"\r\n") * 2_000, 48 * MiB, id="pipelined requests"),
        pytest.param(
            b"POST /auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000000\r\n\r\n",
            b"x" * 65_536,
            48 * MiB,
            id="a body",
        ),
        pytest.param(
            b"GET /drivers?name=Nobody%20Here&wait=3 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            + HEAD
            + b"X-Long: ",
            b"x" * 65_536,
            48 * MiB,
            id="a long head behind a request that is being answered",
        ),
    ],
)
def test_what_is_too_long_is_cut_off_with_flat_memory(server, simulator, opening, part, size):
    before = server.memory("VmHWM")
    sent, _ = send_all(server, opening, part, size)
    assert sent < size
    assert server.memory("VmHWM") - before < FLAT
    assert is_served(server, simulator)


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (HEAD + b"X-Long: " + b"x" * 2 * limits.LONGEST_HEAD, 431, "head_too_long"),
        (HEAD + b"a: b\r\n" * (limits.MOST_HEADERS + 1) + b"\r\n", 431, "head_too_long"),
        (HEAD + b"a: b\r\n" * (limits.MOST_HEADERS + 1), 431, "head_too_long"),
        (b"nonsense\r\n\r\n", 400, "no_http"),
    ],
    ids=["long", "many", "many without an end", "nonsense"],
)
def test_a_refusal_has_the_form_of_the_contract(server, head, status, code):
    _, answer = send_all(server, head, b"", 0)
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json" in start.lower()
    assert b"access-control-allow-origin: *" in start.lower()
    assert b"connection: close" in start.lower()
    assert (json.loads(body)["status"], json.loads(body)["code"]) == (status, code)


def test_a_head_as_long_as_the_limit_is_read(server):
    for headers in (b"X-Long: " + b"x" * (limits.LONGEST_HEAD - 100) + b"\r\n", b"a: b\r\n" * 90):
        _, answer = send_all(server, HEAD + headers + b"Connection: close\r\n\r\n", b"", 0)
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_head_in_small_pieces_and_pipelined_requests_are_answered(server):
    with socket.create_connection(server.address, timeout=20) as client:
        for piece in (HEAD[:20], HEAD[20:], b"\r\n" + HEAD, b"Connection: close\r\n\r\n"):
            client.sendall(piece)
            time.sleep(0.02)
        answer = b""
        while received := client.recv(65536):
            answer += received
    assert answer.count(b"HTTP/1.1 200 ") == 2


def half_open(server, count, opening):
    opened = []
    for _ in range(count):
        client = socket.create_connection(server.address, timeout=30)
        client.sendall(opening)
        opened.append(client)
    return opened


def is_closed(client):
    """Awaits the end that the server makes of a connection."""
    with contextlib.suppress(ConnectionError):
        while client.recv(65536):
            pass
    return True


@pytest.mark.parametrize(
    "opening",
    [b"", HEAD, HALF_A_BODY, HEAD + b"\r\n" + HALF_A_BODY],
    ids=["silent", "half a head", "half a body", "half a body behind an answer"],
)
def test_1100_half_open_connections_shut_nobody_out(server, simulator, opening):
    before = server.memory("VmHWM")
    opened = half_open(server, 1_100, opening)
    try:
        if opening.startswith(
            HEAD + b"\r\n"
        ):  # a whole request: until it is answered, it has a right to be there
            for client in opened:
                with contextlib.suppress(ConnectionError):
                    client.recv(1)
        assert all(is_served(server, simulator) for _ in range(5))
        assert server.memory("VmHWM") - before < FLAT
    finally:
        for client in opened:
            client.close()
    assert is_served(server, simulator)


def test_a_connection_that_is_closed_before_its_answer_leaves_no_traceback_in_the_log(simulator, tmp_path):
    with serve_process(simulator, tmp_path) as server:
        for _ in range(5):
            send_all(server, (HEAD + b"\r\n") * 3 * limits.MOST_PIPELINED, b"", 0)
        assert is_served(server, simulator)
    assert any("too_many_requests" in line for line in server.lines)
    assert not [line for line in server.lines if "Traceback" in line]


def test_refusals_are_in_the_log_once_a_minute(simulator, tmp_path):
    with serve_process(simulator, tmp_path) as server:
        for _ in range(20):
            send_all(server, HEAD + b"a: b\r\n" * 2 * limits.MOST_HEADERS, b"", 0)
        for _ in range(20):
            send_all(server, b"nonsense\r\n\r\n", b"", 0)
        wait_until(lambda: any("no_http" in line for line in server.lines))
    told = [line for line in server.lines if "head_too_long" in line or "no_http" in line]
    assert len(told) == 2
    assert not [line for line in server.lines if "Invalid HTTP" in line]


# --- what takes too long; the bounds are shorter here, so that the tests need not wait


@pytest.fixture
def hasty(tmp_path, monkeypatch):
    """A server that gives a head and an answer a second."""
    monkeypatch.setattr(limits, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(limits, "ANSWER_SECONDS", 1.0)
    with local_server(tmp_path, latency=0.002, link_latency=0.001) as backend:
        parts = urlsplit(backend.base_url)
        yield SimpleNamespace(address=(parts.hostname, parts.port))


@pytest.mark.parametrize(
    "opening",
    [b"", HEAD, HEAD + b"\r\n", HEAD + b"\r\n" + HEAD],
    ids=["silent", "half a head", "idle", "half a second head"],
)
def test_a_connection_that_does_not_go_on_is_closed(hasty, opening):
    with socket.create_connection(hasty.address, timeout=30) as client:
        client.sendall(opening)
        assert is_closed(client)


def test_a_head_that_drips_gets_408(hasty):
    with socket.create_connection(hasty.address, timeout=0.1) as client:
        client.sendall(HEAD)
        answer = b""
        while not answer:
            try:
                answer = client.recv(65536)
            except TimeoutError:
                client.sendall(b"a")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_reader_who_takes_no_answer_is_cut_off(hasty, caplog):
    request = b"GET /pitboard.user.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.socket() as client, caplog.at_level("WARNING"):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(hasty.address)
        for _ in range(400):
            if "answer_not_taken" in caplog.text:
                break
            with contextlib.suppress(OSError):
                client.sendall(request)
            time.sleep(0.005)
        wait_until(lambda: "answer_not_taken" in caplog.text)
