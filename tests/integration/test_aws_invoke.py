"""One function asking another, over AWS' Invoke API on loopback."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

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

    def __call__(self, request: Any, body: bytes) -> Any:
        name = request.path.split("/")[3]
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        self.asked.append((name, kind, json.loads(body)))
        if self.hold:
            self.hold.wait(10)
        headers = {"Content-Type": "application/json"}
        if self.error:
            headers |= {"X-Amz-Function-Error" if self.status == 200 else "X-Amzn-ErrorType": self.error}
        return self.status, headers, json.dumps(self.answer).encode()

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


def test_after_the_deadline_ir_auth_is_not_asked(aws, tokens):
    with pytest.raises(UnreachableError):
        tokens.access_token(time.monotonic() - 1)
    assert not aws.asked
