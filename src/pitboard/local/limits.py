"""What one connection may send, and how many there may be: uvicorn itself has no bounds for it.

Within the bounds a request costs an addition and two entries of dictionaries more than without.
"""

import asyncio
import ipaddress
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, lru_cache, partial
from typing import Any, Protocol, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pitboard.http.app import HEADERS
from pitboard.http.problems import Problem
from pitboard.http.routes import network
from pitboard.local.one_write import OneWrite

LONGEST_HEAD = 64 * 1024
"""Bytes of a request's head that are always read, and bytes of a body (a form has some hundred). What has
twice as many is never read to its end. An address beyond `http.app.LONGEST_TARGET` gets a 414 within it."""

MOST_HEADERS = 100

MOST_PIPELINED = 16
"""Requests that may wait on a connection behind the one that is being answered."""

HEAD_SECONDS = 10.0
"""Seconds from the start of a connection, or from the end of an answer, in which the next request must be
there, with its body. A connection on which nothing comes after an answer is closed sooner, by uvicorn."""

ANSWER_SECONDS = 40.0
"""Seconds after which a connection is cut off whose answer is not written: its reader does not take it. A
request waits 10 s at most."""

MOST_CONNECTIONS = 1_000
MOST_AN_ADDRESS = 100
"""Connections at a time, and those of one address that is not this machine's (an IPv6 network of 64 bits
counts as one). A proxy may have all; of one address behind it as many requests are answered at a time
(`local.proxy.EachClient`)."""

FEWEST_CONNECTIONS = 50
KEPT_FILES = 200
"""Files that the process needs for other things than connections."""

TOLD_EVERY = 60.0
"""Seconds between two lines in the log about the same kind of refusal."""

_PROBLEMS = {
    "no_http": Problem(400, "no_http", "This is no HTTP request."),
    "head_too_slow": Problem(408, "head_too_slow", f"A head has to be here within {HEAD_SECONDS:g} s."),
    "body_too_long": Problem(413, "body_too_long", f"At most {LONGEST_HEAD} bytes of body are read."),
    "too_many_requests": Problem(
        429, "too_many_requests", f"At most {MOST_PIPELINED} requests may wait on a connection."
    ),
    "head_too_long": Problem(
        431,
        "head_too_long",
        f"At most {LONGEST_HEAD} bytes of address and headers, and {MOST_HEADERS} headers.",
    ),
    "too_many_connections": Problem(
        503, "too_many_connections", "Too many connections are open.", headers={"Retry-After": "5"}
    ),
}
"""What is said before a connection is closed. The other reasons are silent: "crowded" (a connection that sent
no request made room for another) and "answer_not_taken"."""

log = logging.getLogger(__name__)


class Visitor(Protocol):
    """A connection, as the door sees it. `group` is what has a bound in common; "" has none."""

    group: str

    def end(self, code: str, *, at_once: bool = False) -> None:
        """Ends the connection for this reason; `at_once` without waiting for what is still to be written."""


class Door:
    """Who is in. One for a server; its methods are called in the thread of the event loop.

    A connection waits (for a head and its body) or is being answered. When there are as many as can be, the
    one that has waited longest is closed for a new one, so that those without a request keep nobody out.
    """

    def __init__(self, most: int = MOST_CONNECTIONS, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._waiting: dict[Visitor, float] = {}
        self._answered: dict[Visitor, float] = {}
        self._groups: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._told: dict[str, float] = {}
        self._sweeping = False
        self._now = clock()
        """The time of the last sweep or entry, which is precise enough and costs a request nothing."""

    def enter(self, visitor: Visitor) -> bool:
        """Lets a new connection in, or not."""
        if visitor.group and self._groups[visitor.group] >= MOST_AN_ADDRESS:
            return False
        if len(self._waiting) + len(self._answered) >= self._most:
            longest = next(iter(self._waiting), None)
            if longest is None:
                return False
            self.leave(longest)
            longest.end("crowded", at_once=True)
        self._groups[visitor.group] += 1
        self._now = self._waiting[visitor] = self._clock()
        return True

    def leave(self, visitor: Visitor) -> None:
        """The connection is no more. It may be told twice."""
        waited, answered = self._waiting.pop(visitor, None), self._answered.pop(visitor, None)
        if waited is not None or answered is not None:
            self._groups[visitor.group] -= 1
            if not self._groups[visitor.group]:
                del self._groups[visitor.group]

    def serve(self, visitor: Visitor) -> None:
        """A whole request has come: the connection is being answered."""
        if self._waiting.pop(visitor, None) is not None:
            self._answered[visitor] = self._now

    def wait(self, visitor: Visitor) -> None:
        """The answer is written: the connection waits for the next head."""
        if self._answered.pop(visitor, None) is not None:
            self._waiting[visitor] = self._now

    def sweep(self) -> None:
        """Ends the connections that are over their time."""
        self._now = now = self._clock()
        for visitor, since in [*self._waiting.items()]:
            if now - since > HEAD_SECONDS:
                visitor.end("head_too_slow")
        for visitor, since in [*self._waiting.items(), *self._answered.items()]:
            if now - since > ANSWER_SECONDS:
                visitor.end("answer_not_taken", at_once=True)

    def keep_swept(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sweeps once a second, as long as there is anybody."""

        def again() -> None:
            try:
                self.sweep()
            finally:
                if self._waiting or self._answered:
                    loop.call_later(1.0, again)
                else:
                    self._sweeping = False

        if not self._sweeping:
            self._sweeping = True
            loop.call_later(1.0, again)

    def note(self, code: str, client: str) -> None:
        """Counts a refusal and writes a line about it, once in `TOLD_EVERY` seconds for each kind."""
        self._refused[code] += 1
        now = self._clock()
        if now - self._told.get(code, -TOLD_EVERY) < TOLD_EVERY:
            return
        self._told[code] = now
        count, self._refused[code] = self._refused[code], 0
        whose = client or "this machine"
        told = {"reason": code, "count": count, "last_client": whose}
        log.warning("connections were closed: %s (%d, the last one of %s)", code, count, whose, extra=told)


UNIX_PEER = "unix"
"""Stands for the address of who is at the other end of a Unix socket."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _plain(address: str) -> str:
    """An IPv4 address that a socket for IPv6 shows as ::ffff:192.0.2.1, as itself."""
    with suppress(ValueError):
        mapped = getattr(ipaddress.ip_address(address), "ipv4_mapped", None)
        return str(mapped) if mapped else address
    return address


@lru_cache(maxsize=4096)
def group(address: str) -> str:
    """What an address has its bound on connections with; "" for this machine, where a proxy may stand."""
    if address == UNIX_PEER:
        return ""
    shared = network(address)
    try:
        return "" if ipaddress.ip_address(shared).is_loopback else shared
    except ValueError:  # a network of IPv6
        return "" if address == "::1" else shared


def protocol(proxies: Sequence[str] = ()) -> type[asyncio.Protocol]:
    """For `uvicorn.Config(http=...)`: HTTP/1.1 with the bounds above, for one server. `proxies` are the
    networks of proxies, which may have all connections."""
    networks = [ipaddress.ip_network(proxy) for proxy in proxies]
    return cast("type[asyncio.Protocol]", partial(LimitedProtocol, Door(_most_connections()), networks))


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on heads, bodies, pipelined requests and connections."""

    def __init__(self, door: Door, proxies: Sequence[Network], *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._door = door
        self._proxies = proxies
        self._in_head = False
        self._unread = 0
        """Bytes of the parts that have come since the one in which the last head ended."""
        self._refusal = "no_http"
        self.group = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._answer = OneWrite(transport)
        address, port = self.client or (UNIX_PEER, 0)
        self.client = (_plain(address), port)
        self.group = "" if self._is_proxy(self.client[0]) else group(self.client[0])
        if self._door.enter(self):
            self._door.keep_swept(self.loop)
        else:
            self.end("too_many_connections")

    def _is_proxy(self, address: str) -> bool:
        with suppress(ValueError):
            parsed = ipaddress.ip_address(address)
            return any(parsed in network for network in self._proxies)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if len(data) > LONGEST_HEAD:
            for start in range(0, len(data), LONGEST_HEAD):
                if not self.transport.is_closing():
                    self.data_received(data[start : start + LONGEST_HEAD])
            return
        self._unset_keepalive_if_required()
        self._unread += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # no other protocol is spoken here; the request is answered as it is
        except httptools.HttpParserError:
            self.end(self._refusal)
            return
        if self._unread and (self._unread > LONGEST_HEAD or len(self.headers or ()) > MOST_HEADERS):
            self.end("head_too_long" if self._in_head else "body_too_long")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unread = 0
        if len(self.headers) > MOST_HEADERS:
            self._refusal = "head_too_long"
            raise _RefusedError
        if len(self.pipeline) >= MOST_PIPELINED:
            self._refusal = "too_many_requests"
            raise _RefusedError
        super().on_headers_complete()
        self.cycle.transport = self._answer

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.cycle.response_complete:
            self._door.serve(self)

    def on_response_complete(self) -> None:
        self._answer.finish()
        if not self.pipeline or self.pipeline[-1][0].more_body:
            self._door.wait(self)
        super().on_response_complete()

    def end(self, code: str, *, at_once: bool = False) -> None:
        """`Visitor.end`. Says why, unless an answer is being written."""
        if at_once:
            self._door.note(code, self.group)
            self.transport.abort()
        elif self.transport.is_closing():
            pass  # the rest of an answer is being written
        elif code == "head_too_slow" and not self._in_head:
            self.transport.close()  # nothing was asked: a browser opens connections in advance
        else:
            self._door.note(code, self.group)
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_answer(code))
            self.transport.close()


class _RefusedError(Exception):
    """A head is complete and too much; `LimitedProtocol._refusal` says why."""


@cache
def _answer(code: str) -> bytes:
    """The whole answer to what is refused, in the form of every other problem."""
    problem = _PROBLEMS[code]
    response = problem.response()
    headers = [*response.raw_headers, *HEADERS, (b"connection", b"close")]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"%b%b\r\n%b" % (STATUS_LINE[problem.status], lines, bytes(response.body))


def _most_connections() -> int:
    """As many as the system lets this process have files for; raises its soft limit if need be."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + KEPT_FILES
    if 0 <= soft < wanted:
        soft = wanted if hard < 0 else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if soft < 0 else max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, soft - KEPT_FILES))
