"""The entry points under Lambda's own runtime client: direct invocations, errors, metrics, logs.

The routes are tested by tests/contract/test_http_contract.py.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.lambda_runtime import (
    MEASURED,
    InitError,
    LambdaFunction,
    LambdaFunctions,
    gateway_event,
    lambda_functions,
)

from pitboard.aws.invoke import fingerprint
from pitboard.drivers.budget import hashed
from pitboard.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(latency=0.01, link_latency=0.005) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def running(simulator: Simulator) -> Iterator[LambdaFunctions]:
    with lambda_functions(simulator) as running:
        yield running


def token_of(running: LambdaFunctions, **options: object) -> Any:
    kind, answer = running.functions["auth"].invoke({"action": "access_token", "seconds": 10, **options})
    assert kind == "response"
    return answer


def drivers_event(simulator: Simulator, count: int, seed: int) -> Any:
    names = ",".join(quote(d.display_name) for d in simulator.population.sample(count, seed=seed))
    return gateway_event("GET", f"/drivers?names={names}")


def test_ir_auth_gives_the_other_functions_a_token_and_its_lifetime(running):
    answer = token_of(running)
    assert set(answer) == {"access_token", "expires_in"}
    assert 0 < answer["expires_in"] <= 600
    assert token_of(running)["access_token"] == answer["access_token"]


def test_a_rejected_token_that_was_just_issued_is_not_replaced(running):
    held = token_of(running)["access_token"]
    assert token_of(running, rejected=fingerprint("an older one"))["access_token"] == held
    answer = token_of(running, rejected=fingerprint(held))
    assert answer["error"]["code"] == "credentials"
    assert held not in json.dumps(answer)


def test_the_schedule_renews_the_token_and_does_not_get_it(running):
    token_of(running)
    kind, answer = running.functions["auth"].invoke({"action": "refresh_token_now"})
    assert kind == "response"
    assert set(answer) == {"expires_in"}


@pytest.mark.parametrize("kind", ["auth", "custid", "drivers", "index"])
def test_every_function_answers_a_ping_and_refuses_unknown_actions(running, kind):
    function = running.functions[kind]
    assert function.invoke({"action": "ping"}) == ("response", {"healthy": True})
    for strange in ({"action": "reveal"}, {}, {"action": ["access_token"]}):
        outcome, answer = function.invoke(strange)
        assert outcome == "response"
        assert answer["error"]["code"] == "refused"


def test_ir_custid_answers_a_direct_invocation_like_its_route(running, simulator):
    (driver,) = simulator.population.sample(1, seed=3)
    function = running.functions["custid"]
    found = function.invoke({"action": "custid", "name": driver.display_name})[1]
    assert found == {"custid": str(driver.cust_id), "name": driver.display_name, "origin": "iRacing"}
    assert function.invoke({"action": "custid", "name": "Nobody At All"})[1]["error"]["code"] == "not_found"
    assert function.invoke({"action": "custid"})[1]["error"]["code"] == "invalid_name"


def test_metrics_are_written_before_the_function_is_frozen(running, simulator):
    function = running.functions["drivers"]
    seen = len(function.log)
    event = drivers_event(simulator, 2, 3)
    event["requestContext"]["requestId"] = "r-1"
    _, answer = function.invoke(event)
    assert answer["headers"]["x-request-id"] == "r-1"
    log = function.written('"Requests"', seen)
    lines = [json.loads(line) for line in log.splitlines() if '"_aws"' in line]
    (requests,) = [line for line in lines if "Requests" in line]
    assert requests["route"] == "/drivers"
    assert requests["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "iRacing/Lambda"
    assert requests["Environment"] == "dev"
    assert {line["request_id"] for line in lines} == {"r-1"}


def leases(running: LambdaFunctions) -> list[str]:
    items = running.dynamodb.scan(TableName=running.tables["DRIVERS_TABLE"], ConsistentRead=True)["Items"]
    keys = [item["name"]["S"] for item in items]
    assert "DOCUMENT:BUDGET" in keys
    return [key for key in keys if key.startswith("LEASE:")]


def test_a_plan_ends_before_the_answer_after_which_the_function_is_frozen(running, simulator):
    """Else it would stand still, with its leases held."""
    token_of(running)
    name = quote(simulator.population.sample(100, seed=23)[-1].display_name)
    simulator.faults.add("hang", "lookup/drivers", times=1000)
    try:
        _, answer = running.functions["drivers"].invoke(
            gateway_event("GET", f"/drivers?name={name}&profile=0&wait=1.5")
        )
        assert leases(running) == []
    finally:
        simulator.faults.clear()
    ((found),) = json.loads(answer["body"]).values()
    assert found["code"] in ("pending", "unavailable")


def test_no_log_holds_a_token_a_secret_or_a_name(running, simulator):
    token = token_of(running)["access_token"]
    drivers = simulator.population.sample(3, seed=3)
    running.functions["drivers"].invoke(drivers_event(simulator, 3, 3))
    running.functions["auth"].invoke(gateway_event("POST", "/auth", body=b'{"test": true}'))
    written = "".join(function.log for function in running.functions.values())
    assert written
    for text in (token, simulator.client.secret, simulator.client.password):
        assert text not in written
    for driver in drivers:
        assert driver.display_name not in written


def test_before_the_first_token_auth_says_how_to_get_one_and_makes_no_login(simulator):
    with lambda_functions(simulator) as running:
        before = len(simulator.calls)
        _, answer = running.functions["auth"].invoke(gateway_event("POST", "/auth"))
        assert answer["statusCode"] == 503
        assert "A look-up gets one: run `pitboard verify`." in json.loads(answer["body"])["detail"]
        assert len(simulator.calls) == before


def test_a_changed_secret_is_read_again_when_the_old_one_is_refused(simulator):
    with lambda_functions(simulator) as running:
        value = json.loads(running.secrets.get_secret_value(SecretId=running.secret)["SecretString"])
        wrong = json.dumps({**value, "password": "not-the-password"})
        running.secrets.put_secret_value(SecretId=running.secret, SecretString=wrong)
        error = token_of(running)["error"]
        assert error["code"] == "credentials"
        assert "`pitboard deploy --update-secrets`" in error["message"]
        running.secrets.put_secret_value(SecretId=running.secret, SecretString=json.dumps(value))
        assert token_of(running)["access_token"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{broken", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"client_id": "a", "client_secret": "hush-hush"}', "lacks username, password"),
        (
            '{"client_id": "a", "client_secret": "hush-hush", "username": "u", "password": ""}',
            "lacks password",
        ),
    ],
)
def test_an_unusable_secret_is_reported_without_its_content(simulator, text, sentence):
    with lambda_functions(simulator) as running:
        running.secrets.put_secret_value(SecretId=running.secret, SecretString=text)
        answer = token_of(running)
        assert sentence in answer["error"]["message"]
        assert "--update-secrets" in answer["error"]["message"]
        assert "hush" not in json.dumps(answer)
        _, health = running.functions["auth"].invoke(gateway_event("GET", "/health"))
        assert health["statusCode"] == 503
        assert sentence in json.loads(health["body"])["checks"]["secret"]["detail"]
        assert "hush" not in running.functions["auth"].log


def test_a_function_without_its_variables_fails_at_start_and_names_one(running):
    auth = running.functions["auth"]
    lost = LambdaFunction(auth.handler, {}, auth.package)
    with pytest.raises(InitError, match="ENVIRONMENT is not set"), lost:
        pass


@pytest.mark.skipif(bool(MEASURED), reason="counting branches takes time, too")
def test_a_warm_page_of_twenty_known_names_costs_at_most_15_ms_over_the_store(running, simulator):
    """The store's own time is that of the same batch, read from this process."""
    asked = drivers_event(simulator, 20, 7)
    function = running.functions["drivers"]
    _, answer = function.invoke(asked)
    while '"pending"' in answer["body"] or '"partial"' in answer["body"]:
        _, answer = function.invoke(asked)
    keys = [{"name": {"S": name.lower()}} for name in json.loads(answer["body"])]
    wanted = {running.tables["DRIVERS_TABLE"]: {"Keys": keys, "ConsistentRead": True}}
    store, whole = [], []
    for _ in range(20):
        store.append(milliseconds(lambda: running.dynamodb.batch_get_item(RequestItems=wanted)))
        whole.append(milliseconds(lambda: function.invoke(asked)))
    # Other programs only add to a time, so the least is the function's own.
    assert min(whole) - min(store) <= 15, f"{min(whole):.1f} ms, of which the store takes {min(store):.1f}"


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def clients_in_the_budget(running: LambdaFunctions) -> dict[str, float]:
    """How many calls each client has used of its share, as the shared budget knows it."""
    key = {"name": {"S": "DOCUMENT:BUDGET"}}
    item = running.dynamodb.get_item(TableName=running.tables["DRIVERS_TABLE"], Key=key, ConsistentRead=True)
    clients: dict[str, float] = json.loads(item["Item"]["value"]["S"])["clients"]
    return clients


def test_a_clients_share_goes_by_the_address_that_the_gateway_sees(simulator):
    """API Gateway puts the connection's address into requestContext.identity.sourceIp, and passes headers on
    as the client sent them. Source: its guide, "Input format of a Lambda function for proxy integration"."""
    asks = [
        ("192.0.2.1", {}, "192.0.2.1"),
        ("192.0.2.1", {"X-Forwarded-For": "203.0.113.77"}, "192.0.2.1"),
        (
            "192.0.2.1",
            {"x-forwarded-for": "198.51.100.1, 1.2.3.4", "Forwarded": "for=1.2.3.4"},
            "192.0.2.1",
        ),
        ("192.0.2.2", {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1"}, "192.0.2.2"),
        ("2001:db8:1:2::1", {}, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", {}, "2001:db8:1:2::/64"),
    ]
    known = {hashed(network) for *_, network in asks}
    simulator.set_calls_left(240)  # the tests of a process share its window
    drivers = simulator.population.sample(200, seed=71)[-7 * len(asks) :]
    with lambda_functions(simulator) as running:
        for number, (source, headers, network) in enumerate(asks):
            # More names than calls are left of a block that another client's request took.
            names = [quote(driver.display_name) for driver in drivers[7 * number :][:7]]
            target = f"/drivers?name={'&name='.join(names)}&profile=0"
            running.functions["drivers"].invoke(gateway_event("GET", target, headers, source=source))
            clients = set(clients_in_the_budget(running))
            assert hashed(network) in clients
            assert clients <= known
