"""What every answer has, and what a failure looks like: real requests to a server on loopback."""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import pytest
import urllib3
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.support.waiting import wait_until

from pitboard.drivers.errors import MaintenanceError, StoreError
from pitboard.drivers.ports import Telemetry
from pitboard.http import app as app_module
from pitboard.http.app import make_app
from pitboard.local.server import listen, running

HTTP = urllib3.PoolManager(retries=False)


async def fine(_: Request) -> Response:
    return JSONResponse({"fine": True})


def failing(error: Exception):
    async def fail(_: Request) -> Response:
        raise error

    return fail


async def odd(_: Request) -> Response:
    return Response(status_code=499)


async def large(_: Request) -> Response:
    return Response("x" * 2000, headers={"Vary": "Origin"})


async def failing_afterwards(_: Request) -> Response:
    async def fail() -> None:
        raise ZeroDivisionError("hush")

    return JSONResponse({"fine": True}, background=BackgroundTask(fail))


async def breaking(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a part"
        raise ZeroDivisionError

    return StreamingResponse(parts())


async def reading(request: Request) -> Response:
    await request.body()
    return JSONResponse({"fine": True})


class Counts(Telemetry):
    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.counted: list[tuple[str, str]] = []
        self.observed: list[tuple[str, str, float]] = []

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        self.counted.append((metric, labels.get("route", "")))
        if metric == "requests":
            self.statuses.append(labels["status"])

    def observe(self, metric: str, seconds: float, **labels: str) -> None:
        self.observed.append((metric, labels["route"], seconds))


@pytest.fixture(scope="module")
def telemetry() -> Counts:
    return Counts()


@pytest.fixture(scope="module")
def base(telemetry: Counts) -> Iterator[str]:
    routes = [
        Route("/fine", fine),
        Route("/store", failing(StoreError("The database /home/ann/p.sqlite3 is damaged."))),
        Route("/defect", failing(ZeroDivisionError("hush"))),
        Route("/breaks", breaking),
        Route("/afterwards", failing_afterwards),
        Route("/teapot", failing(HTTPException(418, "short and stout", {"X-Kettle": "on"}))),
        Route("/bad", failing(HTTPException(400, "no"))),
        Route("/down", failing(MaintenanceError("iRacing is in maintenance."))),
        Route("/large", large),
        Route("/reads", reading, methods=["POST"]),
        Route("/odd", odd),
        Route("/drivers/{cust_id}/races", fine),
        Route("/static/{file}", fine),
        Route("/maintenance", failing(MaintenanceError("iRacing is in maintenance.", retry_after=0.2))),
        Route("/long/{rest:path}", fine),
    ]
    app = make_app(routes, telemetry, worded=str, host_allowed=lambda name: "evil" not in name)
    with listen("127.0.0.1", 0) as door, running(app, [door]):
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


def problem(answer: urllib3.BaseHTTPResponse) -> dict[str, object]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, object] = answer.json()
    assert body.keys() == {"type", "title", "status", "detail", "code"}
    assert body["status"] == answer.status
    return body


@pytest.mark.parametrize(
    ("target", "status"),
    [("/fine", 200), ("/nowhere", 404), ("/store", 503), ("/defect", 500), ("/maintenance", 503)],
)
def test_every_answer_says_that_its_type_is_not_to_be_guessed_and_who_may_read_it(base, target, status):
    answer = HTTP.request("GET", base + target)
    assert answer.status == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert len(answer.headers["X-Request-Id"]) == 32


def test_a_store_that_fails_is_a_503_that_says_when_to_come_again_and_no_path(base, caplog):
    with caplog.at_level(logging.ERROR):
        answer = HTTP.request("GET", f"{base}/store")
    assert problem(answer)["code"] == "store"
    assert answer.headers["Retry-After"] == "5"
    assert b"/home" not in answer.data
    assert "is damaged" in caplog.text


def test_a_defect_is_a_500_with_a_request_id_and_the_log_has_the_rest(base, caplog, telemetry):
    with caplog.at_level(logging.ERROR):
        answer = HTTP.request("GET", f"{base}/defect")
    assert problem(answer)["code"] == "internal"
    assert b"hush" not in answer.data
    assert b"Zero" not in answer.data
    assert answer.headers["X-Request-Id"]
    assert caplog.text.count("ZeroDivisionError: hush") == 1
    assert telemetry.statuses[-1] == "500"


def test_a_connection_outlives_a_defect(base):
    with urllib3.connection_from_url(base, maxsize=1) as pool:
        for _ in range(3):
            assert pool.request("GET", "/defect", retries=False).status == 500
        assert pool.num_connections == 1


def test_an_answer_that_breaks_after_its_head_is_cut_off(base, caplog, telemetry):
    with pytest.raises(urllib3.exceptions.ProtocolError):
        HTTP.request("GET", f"{base}/breaks")
    assert "ZeroDivisionError" in caplog.text


def test_head_has_no_body_and_the_next_answer_is_whole(base):
    with urllib3.connection_from_url(base, maxsize=1) as pool:
        assert pool.request("HEAD", "/fine").headers["Content-Length"] == "13"
        assert pool.request("GET", "/fine").json() == {"fine": True}
        assert pool.num_connections == 1


def tracebacks(caplog) -> list[str]:
    return [record.name for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_defect_is_logged_once_and_its_connection_stays(base, caplog, encoding):
    with caplog.at_level(logging.ERROR), urllib3.PoolManager(retries=False) as pool:
        for _ in range(2):
            assert pool.request("GET", f"{base}/defect", headers={"Accept-Encoding": encoding}).status == 500
        assert pool.connection_from_url(base).num_connections == 1
    assert tracebacks(caplog) == ["pitboard.http.problems"] * 2


def test_what_fails_after_a_good_answer_is_logged_by_the_server(base, caplog):
    with caplog.at_level(logging.ERROR):
        assert HTTP.request("GET", f"{base}/afterwards").status == 200
        wait_until(lambda: "uvicorn.error" in tracebacks(caplog))


def test_iracing_being_away_is_a_503_that_says_when_to_come_again(base):
    answer = HTTP.request("GET", f"{base}/maintenance")
    assert problem(answer)["code"] == "unavailable"
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("where", ["path", "query", "both"])
def test_an_address_that_is_too_long_is_refused_wherever_it_is_long(base, where):
    def target(length: int) -> str:
        """An address of so many bytes; the question mark is no part of path or query."""
        path, query = {"path": (1.0, 0.0), "query": (0.0, 1.0), "both": (0.5, 0.5)}[where]
        rest = length - len("/long/")
        first = round(rest * path)
        return "/long/" + "p" * first + ("?" + "q" * (rest - first) if query else "")

    longest = 10_240  # API Gateway's
    assert HTTP.request("GET", base + target(longest)).status == 200
    answer = HTTP.request("GET", base + target(longest + 1))
    assert answer.status == 414
    assert problem(answer)["code"] == "address_too_long"


@pytest.mark.parametrize(
    ("method", "target", "status", "code", "title", "detail"),
    [
        ("GET", "/nowhere", 404, "unknown_route", "Not Found", "There is nothing here. /openapi.json lists"),
        ("GET", "/fine/", 404, "unknown_route", "Not Found", "There is nothing here."),
        ("POST", "/fine", 405, "wrong_method", "Method Not Allowed", "This address answers "),
        ("GET", "/teapot", 418, "refused", "I'm a Teapot", "short and stout"),
        ("GET", "/bad", 400, "refused", "Bad Request", "no"),
        ("GET", "/down", 503, "unavailable", "Service Unavailable", "iRacing is in maintenance."),
    ],
)
def test_what_is_refused_says_why(base, method, target, status, code, title, detail):
    answer = HTTP.request(method, base + target, redirect=False)
    body = problem(answer)
    assert (answer.status, body["code"], body["title"]) == (status, code, title)
    assert str(body["detail"]).startswith(detail)
    assert body["type"] == "about:blank"
    assert "Retry-After" not in answer.headers


def test_a_wrong_method_is_told_the_right_ones_and_a_refusals_own_headers_stay(base):
    answer = HTTP.request("POST", f"{base}/fine")
    allowed = answer.headers["Allow"]
    assert "GET" in allowed
    assert answer.json()["detail"] == f"This address answers {allowed} only."
    assert HTTP.request("GET", f"{base}/teapot").headers["X-Kettle"] == "on"


def test_a_host_that_is_not_served_is_refused(base):
    answer = HTTP.request("GET", f"{base}/fine", headers={"Host": "evil.example"})
    assert (answer.status, problem(answer)["code"]) == (421, "wrong_host")
    assert "PITBOARD_ALLOWED_HOSTS" in answer.json()["detail"]


def test_a_preflight_is_answered_for_a_day_and_reaches_no_route(base):
    answer = HTTP.request("OPTIONS", f"{base}/defect")
    assert (answer.status, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type, If-None-Match"
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("target", "encoding", "compressed"),
    [
        ("/large", "gzip", True),
        ("/large", "br;q=0, gzip;q=0.5", True),
        ("/large", "identity", False),
        ("/large", "gzip;q=0", False),
        ("/large", "gzip; q=0.000, br", False),
        ("/fine", "gzip", False),
    ],
)
def test_what_is_large_is_compressed_for_those_who_can_read_it(base, target, encoding, compressed):
    answer = HTTP.request("GET", base + target, headers={"Accept-Encoding": encoding})
    assert (answer.headers.get("Content-Encoding") == "gzip") is compressed
    if target == "/large":
        assert answer.headers["Vary"] == "Origin, Accept-Encoding"
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After, X-Request-Id"


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/fine?names=Ann", "/fine"),
        ("/drivers/5/races", "/drivers/{cust_id}/races"),
        ("/static/a.css", "/static"),
        ("/nowhere", "other"),
    ],
)
def test_requests_are_counted_and_timed_by_route_without_names_and_ids(base, telemetry, target, route):
    HTTP.request("GET", base + target)
    wait_until(lambda: telemetry.observed[-1][1] == route)
    assert telemetry.counted[-1] == ("requests", route)
    metric, _, seconds = telemetry.observed[-1]
    assert metric == "request_seconds"
    assert 0 < seconds < 60


def test_a_defect_is_counted_as_one(base, telemetry):
    HTTP.request("GET", f"{base}/defect")
    wait_until(lambda: telemetry.counted[-1] == ("defects", ""))
    HTTP.request("GET", f"{base}/store")
    wait_until(lambda: telemetry.counted[-1] == ("requests", "/store"))


def lines(caplog) -> list[tuple[str, str]]:
    """The level and the text of each line about a request."""
    return [(one.levelname, one.getMessage()) for one in caplog.records if one.name == "pitboard.http.app"]


def test_a_stranger_who_asks_for_failures_all_the_time_does_not_fill_the_log(base, caplog, monkeypatch):
    now = 60_000.0
    clock = SimpleNamespace(monotonic=lambda: now, perf_counter=lambda: 0.0)
    monkeypatch.setattr(app_module, "time", clock)
    with caplog.at_level(logging.INFO, "pitboard"):
        for _ in range(2):
            now += 60
            caplog.clear()
            for _ in range(3 * app_module.LINES_A_MINUTE):
                HTTP.request("GET", f"{base}/down")
            HTTP.request("GET", f"{base}/defect")
            wait_until(lambda: ("WARNING", "GET /defect was answered with 500") in lines(caplog))
            about = [text for _, text in lines(caplog) if "/down" in text]
            assert len(about) == app_module.LINES_A_MINUTE
            assert "left out" in about[-1]


def test_failures_and_slow_requests_have_a_line_in_the_log_and_others_none(base, caplog, monkeypatch):
    with caplog.at_level(logging.INFO, "pitboard"):
        HTTP.request("GET", f"{base}/fine")  # what the test before has asked has its line by now
        caplog.clear()
        HTTP.request("GET", f"{base}/nowhere")
        HTTP.request("GET", f"{base}/down")
        wait_until(lambda: lines(caplog))
        assert lines(caplog) == [("WARNING", "GET /down was answered with 503")]
        caplog.clear()
        monkeypatch.setattr(app_module, "SLOW", 0.0)
        HTTP.request("GET", f"{base}/odd")
        wait_until(lambda: lines(caplog))
        assert lines(caplog) == [("INFO", "GET /odd was answered with 499")]
        (record,) = [one for one in caplog.records if one.name == "pitboard.http.app"]
    assert (vars(record)["route"], vars(record)["status"]) == ("/odd", 499)
    assert 0 <= vars(record)["seconds"] == round(vars(record)["seconds"], 3)


def test_whoever_leaves_before_the_request_is_whole_is_no_defect(base, caplog, telemetry):
    host, port = base.removeprefix("http://").split(":")
    seen, defects = len(telemetry.statuses), telemetry.counted.count(("defects", ""))
    with caplog.at_level(logging.WARNING), socket.create_connection((host, int(port))) as leaving:
        leaving.sendall(b"POST /reads HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf")
        leaving.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: "499" in telemetry.statuses[seen:])
    assert telemetry.counted.count(("defects", "")) == defects
    # the test before may have its line written only now
    assert not [record for record in caplog.records if "/reads" in record.getMessage()]


@pytest.fixture
def ended(caplog) -> tuple[urllib3.BaseHTTPResponse, Counts]:
    """The answer to a request that was still waited for when the server ended, and what was counted."""
    entered, telemetry, answers = threading.Event(), Counts(), []

    async def endless(_: Request) -> Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    app = make_app([Route("/endless", endless)], telemetry, worded=str)
    with caplog.at_level(logging.INFO), listen("127.0.0.1", 0) as door, running(app, [door]) as serving:
        serving.config.timeout_graceful_shutdown = 0
        target = f"http://127.0.0.1:{door.getsockname()[1]}/endless"
        asking = threading.Thread(target=lambda: answers.append(HTTP.request("GET", target)))
        asking.start()
        assert entered.wait(10)
        serving.should_exit = True
        asking.join(10)
    return answers[0], telemetry


def test_whoever_waits_when_the_server_ends_is_told_to_come_again(ended):
    answer, _ = ended
    assert (answer.status, problem(answer)["code"]) == (503, "ending")
    assert answer.headers["Retry-After"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_request_that_the_end_cuts_off_is_no_defect(ended, caplog):
    _, telemetry = ended
    assert telemetry.statuses == ["503"]
    assert ("defects", "") not in telemetry.counted
    assert not [line for line in caplog.get_records("setup") if line.exc_info]
