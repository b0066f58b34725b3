"""The Lambda handler that the three entry points share."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any, cast

from mangum import Mangum
from starlette.types import ASGIApp

from pitboard.aws.names import PING
from pitboard.drivers.ports import request_id
from pitboard.telemetry import EmfTelemetry, configure_logging

Action = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes the event of a direct invocation and returns its JSON-ready answer."""

Handler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]

_TEXT = ["text/", "application/json", "application/problem+json"]
"""Mangum encodes all other types in base64."""


def handler(app: ASGIApp, actions: Mapping[str, Action], telemetry: EmfTelemetry) -> Handler:
    """The Lambda handler of an ASGI application and of direct invocations {"action": ...}.

    Events and answers are not logged: they hold names and tokens. Metrics are written at the end of each
    invocation, because the function is frozen after it.
    """
    configure_logging("INFO")
    logging.getLogger("mangum").setLevel(logging.WARNING)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    asyncio.set_event_loop(asyncio.new_event_loop())
    _reseed_after_restore()
    mangum = Mangum(cast("Any", app), lifespan="off", text_mime_types=_TEXT)
    known = {PING: _pong, **actions}

    def handle(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
        try:
            if "httpMethod" in event:
                return mangum(_before_gateway(event), context)
            identity = request_id.set(getattr(context, "aws_request_id", ""))
            try:
                return known.get(str(event.get("action")), _unknown)(event)
            finally:
                request_id.reset(identity)
        finally:
            telemetry.flush()

    return handle


def _before_gateway(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event of an API Gateway REST API (payload 1.0), changed to what the routes expect.

    The gateway has decoded the query, so a comma within a name looks like one between names: `names` is
    split at every comma into `name`s, which the routes do not split. The gateway also compresses answers,
    so the application must not.
    """
    query = dict(event.get("multiValueQueryStringParameters") or {})
    names = [name for value in query.pop("names", []) for name in value.split(",") if name]
    if names:
        query["name"] = [*names, *query.get("name", [])]
    changes: dict[str, Any] = {"multiValueQueryStringParameters": query, "queryStringParameters": None}
    for field in ("headers", "multiValueHeaders"):
        headers = event.get(field) or {}
        changes[field] = {k: v for k, v in headers.items() if k.lower() != "accept-encoding"}
    return {**event, **changes}


def _pong(_: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answers {"action": "ping"}: the function has been loaded."""
    return {"healthy": True}


def _unknown(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"error": {"code": "refused", "message": "There is no such action."}}


def _reseed_after_restore() -> None:
    """With SnapStart many instances start from one snapshot: each needs its own random numbers for pauses."""
    try:
        from snapshot_restore_py import register_after_restore  # type: ignore[import-untyped]
    except ImportError:  # it is part of Lambda's own runtime only
        return
    register_after_restore(random.seed)
