"""What strangers can send to `pitboard serve`: memory stays flat, and others are served meanwhile."""

import contextlib
import json
import resource
import socket
import time
from urllib.parse import quote

import pytest
import urllib3
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


@pytest.fixture
def server(simulator, tmp_path):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))

    with serve_process(simulator, tmp_path, few_files) as server:
        for _ in range(3):
            assert is_served(server, simulator)
        yield server


def is_served(server, simulator):
    """Whether a reader who comes now gets a driver."""
    (driver,) = simulator.population.sample(1, seed=5)
    answer = urllib3.request("GET", f"{server.url}/drivers?name={quote(driver.display_name)}", timeout=20)
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
            b"GET /drivers?name=Nobody%20Here&wait=3 HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEAD + b"X-Long: ",
            b"x" * 65_536,
            48 * MiB,
            id="a long head behind a request that is being answered",
        ),
    ],
)
def test_what_is_too_long_is_cut_off_with_flat_memory(server, simulator, opening, part, size):
    before = server.memory()
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


@pytest.mark.parametrize("opening", [b"", HEAD], ids=["silent", "half a head"])
def test_1100_half_open_connections_shut_nobody_out_and_are_closed(server, simulator, opening):
    before = server.memory()
    opened = half_open(server, 1_100, opening)
    try:
        assert all(is_served(server, simulator) for _ in range(5))
        assert server.memory() - before < FLAT
        assert all(is_closed(client) for client in opened)
    finally:
        for client in opened:
            client.close()
    assert is_served(server, simulator)


def test_a_head_that_drips_is_closed_with_408(server):
    with socket.create_connection(server.address, timeout=30) as client:
        client.sendall(HEAD)
        client.settimeout(0.2)
        end = time.monotonic() + 3 * limits.HEAD_SECONDS
        answer = b""
        while time.monotonic() < end:
            try:
                answer += client.recv(65536)
                break
            except TimeoutError:
                client.sendall(b"a")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_idle_connections_are_closed(server):
    with socket.create_connection(server.address, timeout=30) as client:
        client.sendall(HEAD + b"\r\n")
        assert is_closed(client)


def test_a_reader_who_takes_no_answer_is_cut_off(server, simulator):
    names = ",".join(quote(driver.display_name) for driver in simulator.population.sample(20, seed=3))
    request = f"GET /drivers?names={names} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with socket.create_connection(server.address, timeout=30) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with contextlib.suppress(OSError):
            for _ in range(2_000):
                client.sendall(request)
        wait_until(lambda: "were closed" in "".join(server.lines), 3 * limits.ANSWER_SECONDS)
    assert is_served(server, simulator)


def test_refusals_are_in_the_log_once_a_minute(server):
    for _ in range(20):
        send_all(server, HEAD + b"a: b\r\n" * 2 * limits.MOST_HEADERS, b"", 0)
    for _ in range(20):
        send_all(server, b"nonsense\r\n\r\n", b"", 0)
    wait_until(lambda: any("no_http" in line for line in server.lines))
    told = [line for line in server.lines if "head_too_long" in line or "no_http" in line]
    assert len(told) == 2
    assert not [line for line in server.lines if "Invalid HTTP" in line]
