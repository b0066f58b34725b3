"""The ASGI application round the routes: envelope of headers, errors, compression, guard of the Host."""

import asyncio
import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pitboard.drivers.ports import Telemetry, request_id
from pitboard.http.problems import Problem, answer

LONGEST_TARGET = 10_240
"""Most bytes of path and query; API Gateway takes no more either. Fifty names as people have them fit, fifty
of a hundred characters each do not."""

WRONG_HOST = (
    "This server does not answer for that host name. Its host can add the name to PITBOARD_ALLOWED_HOSTS."
)

SLOW = 2.0
"""Requests that took so many seconds get a line in the log; so do failures. The others are counted only."""

LINES_A_MINUTE = 20
"""Such lines of one route in a minute; defects (500) always have one. Anybody can ask for what fails, as fast
as he likes, and the log has bounds: the older lines would go."""

HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Retry-After, X-Request-Id"),
    (b"x-content-type-options", b"nosniff"),
)
"""What every answer has."""

ENDING = Problem(503, "ending", "The server ends; ask again in a moment.", headers={"Retry-After": "5"})
"""What is told to whoever still waits when the server has no more time."""

_CLIENT_LEFT = 499
"""What is counted for a request whose client left before it was whole, as nginx does. Nothing is answered."""

_VARY = ((b"vary", b"Accept-Encoding"),)

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, If-None-Match",
    "Access-Control-Max-Age": "86400",
}

log = logging.getLogger(__name__)


def make_app(
    routes: Sequence[BaseRoute],
    telemetry: Telemetry,
    worded: Callable[[Exception], str],
    host_allowed: Callable[[str], bool] = lambda _: True,
) -> ASGIApp:
    """The application. `worded` is the home's sentence for an error of iRacing's side, with its remedy;
    `host_allowed` says whether a Host header's name may be served."""
    return Envelope(Router(routes, redirect_slashes=False), telemetry, worded, host_allowed)


class Envelope:
    """Answers what routes raise. Gives every answer its CORS, security and request id headers, compresses and
    counts it.

    Starlette's own application would do the first with three layers more, and a thread for each error.
    """

    def __init__(
        self,
        app: ASGIApp,
        telemetry: Telemetry,
        worded: Callable[[Exception], str],
        host_allowed: Callable[[str], bool],
    ) -> None:
        self._app = app
        self._compressing = _compressing(app)
        self._telemetry = telemetry
        self._worded = worded
        self._host_allowed = host_allowed
        self._lines = Counter[str]()
        self._minute = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"] = self  # then Starlette's router raises for what it has no route for
        began = time.perf_counter()
        identity = scope.get("request_id") or secrets.token_hex(16)  # `aws.gateway` has one
        token = request_id.set(identity)
        status = 0
        headers = Headers(scope=scope)
        compress = _reads_gzip(headers.get("accept-encoding", ""))
        vary = () if compress else _VARY  # compressing sees to it itself

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (b"x-request-id", identity.encode("latin-1", "replace"))
                message["headers"] = [*message.get("headers", ()), *HEADERS, *vary, own]
            await send(message)

        try:
            app = self._compressing if compress else self._app
            await (self._refusal(scope, headers) or app)(scope, receive, with_headers)
        except ClientDisconnect:
            status = status or _CLIENT_LEFT
        except asyncio.CancelledError:  # by the server, which ends: nobody else has this task
            if status:  # a part of the answer has gone out
                raise
            await ENDING.response()(scope, receive, with_headers)
        except Exception as error:
            if status:  # a part of the answer has gone out
                raise
            problem = answer(error, self._worded)
            await (_compressing(problem) if compress else problem)(scope, receive, with_headers)
        finally:
            self._note(scope, status or 500, time.perf_counter() - began)
            request_id.reset(token)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Counts a request; a failed or slow one gets a line in the log."""
        route = _route(scope)
        self._telemetry.count("requests", route=route, status=str(status))
        self._telemetry.observe("request_seconds", seconds, route=route)
        if status == 500:
            self._telemetry.count("defects")
        if status == 500 or ((status > 500 or seconds >= SLOW) and self._has_room(route)):
            told = {"route": route, "status": status, "seconds": round(seconds, 3)}
            level = logging.WARNING if status >= 500 else logging.INFO
            log.log(level, "%s %s was answered with %d", scope["method"], route, status, extra=told)

    def _has_room(self, route: str) -> bool:
        """Whether a line about the route goes into the log in this minute, which is counted. In place of the
        last one stands that others are left out."""
        if (minute := int(time.monotonic() / 60)) != self._minute:
            self._minute = minute
            self._lines.clear()
        self._lines[route] += 1
        if self._lines[route] == LINES_A_MINUTE:
            log.warning("more lines about %s in this minute are left out; the metrics count all", route)
        return self._lines[route] < LINES_A_MINUTE

    def _refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        """The answer to what does not reach a route: preflights, foreign hosts, oversized addresses."""
        if not self._host_allowed(headers.get("host", "")):
            return Problem(421, "wrong_host", WRONG_HOST).response()
        if len(scope["path"]) + len(scope["query_string"]) > LONGEST_TARGET:
            detail = f"At most {LONGEST_TARGET} bytes of address. Ask for fewer names at a time."
            return Problem(414, "address_too_long", detail).response()
        if scope["method"] == "OPTIONS":
            return _preflight
        return None


def _compressing(app: ASGIApp) -> ASGIApp:
    return GZipMiddleware(app, minimum_size=1024, compresslevel=4)


def _reads_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header takes gzip (RFC 9110: a quality of 0 refuses)."""
    return "gzip" in accepted and not _REFUSED.search(accepted)


_REFUSED = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


async def _preflight(_: Scope, __: Receive, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in _PREFLIGHT.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _route(scope: Scope) -> str:
    """The route's pattern, for metrics: few values, no names and no ids."""
    path: str = scope["path"]
    if not scope.get("endpoint"):
        return "other"
    if path.startswith("/drivers/"):
        return "/drivers/{cust_id}/" + path.rsplit("/", 1)[1]
    return "/static" if path.startswith("/static/") else path
