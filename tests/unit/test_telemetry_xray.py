"""Subsegments reach X-Ray's daemon as it reads them, and only for invocations that are sampled."""

import json
import socket
from collections.abc import Iterator

import pytest

from pitboard.telemetry.spans import Spans
from pitboard.telemetry.tracing import spans

SAMPLED = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{receiver.getsockname()[1]}")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED)
        monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
        yield receiver


def received(daemon: socket.socket) -> dict[str, object]:
    header, document = daemon.recv(65_536).split(b"\n", 1)
    assert json.loads(header) == {"format": "json", "version": 1}
    found: dict[str, object] = json.loads(document)
    return found


def test_a_span_is_a_subsegment_of_the_invocation(daemon: socket.socket) -> None:
    with spans("ir-auth").span("oauth_authentication", {"grant": "refresh_token"}):
        pass
    found = received(daemon)
    assert (found["name"], found["type"]) == ("oauth_authentication", "subsegment")
    assert found["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert found["parent_id"] == "53995c3f42cd8ad8"
    assert len(str(found["id"])) == 16
    assert float(str(found["start_time"])) <= float(str(found["end_time"]))
    assert found["annotations"] == {"grant": "refresh_token"}
    assert "fault" not in found


def test_an_error_is_a_fault_without_its_text_and_a_name_is_masked(daemon: socket.socket) -> None:
    with (
        pytest.raises(ValueError, match="hunter2"),
        spans("ir-auth").span("upstream", {"username": "ada@example.test"}),
    ):
        raise ValueError("hunter2")
    found = received(daemon)
    assert found["fault"] is True
    assert found["annotations"] == {"username": "ad************st"}
    assert "hunter2" not in json.dumps(found)


def test_an_invocation_that_is_not_sampled_sends_nothing(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = spans("ir-auth")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED.replace("Sampled=1", "Sampled=0"))
    with tracer.span("store", {}):
        pass
    monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED)
    with tracer.span("upstream", {}):
        pass
    assert received(daemon)["name"] == "upstream"


def test_without_a_daemon_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_XRAY_DAEMON_ADDRESS", raising=False)
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    assert type(spans("ir-auth")) is Spans
