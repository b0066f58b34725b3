"""What the three entry points share: which event is what, and what is done around each."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any, cast

from mangum import Mangum
from starlette.types import ASGIApp

from pitboard.aws.invoke import PING
from pitboard.drivers.ports import request_id
from pitboard.telemetry import EmfTelemetry, configure_logging

Action = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes the event of a direct invocation and gives its JSON-ready answer."""

Handler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]

_TEXT = ["text/", "application/json", "application/problem+json"]
"""Anything else would go out in base64."""


def handler(app: ASGIApp, actions: Mapping[str, Action], telemetry: EmfTelemetry) -> Handler:
    """The Lambda handler of an ASGI application and of direct invocations {"action": ...}.

    Neither events nor answers are logged: there are names and tokens in them. Metrics are written at the
    end of each invocation, for afterwards the function is frozen.
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
                return mangum(_as_asked(event), context)
            identity = request_id.set(getattr(context, "aws_request_id", ""))
            try:
                return known.get(str(event.get("action")), _unknown)(event)
            finally:
                request_id.reset(identity)
        finally:
            telemetry.flush()

    return handle


def _as_asked(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event of an API Gateway REST API (payload 1.0) with what the gateway did to it undone.

    It has decoded the query, so a comma within a name cannot be told from one between names any more:
    `names` is split at every comma into `name`s, which the routes take as they are. And it compresses
    answers itself, so ours need not be.
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
    """The answer to {"action": "ping"}: the function has been loaded."""
    return {"healthy": True}


def _unknown(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"error": {"code": "refused", "message": "There is no such action."}}


def _reseed_after_restore() -> None:
    """With SnapStart many functions go on from one snapshot; each needs its own chance in its pauses."""
    try:
        from snapshot_restore_py import register_after_restore  # type: ignore[import-untyped]
    except ImportError:  # it is part of Lambda's own runtime only
        return
    register_after_restore(random.seed)
