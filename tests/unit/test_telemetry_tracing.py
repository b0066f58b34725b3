"""Traces go out when they are asked for, with nobody's name in them; off, they cost nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra `tracing`")

from tests.support.otlp_collector import OtlpCollector, otlp_collector

from pitboard.telemetry.spans import Spans
from pitboard.telemetry.tracing import OpenTelemetrySpans, spans


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpCollector]:
    with otlp_collector() as collector:
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(ValueError, match="hunter2"):
        yield


@pytest.mark.parametrize("at_once", [True, False])
def test_spans_reach_the_collector_that_is_configured(collector: OtlpCollector, at_once: bool) -> None:
    tracer = spans("pitboard", at_once=at_once)
    with tracer.span("lookup", {"drivers": 20}), tracer.span("store", {}):
        pass
    tracer.flush()
    lookup, store = collector.spans["lookup"], collector.spans["store"]
    assert store.parent_span_id == lookup.span_id
    assert {a.key: a.value.int_value for a in lookup.attributes} == {"drivers": 20}


def test_a_persons_name_is_masked_and_an_error_is_recorded_by_type(collector: OtlpCollector) -> None:
    tracer = spans("pitboard", at_once=True)
    with (
        refused(),
        tracer.span("oauth_authentication", {"user": "ada@example.test", "grant": "token=hunter2"}),
    ):
        raise ValueError("password hunter2")
    span = collector.spans["oauth_authentication"]
    attributes = {a.key: a.value.string_value for a in span.attributes}
    assert attributes == {"user": "ad************st", "grant": "token=[redacted]"}
    assert span.status.message == "ValueError"
    assert b"hunter2" not in span.SerializeToString()


def test_the_invocations_xray_segment_is_the_parent(
    collector: OtlpCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "_X_AMZN_TRACE_ID", "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"
    )
    with spans("ir-drivers-prod", at_once=True).span("profile", {}):
        pass
    span = collector.spans["profile"]
    assert span.trace_id.hex() == "67891233abcdef012345678912345678"
    assert span.parent_span_id.hex() == "53995c3f42cd8ad8"


@pytest.mark.parametrize("value", ["", "none", "carrier-pigeon"])
def test_without_an_exporter_there_are_no_spans(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", value)
    made = spans("pitboard")
    assert type(made) is Spans
    with made.span("store", {}):
        pass


@pytest.mark.parametrize(("exporter", "loaded"), [("none", False), ("otlp", True)])
def test_opentelemetry_is_imported_only_when_on(exporter: str, loaded: bool) -> None:
    code = """
import sys
from pitboard.telemetry import EmfTelemetry, PrometheusTelemetry, spans
found = spans("pitboard", at_once=True)
for telemetry in (EmfTelemetry("iRacing/Lambda", "dev", spans=found), PrometheusTelemetry(found)):
    telemetry.span("store").__class__
print(any(name.startswith("opentelemetry") for name in sys.modules))
"""
    env = os.environ | {"OTEL_TRACES_EXPORTER": exporter, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == str(loaded)


def test_missing_packages_are_logged_and_turn_tracing_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert not isinstance(spans("pitboard"), OpenTelemetrySpans)
    assert "pitboard[tracing]" in caplog.text
