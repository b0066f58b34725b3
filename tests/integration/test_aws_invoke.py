"""One function asking another, over AWS' Invoke API on loopback."""

import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from tests.support.clock import Clock
from tests.support.lambda_runtime import LoopbackServer

from pitboard.aws import invoke
from pitboard.aws.clients import INVOKE_CONFIG
from pitboard.aws.invoke import RemoteTokens, error_answer, fingerprint
from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    Remedy,
    UnreachableError,
    UpstreamError,
)


@dataclass
class AwsEnvironment:
    """Lambda's API as a script: what it was asked for, and what it answers."""

    url: str = ""
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    answer: Any = None
    error: str = ""
    hold: threading.Event | None = None
    raw: bytes = b""

    def __call__(self, request: Any, body: bytes) -> Any:
        name = request.path.split("/")[3]
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        self.asked.append((name, kind, json.loads(body)))
        if self.hold:
            self.hold.wait(10)
        headers = {"Content-Type": "application/json"}
        if self.error:
            headers |= {"X-Amz-Function-Error" if self.status == 200 else "X-Amzn-ErrorType": self.error}
        return self.status, headers, self.raw or json.dumps(self.answer).encode()

    def client(self, service: str = "lambda") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="invented",
            aws_secret_access_key="invented",
            config=INVOKE_CONFIG,
        )


@pytest.fixture
def aws() -> Iterator[AwsEnvironment]:
    aws = AwsEnvironment(answer={"access_token": "hush-one", "expires_in": 600})
    with LoopbackServer(aws) as server:
        aws.url = server.url
        yield aws


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(aws: AwsEnvironment, clock: Clock) -> RemoteTokens:
    client = aws.client()
    return RemoteTokens(lambda: client, "ir-auth-dev:live", clock)


def soon() -> float:
    return time.monotonic() + 10


def test_a_token_is_asked_for_once_and_kept_until_shortly_before_its_end(aws, tokens, clock):
    assert [tokens.access_token(soon()) for _ in range(3)] == ["hush-one"] * 3
    clock.now += 600 - invoke.EARLY - 10.1
    tokens.access_token(soon())
    assert len(aws.asked) == 1
    clock.now += 10.2
    aws.answer = {"access_token": "hush-two", "expires_in": 600}
    assert tokens.access_token(soon()) == "hush-two"


def test_simultaneous_callers_cause_one_request_to_ir_auth(aws, tokens):
    aws.hold = threading.Event()
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(tokens.access_token, soon()) for _ in range(16)]
        aws.hold.set()
        assert {answer.result() for answer in answers} == {"hush-one"}
    assert len(aws.asked) == 1


def test_a_refused_token_is_named_by_its_fingerprint_and_never_sent(aws, tokens):
    tokens.access_token(soon())
    aws.answer = {"access_token": "hush-two", "expires_in": 600}
    assert tokens.replace("hush-one", soon()) == "hush-two"
    assert aws.asked[-1][2]["rejected"] == fingerprint("hush-one")
    assert "hush" not in json.dumps([asked[2] for asked in aws.asked])
    assert tokens.replace("hush-one", soon()) == "hush-two"
    assert len(aws.asked) == 2, "another thread has replaced it already"


@pytest.mark.parametrize("kind", [MaintenanceError, RateLimitedError, UnreachableError])
def test_an_error_of_ir_auth_is_raised_here_as_it_was_there(aws, tokens, kind):
    assert_raised_again(aws, tokens, kind("It is closed.", retry_after=7.5))


def test_a_credentials_error_of_ir_auth_keeps_its_remedy_and_its_own_sentence(aws, tokens):
    error = CredentialsError("It is closed.", Remedy.CHECK_LOGIN, retry_after=7.5)
    assert "`pitboard deploy --update-secrets`" in error_answer(error)["error"]["message"]
    assert assert_raised_again(aws, tokens, error).remedy is Remedy.CHECK_LOGIN


def assert_raised_again(aws, tokens, error: UpstreamError) -> Any:
    aws.answer = error_answer(error)
    with pytest.raises(type(error), match=r"^It is closed\.$") as caught:
        tokens.access_token(soon())
    assert type(caught.value) is type(error)
    assert caught.value.retry_after == 7.5
    return caught.value


@pytest.mark.parametrize(
    ("status", "error", "answer", "sentence"),
    [
        (200, "Unhandled", {"errorMessage": "hush"}, "ir-auth-dev:live failed; its log says why"),
        (200, "", None, "ir-auth-dev:live failed"),
        (429, "TooManyRequestsException", {"Reason": "hush"}, "ir-auth-dev:live is throttled"),
        (403, "AccessDeniedException", {"Message": "hush"}, "could not be asked for a token (AccessDenied"),
    ],
)
def test_an_error_of_an_invocation_has_none_of_its_content(aws, tokens, status, error, answer, sentence):
    aws.status, aws.error, aws.answer = status, error, answer
    with pytest.raises(UnreachableError) as caught:
        tokens.access_token(soon())
    assert sentence in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("seconds", [-100.0, -1.0, -0.01])
def test_after_the_deadline_ir_auth_is_not_asked(aws, tokens, seconds):
    with pytest.raises(UnreachableError, match="is being fetched"):
        tokens.access_token(time.monotonic() + seconds)
    assert not aws.asked


def test_who_has_less_than_a_second_is_given_a_token_all_the_same(aws, tokens):
    assert tokens.access_token(time.monotonic() + 0.9) == "hush-one"


def test_tokens_are_asked_for_again_at_different_moments(monkeypatch, aws, clock):
    """Else all functions would ask at once."""
    spread: list[tuple[float, float]] = []

    def uniform(least: float, most: float) -> float:
        spread.append((least, most))
        return most

    monkeypatch.setattr(random, "uniform", uniform)
    client = aws.client()
    tokens = RemoteTokens(lambda: client, "ir-auth-dev:live", clock)
    tokens.access_token(soon())
    assert spread == [(0.0, 10.0)]
    clock.now += 549.9
    tokens.access_token(soon())
    assert len(aws.asked) == 1
    clock.now += 0.1
    tokens.access_token(soon())
    assert len(aws.asked) == 2


def test_who_cannot_be_reached_or_gives_no_json_is_unreachable(aws, tokens, clock):
    away = boto3.client(
        "lambda",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="invented",
        aws_secret_access_key="invented",
        config=INVOKE_CONFIG,
    )
    with pytest.raises(UnreachableError, match=r"could not be asked for a token \(EndpointConnectionError\)"):
        RemoteTokens(lambda: away, "ir-auth-dev:live", clock).access_token(soon())
    aws.raw = b"<html>"
    with pytest.raises(UnreachableError, match=r"could not be asked for a token \(JSONDecodeError\)"):
        tokens.access_token(soon())


@pytest.mark.parametrize(
    ("status", "error", "after"),
    [(200, "Unhandled", 5), (429, "TooManyRequestsException", 1), (403, "No", 5)],
)
def test_after_a_failed_invocation_ir_auth_may_be_asked_again_soon(aws, tokens, status, error, after):
    aws.status, aws.error, aws.answer = status, error, {}
    with pytest.raises(UnreachableError) as caught:
        tokens.access_token(soon())
    assert caught.value.retry_after == after


def test_an_answer_without_a_token_and_without_an_error_is_unreachable(aws, tokens):
    aws.answer = {}
    with pytest.raises(UnreachableError, match=r"^ir-auth-dev:live gave no token\.$"):
        tokens.access_token(soon())
    aws.answer = {"error": {"code": "new", "message": "In words."}}
    with pytest.raises(UnreachableError, match=r"^In words\.$"):
        tokens.access_token(soon())


def test_a_token_that_is_short_lived_is_kept_for_half_its_time(aws, tokens, clock):
    aws.answer = {"access_token": "hush-one", "expires_in": 60}
    tokens.access_token(soon())
    clock.now += 29
    tokens.access_token(soon())
    assert len(aws.asked) == 1
    clock.now += 2
    tokens.access_token(soon())
    assert len(aws.asked) == 2


def test_ir_auth_is_told_how_long_its_caller_waits_and_asked_by_its_name(aws, tokens):
    tokens.access_token(time.monotonic() + 5)
    ((name, kind, event),) = aws.asked
    assert (unquote(name), kind) == ("ir-auth-dev:live", "RequestResponse")
    assert event.keys() == {"action", "seconds", "rejected"}
    assert (event["action"], event["rejected"]) == ("access_token", "")
    assert 0 < event["seconds"] <= 5


def test_while_another_asks_a_caller_waits_no_longer_than_it_may(aws, tokens):
    aws.hold = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(tokens.access_token, soon())
        while not aws.asked:
            time.sleep(0.01)
        with pytest.raises(UnreachableError, match="is being fetched") as caught:
            tokens.access_token(time.monotonic() + 0.05)
        assert caught.value.retry_after == 1
        aws.hold.set()
        assert first.result() == "hush-one"
