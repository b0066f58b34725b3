"""A request's id is in its answer and in every log line that it causes, in all threads."""

import asyncio
import io
import json
import logging
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from tests.support.local_server import local_server

from pitboard.drivers.ports import Telemetry, request_id
from pitboard.http.app import Envelope
from pitboard.telemetry import configure_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging("INFO", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_every_log_line_of_a_request_has_its_id(stream, tmp_path):
    with local_server(tmp_path, latency=0.0, link_latency=0.0) as backend:
        backend.simulator.faults.add("status", "member/get", status=500)
        name = backend.drivers(1)[0].display_name
        answer = urllib.request.urlopen(f"{backend.base_url}/drivers?names={quote(name)}")
        identity = answer.headers["X-Request-Id"]
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    ours = [line for line in lines if line["logger"].startswith("pitboard.")]
    assert {line["message"] for line in ours} >= {
        "the grant password_limited ended as ok",
        "a call of member/get ended as unreachable",
    }
    assert {line["request_id"] for line in ours} == {identity}
    for secret in backend.secrets:
        assert secret not in stream.getvalue()


def test_a_request_keeps_the_id_that_it_came_with(stream):
    seen = []

    async def app(scope, receive, send):
        seen.append(request_id.get())
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body"})

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/health",
        "query_string": b"",
        "headers": [],
        "request_id": "gateway-7",
    }

    async def receive():
        return {"type": "http.request"}

    async def send(_):
        pass

    asyncio.run(Envelope(app, Telemetry(), str, lambda _: True)(scope, receive, send))
    assert seen == ["gateway-7"]
    (line,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["request_id"], line["status"], line["level"]) == ("gateway-7", 503, "WARNING")
    assert request_id.get() == ""
