"""An event of an API Gateway REST API as a call of an ASGI application, and its answer back.

The events and answers are those of a Lambda proxy integration, payload 1.0
(docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html). Our own, since a
library for all kinds of events costs 3 % of a cold start (docs/adr/0054).
"""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.types import ASGIApp, Message, Scope

from pitboard.aws.names import BINARY
from pitboard.drivers.ports import request_id
from pitboard.http.problems import Problem

_NO_TEXT = Problem(
    406,
    "not_acceptable",
    f"Follow a link to this file in a browser. Tools send the header `Accept: {BINARY[-1]}`.",
)
"""To others the gateway would give the file in base64."""

_TEXT = ("text/", "application/json", "application/problem+json", "image/svg+xml")
"""Types that go out as they are, in UTF-8; all others in base64."""


def answered(app: ASGIApp, event: Mapping[str, Any], loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """The application's answer to the event, in the form that the gateway takes. Raises what `app` raises.

    It has the id that `request_id` has (`entry` sets it).
    """
    status = 0
    headers: list[tuple[bytes, bytes]] = []
    body: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}  # no route reads a body

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.extend(message.get("headers", ()))
        else:
            body.append(message.get("body", b""))

    async def call() -> None:
        await app(_scope(event), receive, send)

    loop.run_until_complete(call())
    answer = _answer(status, headers, b"".join(body))
    return answer if not answer["isBase64Encoded"] or _takes_bytes(event) else _refusal(headers)


def _takes_bytes(event: Mapping[str, Any]) -> bool:
    """Whether the gateway decodes an answer for this client: it looks at the first type that is accepted."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    first = str(headers.get("accept", "")).split(",")[0].split(";")[0]
    return first.strip().lower() in BINARY


def _refusal(headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """The answer that bytes need another request, with what every answer has of `headers`."""
    problem = _NO_TEXT.response()
    every = [(name, value) for name, value in headers if name.startswith((b"access-control-", b"x-"))]
    return _answer(problem.status_code, [*problem.raw_headers, *every], bytes(problem.body))


def _scope(event: Mapping[str, Any]) -> Scope:
    headers = {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ", ".join(values)
    headers.pop("accept-encoding", None)  # the gateway compresses
    address = event["requestContext"].get("identity", {}).get("sourceIp")
    path = event["path"]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": event["httpMethod"],
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": _before(path, str(event["requestContext"].get("path", ""))),
        "query_string": _query(event),
        "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
        "client": (address, 0) if address else None,
        "server": (headers.get("host", ""), 443),
        "request_id": request_id.get(),
    }


def _before(path: str, asked: str) -> str:
    """How the path that was `asked` for begins: with the stage; below a domain of the host's with nothing."""
    return asked[: -len(path)] if asked.endswith(path) else ""


def _query(event: Mapping[str, Any]) -> bytes:
    """The query, encoded again.

    The gateway has decoded it, so a comma within a name looks like one between names: `names` is split at
    every comma into `name`s, which the routes do not split.
    """
    query = dict(event.get("multiValueQueryStringParameters") or {})
    names = [name for value in query.pop("names", []) for name in value.split(",") if name]
    if names:
        query["name"] = [*names, *query.get("name", [])]
    return urlencode(query, doseq=True).encode()


def _answer(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> dict[str, Any]:
    """A header that comes more than once stands in `multiValueHeaders`, where the gateway looks for it."""
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    is_text = not body or named.get("content-type", [""])[0].startswith(_TEXT)
    return {
        "statusCode": status,
        "headers": {name: values[0] for name, values in named.items() if len(values) == 1},
        "multiValueHeaders": {name: values for name, values in named.items() if len(values) > 1},
        "body": body.decode() if is_text else b64encode(body).decode(),
        "isBase64Encoded": not is_text,
    }
