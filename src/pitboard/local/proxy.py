"""What a proxy in front changes: the path, whose requests are counted together, and who is the host.

uvicorn itself takes the client's address and the scheme from X-Forwarded-For and X-Forwarded-Proto.
"""

import hmac
import logging
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pitboard.http.app import HEADERS
from pitboard.http.problems import Problem
from pitboard.local.limits import MOST_AN_ADDRESS, TOLD_EVERY, group
from pitboard.settings import FrontSettings

_SCHEME = 'Basic realm="Pitboard (the password is PITBOARD_STATUS_TOKEN)", charset="UTF-8"'
"""It alone: Chromium asks for no password when another scheme stands before it in the header."""

log = logging.getLogger(__name__)


class WithoutPrefix:
    """Takes a prefix off the path. A path without it is served as it is: some proxies take it off."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == self._prefix:
            await _with_headers(RedirectResponse(f"{self._prefix}/", 308))(scope, receive, send)
            return
        if path.startswith(f"{self._prefix}/"):
            raw = scope["raw_path"].removeprefix(self._prefix.encode())
            scope = {**scope, "path": path.removeprefix(self._prefix), "raw_path": raw}
        await self._app(scope, receive, send)


class EachClient:
    """Lets one client have at most `MOST_AN_ADDRESS` requests answered at a time. A proxy may have all
    connections, so what one connection's bound is otherwise must be one of requests behind it."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._answered = Counter[str]()
        self._told = -TOLD_EVERY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shared = group(scope["client"][0]) if scope.get("client") else ""
        if not shared:
            await self._app(scope, receive, send)
        elif self._answered[shared] >= MOST_AN_ADDRESS:
            self._tell(shared)
            await _refusal(scope, receive, send)
        else:
            self._answered[shared] += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._answered[shared] -= 1
                if not self._answered[shared]:
                    del self._answered[shared]

    def _tell(self, client: str) -> None:
        if (now := self._clock()) - self._told >= TOLD_EVERY:
            self._told = now
            log.warning("a client has too many requests at a time: %s", client, extra={"last_client": client})


async def _refusal(scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"At most {MOST_AN_ADDRESS} requests of one address are answered at a time."
    problem = Problem(429, "too_many_requests", detail, headers={"Retry-After": "5"})
    await _with_headers(problem.response())(scope, receive, send)


def _with_headers(response: Response) -> Response:
    """The same with what every answer has: these go out before `http.app` is reached."""
    response.raw_headers.extend(HEADERS)
    return response


def host_only(front: FrontSettings) -> Callable[[Request], bool]:
    """Says whether a request may see what is for the host: everybody who reaches a server without allowed
    hosts, which serves its own machine; otherwise who sends the status token, as a bearer or, as a browser
    does that asks for it, as the password of any user."""

    def may_see(request: Request) -> bool:
        if not front.allowed_hosts:
            return True
        given = _token(request.headers.get("authorization", ""))
        return bool(front.status_token) and hmac.compare_digest(given, front.status_token.encode())

    return may_see


def _token(header: str) -> bytes:
    """The token in an Authorization header (RFC 6750, RFC 7617); nothing if there is none."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode("latin-1")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            return b64decode(rest, validate=True).partition(b":")[2]
    return b""


def for_the_host_only(front: FrontSettings) -> Problem:
    """The answer to whoever may not see it."""
    if not front.status_token:
        return Problem(403, "host_only", "This is for the host, who has not set PITBOARD_STATUS_TOKEN.")
    detail = "This is for the host: send PITBOARD_STATUS_TOKEN as `Authorization: Bearer ...`."
    return Problem(401, "host_only", detail, headers={"WWW-Authenticate": _SCHEME})
