"""HTTP to iRacing: pooled connections, deadlines, size caps. Knows nothing of OAuth or the Data API."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, cast
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from pitboard import __version__
from pitboard.drivers.errors import UnreachableError

CONNECTIONS = 48
"""Connections kept open for each host: 32 parallel calls and some air."""

CONNECT_SECONDS = 4.0
READ_SECONDS = 10.0
"""Longest waits for a connection and for each part of an answer; the deadline may cut them shorter."""

LARGEST_BODY = 16 * 1024 * 1024
"""Most bytes of an answer that is read into memory, after decompression."""

_CHUNK = 64 * 1024


class NoAnswerError(UnreachableError):
    """No answer came. `sent` is False only when the request certainly never reached the other side."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` is case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is still arriving. `size` is the number of bytes to come, None when it is not known;
    `parts` are the bytes, decompressed, as they come."""

    status: int
    size: int | None
    parts: Iterator[bytes]


class Transport:
    """Pooled connections. Safe for threads.

    Redirects are not followed, certificates are verified, nothing is retried. Errors never hold a URL:
    iRacing's asset links are secrets while they live. `request_id` gives the id of the request at hand,
    sent along as `X-Request-Id` when it is not empty.
    """

    def __init__(self, *, request_id: Callable[[], str] = str) -> None:
        self._request_id = request_id
        self._out: dict[HTTPConnection, float] = {}
        self._plain = self._watched(urllib3.PoolManager(maxsize=CONNECTIONS))
        self._tls: urllib3.PoolManager | None = None
        self._public: urllib3.PoolManager | None = None
        self._tls_lock = threading.Lock()

    def get(self, url: str, deadline: float, *, bearer: str = "", public: bool = False) -> Answer:
        """GETs a whole answer before the deadline. Raises `NoAnswerError`; a status is not an error.

        With `public` (https only) nothing is sent to an address that is not one of the internet. All of the
        answer has to come within `READ_SECONDS`.
        """
        deadline = min(deadline, time.monotonic() + CONNECT_SECONDS + READ_SECONDS)
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        with self._open("GET", url, deadline, headers, self._pools(url, public)) as response:
            return _whole(response, deadline)

    def give_up(self, before: float) -> None:
        """Breaks off the GETs that were sent before (monotonic seconds) and have no answer yet: the other
        side has answered later ones, and will not answer these."""
        for connection, since in list(self._out.items()):
            if since < before and (sock := getattr(connection, "sock", None)):
                _break_off(sock)

    def post_form(self, url: str, form: Mapping[str, str], deadline: float) -> Answer:
        """POSTs a percent-encoded form on a connection of its own.

        A kept connection that the other side closes at that moment would leave it open whether the form
        arrived, and for a single-use refresh token that matters.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"}
        body = urlencode(form).encode("ascii")
        with (
            _held(self._new_pools(url)) as pools,
            self._open("POST", url, deadline, headers, pools, body) as response,
        ):
            return _whole(response, deadline)

    @contextmanager
    def stream(self, url: str, deadline: float, *, public: bool = False) -> Iterator[Stream]:
        """GETs an answer of any size; otherwise as `get`."""
        with self._open("GET", url, deadline, {}, self._pools(url, public)) as response:
            size = response.headers.get("Content-Length", "")
            known = size.isdecimal() and len(size) < 20 and "Content-Encoding" not in response.headers
            yield Stream(response.status, int(size) if known else None, _chunks(response, deadline))

    @contextmanager
    def _open(
        self,
        method: str,
        url: str,
        deadline: float,
        headers: Mapping[str, str],
        pools: urllib3.PoolManager,
        body: bytes | None = None,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoAnswerError("There was no time left to ask iRacing.", sent=False)
        host = urlsplit(url).hostname or "iRacing"
        ending = _call.ending = _Ending(left)
        try:
            response = pools.urlopen(
                method,
                url,
                body=body,
                headers={**self._common_headers(), **headers},
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=min(READ_SECONDS, left)),
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            ending.cancel()
            if ending.broke_off:
                raise NoAnswerError(f"{host} did not answer in time.", sent=True) from None
            raise _no_answer(error, host) from None
        finally:
            _call.ending = None
        try:
            yield response
        finally:
            ending.cancel()
            # One that was read to its end is back in the pool by now; unread bytes must not follow it there.
            if not response.closed:
                response.close()
            response.release_conn()

    def _common_headers(self) -> dict[str, str]:
        headers = {"User-Agent": f"Pitboard/{__version__}", "Accept-Encoding": "gzip"}
        request_id = self._request_id()
        return {**headers, "X-Request-Id": request_id} if request_id else headers

    def close(self) -> None:
        """Closes the connections that are kept open."""
        for pools in (self._plain, self._tls, self._public):
            if pools:
                pools.clear()

    def _pools(self, url: str, public: bool = False) -> urllib3.PoolManager:
        if public:
            with self._tls_lock:
                if self._public is None:
                    self._public = self._watched(self._new_pools("https:"), _PublicConnection)
                return self._public
        if not url.startswith("https:"):
            return self._plain
        with self._tls_lock:
            if self._tls is None:
                self._tls = self._watched(self._new_pools(url))
            return self._tls

    def _watched(
        self, pools: urllib3.PoolManager, secure: type[HTTPSConnection] | None = None
    ) -> urllib3.PoolManager:
        """The pools, with connections that are in `_out` while they wait for an answer."""
        return _held(pools, type("Watched", (_Watched,), {"out": self._out}), secure)

    def _new_pools(self, url: str) -> urllib3.PoolManager:
        if not url.startswith("https:"):
            return urllib3.PoolManager(maxsize=CONNECTIONS)
        # One context for all connections: urllib3 would read the certificate store anew for each.
        return urllib3.PoolManager(maxsize=CONNECTIONS, ssl_context=ssl.create_default_context())


_call = threading.local()
"""The call that this thread makes: `ending` is its `_Ending`, or None."""


class _Ending:
    """Breaks off a call after so many seconds. The time-outs of a socket are for each part of an answer: who
    sends a byte now and then could keep a caller, or the token, for ever."""

    def __init__(self, seconds: float) -> None:
        self.broke_off = False
        self._over = False
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()
        self.cancel = self._timer.cancel

    def hold(self, sock: socket.socket) -> None:
        """The call waits for what comes here."""
        self._sock = sock
        if self._over:
            self._end()

    def _end(self) -> None:
        self._over = True
        if self._sock:
            self.broke_off = True
            _break_off(self._sock)


def _break_off(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS, which only its own thread may touch


def _held(
    pools: urllib3.PoolManager, kind: "type[_Held] | None" = None, secure: type[HTTPSConnection] | None = None
) -> urllib3.PoolManager:
    """The pools, with connections of this kind."""
    kind = kind or _Held
    plain = type("Plain", (kind, HTTPConnection), {})
    tls = type("Secure", (kind, secure or HTTPSConnection), {})
    pools.pool_classes_by_scheme = {
        "http": type("Pool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }
    return pools


class _Held:
    """A connection that `_Ending` breaks off."""

    def getresponse(self) -> Any:
        if ending := getattr(_call, "ending", None):
            ending.hold(cast("Any", self).sock)
        return cast("Any", super()).getresponse()


class _Watched(_Held):
    """Notes in `out` since when a connection waits for the head of an answer."""

    out: ClassVar[dict[Any, float]]

    def getresponse(self) -> Any:
        self.out[self] = time.monotonic()
        try:
            return super().getresponse()
        finally:
            self.out.pop(self, None)


class _PublicConnection(HTTPSConnection):
    """A connection that ends when it has reached an address that is not public, before anything is sent.

    The address that is looked at is the one that is talked to: no later answer of the DNS can change it.
    """

    def _new_conn(self) -> socket.socket:
        opened = super()._new_conn()
        if is_public(opened.getpeername()[0]):
            return opened
        opened.close()
        raise NewConnectionError(self, "a link leads to an address that is not public")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: not private, loopback, link-local or special."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    inner = getattr(ip, "ipv4_mapped", None) or ip
    return bool(inner.is_global and not inner.is_multicast)


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "localhost", "::1")


def _whole(response: urllib3.BaseHTTPResponse, deadline: float) -> Answer:
    body = bytearray()
    for chunk in _chunks(response, deadline):
        body += chunk
        if len(body) > LARGEST_BODY:
            raise UnreachableError(f"iRacing's answer is larger than {LARGEST_BODY // 2**20} MB.")
    return Answer(response.status, response.headers, bytes(body))


def _chunks(response: urllib3.BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except (HTTPError, OSError) as error:
            if time.monotonic() < deadline:
                raise _no_answer(error, "iRacing") from None
            chunk = b""
        if chunk:
            yield chunk
        if (
            time.monotonic() >= deadline
        ):  # also when it seems to be at its end: `_ended_after` may have made it
            raise NoAnswerError("iRacing's answer did not arrive in time.", sent=True)
        if not chunk:
            return


def _no_answer(error: Exception, host: str) -> NoAnswerError:
    if isinstance(error, NewConnectionError) and "not public" in str(error):
        return NoAnswerError(f"{host} has an address in a private network, which is not asked.", sent=False)
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return NoAnswerError(f"{host} cannot be reached; check the network connection.", sent=False)
    if isinstance(error, SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            sentence = "could not be verified; check this machine's clock and its CA certificates"
            return NoAnswerError(f"The certificate of {host} {sentence}.", sent=False)
        return NoAnswerError(f"The secure connection to {host} failed.", sent=True)
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return NoAnswerError(f"{host} did not answer in time.", sent=True)
    return NoAnswerError(f"The connection to {host} broke off.", sent=True)
