"""One page's trace: each span once, all in one trace, and no driver's name in them."""

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra `tracing`")

from tests.support.local_server import Backend
from tests.support.otlp_collector import otlp_collector

from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.settings import Settings
from pitboard.simulator import Simulator
from pitboard.telemetry import PrometheusTelemetry, spans

STEPS = ["lookup", "member_get", "oauth_authentication", "profile", "store"]


def test_a_page_of_one_unknown_driver_is_one_trace_without_its_name(monkeypatch, tmp_path):
    with otlp_collector() as collector, Simulator(latency=0.0, link_latency=0.0) as simulator:
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        environment = simulator.environment() | {"PITBOARD_DB": str(tmp_path / "p.sqlite3")}
        tracer = spans("pitboard")
        driver = Backend("", simulator, ()).drivers(1)[0]
        settings, credentials = Settings.read(environment), find(environment)
        with LocalHome(settings, credentials, PrometheusTelemetry(tracer)) as home, tracer.span("page", {}):
            home.service.page([driver.display_name], 8.0)
        tracer.flush()
    assert sorted(collector.names) == sorted([*STEPS, "page", *["upstream"] * 3])
    page = collector.spans["page"]
    assert {span.trace_id for span in collector.spans.values()} == {page.trace_id}
    assert collector.spans["oauth_authentication"].parent_span_id == collector.spans["lookup"].span_id
    sent = b"".join(span.SerializeToString() for span in collector.spans.values())
    assert driver.display_name.encode() not in sent
    assert str(driver.cust_id).encode() not in sent
