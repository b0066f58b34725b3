"""GET /drivers and /custid. A home picks what it serves and passes the services in."""

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pitboard.drivers.misses import Miss
from pitboard.drivers.page import MAX_AGE, Page
from pitboard.drivers.service import HOST, Asker, DriverService
from pitboard.http.problems import Problem
from pitboard.http.query import asked_names, asked_profile, asked_wait

T = TypeVar("T")


def driver_routes(service: DriverService) -> list[Route]:
    """GET /drivers."""

    async def drivers(request: Request) -> Response:
        asked, seconds = asked_names(request.scope["query_string"]), asked_wait(request)
        asker = Asker(client(request), asked_profile(request), is_web_page(request))
        return _with_headers(request, await answer(service, asked, seconds, asker))

    return [Route("/drivers", drivers, methods=["GET"])]


def custid_routes(service: DriverService) -> list[Route]:
    """GET /custid."""

    async def custid(request: Request) -> Response:
        asked = asked_names(request.scope["query_string"])
        if len(asked) != 1:
            raise Problem(400, "too_many_names", "Ask for one name: /custid?name=NAME.")
        seconds, asker = asked_wait(request), Asker(client(request), web_page=is_web_page(request))
        found = await in_lookup_thread(service.customer_id, asked[0], seconds, asker)
        if isinstance(found, Miss):
            status = 404 if found.code in ("not_found", "withheld") else 503
            after = {} if found.retry_after is None else {"Retry-After": str(found.retry_after)}
            raise Problem(status, found.code, found.error, headers=after)
        cust_id, origin = found
        return JSONResponse(
            {"custid": str(cust_id), "name": asked[0], "origin": origin},
            headers={"Cache-Control": cached(MAX_AGE), "Vary": "Origin"},
        )

    return [Route("/custid", custid, methods=["GET"])]


async def answer(service: DriverService, asked: Sequence[str], seconds: float, asker: Asker = HOST) -> Page:
    """`DriverService.soon` without a thread that waits. What is still in the air then flies on."""
    begun = service.begin(asked, seconds, asker)
    if begun.flights and seconds:
        end = time.monotonic() + seconds
        flights = {asyncio.wrap_future(flight) for flight in begun.waiting}
        while flights and (left := end - time.monotonic()) > 0:
            landed, flights = await asyncio.wait(
                flights, timeout=begun.patience(left), return_when=asyncio.FIRST_COMPLETED
            )
            if not landed:
                break
    return begun.answer()


def client(request: Request) -> str:
    """The network that asks, for its share of the budget: an IPv4 address, or an IPv6 network of 64 bits.

    In AWS the gateway says it; behind a proxy on this machine X-Forwarded-For does (`local.server.server`).
    """
    return network(request.client.host) if request.client else ""


def is_web_page(request: Request) -> bool:
    """Whether the script of a web page of another origin asks, also of the forum's.

    A page that may read the answer sends its Origin and cannot hide it ("null" from a sandbox). The addon's
    background and programs send none or an extension's; a page of this server's own sends none with GET.
    """
    origin = request.headers.get("origin", "")
    scheme, _, host = origin.partition("://")
    return bool(origin) and not scheme.endswith("-extension") and host != request.headers.get("host")


@lru_cache(maxsize=4096)
def network(address: str, bits: int = 64) -> str:
    """The part of an address that one reader has for himself, in IPv6 so many bits; a text that is no address
    is kept short."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, bits), strict=False))
    return address


LOOKUP_THREADS = 64
"""Requests for ids and charts that wait at a time, in threads of their own: whoever asks for something else
is not kept waiting by them."""

_lookup_threads: "WeakKeyDictionary[asyncio.AbstractEventLoop, anyio.CapacityLimiter]" = WeakKeyDictionary()


async def in_lookup_thread(work: Callable[..., T], *arguments: object) -> T:
    """What `work` gives; it may wait for iRacing."""
    loop = asyncio.get_running_loop()
    limiter = _lookup_threads.get(loop)
    if limiter is None:
        limiter = _lookup_threads[loop] = anyio.CapacityLimiter(LOOKUP_THREADS)
    return await anyio.to_thread.run_sync(work, *arguments, limiter=limiter)


def cached(seconds: int) -> str:
    """`Cache-Control` of an answer that browsers and proxies may show for so many seconds and not after that,
    also when we cannot be reached: a member may have asked not to be shown meanwhile (docs/MEMBERS.md)."""
    return f"public, max-age={seconds}, must-revalidate" if seconds else "no-cache"


def _with_headers(request: Request, page: Page) -> Response:
    """A page with its headers; 304 when the client has the same content already."""
    headers = {"ETag": page.etag, "Cache-Control": cached(page.max_age), "Vary": "Origin"}
    if _has(request.headers.get("if-none-match", ""), page.etag):
        return Response(status_code=304, headers=headers)
    return Response(page.body, headers=headers, media_type="application/json")


def _has(header: str, etag: str) -> bool:
    """Whether an If-None-Match header means this weak ETag (RFC 9110, weak comparison)."""
    return etag.removeprefix("W/") in header or header.strip() == "*"
