"""The Data API: who may call, how often, which arguments are right, and answers by link.

Source: iRacing's Data API documentation (/data/doc), staff posts about its errors, recorded answers.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pitboard.simulator import answers
from pitboard.simulator.assets import Assets
from pitboard.simulator.calls import Call, Calls
from pitboard.simulator.catalogue import CATEGORIES, Category
from pitboard.simulator.clock import Clock, Window
from pitboard.simulator.faults import Faults, Kind, spoil
from pitboard.simulator.files import StatsFiles
from pitboard.simulator.oauth import AUTH_SCOPE, OAuthService
from pitboard.simulator.population import Driver, Population
from pitboard.simulator.wire import Request, Response, json_response

CALLS_A_MINUTE = 240
CACHE_SECONDS = 900
MOST_FOUND = 50
"""Most drivers that lookup/drivers gives. iRacing documents no limit; 45 have been seen."""

CHUNK_ROWS = 500

Method = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """A call that gets an error: its HTTP status and perhaps a message."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class DataService:
    """Answers Data API calls about a population. Runs in the simulator's event loop."""

    def __init__(
        self,
        population: Population,
        oauth: OAuthService,
        assets: Assets,
        faults: Faults,
        clock: Clock,
        calls: Calls,
        calls_a_minute: int = CALLS_A_MINUTE,
        lists: Path | None = None,
    ) -> None:
        self._population = population
        self._oauth = oauth
        self._assets = assets
        self._faults = faults
        self._clock = clock
        self._calls = calls
        self._files = StatsFiles(population, lists)
        self.limit = Window(calls_a_minute, 60)
        self._methods: dict[str, Method] = {
            "lookup/drivers": self._lookup_drivers,
            "lookup/flairs": self._plain("lookup/flairs", answers.flairs),
            "lookup/countries": self._plain("lookup/countries", answers.countries),
            "lookup/licenses": self._plain("lookup/licenses", answers.licence_groups),
            "car/get": self._plain("car/get", answers.cars),
            "member/get": self._member_get,
            "member/info": self._member_info,
            "member/profile": self._member_profile,
            "member/chart_data": self._member_chart,
            "member/awards": self._member_awards,
            "stats/member_recent_races": self._stats("stats/member_recent_races", answers.recent_races),
            "stats/member_career": self._stats("stats/member_career", answers.career),
            "stats/member_summary": self._stats("stats/member_summary", answers.summary),
            "league/roster": self._league_roster,
            "results/search_series": self._search_series,
            "constants/categories": self._constants(answers.CATEGORY_CONSTANTS),
            "constants/event_types": self._constants(answers.EVENT_TYPES),
            **{f"driver_stats_by_category/{c.key}": self._csv(c) for c in CATEGORIES},
        }

    async def handle(self, request: Request) -> Response:
        """Answers one request to the service."""
        endpoint = request.path.removeprefix("/data/")
        bearer = "authorization" in request.headers
        call = Call(self._clock.now(), "data", endpoint, request.method, dict(request.query), bearer)
        self._calls.add(call)
        response = await self._answer(request, endpoint)
        call.status = response.seen
        return response

    async def _answer(self, request: Request, endpoint: str) -> Response:
        fault = self._faults.due(endpoint, "data")
        if self._faults.maintenance:
            return _maintenance(
                old_shape=self._faults.maintenance_old_shape, note=self._faults.maintenance_note
            )
        within = self.limit.take(self._clock.now(), 1 + self._faults.other_calls)
        if fault and fault.kind is Kind.STATUS:
            response = error(fault.status or 500)
            if fault.retry_after is not None:
                response.headers["Retry-After"] = str(fault.retry_after)
        elif not within:
            response = error(429)
        else:
            response = await self._dispatch(request, endpoint)
            if fault:
                response = spoil(response, fault)
        response.headers |= self._common_headers()
        return response

    async def _dispatch(self, request: Request, endpoint: str) -> Response:
        try:
            self._check_bearer(request)
            return await self._method(request, endpoint)(request)
        except RefusedError as refused:
            return error(refused.status, refused.message)

    def _method(self, request: Request, endpoint: str) -> Method:
        if not request.path.startswith("/data/") or endpoint not in self._methods:
            raise RefusedError(404)
        if request.method != "GET":
            raise RefusedError(405)
        return self._methods[endpoint]

    def _check_bearer(self, request: Request) -> None:
        header = request.headers.get("authorization")
        if header is None:
            raise RefusedError(401)
        kind, _, token = header.partition(" ")
        session = self._oauth.session(token) if kind.lower() == "bearer" else None
        if session is None:
            raise RefusedError(401, "the access token is invalid or has expired")
        if AUTH_SCOPE not in session.scope.split():
            raise RefusedError(403)

    def _common_headers(self) -> dict[str, str]:
        shown = self.limit.resets + self._faults.clock_skew + self._faults.reset_shift
        limits = {
            "X-RateLimit-Limit": str(self.limit.limit),
            "X-RateLimit-Remaining": str(self.limit.remaining),
            "X-RateLimit-Reset": str(int(shown)),
        }
        return {
            **({} if self._faults.limits_hidden else limits),
            "Cache-Control": "max-age=60",
            "X-iRacing-Id": secrets.token_hex(16),
            "X-iRacing-ServiceName": "data-server",
        }

    # --- answers by link ---

    def _envelope(self, link: str) -> Response:
        expires = self._clock.now() + self._faults.clock_skew + CACHE_SECONDS
        return json_response({"link": link, "expires": answers.iso(expires, 3)})

    def _linked(self, endpoint: str, document: Any) -> Response:
        return self._envelope(self._assets.link(endpoint, _encoded(document)))

    def _plain(self, endpoint: str, make: Callable[[], Any]) -> Method:
        async def answer(_: Request) -> Response:
            return self._linked(endpoint, make())

        return answer

    def _stats(self, endpoint: str, make: Callable[[Population, Driver], Any]) -> Method:
        async def answer(request: Request) -> Response:
            return self._linked(endpoint, make(self._population, self._asked_driver(request)))

        return answer

    def _constants(self, document: Any) -> Method:
        async def answer(_: Request) -> Response:
            return json_response(document)

        return answer

    def _csv(self, category: Category) -> Method:
        async def answer(_: Request) -> Response:
            body = await self._files.file(category)
            name = f"{category.label.replace(' ', '_')}_driver_stats.csv"
            return self._envelope(
                self._assets.csv_link(f"driver_stats_by_category/{category.key}", name, body)
            )

        return answer

    # --- methods with arguments ---

    async def _lookup_drivers(self, request: Request) -> Response:
        term = request.argument("search_term")
        if not term:
            raise RefusedError(400, "search_term required")
        if request.argument("league_id") is not None:
            raise RefusedError(403)
        if term.isdecimal():
            driver = self._population.driver(int(term))
            drivers = [driver] if driver else []
        else:
            drivers = self._population.search(term, MOST_FOUND)
        return self._linked("lookup/drivers", answers.found_drivers(drivers))

    async def _member_get(self, request: Request) -> Response:
        cust_ids = [_number(part) for part in (request.argument("cust_ids") or "").split(",")]
        licences = request.argument("include_licenses") or "false"
        if licences not in ("true", "false"):
            raise RefusedError(400, "include_licenses must be a boolean")
        return self._linked(
            "member/get", answers.members(self._population, cust_ids, licences=licences == "true")
        )

    async def _member_info(self, _: Request) -> Response:
        return self._linked("member/info", answers.account(self._population, self._member()))

    async def _member_profile(self, request: Request) -> Response:
        driver = self._asked_driver(request)
        image = self._assets.link("member/image", b"\x89PNG\r\n\x1a\n")
        return self._linked("member/profile", answers.profile(self._population, driver, image))

    async def _member_chart(self, request: Request) -> Response:
        driver = self._asked_driver(request)
        category, kind = (_number(request.argument(name)) for name in ("category_id", "chart_type"))
        if category not in range(1, 7) or kind not in (1, 2, 3):
            raise RefusedError(400, "category_id or chart_type out of range")
        return self._linked("member/chart_data", answers.chart(self._population, driver, category, kind))

    async def _member_awards(self, request: Request) -> Response:
        driver = self._asked_driver(request)
        data = {"success": True, "cust_id": driver.cust_id, "award_count": 0}
        return self._by_data_url("member/awards", "member_awards", data, [])

    async def _league_roster(self, request: Request) -> Response:
        league_id = _number(request.argument("league_id"))
        roster = answers.roster(self._population.sample(30, seed=league_id))
        data = {"success": True, "league_id": league_id, "private_roster": False}
        return self._by_data_url("league/roster", "league_roster", data, roster)

    def _by_data_url(self, endpoint: str, kind: str, data: answers.Json, document: Any) -> Response:
        link = self._assets.link(endpoint, _encoded(document))
        return json_response({"type": kind, "data": data, "data_url": link})

    async def _search_series(self, request: Request) -> Response:
        """Races in chunks: of one driver, or of a hundred and fifty when no driver is given."""
        if request.argument("start_range_begin") is None and request.argument("season_year") is None:
            raise RefusedError(400, "start_range_begin or season_year required")
        one = request.argument("cust_id") is not None
        drivers = [self._asked_driver(request)] if one else self._population.sample(150)
        rows = [row for d in drivers for row in answers.recent_races(self._population, d)["races"]]
        data = {"success": True, "chunk_info": self._chunks("results/search_series", rows)}
        return json_response({"type": "search_series_results", "data": data})

    def _chunks(self, endpoint: str, rows: list[Any]) -> answers.Json | None:
        if not rows:
            return None
        parts = [rows[begin : begin + CHUNK_ROWS] for begin in range(0, len(rows), CHUNK_ROWS)]
        links = [self._assets.link(endpoint, _encoded(part)) for part in parts]
        folder = links[0].partition("?")[0].rpartition("/")[0] + "/"
        return {
            "chunk_size": CHUNK_ROWS,
            "num_chunks": len(parts),
            "rows": len(rows),
            "base_download_url": folder,
            "chunk_file_names": [link.removeprefix(folder) for link in links],
        }

    def _member(self) -> Driver:
        """The authenticated member: the one of longest standing."""
        return self._found(self._population.cust_id(0))

    def _asked_driver(self, request: Request) -> Driver:
        text = request.argument("cust_id")
        return self._member() if text is None else self._found(_number(text))

    def _found(self, cust_id: int) -> Driver:
        driver = self._population.driver(cust_id)
        if driver is None:
            raise RefusedError(400, "cust_id is not known")
        return driver


def error(status: int, message: str = "") -> Response:
    """The answer to a call that failed with this status."""
    if status == 429:
        return Response(429, b"Rate limit exceeded", {"Content-Type": "text/plain; charset=utf-8"})
    if status == 401 and message:
        return json_response({"error": "access_denied", "error_description": message}, 401)
    texts = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
    if status == 503:
        return _maintenance(old_shape=False, note=True)
    document = {"error": texts.get(status, "Internal Server Error" if status >= 500 else "Error")}
    return json_response(document | ({"message": message} if message else {}), status)


def _maintenance(*, old_shape: bool, note: bool) -> Response:
    text = "The site is currently undergoing maintenance.  Please try your request later."
    if old_shape:
        return json_response({"httpCode": 503, "errorCode": "Site Maintenance", "errorDesc": text}, 503)
    return json_response({"error": "Site Maintenance", **({"note": text} if note else {})}, 503)


def _number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 12:
        raise RefusedError(400, "a number is missing or wrong")
    return int(text)


def _encoded(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
