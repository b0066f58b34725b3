"""Renewals by the queue: what pages send, and what an invocation makes of it. SQS is moto's."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from tests.support.clock import Clock
from tests.support.lambda_runtime import queue_event
from tests.support.stores import moto_endpoint

from pitboard.aws import renewals
from pitboard.aws.clients import QUEUE_CONFIG
from pitboard.aws.renewals import QueueRenewals
from pitboard.drivers.errors import StoreError
from pitboard.drivers.service import BACKGROUND_SECONDS, MOST_NAMES

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


def test_an_invocation_that_has_time_goes_on_until_five_seconds_before_its_end(monkeypatch):
    clock = Clock(1000.0)
    monkeypatch.setattr(renewals, "time", SimpleNamespace(monotonic=clock))

    class Slow(Renewing):
        def renew(self, names, profiles):
            super().renew(names, profiles)
            clock.now += 10

    messages = [message(f"m{n}", *(f"Driver {n}.{m}" for m in range(50))) for n in range(9)]
    service = Slow()
    assert failures(service, *messages, seconds=BACKGROUND_SECONDS + 5 + 20) == []
    assert len(service.calls) == 3, "the third may take all the time there is"
    assert failures(service, *messages, seconds=BACKGROUND_SECONDS + 5 + 19.9) == []
    assert len(service.calls) == 3 + 2


def test_a_name_may_be_sent_again_a_minute_later(sqs):
    queue = sqs.create_queue(QueueName="minutes", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
    clock = Clock(100.0)
    pages = QueueRenewals(lambda: sqs, queue, clock)
    pages.enqueue(["Ann Tester"])
    clock.now += 59.9
    pages.enqueue(["Ann Tester"])
    assert len(sent(sqs, queue)) == 1
    clock.now += 0.1
    pages.enqueue(["Ann Tester"])
    assert sent(sqs, queue) == [{"names": ["Ann Tester"], "profiles": False}]
    clock.now += 30
    pages.enqueue(["Bo Demo"])
    clock.now += 30
    pages.enqueue(["Ann Tester", "Bo Demo"])
    assert [one["names"] for one in sent(sqs, queue)] == [["Bo Demo"], ["Ann Tester"]]
