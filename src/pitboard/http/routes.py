"""The routes of the contract. A home picks what it serves and passes the services in."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pitboard.drivers.errors import RefusedError
from pitboard.drivers.history import CATEGORIES, KINDS, HistoryService
from pitboard.drivers.page import Miss, Page
from pitboard.drivers.service import DriverService
from pitboard.http.problems import Problem
from pitboard.http.query import asked_names, asked_wait, one_of

Health = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Looks at the home's parts: whether all is well, and a JSON-ready word on each."""


LONGEST_ID = 10
"""Most digits of a customer id. iRacing's have up to seven."""


class Auth(Protocol):
    """Whether a valid token is held."""

    def check(self) -> int:
        """Seconds that the held token has left, renewing it if due. Never spends a password login.

        Raises an `UpstreamError` when none is held.
        """


def driver_routes(service: DriverService, histories: HistoryService) -> list[Route]:
    """GET /drivers and GET /drivers/{cust_id}/history."""

    async def drivers(request: Request) -> Response:
        seconds = asked_wait(request)
        return _page(request, await page(service, asked_names(request.scope["query_string"]), seconds))

    async def history(request: Request) -> Response:
        category = one_of(request, "category", list(CATEGORIES), "sports_car")
        kind = one_of(request, "kind", list(KINDS), "irating")
        cust_id = _cust_id(request.path_params["cust_id"])
        try:
            body = await run_in_threadpool(histories.history, cust_id, category, kind, asked_wait(request))
        except RefusedError:
            raise Problem(404, "not_found", "iRacing has no such driver.") from None
        return Response(body, headers={"Cache-Control": "public, max-age=300"}, media_type="application/json")

    return [
        Route("/drivers", drivers, methods=["GET"]),
        Route("/drivers/{cust_id}/history", history, methods=["GET"]),
    ]


def custid_routes(service: DriverService) -> list[Route]:
    """GET /custid."""

    async def custid(request: Request) -> Response:
        asked = asked_names(request.scope["query_string"])
        if len(asked) != 1:
            raise Problem(400, "too_many_names", "Ask for one name: /custid?name=NAME.")
        answer = await run_in_threadpool(service.customer_id, asked[0], asked_wait(request))
        if isinstance(answer, Miss):
            status = 404 if answer.code == "not_found" else 503
            after = {} if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
            raise Problem(status, answer.code, answer.error, headers=after)
        cust_id, origin = answer
        return JSONResponse(
            {"custid": str(cust_id), "name": asked[0], "origin": origin},
            headers={"Cache-Control": "public, max-age=300"},
        )

    return [Route("/custid", custid, methods=["GET"])]


def auth_routes(auth: Auth) -> list[Route]:
    """POST /auth. The body is not looked at; the answer never has a token in it."""

    async def check(_: Request) -> Response:
        seconds = await run_in_threadpool(auth.check)
        return JSONResponse(
            {"message": "A valid token is held.", "token_type": "Bearer", "expires_in": seconds},
            headers={"Cache-Control": "no-store"},
        )

    return [Route("/auth", check, methods=["POST"])]


def health_routes(health: Health, version: str) -> list[Route]:
    """GET /health."""

    async def look(_: Request) -> Response:
        # Not in the threads that look-ups may fill: whoever watches must be answered then, too.
        healthy, checks = await asyncio.to_thread(health)
        return JSONResponse(
            {"status": "healthy" if healthy else "unhealthy", "version": version, "checks": checks},
            200 if healthy else 503,
            {"Cache-Control": "no-store"},
        )

    return [Route("/health", look, methods=["GET"])]


async def page(service: DriverService, asked: Sequence[str], seconds: float) -> Page:
    """`DriverService.page` without a thread that waits. What is still in the air then flies on."""
    begun = service.begin(asked, seconds)
    flights = [asyncio.wrap_future(flight) for flight in begun.waiting]
    if flights and seconds:
        await asyncio.wait(flights, timeout=seconds)
    return begun.page()


def _cust_id(text: str) -> int:
    """A customer id of a path; what cannot be one is an unknown route."""
    if text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID and int(text):
        return int(text)
    raise HTTPException(404)


def _page(request: Request, page: Page) -> Response:
    """A page with its headers; 304 when the client has the same content already."""
    if page.max_age:
        cache = f"public, max-age={page.max_age}, stale-while-revalidate=86400, stale-if-error=86400"
    else:
        cache = "no-cache"
    headers = {"ETag": page.etag, "Cache-Control": cache}
    if _has(request.headers.get("if-none-match", ""), page.etag):
        return Response(status_code=304, headers=headers)
    return Response(page.body, headers=headers, media_type="application/json")


def _has(header: str, etag: str) -> bool:
    """Whether an If-None-Match header means this weak ETag (RFC 9110, weak comparison)."""
    return etag.removeprefix("W/") in header or header.strip() == "*"
