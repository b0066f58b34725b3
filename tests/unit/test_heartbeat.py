"""What the heartbeat asks, and what it makes of the answers: real requests to a server on loopback."""

import pytest
from tests.support.fake_http import FakeHttp, Reply, fake_http_server
from tests.support.waiting import wait_until

from pitboard.aws import heartbeat
from pitboard.aws.heartbeat import Heartbeat
from pitboard.drivers.ports import Telemetry
from pitboard.iracing.transport import Transport


class Counts(Telemetry):
    def __init__(self) -> None:
        self.counted: list[tuple[str, dict[str, str]]] = []

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        self.counted.append((metric, labels))


@pytest.fixture
def api():
    with fake_http_server() as server:
        server.on("/dev/health", Reply(json={}))
        server.on("/dev/drivers", Reply(json={"Ann Tester": {}}))
        yield server


def beat(api: FakeHttp, name: str = "Ann Tester", end: str = "/dev") -> tuple[bool, str]:
    """Whether all was well, and the outcome that was counted."""
    telemetry = Counts()
    answer = Heartbeat(lambda: name, Transport(), telemetry).beat({"url": api.url + end})
    ((metric, labels),) = telemetry.counted
    assert metric == "heartbeats"
    return answer["healthy"], labels["outcome"]


@pytest.mark.parametrize("end", ["/dev", "/dev/"])
def test_health_and_a_known_driver_are_asked_for_and_nothing_is_waited_for(api, end):
    assert beat(api, end=end) == (True, "ok")
    assert [got.path for got in api.got] == ["/dev/health", "/dev/drivers"]
    assert api.got[1].query == {"name": "Ann Tester", "profile": "0", "wait": "0"}


def test_without_an_index_health_is_enough(api):
    assert beat(api, name="") == (True, "ok")
    assert [got.path for got in api.got] == ["/dev/health"]


def test_a_name_is_sent_whole(api):
    api.on("/dev/drivers", Reply(json={"Ann/Bo & Cy": {}}))
    assert beat(api, name="Ann/Bo & Cy") == (True, "ok")
    assert api.got[1].query["name"] == "Ann/Bo & Cy"


@pytest.mark.parametrize(
    ("path", "reply", "trouble"),
    [
        ("/dev/health", Reply(503, json={}), "GET /health was answered with 503"),
        ("/dev/health", Reply(drop=True), "GET /health got no answer"),
        ("/dev/drivers", Reply(502, json={}), "GET /drivers was answered with 502"),
        ("/dev/drivers", Reply(201, json={}), "GET /drivers was answered with 201"),
        ("/dev/drivers", Reply(drop=True), "GET /drivers got no answer"),
        ("/dev/drivers", Reply(json={"Bo Demo": {}}), "GET /drivers lacks the driver who was asked for"),
    ],
)
def test_what_fails_is_told_without_a_name(api, caplog, path, reply, trouble):
    api.on(path, reply)
    assert beat(api) == (False, "failed")
    assert caplog.messages[-1] == f"the heartbeat failed: {trouble}"
    assert "Ann" not in caplog.text


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(api, monkeypatch):
    monkeypatch.setattr(heartbeat, "SECONDS", 0.1)
    api.on("/dev/health", Reply(hold=api.stop))
    assert beat(api) == (False, "failed")
    wait_until(lambda: [got.path for got in api.got] == ["/dev/health"])


def test_a_heartbeat_that_cannot_be_read_counts_as_failed(api):
    api.on("/dev/drivers", Reply(body=b"<html>"))
    telemetry = Counts()
    with pytest.raises(ValueError, match="Expecting value"):
        Heartbeat(lambda: "Ann Tester", Transport(), telemetry).beat({"url": f"{api.url}/dev"})
    assert telemetry.counted == [("heartbeats", {"outcome": "failed"})]
