"""Renewals by the queue in the real function. What is sent, and what an invocation makes of it, is in
test_renewals.py. SQS and DynamoDB are moto's."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import urllib3
from tests.support.lambda_runtime import (
    LambdaFunctions,
    LoopbackServer,
    gateway_event,
    lambda_functions,
    queue_event,
)

from pitboard.simulator import Simulator

HTTP = urllib3.PoolManager()


def message(identity: str, *names: object, profiles: object = False, body: str | None = None) -> Any:
    text = json.dumps({"names": names, "profiles": profiles}) if body is None else body
    return {"MessageId": identity, "Body": text}


class Breakable:
    """Passes requests on to moto, or refuses those for DynamoDB."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.broken = False

    def __call__(self, request: Any, body: bytes) -> Any:
        if self.broken and "DynamoDB" in request.headers["X-Amz-Target"]:
            answer = json.dumps({"__type": "AccessDeniedException", "message": "No."}).encode()
            return 400, {"Content-Type": "application/x-amz-json-1.0"}, answer
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        got = HTTP.request("POST", self._url + request.path, body=body, headers=headers)
        kept = {k: v for k, v in got.headers.items() if k.lower() in ("content-type", "x-amz-crc32")}
        return got.status, kept, got.data


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(latency=0.01, link_latency=0.005) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def breakable(simulator: Simulator) -> Iterator[tuple[LambdaFunctions, Breakable]]:
    proxies: list[Breakable] = []
    servers: list[LoopbackServer] = []

    def between(kind: str, url: str) -> str:
        if kind != "drivers":
            return url
        proxies.append(Breakable(url))
        servers.append(LoopbackServer(proxies[0]))
        servers[0].__enter__()
        return servers[0].url

    with lambda_functions(simulator, between) as running:
        yield running, proxies[0]
    servers[0].__exit__()


@pytest.fixture
def running(breakable):
    return breakable[0]


def test_the_names_of_an_event_are_stored(running, simulator):
    drivers = simulator.population.sample(60, seed=5)[-12:]
    names = [driver.display_name for driver in drivers]
    messages = [message(str(n), *names[n : n + 3]) for n in range(10)]
    assert running.functions["drivers"].invoke(queue_event(*messages)) == (
        "response",
        {"batchItemFailures": []},
    )
    before = len(simulator.calls)
    asked = "&".join(f"name={quote(name)}" for name in names)
    _, answer = running.functions["drivers"].invoke(gateway_event("GET", f"/drivers?{asked}&profile=0"))
    found = json.loads(answer["body"])
    assert [found[driver.display_name]["cust_id"] for driver in drivers] == [d.cust_id for d in drivers]
    assert len(simulator.calls) == before


def test_a_pending_driver_comes_by_the_queue(running, simulator):
    driver = simulator.population.sample(80, seed=13)[-1]
    asked = gateway_event("GET", f"/drivers?name={quote(driver.display_name)}&wait=0")
    function = running.functions["drivers"]
    deadline = time.monotonic() + 30
    first = json.loads(function.invoke(asked)[1]["body"])[driver.display_name]
    assert first["code"] == "pending"
    while "cust_id" not in (seen := json.loads(function.invoke(asked)[1]["body"])[driver.display_name]):
        assert time.monotonic() < deadline
    assert seen["cust_id"] == driver.cust_id


def test_messages_come_again_when_the_table_could_not_be_read(breakable, simulator):
    running, proxy = breakable
    driver = simulator.population.sample(90, seed=17)[-1]
    proxy.broken = True
    function, seen = running.functions["drivers"], len(running.functions["drivers"].log)
    asked = message("lost", driver.display_name, profiles=True)
    _, answer = function.invoke(queue_event(asked, message("bad", body="?")))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "lost"}]}
    running.sqs.send_message(QueueUrl=running.queue, MessageBody=asked["Body"])
    log = function.written("renewals come again later", seen)
    assert driver.display_name not in log
    proxy.broken = False
    request = gateway_event("GET", f"/drivers?name={quote(driver.display_name)}&wait=0&profile=0")
    deadline = time.monotonic() + 30
    while "cust_id" not in json.loads(function.invoke(request)[1]["body"])[driver.display_name]:
        assert time.monotonic() < deadline
