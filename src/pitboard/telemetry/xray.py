"""Subsegments for X-Ray, sent to the daemon that runs beside a function in Lambda.

The daemon takes UDP datagrams: a header line and one document. Source: X-Ray's guide, "Sending segment
documents to the X-Ray daemon" and "X-Ray segment documents". AWS' own library for it would double the cold
start, and OpenTelemetry's adds 8 MB to the package. See docs/adr/0052 for what follows when the daemon ends.
"""

import json
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress

from pitboard.telemetry.spans import Spans, safe_attribute

HEADER = b'{"format": "json", "version": 1}\n'

_TRACE = re.compile(r"Root=([-0-9a-f]+);Parent=([0-9a-f]{16});Sampled=1")
"""Lambda sets `_X_AMZN_TRACE_ID` for each invocation; what is not sampled is not sent."""


class XRaySpans(Spans):
    """Subsegments of the invocation's segment. Safe for threads. A person's name or id is masked; of an error
    only that there was one is recorded. A datagram that is lost is missed by nobody."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))

    def span(self, name: str, attributes: Mapping[str, str | int]) -> AbstractContextManager[None]:
        return self._span(name, attributes)

    @contextmanager
    def _span(self, name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
        found = _TRACE.search(os.environ.get("_X_AMZN_TRACE_ID", ""))
        if found is None:
            yield
            return
        began, fault = time.time(), False
        try:
            yield
        except BaseException:
            fault = True
            raise
        finally:
            document = {
                "name": name,
                "id": secrets.token_hex(8),
                "trace_id": found[1],
                "parent_id": found[2],
                "type": "subsegment",
                "start_time": began,
                "end_time": time.time(),
                "annotations": {key: safe_attribute(key, value) for key, value in attributes.items()},
                **({"fault": True} if fault else {}),
            }
            # A socket for each: one that is kept would be part of SnapStart's snapshot.
            with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
                daemon.sendto(HEADER + json.dumps(document).encode(), self._address)
