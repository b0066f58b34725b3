"""The routes' own part: what they ask of a service, and what they make of its answer. The services are
doubles; the requests are real, to a server on loopback."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3

from pitboard.drivers.errors import RefusedError, UnreachableError, WithheldError
from pitboard.drivers.health import Health, State
from pitboard.drivers.misses import NOT_FOUND, PENDING, UNAVAILABLE, WITHHELD
from pitboard.drivers.page import Page
from pitboard.drivers.ports import Telemetry
from pitboard.drivers.service import Asker
from pitboard.http import detail_routes, routes, state_routes
from pitboard.http.app import make_app
from pitboard.local.server import listen, running

PAGE = Page(b'{"Ann":{}}', 'W/"abc"', 120, ("fresh",))


class Begun:
    """A page that was begun; `flights` land when a test says so."""

    def __init__(self, *flights: "Future[None]", patience: float = 60.0) -> None:
        self.flights = dict(enumerate(flights))
        self._patience = patience
        self.page = PAGE
        self.waited: list[float] = []

    @property
    def waiting(self) -> "list[Future[None]]":
        return [flight for flight in self.flights.values() if not flight.done()]

    def patience(self, left: float) -> float:
        self.waited.append(left)
        return min(left, self._patience)

    def answer(self) -> Page:
        return self.page


class Services:
    """Every service that the routes ask; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.begun = Begun()
        self.found: Any = (7, "index")
        self.fails: Exception | None = None
        self.look: Any = lambda: Health(State.HEALTHY, {"store": {"ok": True, "detail": "It is well."}})

    def begin(self, asked: list[str], seconds: float, asker: Asker) -> Begun:
        self.asked.append((asked, seconds, asker))
        return self.begun

    def customer_id(self, name: str, seconds: float, asker: Asker) -> Any:
        self.asked.append((name, seconds, asker))
        return self.found

    def detail(self, *asked: object) -> bytes:
        self.asked.append(asked)
        if self.fails:
            raise self.fails
        return b"{}"

    history = races = cars = detail

    def check(self) -> int:
        self.asked.append("check")
        if self.fails:
            raise self.fails
        return 599


@pytest.fixture(scope="module")
def server() -> Iterator[SimpleNamespace]:
    """One server for all tests, on services that each test has anew."""
    now: Any = SimpleNamespace(services=Services(), may_see=True)

    class Behind:
        """Whatever services the test has."""

        def __getattr__(self, name: str) -> Any:
            return getattr(now.services, name)

    behind: Any = Behind()
    app = make_app(
        [
            *routes.driver_routes(behind),
            *detail_routes.detail_routes(behind, behind, behind),
            *routes.custid_routes(behind),
            *state_routes.auth_routes(behind),
            *state_routes.health_routes(lambda: behind.look(), "1.2.3", lambda _: now.may_see),
        ],
        Telemetry(),
        worded=lambda error: f"In the home's words: {error}",
    )
    with listen("127.0.0.1", 0) as door, running(app, [door]), urllib3.PoolManager(retries=False) as pool:
        now.host = f"127.0.0.1:{door.getsockname()[1]}"
        now.pool = pool
        yield now


@pytest.fixture
def services(server: SimpleNamespace) -> Services:
    server.services, server.may_see = Services(), True
    found: Services = server.services
    return found


@pytest.fixture
def ask(server: SimpleNamespace):
    def ask(target: str, method: str = "GET", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.pool.request(method, f"http://{server.host}{target}", headers=named, timeout=20)

    return ask


# --- drivers


def test_a_page_is_sent_with_its_tag_and_its_age(services, ask):
    answer = ask("/drivers?names=Ann,Bo&wait=0")
    assert (answer.status, answer.data) == (200, PAGE.body)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["ETag"] == 'W/"abc"'
    assert answer.headers["Cache-Control"] == "public, max-age=120, must-revalidate"
    assert answer.headers["Vary"] == "Origin, Accept-Encoding"
    assert services.asked == [(["Ann", "Bo"], 0.0, Asker("127.0.0.1", True, False))]


def test_an_unfinished_page_may_not_be_kept(services, ask):
    services.begun.page = Page(b"{}", 'W/"x"', 0, ("pending",))
    assert ask("/drivers?names=Ann").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ('W/"abc"', 304),
        ('"abc"', 304),
        ('"x", W/"abc"', 304),
        ("*", 304),
        (" * ", 304),
        ('"ab"', 200),
        ("", 200),
    ],
)
def test_who_has_the_page_is_told_so(services, ask, tag, status):
    answer = ask("/drivers?names=Ann", If_None_Match=tag)
    assert answer.status == status
    assert answer.data == (b"" if status == 304 else PAGE.body)
    assert answer.headers["ETag"] == 'W/"abc"'
    assert "max-age=120" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("query", "seconds", "profile"),
    [
        ("", 8.0, True),
        ("&wait=2.5", 2.5, True),
        ("&wait=0", 0.0, True),
        ("&wait=10", 10.0, True),
        ("&wait=1&wait=3", 3.0, True),
        ("&nowait=1", 8.0, True),
        ("&profile=0", 8.0, False),
        ("&profile=1", 8.0, True),
        ("&wait=1&profile=1&profile=0", 1.0, False),
    ],
)
def test_how_long_to_wait_and_whether_profiles_are_wanted(services, ask, query, seconds, profile):
    assert ask(f"/drivers?names=Ann{query}").status == 200
    ((_, asked, asker),) = services.asked
    assert (asked, asker.profile) == (seconds, profile)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("wait=10.1", "invalid_wait"),
        ("wait=-0.1", "invalid_wait"),
        ("wait=", "invalid_wait"),
        ("wait=nan", "invalid_wait"),
        ("profile=2", "invalid_profile"),
        ("profile=", "invalid_profile"),
        ("profile=01", "invalid_profile"),
    ],
)
def test_what_is_no_wait_and_no_choice_of_profiles_is_refused(services, ask, query, code):
    answer = ask(f"/drivers?names=Ann&{query}")
    assert (answer.status, answer.json()["code"]) == (400, code)
    assert not services.asked


def test_flights_that_have_landed_are_not_waited_for(services, ask):
    landed: Future[None] = Future()
    landed.set_result(None)
    services.begun = Begun(landed)
    assert ask("/drivers?names=Ann&wait=10").status == 200
    assert services.begun.waited == []


def test_a_page_is_answered_when_its_last_flight_has_landed(services, ask):
    class OneLandsInEachWait(Begun):
        def patience(self, left: float) -> float:
            self.waiting[0].set_result(None)
            return super().patience(left)

    services.begun = OneLandsInEachWait(Future(), Future())
    assert ask("/drivers?names=Ann&wait=10").status == 200
    assert services.begun.waiting == []
    assert len(services.begun.waited) == 2
    assert 0 < services.begun.waited[1] <= services.begun.waited[0] <= 10


@pytest.mark.parametrize(("wait", "patience"), [(10, 0.02), (0.05, 60.0)])
def test_a_flight_that_does_not_land_is_waited_for_no_longer_than_asked_and_flies_on(
    services, ask, wait, patience
):
    flight: Future[None] = Future()
    services.begun = Begun(flight, patience=patience)
    assert ask(f"/drivers?names=Ann&wait={wait}").status == 200
    assert len(services.begun.waited) == 1
    assert not flight.done()


def test_who_does_not_wait_is_answered_at_once(services, ask):
    services.begun = Begun(Future())
    assert ask("/drivers?names=Ann&wait=0").status == 200
    assert services.begun.waited == []


@pytest.mark.parametrize(
    ("origin", "page"),
    [
        ("https://forums.iracing.com", True),
        ("null", True),
        ("chrome-extension://abcdef", False),
        ("moz-extension://abcdef", False),
        ("", False),
        ("http://{host}", False),
    ],
)
def test_a_web_page_is_known_by_its_origin(services, server, ask, origin, page):
    headers = {"Origin": origin.format(host=server.host)} if origin else {}
    for target in ("/drivers?names=Ann", "/custid?name=Ann", "/cars", "/drivers/5/races"):
        ask(target, **headers)
    askers = [asked[-1] for asked in services.asked]
    assert [asker.web_page for asker in askers] == [page] * 4
    assert {asker.client for asker in askers} == {"127.0.0.1"}


# --- ids


def test_a_customer_id_is_a_text_with_its_origin(services, ask):
    answer = ask("/custid?name=Ann&wait=3")
    assert answer.json() == {"custid": "7", "name": "Ann", "origin": "index"}
    assert answer.headers["Cache-Control"] == "public, max-age=300, must-revalidate"
    assert "Origin" in answer.headers["Vary"]
    assert services.asked == [("Ann", 3.0, Asker("127.0.0.1"))]


def test_one_customer_id_is_asked_for_at_a_time(services, ask):
    answer = ask("/custid?name=Ann&name=Bo")
    assert (answer.status, answer.json()["code"]) == (400, "too_many_names")
    assert not services.asked


@pytest.mark.parametrize(
    ("miss", "status", "after"),
    [
        (NOT_FOUND, 404, None),
        (WITHHELD, 404, None),
        (PENDING, 503, "2"),
        (UNAVAILABLE, 503, "60"),
    ],
)
def test_without_a_customer_id_the_reason_is_said(services, ask, miss, status, after):
    services.found = miss
    answer = ask("/custid?name=Ann")
    assert (answer.status, answer.json()["code"]) == (status, miss.code)
    assert answer.json()["detail"] == miss.error
    assert answer.headers.get("Retry-After") == after


# --- details


def test_a_chart_is_of_sports_cars_and_irating_unless_asked_otherwise(services, ask):
    assert ask("/drivers/5/history").data == b"{}"
    assert ask("/drivers/9999999999/history?category=oval&kind=safety_rating&wait=1").status == 200
    asker = Asker("127.0.0.1")
    assert services.asked == [
        (5, "sports_car", "irating", 8.0, asker),
        (9_999_999_999, "oval", "safety_rating", 1.0, asker),
    ]


@pytest.mark.parametrize("target", ["/drivers/5/history?category=boats", "/drivers/5/history?kind=height"])
def test_a_chart_of_something_else_is_refused(services, ask, target):
    answer = ask(target)
    assert (answer.status, answer.json()["code"]) == (400, f"invalid_{target.split('?')[1].split('=')[0]}")
    assert not services.asked


@pytest.mark.parametrize(
    ("target", "age"), [("/drivers/5/history", 300), ("/drivers/5/races", 300), ("/cars", 3600)]
)
def test_details_may_be_kept_for_a_while(services, ask, target, age):
    answer = ask(target)
    assert answer.headers["Cache-Control"] == f"public, max-age={age}, must-revalidate"
    assert answer.headers["Content-Type"] == "application/json"
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("error", "status", "code", "detail"),
    [
        (RefusedError("no such member"), 404, "not_found", "iRacing has no such driver."),
        (WithheldError("Not shown."), 404, "withheld", "Not shown."),
        (UnreachableError("No answer."), 503, "unavailable", "In the home's words: No answer."),
    ],
)
@pytest.mark.parametrize("target", ["/drivers/5/history", "/drivers/5/races"])
def test_without_details_the_reason_is_said(services, ask, target, error, status, code, detail):
    services.fails = error
    answer = ask(target)
    assert (answer.status, answer.json()["code"], answer.json()["detail"]) == (status, code, detail)
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("cust_id", ["0", "00000", "-1", "1.0", "x", "%D9%A3", "12345678901"])
def test_what_cannot_be_a_customer_id_is_an_unknown_route(services, ask, cust_id):
    answer = ask(f"/drivers/{cust_id}/races")
    assert (answer.status, answer.json()["code"]) == (404, "unknown_route")
    assert not services.asked


def test_so_many_look_ups_wait_at_a_time_and_no_more(services, ask):
    entered, go = threading.Semaphore(0), threading.Event()

    def hang(*_: object) -> bytes:
        entered.release()
        go.wait(10)
        return b"{}"

    services.cars = hang
    crowd = [threading.Thread(target=ask, args=("/cars",), daemon=True) for _ in range(66)]
    for one in crowd:
        one.start()
    try:
        for _ in range(64):
            assert entered.acquire(timeout=10)
        assert not entered.acquire(timeout=0.05)
        assert ask("/health").status == 200
    finally:
        go.set()
        for one in crowd:
            one.join()
    assert entered.acquire(timeout=10)


# --- clients


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("/run/pitboard.sock", "/run/pitboard.sock"),
        ("x" * 65, "x" * 64),
    ],
)
def test_a_reader_is_an_address_of_ipv4_or_a_network_of_ipv6(address, network):
    assert routes.network(address) == network


def test_a_request_without_an_address_is_nobodys(services):
    from starlette.requests import Request

    assert routes.client(Request({"type": "http", "headers": []})) == ""


# --- auth and health


def test_auth_says_how_long_the_token_lasts(services, ask):
    answer = ask("/auth", "POST")
    assert answer.json() == {"message": "A valid token is held.", "token_type": "Bearer", "expires_in": 599}
    assert answer.headers["Cache-Control"] == "no-store"
    assert services.asked == ["check"]
    services.fails = UnreachableError("No answer.", retry_after=30.4)
    failed = ask("/auth", "POST")
    assert (failed.status, failed.headers["Retry-After"]) == (503, "30")


@pytest.mark.parametrize(
    ("state", "status"), [(State.HEALTHY, 200), (State.DEGRADED, 200), (State.UNHEALTHY, 503)]
)
def test_health_is_a_503_when_known_drivers_cannot_be_served(services, ask, state, status):
    checks = {"store": {"ok": True, "detail": "It is well."}}
    services.look = lambda: Health(state, checks)
    answer = ask("/health")
    assert answer.status == status
    assert answer.json() == {"status": str(state), "version": "1.2.3", "checks": checks}
    assert answer.headers["Cache-Control"] == "no-store"


def test_who_may_not_see_details_is_told_which_parts_are_well(services, server, ask):
    server.may_see = False
    assert ask("/health").json()["checks"] == {"store": {"ok": True}}


def test_a_look_that_hangs_is_an_answer_too(services, ask, monkeypatch):
    monkeypatch.setattr(state_routes, "HEALTH_SECONDS", 0.05)
    go = threading.Event()
    services.look = lambda: go.wait(10)
    try:
        answer = ask("/health")
    finally:
        go.set()
    assert answer.status == 503
    assert answer.json()["status"] == "unhealthy"
    assert answer.json()["checks"] == {"health": {"ok": False, "detail": "The look took longer than 0 s."}}
