"""What the entry points share, without the runtime: gateway events, direct invocations, messages."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.support.lambda_runtime import gateway_event

from pitboard.aws.entry import handler
from pitboard.drivers.ports import Telemetry, request_id
from pitboard.http.app import make_app


class Metrics(Telemetry):
    """Counts how often the metrics were written."""

    def __init__(self) -> None:
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1


class Context:
    aws_request_id = "invocation-7"

    def get_remaining_time_in_millis(self) -> int:
        return 12_500


@pytest.fixture
def made():
    """The handler, its metrics, and what its parts were given."""
    seen: list[object] = []
    metrics: Any = Metrics()

    async def told(request: Request) -> JSONResponse:
        seen.append((request.scope["query_string"].decode(), dict(request.headers), request_id.get()))
        return JSONResponse({"long": "x" * 5000})

    def act(event):
        seen.append((event, request_id.get()))
        return {"done": True}

    def fail(_):
        raise ZeroDivisionError

    def messages(records, seconds):
        seen.append((records, seconds, request_id.get()))
        return {"batchItemFailures": []}

    app = make_app([Route("/drivers", told)], metrics, str)
    handle = handler(app, {"act": act, "fail": fail}, metrics, messages)
    yield SimpleNamespace(handle=handle, metrics=metrics, seen=seen)
    asyncio.get_event_loop().close()
    asyncio.set_event_loop(None)


def test_a_gateways_names_are_split_at_commas_and_each_is_encoded_again(made):
    """The gateway has decoded the query: a comma within a name looks like one between names."""
    made.handle(gateway_event("GET", "/drivers?names=Ann%20Tester,,B%26o&name=Cy%2C%20Jr.&wait=0"), Context())
    ((query, _, _),) = made.seen
    assert query == "name=Ann+Tester&name=B%26o&name=Cy%2C+Jr.&wait=0"


@pytest.mark.parametrize("target", ["/drivers?name=Ann", "/drivers?names=,&name=Ann"])
def test_without_names_in_a_list_the_others_stay_as_they_are(made, target):
    made.handle(gateway_event("GET", target), Context())
    assert [query for query, _, _ in made.seen] == ["name=Ann"]


def test_a_request_without_a_query_is_one_without_names(made):
    made.handle(gateway_event("GET", "/drivers"), Context())
    assert [query for query, _, _ in made.seen] == [""]


def test_the_gateway_compresses_and_so_the_application_does_not(made):
    headers = {"ACCEPT-Encoding": "gzip", "Accept": "a", "X-Zulu": "b", "If-None-Match": '"c"'}
    answer = made.handle(gateway_event("GET", "/drivers", headers), Context())
    ((_, seen, _),) = made.seen
    assert {"accept": "a", "x-zulu": "b", "if-none-match": '"c"'}.items() <= seen.items()
    assert "accept-encoding" not in seen
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False
    assert "x" * 5000 in answer["body"]


def test_headers_of_either_form_may_be_missing(made):
    event = {**gateway_event("GET", "/drivers"), "headers": None, "multiValueHeaders": None}
    assert made.handle(event, Context())["statusCode"] == 200


def test_a_problem_is_a_text_too(made):
    answer = made.handle(gateway_event("GET", "/nowhere"), Context())
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (404, False)
    assert "unknown_route" in answer["body"]


def test_a_direct_invocation_has_its_event_and_its_requests_id(made):
    assert made.handle({"action": "act", "more": 1}, Context()) == {"done": True}
    assert made.seen == [({"action": "act", "more": 1}, "invocation-7")]
    assert request_id.get() == ""
    assert made.handle({"action": "act"}, None) == {"done": True}
    assert made.seen[-1] == ({"action": "act"}, "")


def test_every_function_answers_a_ping_and_refuses_what_it_does_not_know(made):
    assert made.handle({"action": "ping"}, Context()) == {"healthy": True}
    for event in ({}, {"action": "boats"}, {"action": None}):
        assert made.handle(event, Context())["error"]["code"] == "refused"


def test_messages_are_given_with_the_seconds_that_are_left(made):
    assert made.handle({"Records": [1, 2]}, Context()) == {"batchItemFailures": []}
    assert made.seen == [([1, 2], 12.5, "invocation-7")]


def test_metrics_are_written_at_the_end_of_each_invocation_also_of_a_failed_one(made):
    for number, event in enumerate((gateway_event("GET", "/drivers"), {"action": "act"}, {"Records": []}), 1):
        made.handle(event, Context())
        assert made.metrics.flushed == number
    with pytest.raises(ZeroDivisionError):
        made.handle({"action": "fail"}, Context())
    assert made.metrics.flushed == 4
    assert request_id.get() == ""


def test_a_function_without_routes_and_messages_refuses_their_events():
    handle = handler(None, {}, Metrics())  # type: ignore[arg-type]
    try:
        assert handle(gateway_event("GET", "/drivers"), Context())["error"]["code"] == "refused"
        assert handle({"Records": []}, Context())["error"]["code"] == "refused"
    finally:
        asyncio.get_event_loop().close()
        asyncio.set_event_loop(None)
