"""Renewals by the queue: what pages send, and what an invocation makes of it. SQS and DynamoDB are moto's."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import boto3
import pytest
import urllib3
from tests.support.clock import Clock
from tests.support.lambda_runtime import (
    LambdaFunctions,
    LoopbackServer,
    gateway_event,
    lambda_functions,
    queue_event,
)
from tests.support.stores import moto_endpoint

from pitboard.aws import renewals
from pitboard.aws.clients import QUEUE_CONFIG
from pitboard.aws.renewals import QueueRenewals
from pitboard.drivers.errors import StoreError
from pitboard.drivers.service import BACKGROUND_SECONDS, MOST_NAMES
from pitboard.simulator import Simulator

HTTP = urllib3.PoolManager()


# --- what is sent


@pytest.fixture(scope="module")
def sqs() -> Iterator[Any]:
    with moto_endpoint() as endpoint:
        yield boto3.client(
            "sqs",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="invented",
            aws_secret_access_key="invented",
            config=QUEUE_CONFIG,
        )


def sent(sqs: Any, queue: str) -> list[Any]:
    found: list[Any] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
    return found


def test_a_page_sends_one_message_and_each_name_once_in_a_while(sqs):
    queue = sqs.create_queue(QueueName="pages")["QueueUrl"]
    clock = Clock(100.0)
    pages = QueueRenewals(lambda: sqs, queue, clock)
    pages.enqueue(["Ann Tester", "Bo Demo", "Ann Tester"])
    pages.enqueue(["Bo Demo", "Cy Invented"], profiles=True)
    pages.enqueue(["Cy Invented"])
    clock.now += renewals.SENT_AGAIN_AFTER
    pages.enqueue(["Bo Demo"], soon=True)
    assert sorted(sent(sqs, queue), key=str) == sorted(
        [
            {"names": ["Ann Tester", "Bo Demo"], "profiles": False},
            {"names": ["Cy Invented"], "profiles": True},
            {"names": ["Bo Demo"], "profiles": False},
        ],
        key=str,
    )


def test_a_renewal_that_cannot_be_sent_is_no_readers_trouble(sqs, caplog):
    QueueRenewals(lambda: sqs, f"{sqs.meta.endpoint_url}/000000000000/gone").enqueue(["Ann Tester"])
    assert "A renewal of 1 names could not be sent (" in caplog.text
    assert "Ann" not in caplog.text


def test_without_names_no_client_is_made():
    def client() -> Any:
        raise AssertionError

    QueueRenewals(client, "https://queue.invalid").enqueue([])


# --- what an invocation makes of it


class Renewing:
    """Takes the calls of `DriverService.renew`. After `fails` calls the store fails."""

    def __init__(self, fails: int = 99) -> None:
        self.calls: list[tuple[list[str], set[str]]] = []
        self._fails = fails

    def renew(self, names, profiles):
        if len(self.calls) >= self._fails:
            raise StoreError("The table is throttled.")
        self.calls.append((list(names), set(profiles)))


def message(identity: str, *names: object, profiles: object = False, body: str | None = None) -> Any:
    text = json.dumps({"names": names, "profiles": profiles}) if body is None else body
    return {"MessageId": identity, "Body": text}


def failures(service: Any, *messages: Any, seconds: float = 75.0) -> list[str]:
    answer = renewals.renew(service, queue_event(*messages)["Records"], seconds)
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_names_of_many_pages_are_renewed_together_fifty_to_a_call_popular_ones_first():
    crowd = [message(f"m{n}", f"Driver {n}") for n in range(1, 81)]
    popular = [message(f"p{n}", "Driver 80", "Driver 79") for n in range(3)]
    service = Renewing()
    assert failures(service, *crowd, *popular) == []
    (first, second) = service.calls
    assert first[0][:2] == ["Driver 79", "Driver 80"]
    assert (len(first[0]), len(second[0])) == (50, 30)
    assert {*first[0], *second[0]} == {f"Driver {n}" for n in range(1, 81)}


def test_of_a_message_with_more_names_than_a_page_has_the_first_fifty_are_renewed():
    service = Renewing()
    assert failures(service, message("long", *(f"Driver {n}" for n in range(MOST_NAMES + 30)))) == []
    assert service.calls == [([f"Driver {n}" for n in range(MOST_NAMES)], set())]


def test_a_profile_is_renewed_when_one_page_wants_it():
    service = Renewing()
    failures(service, message("a", "Ann", "Bo"), message("b", "Ann", profiles=True))
    assert service.calls == [(["Ann", "Bo"], {"Ann"})]


def test_only_messages_with_names_that_the_store_kept_from_being_renewed_come_again():
    messages = [message(f"m{n}", *(f"Driver {n}.{m}" for m in range(25))) for n in range(4)]
    assert failures(Renewing(1), *messages) == ["m2", "m3"]
    assert failures(Renewing(0), *messages) == ["m0", "m1", "m2", "m3"]


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"names": 5, "profiles": true}', '{"names": ["Ann"]}', "null"]
)
def test_a_message_that_cannot_be_read_is_told_and_does_not_come_again(body, caplog):
    service = Renewing()
    assert failures(service, message("bad", body=body), message("good", "Bo", 5, None)) == []
    assert service.calls == [(["Bo"], set())]
    assert "cannot be read" in caplog.text
    assert "Ann" not in caplog.text


def test_an_invocation_ends_in_time_and_what_it_did_not_get_to_does_not_come_again():
    messages = [message(f"m{n}", *(f"Driver {n}.{m}" for m in range(50))) for n in range(3)]
    service = Renewing()
    assert failures(service, *messages, seconds=BACKGROUND_SECONDS) == []
    assert len(service.calls) == 1


# --- the real function


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
