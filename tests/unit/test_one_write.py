"""How the parts of an answer are written to a connection."""

import asyncio
import socket

import pytest

from pitboard.local.one_write import CONTINUE, OneWrite
from pitboard.local.server import listen, running


class Wire(asyncio.Transport):
    """Notes each call, in place of a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[object] = []
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data) -> None:
        self.calls.append(data)

    def writelines(self, parts) -> None:
        self.calls.append(tuple(parts))

    def close(self) -> None:
        self.calls.append("closed")


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_head_and_body_are_one_write(wire):
    answer = OneWrite(wire)
    for _ in range(2):  # the second answer of a connection too
        answer.write(b"head")
        answer.write(b"body")
        answer.finish()
    assert wire.calls == [(b"head", b"body")] * 2


def test_further_parts_are_written_as_they_come(wire):
    answer = OneWrite(wire)
    for part in (b"head", b"one", b"two"):
        answer.write(part)
    assert wire.calls == [(b"head", b"one"), b"two"]


def test_a_head_without_a_body_goes_out_at_the_end(wire):
    answer = OneWrite(wire)
    answer.write(b"head")
    assert wire.calls == []
    answer.finish()
    assert wire.calls == [b"head"]


def test_what_was_written_goes_out_before_the_connection_is_closed(wire):
    answer = OneWrite(wire)
    answer.write(b"head")
    answer.close()
    assert wire.calls == [b"head", "closed"]


def test_what_is_written_after_the_end_is_dropped(wire):
    answer = OneWrite(wire)
    answer.write(b"head")
    wire.closing = True
    answer.write(b"body")
    answer.write(CONTINUE)
    answer.finish()
    assert wire.calls == []


async def echo(_, receive, send):
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": body})


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_for_it():
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    with (
        listen("127.0.0.1", 0) as door,
        running(echo, [door]),
        socket.create_connection(door.getsockname(), timeout=10) as client,
    ):
        client.sendall(head)
        assert client.recv(100) == CONTINUE
        client.sendall(b"Ann")
        answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nAnn")
