"""The heartbeat: every five minutes ir-index asks the API as a reader does, from outside.

What it counts as `ok` is a metric whose absence is an alarm. So the owner is also told when nothing runs that
could tell anything: no gateway, no function, no schedule.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.ports import Telemetry
from pitboard.iracing.transport import Transport

SECONDS = 20.0
"""Most seconds for each of the two requests: a cold start, and an answer."""

log = logging.getLogger(__name__)


class Heartbeat:
    """Answers {"action": "heartbeat", "url": the API's address}.

    `known_name` gives the name of a driver who can be looked up, or "".
    """

    def __init__(self, known_name: Callable[[], str], transport: Transport, telemetry: Telemetry) -> None:
        self._known_name = known_name
        self._transport = transport
        self._telemetry = telemetry

    def beat(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Asks GET /health and GET /drivers; says whether both were answered."""
        outcome = "failed"
        try:
            trouble = self._trouble(str(event["url"]).rstrip("/"))
            outcome = "failed" if trouble else "ok"
        finally:
            self._telemetry.count("heartbeats", outcome=outcome)
        if trouble:
            log.error("the heartbeat failed: %s", trouble)
        return {"healthy": not trouble}

    def _trouble(self, url: str) -> str:
        """What is wrong, "" for nothing. It holds no name."""
        if trouble := self._not_answered(f"{url}/health")[0]:
            return f"GET /health {trouble}"
        if not (name := self._known_name()):
            return ""
        trouble, body = self._not_answered(f"{url}/drivers?name={quote(name, safe='')}&profile=0&wait=0")
        if trouble:
            return f"GET /drivers {trouble}"
        return "" if name in json.loads(body) else "GET /drivers lacks the driver who was asked for"

    def _not_answered(self, url: str) -> tuple[str, bytes]:
        try:
            answer = self._transport.get(url, time.monotonic() + SECONDS)
        except UpstreamError:
            return "got no answer", b""
        return ("" if answer.status == 200 else f"was answered with {answer.status}"), answer.body
