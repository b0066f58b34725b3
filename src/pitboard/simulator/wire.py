"""A small HTTP/1.1 server on asyncio streams: one that can also misbehave on purpose.

A usual server framework hides what a stand-in must control: the Date header, an answer that breaks off,
a connection that is reset or never answers.
"""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_LONGEST_HEAD = 32 * 1024
_LARGEST_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came. Header names are in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def argument(self, name: str) -> str | None:
        """A query argument, None if it is not given."""
        return next((value for key, value in self.query if key == name), None)


class Ending(Enum):
    """How the connection goes on: as it should, broken off half way, reset, or silent for ever."""

    WHOLE = "whole"
    CUT = "cut"
    RESET = "reset"
    HANG = "hang"


@dataclass(slots=True)
class Response:
    """An answer. A `body` of parts is sent chunked. A `rate` above 0 is its speed in bytes a second."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    ending: Ending = Ending.WHOLE
    rate: float = 0

    @property
    def seen(self) -> int:
        """The status that the client gets to see, 0 if it sees none."""
        return 0 if self.ending in (Ending.RESET, Ending.HANG) else self.status


Handler = Callable[[Request], Awaitable[Response]]


def json_response(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


class Host:
    """One listening socket. `clock` gives the Unix time for the Date header."""

    def __init__(self, handler: Handler, clock: Callable[[], float]) -> None:
        self._handler = handler
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Takes the bound socket and begins to answer."""
        self._server = await asyncio.start_server(
            self._connected, sock=listener, limit=_LONGEST_HEAD, backlog=1024
        )

    async def stop(self) -> None:
        """Closes everything, answered or not."""
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # The client has gone, or does not speak HTTP.
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether the connection may be used again."""
        request = await _read(reader)
        response = await self._handler(request)
        if response.ending is Ending.HANG:
            await reader.read(1)
            return False
        if response.ending is Ending.RESET:
            _reset(writer)
            return False
        close = request.headers.get("connection", "").lower() == "close"
        headers = {"Date": formatdate(self._clock(), usegmt=True), **response.headers}
        if close:
            headers["Connection"] = "close"
        await _write(writer, response, headers, head_only=request.method == "HEAD")
        return response.ending is Ending.WHOLE and not close


async def _read(reader: asyncio.StreamReader) -> Request:
    """The next request. Raises ConnectionError for one that cannot be read."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    method, _, target = first.partition(" ")
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal() or int(length) > _LARGEST_BODY:
        raise ConnectionError("not a request that this server reads")
    body = await reader.readexactly(int(length))
    url = urlsplit(target.rpartition(" ")[0])
    query = tuple(parse_qsl(url.query, keep_blank_values=True))
    return Request(method, unquote(url.path), query, headers, body)


async def _write(
    writer: asyncio.StreamWriter, response: Response, headers: dict[str, str], *, head_only: bool
) -> None:
    for part in _parts(response, headers, head_only=head_only):
        if not response.rate:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)  # Others want their turn during a long file.
            continue
        step = max(1, int(response.rate / 10))
        for begin in range(0, len(part), step):
            writer.write(part[begin : begin + step])
            await writer.drain()
            await asyncio.sleep(0.1)


def _parts(response: Response, headers: dict[str, str], *, head_only: bool) -> Iterator[bytes]:
    """The bytes of an answer, in the parts in which they are sent."""
    body, cut = response.body, response.ending is Ending.CUT
    if isinstance(body, bytes):
        headers["Content-Length"] = str(len(body))
    else:
        headers["Transfer-Encoding"] = "chunked"
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    if head_only:
        yield head
    elif isinstance(body, bytes):
        yield head + (body[: len(body) // 2] if cut else body)
    else:
        yield head
        for chunk in islice(body, 2) if cut else body:
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
        if not cut:
            yield b"0\r\n\r\n"


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with a reset instead of a proper end."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    )
    writer.transport.abort()
