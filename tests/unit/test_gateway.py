"""Events of an API Gateway as calls of an application: what it sees, and what the gateway gets back."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pitboard.aws.gateway import answered
from pitboard.http.query import asked_names

EVENT: dict[str, Any] = {
    "resource": "/drivers",
    "path": "/drivers",
    "httpMethod": "GET",
    "headers": {"Host": "api.example.org", "X-Forwarded-Proto": "https", "Accept-Encoding": "gzip"},
    "multiValueHeaders": {"Host": ["api.example.org"], "Accept-Encoding": ["gzip"], "X-Two": ["a", "b"]},
    "queryStringParameters": {"names": "Ann Tester"},
    "multiValueQueryStringParameters": {"names": ["Ann Tester"]},
    "requestContext": {"requestId": "r-1", "identity": {"sourceIp": "192.0.2.7"}},
    "body": None,
    "isBase64Encoded": False,
}


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def seen(loop: asyncio.AbstractEventLoop, **changes: Any) -> dict[str, Any]:
    """The scope of the call that the event makes."""
    scopes = []

    async def app(scope, receive, send) -> None:
        scopes.append(scope)
        await Response()(scope, receive, send)

    answered(app, {**EVENT, **changes}, loop)
    return dict(scopes[0])


def asked(loop: asyncio.AbstractEventLoop, **query: list[str]) -> list[str]:
    return asked_names(seen(loop, multiValueQueryStringParameters=query)["query_string"])


def test_a_comma_that_the_gateway_has_decoded_splits_names(loop):
    assert asked(loop, names=["Ann Tester,Bo Müller2"]) == ["Ann Tester", "Bo Müller2"]


def test_a_comma_within_a_name_asked_for_alone_stays(loop):
    assert asked(loop, name=["Ann Tester, Jr"], names=["Bo+Müller2"]) == ["Bo+Müller2", "Ann Tester, Jr"]


def test_an_address_without_a_query_has_none(loop):
    assert seen(loop, multiValueQueryStringParameters=None)["query_string"] == b""


def test_the_application_does_not_compress_what_the_gateway_compresses(loop):
    assert "accept-encoding" not in Headers(scope=seen(loop))


def test_a_header_that_comes_twice_is_one_list(loop):
    headers = Headers(scope=seen(loop))
    assert (headers["x-two"], headers["host"]) == ("a, b", "api.example.org")


def test_an_event_without_headers_is_served(loop):
    assert seen(loop, headers=None, multiValueHeaders=None)["headers"] == []


@pytest.mark.parametrize(
    ("context", "client"),
    [(EVENT["requestContext"], ("192.0.2.7", 0)), ({}, None), ({"identity": {"sourceIp": None}}, None)],
    ids=["from the gateway", "without an identity", "without an address"],
)
def test_the_client_is_who_the_gateway_says(loop, context, client):
    assert seen(loop, requestContext=context)["client"] == client


def test_the_path_is_decoded_once(loop):
    assert seen(loop, path="/drivers/%2541")["path"] == "/drivers/%41"


async def headers_twice(scope, receive, send) -> None:
    response = JSONResponse({"ünï": 1}, 206, {"Vary": "Origin"})
    response.raw_headers.append((b"vary", b"Accept-Encoding"))
    await response(scope, receive, send)


def test_the_answer_has_status_text_and_every_header(loop):
    answer = answered(headers_twice, EVENT, loop)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (206, False)
    assert json.loads(answer["body"]) == {"ünï": 1}
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["multiValueHeaders"] == {"vary": ["Origin", "Accept-Encoding"]}


def test_what_is_no_text_goes_out_in_base64(loop):
    async def app(scope, receive, send) -> None:
        await Response(b"\xff\x00", media_type="application/zip")(scope, receive, send)

    answer = answered(app, EVENT | accepting("text/html,*/*;q=0.8"), loop)
    assert (answer["body"], answer["isBase64Encoded"]) == ("/wA=", True)


def accepting(kinds: str) -> dict[str, Any]:
    return {"headers": EVENT["headers"] | {"accept": kinds}}


@pytest.mark.parametrize("kinds", ["*/*", "", "image/png, text/html", "application/json"])
def test_what_is_no_text_is_refused_to_whom_the_gateway_would_not_give_it(loop, kinds):
    """The gateway looks at the first type that is accepted. Source: its guide, "Content type conversions"."""

    async def app(scope, receive, send) -> None:
        headers = {"X-Request-Id": "r-1", "Content-Disposition": "attachment"}
        await Response(b"\xff\x00", headers=headers, media_type="application/zip")(scope, receive, send)

    answer = answered(app, EVENT | accepting(kinds), loop)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (406, False)
    assert json.loads(answer["body"])["code"] == "not_acceptable"
    assert answer["headers"]["x-request-id"] == "r-1"
    assert "content-disposition" not in answer["headers"]


def test_a_drawing_in_svg_is_text(loop):
    async def app(scope, receive, send) -> None:
        await Response("<svg/>", media_type="image/svg+xml")(scope, receive, send)

    assert answered(app, EVENT | accepting("image/avif,*/*"), loop)["body"] == "<svg/>"


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        ("/prod/drivers", "https://api.example.org/prod/"),
        ("/drivers", "https://api.example.org/"),
        ("/elsewhere", "https://api.example.org/"),
    ],
    ids=["with the stage", "below a domain of the host's own", "unlike the path"],
)
def test_the_stage_is_a_part_of_the_address(loop, asked, address):
    context = EVENT["requestContext"] | {"path": asked}
    assert str(Request(seen(loop, requestContext=context)).base_url) == address


def test_an_answer_without_a_body_is_an_empty_text(loop):
    async def app(scope, receive, send) -> None:
        await Response(status_code=304)(scope, receive, send)

    assert (answered(app, EVENT, loop)["body"], answered(app, EVENT, loop)["isBase64Encoded"]) == ("", False)


def test_a_body_is_not_read(loop):
    async def app(scope, receive, send) -> None:
        await Response(await Request(scope, receive).body())(scope, receive, send)

    assert answered(app, {**EVENT, "body": "x" * 1000}, loop)["body"] == ""


def test_what_the_application_raises_fails_the_invocation(loop):
    async def app(scope, receive, send) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        answered(app, EVENT, loop)
