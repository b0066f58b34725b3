"""Traces through the OpenTelemetry API, if they are turned on and it is installed; in Lambda to X-Ray.

`OTEL_TRACES_EXPORTER=otlp` (OpenTelemetry's own variable) turns them on; `OTEL_EXPORTER_OTLP_ENDPOINT` and
OpenTelemetry's other variables say where they go. Without it, OpenTelemetry is not imported.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from pitboard.telemetry.spans import Spans, safe_attribute

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

_XRAY = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16})(?:;Sampled=([01]))?")
_log = logging.getLogger(__name__)


class OpenTelemetrySpans(Spans):
    """Spans through OpenTelemetry. A person's name or id is masked; of an error only its type is recorded."""

    def __init__(self, tracer: "Tracer", processor: "SpanProcessor") -> None:
        self._tracer = tracer
        self._processor = processor

    def span(self, name: str, attributes: Mapping[str, str | int]) -> AbstractContextManager[None]:
        return self._span(name, {key: safe_attribute(key, value) for key, value in attributes.items()})

    def flush(self) -> None:
        self._processor.force_flush()

    @contextmanager
    def _span(self, name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
        from opentelemetry.trace import Status, StatusCode

        with self._tracer.start_as_current_span(
            name, _parent(), attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise


def spans(service: str, *, at_once: bool = False) -> Spans:
    """The spans that the environment asks for; `service` is this program's name in the trace.

    `at_once` sends each span when it ends. A Lambda needs this: it is frozen before a batch is sent.
    """
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "none").strip().lower()
    if exporter in ("", "none"):
        # Lambda sets it where tracing is active, as HOST:PORT.
        if daemon := os.environ.get("AWS_XRAY_DAEMON_ADDRESS"):
            from pitboard.telemetry.xray import XRaySpans

            return XRaySpans(daemon)
        return Spans()
    if exporter != "otlp":
        _log.warning(
            "OTEL_TRACES_EXPORTER is %r; only otlp and none are supported. Tracing is off.", exporter
        )
        return Spans()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    except ImportError:
        _log.warning("Tracing is off: install it with `pip install 'pitboard[tracing]'`.")
        return Spans()
    processor = (SimpleSpanProcessor if at_once else BatchSpanProcessor)(OTLPSpanExporter())
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(processor)
    return OpenTelemetrySpans(provider.get_tracer("pitboard"), processor)


def _parent() -> "Context | None":
    """The invocation's X-Ray segment as parent, unless one of our spans is open.

    Lambda sets it in `_X_AMZN_TRACE_ID` ("X-Ray tracing header" in AWS' developer guide).
    """
    from opentelemetry import trace

    found = _XRAY.search(os.environ.get("_X_AMZN_TRACE_ID", ""))
    if found is None or trace.get_current_span().get_span_context().is_valid:
        return None
    time, unique, parent, sampled = found.groups()
    segment = trace.SpanContext(
        trace_id=int(time + unique, 16),
        span_id=int(parent, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(sampled or 0)),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(segment))
