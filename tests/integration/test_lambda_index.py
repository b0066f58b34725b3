"""The driver index in AWS: ir-index refreshes it, ir-drivers and ir-custid answer from it. Under Lambda's own
runtime client, with the simulator as iRacing and moto as AWS."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.lambda_runtime import LambdaFunctions, LoopbackServer, gateway_event, lambda_functions

from pitboard.simulator import Population, Simulator

LISTS = 5


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(Population(1_000), latency=0.01, link_latency=0.005) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def running(simulator: Simulator) -> Iterator[LambdaFunctions]:
    """The functions, after the first refresh."""
    with lambda_functions(simulator) as running:
        kind, answer = running.functions["index"].invoke({"action": "refresh_index"})
        assert kind == "response"
        assert answer["drivers"] > 100
        yield running


def ask(running: LambdaFunctions, names: list[str], options: str = "&profile=0") -> dict[str, Any]:
    names = [quote(name) for name in names]
    asked = gateway_event("GET", f"/drivers?name={'&name='.join(names)}{options}")
    outcome, answer = running.functions["drivers"].invoke(asked)
    assert outcome == "response"
    assert answer["statusCode"] == 200
    found: dict[str, Any] = json.loads(answer["body"])
    return found


def ranks(found: dict[str, Any]) -> list[dict[str, int]]:
    licences = [licence for one in found.values() for licence in one["member_info"]["licenses"]]
    rated = [licence for licence in licences if licence.get("irating")]
    assert all("rank" in licence for licence in rated)
    return [licence["rank"] for licence in rated]


def test_twenty_authors_never_asked_for_are_there_without_a_call_and_fresh_after_one(running, simulator):
    drivers = simulator.population.sample(20, seed=41)
    names = [driver.display_name for driver in drivers]
    before = simulator.calls.count(service="data")
    found = ask(running, names)
    for driver in drivers:
        one = found[driver.display_name]
        assert one["cust_id"] == driver.cust_id
        assert (one["_meta"]["source"], one["_meta"]["state"]) == ("index", "partial")
    assert all(1 <= rank["world"] <= rank["of"] for rank in ranks(found))
    assert len(ranks(found)) >= 20
    deadline = time.monotonic() + 30
    while any(one["_meta"]["source"] == "index" for one in found.values()):
        assert time.monotonic() < deadline
        found = ask(running, names)
    assert simulator.calls.count(service="data") == before + 1
    assert simulator.calls.select(service="data")[-1].endpoint == "member/get"
    assert len(ranks(found)) >= 20


def test_the_index_answers_for_an_id_without_a_call(running, simulator):
    driver = simulator.population.sample(30, seed=43)[-1]
    before = len(simulator.calls)
    _, answer = running.functions["custid"].invoke(
        gateway_event("GET", f"/custid?name={quote(driver.display_name)}")
    )
    assert json.loads(answer["body"]) == {
        "custid": str(driver.cust_id),
        "name": driver.display_name,
        "origin": "index",
    }
    assert len(simulator.calls) == before


def test_a_refresh_costs_one_call_a_list_and_writes_nothing_when_nothing_changed(running, simulator):
    before = simulator.calls.count(service="data")
    function = running.functions["index"]
    seen = len(function.log)
    _, answer = function.invoke({"action": "refresh_index"})
    assert simulator.calls.count(service="data") == before + LISTS
    assert (answer["written"], answer["deleted"]) == (0, 0)
    written = function.written('"IndexRefreshes"', seen).splitlines()
    line = next(json.loads(text) for text in written if '"IndexRefreshes"' in text)
    assert (line["outcome"], line["IndexRefreshes"], line["Environment"]) == ("whole", 1, "dev")


def test_one_refresh_runs_at_a_time(running, simulator):
    key = {"name": {"S": "LEASE:INDEX"}}
    table = running.tables["DRIVERS_TABLE"]
    held = {**key, "owner": {"S": "another"}, "until": {"N": str(time.time() + 60)}}
    running.dynamodb.put_item(TableName=table, Item=held)
    before = len(simulator.calls)
    _, answer = running.functions["index"].invoke({"action": "refresh_index"})
    assert answer["error"]["code"] == "busy"
    assert len(simulator.calls) == before
    running.dynamodb.put_item(TableName=table, Item={**held, "until": {"N": str(time.time() - 1)}})
    _, answer = running.functions["index"].invoke({"action": "refresh_index"})
    assert answer["drivers"]
    assert "Item" not in running.dynamodb.get_item(TableName=table, Key=key), "it was given up"


def test_while_iracing_is_down_the_index_stays_and_the_failure_is_told(running, simulator):
    function = running.functions["index"]
    seen = len(function.log)
    simulator.faults.set("maintenance", True)
    _, answer = function.invoke({"action": "refresh_index"})
    assert answer["error"]["code"] == "maintenance"
    assert "the driver index was not refreshed" in function.written('"IndexRefreshes"', seen)
    (driver,) = simulator.population.sample(1, seed=47)
    found = ask(running, [driver.display_name], "&profile=0&wait=0")
    assert found[driver.display_name]["cust_id"] == driver.cust_id


@contextmanager
def gateway(running: LambdaFunctions, status: int = 0) -> Iterator[LoopbackServer]:
    """The API's address as the heartbeat sees it: /health answers, the rest are ir-drivers' answers, or all
    have this status."""

    def answer(request: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if status or request.path == "/dev/health":
            return status or 200, {}, b"{}"
        target = request.path.removeprefix("/dev")
        kind, got = running.functions["drivers"].invoke(gateway_event("GET", target))
        assert kind == "response"
        return got["statusCode"], {}, got["body"].encode()

    with LoopbackServer(answer) as server:
        yield server


def beat(running: LambdaFunctions, url: str) -> Any:
    kind, answer = running.functions["index"].invoke({"action": "heartbeat", "url": url})
    assert kind == "response"
    return answer


def test_a_heartbeat_looks_a_driver_up_through_the_api(running):
    with gateway(running) as server:
        assert beat(running, f"{server.url}/dev/") == {"healthy": True}


def test_a_heartbeat_fails_when_the_api_answers_with_errors_or_not_at_all(running):
    with gateway(running, 503) as server:
        assert beat(running, f"{server.url}/dev/") == {"healthy": False}
    assert beat(running, "http://127.0.0.1:9/dev/") == {"healthy": False}
    log = running.functions["index"].log
    assert "the heartbeat failed: GET /health was answered with 503" in log
