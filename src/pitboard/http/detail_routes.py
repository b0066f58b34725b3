"""What an opened card asks for: GET /drivers/{cust_id}/history and /races, and GET /cars.

Apart from the routes of names, so that `ir-custid` does not import what they need.
"""

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pitboard.drivers.cars import CarService
from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import RefusedError, WithheldError
from pitboard.drivers.history import KINDS, HistoryService
from pitboard.drivers.page import MAX_AGE
from pitboard.drivers.races import RaceService
from pitboard.drivers.service import Asker
from pitboard.http.problems import Problem
from pitboard.http.query import asked_wait, one_of
from pitboard.http.routes import cached, client, in_lookup_thread, is_web_page

LONGEST_ID = 10
"""Most digits of a customer id. iRacing's have up to seven."""


def detail_routes(histories: HistoryService, races: RaceService, cars: CarService) -> list[Route]:
    """The three routes of an opened card."""

    async def history(request: Request) -> Response:
        category = one_of(request, "category", list(CATEGORIES), "sports_car")
        kind = one_of(request, "kind", list(KINDS), "irating")
        return await _detail(request, histories.history, _cust_id(request), category, kind)

    async def driven(request: Request) -> Response:
        return await _detail(request, races.races, _cust_id(request))

    async def all_cars(request: Request) -> Response:
        return await _detail(request, cars.cars, max_age=3600)

    return [
        Route("/drivers/{cust_id}/history", history, methods=["GET"]),
        Route("/drivers/{cust_id}/races", driven, methods=["GET"]),
        Route("/cars", all_cars, methods=["GET"]),
    ]


async def _detail(
    request: Request, look_up: Callable[..., bytes], *arguments: object, max_age: int = MAX_AGE
) -> Response:
    """The answer of a service that waits for what is not kept. `max_age` in seconds."""
    seconds, asker = asked_wait(request), Asker(client(request), web_page=is_web_page(request))
    try:
        body = await in_lookup_thread(look_up, *arguments, seconds, asker)
    except RefusedError:
        raise Problem(404, "not_found", "iRacing has no such driver.") from None
    except WithheldError as error:
        raise Problem(404, "withheld", str(error)) from None
    headers = {"Cache-Control": cached(max_age), "Vary": "Origin"}
    return Response(body, headers=headers, media_type="application/json")


def _cust_id(request: Request) -> int:
    """The customer id of the path; what cannot be one is an unknown route."""
    text: str = request.path_params["cust_id"]
    if text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID and int(text):
        return int(text)
    raise HTTPException(404)
