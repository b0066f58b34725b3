"""What every answer has, and what a failure looks like: real requests to a server on loopback."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import urllib3
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pitboard.drivers.errors import MaintenanceError, StoreError
from pitboard.drivers.ports import Telemetry
from pitboard.http.app import LONGEST_TARGET, make_app
from pitboard.local.server import listen, running

HTTP = urllib3.PoolManager(retries=False)


async def fine(_: Request) -> Response:
    return JSONResponse({"fine": True})


def failing(error: Exception):
    async def fail(_: Request) -> Response:
        raise error

    return fail


async def breaking(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a part"
        raise ZeroDivisionError

    return StreamingResponse(parts())


class Counts(Telemetry):
    def __init__(self) -> None:
        self.statuses: list[str] = []

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        if metric == "requests":
            self.statuses.append(labels["status"])


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
        Route("/maintenance", failing(MaintenanceError("iRacing is in maintenance.", retry_after=0.2))),
        Route("/long/{rest:path}", fine),
    ]
    app = make_app(routes, telemetry, worded=str)
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

    assert HTTP.request("GET", base + target(LONGEST_TARGET)).status == 200
    answer = HTTP.request("GET", base + target(LONGEST_TARGET + 1))
    assert answer.status == 414
    assert problem(answer)["code"] == "address_too_long"
