"""The routes that tell how a home is: POST /auth and GET /health.

Apart from the routes of drivers, so that `ir-auth` imports nothing of what looks drivers up.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pitboard.drivers.health import Health, Part, State, judged

HEALTH_SECONDS = 3.0
"""How long a look at a home's parts may take; a monitor waits no longer."""


class Auth(Protocol):
    """Whether a valid token is held."""

    def check(self) -> int:
        """Seconds that the held token has left, renewing it if due. Never spends a password login.

        Raises an `UpstreamError` when none is held.
        """


def auth_routes(auth: Auth) -> list[Route]:
    """POST /auth. The body is not looked at; the answer never has a token in it."""

    async def check(_: Request) -> Response:
        seconds = await asyncio.to_thread(auth.check)
        return JSONResponse(
            {"message": "A valid token is held.", "token_type": "Bearer", "expires_in": seconds},
            headers={"Cache-Control": "no-store"},
        )

    return [Route("/auth", check, methods=["POST"])]


def health_routes(
    look: Callable[[], Health], version: str, may_see: Callable[[Request], bool] = lambda _: True
) -> list[Route]:
    """GET /health: what `look` finds, always in the contract's form. Who may not see it all is told only
    which parts are well."""
    # Threads of its own: those of look-ups may all be busy, and whoever watches must be answered then, too.
    limiter: WeakKeyDictionary[asyncio.AbstractEventLoop, anyio.CapacityLimiter] = WeakKeyDictionary()

    async def health(request: Request) -> Response:
        threads = limiter.setdefault(asyncio.get_running_loop(), anyio.CapacityLimiter(4))
        try:
            with anyio.fail_after(HEALTH_SECONDS):
                found = await anyio.to_thread.run_sync(look, limiter=threads, abandon_on_cancel=True)
        except TimeoutError:
            slow = Part(False, f"The look took longer than {HEALTH_SECONDS:.0f} s.", vital=True)
            found = judged({"health": slow})
        checks = found.checks
        if not may_see(request):
            checks = {name: {"ok": check["ok"]} for name, check in checks.items()}
        return JSONResponse(
            {"status": found.state, "version": version, "checks": checks},
            503 if found.state is State.UNHEALTHY else 200,
            {"Cache-Control": "no-store"},
        )

    return [Route("/health", health, methods=["GET"])]
