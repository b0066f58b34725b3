"""The Lambda handler that the entry points share."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.types import ASGIApp

from pitboard.aws.gateway import answered
from pitboard.aws.names import PING
from pitboard.drivers.ports import request_id
from pitboard.telemetry import EmfTelemetry, configure_logging

Action = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes the event of a direct invocation and returns its JSON-ready answer."""

Messages = Callable[[Sequence[Mapping[str, Any]], float], Mapping[str, Any]]
"""Takes the records of an SQS event and the seconds that the invocation has, and returns which of them are to
come again (`batchItemFailures`)."""

Handler = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]


def handler(
    app: ASGIApp | None,
    actions: Mapping[str, Action],
    telemetry: EmfTelemetry,
    messages: Messages | None = None,
) -> Handler:
    """The Lambda handler of an ASGI application, of direct invocations {"action": ...}, and of a queue.

    Events and answers are not logged: they hold names and tokens. Metrics are written at the end of each
    invocation, because the function is frozen after it.
    """
    configure_logging("INFO")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    _reseed_after_restore()
    known = {PING: _pong, **actions}

    def handle(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
        identity = request_id.set(_identity(event, context))
        try:
            if app and "httpMethod" in event:
                return answered(app, event, loop)
            if messages and "Records" in event:
                return messages(event["Records"], context.get_remaining_time_in_millis() / 1000)
            return known.get(str(event.get("action")), _unknown)(event)
        finally:
            telemetry.flush()  # its lines have the request's id
            request_id.reset(identity)

    return handle


def _identity(event: Mapping[str, Any], context: Any) -> str:
    """The id of the gateway's request, which its client sees; else the invocation's."""
    gateways = event.get("requestContext") or {}
    return str(gateways.get("requestId") or getattr(context, "aws_request_id", ""))


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
