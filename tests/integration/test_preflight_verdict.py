"""What the check before traffic asks and what it tells CodeDeploy. Doubles stand for AWS; real versions are
checked in test_preflight.py."""

import io
import json

import botocore.session
import pytest
from botocore.exceptions import ReadTimeoutError

from pitboard.aws import preflight


class Aws:
    """Lambda, DynamoDB and CodeDeploy: what they are asked, and what the version answers."""

    def __init__(self) -> None:
        self.names: list[str] | Exception = ["Ann Tester"]
        self.answers: list[object] = [{"statusCode": 200}]
        self.error = ""
        self.asked: list[dict[str, object]] = []
        self.verdicts: list[dict[str, str]] = []

    def scan(self, **request):
        assert request["TableName"] == "ids"
        if isinstance(self.names, Exception):
            raise self.names
        return {"Items": [{}, *({"shown": {"S": name}} for name in self.names)]}

    def invoke(self, FunctionName, Payload):  # noqa: N803 - boto's
        assert FunctionName == "the version"
        self.asked.append(json.loads(Payload))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        error = {"FunctionError": self.error} if self.error else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **error}

    def put_lifecycle_event_hook_execution_status(self, **verdict):
        self.verdicts.append(verdict)

    def create_client(self, service):
        assert service == "codedeploy"
        return self


@pytest.fixture
def aws(monkeypatch):
    aws = Aws()
    monkeypatch.setattr(preflight, "client", lambda _: aws)
    monkeypatch.setattr(botocore.session, "get_session", lambda: aws)
    monkeypatch.setenv("VERSION", "the version")
    monkeypatch.setenv("CUSTID_TABLE", "ids")
    return aws


def verdict(aws, monkeypatch, kind):
    monkeypatch.setenv("KIND", kind)
    event = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "hook-1"}
    preflight.lambda_handler(event, None)
    ((told),) = aws.verdicts
    assert (told["deploymentId"], told["lifecycleEventHookExecutionId"]) == ("d-1", "hook-1")
    return told["status"]


@pytest.mark.parametrize(
    ("kind", "requests"),
    [
        ("auth", [("GET", "/health", None), ("POST", "/auth", None)]),
        ("custid", [("GET", "/custid", {"name": "Ann Tester", "wait": "0"})]),
        ("drivers", [("GET", "/drivers", {"name": "Ann Tester", "wait": "0", "profile": "0"})]),
    ],
)
def test_a_version_is_asked_what_a_reader_asks(aws, monkeypatch, kind, requests):
    assert verdict(aws, monkeypatch, kind) == "Succeeded"
    asked = [(one["httpMethod"], one["path"], one["queryStringParameters"]) for one in aws.asked]
    assert asked == requests
    for one in aws.asked:
        assert one["isBase64Encoded"] is False
        assert one["requestContext"]["httpMethod"] == one["httpMethod"]
        single, many = one["queryStringParameters"], one["multiValueQueryStringParameters"]
        assert many == (single and {key: [value] for key, value in single.items()})


def test_without_an_index_nobody_is_asked_for(aws, monkeypatch):
    aws.names = []
    assert verdict(aws, monkeypatch, "drivers") == "Succeeded"
    assert aws.asked[0]["queryStringParameters"]["name"] == preflight.NOBODY


@pytest.mark.parametrize("status", [200, 404, 499, 501, 503])
def test_an_answer_that_is_meant_is_no_defect(aws, monkeypatch, status):
    aws.answers = [{"statusCode": status}]
    assert verdict(aws, monkeypatch, "custid") == "Succeeded"


@pytest.mark.parametrize("answer", [{"statusCode": 500}, {"statusCode": None}, {}, [], "text", None])
def test_a_defect_and_what_is_no_answer_fail_the_version(aws, monkeypatch, caplog, answer):
    aws.answers = [answer]
    assert verdict(aws, monkeypatch, "custid") == "Failed"
    assert "the version failed its check before traffic: /custid gave " in caplog.text
    assert "Ann" not in caplog.text


def test_a_function_error_fails_the_version_whatever_its_answer_says(aws, monkeypatch):
    aws.error = "Unhandled"
    assert verdict(aws, monkeypatch, "drivers") == "Failed"


def test_a_version_that_cannot_be_asked_fails_and_is_reported(aws, monkeypatch, caplog):
    """Without a report CodeDeploy waits for an hour."""
    aws.answers = [ReadTimeoutError(endpoint_url="the version")]
    assert verdict(aws, monkeypatch, "drivers") == "Failed"
    assert "the version could not be checked before traffic" in caplog.text


def test_without_the_table_the_version_fails_and_is_reported(aws, monkeypatch):
    aws.names = ReadTimeoutError(endpoint_url="the table")
    assert verdict(aws, monkeypatch, "custid") == "Failed"
    assert not aws.asked


def test_the_first_request_that_fails_is_enough(aws, monkeypatch):
    aws.answers = [{"statusCode": 500}, {"statusCode": 200}]
    assert verdict(aws, monkeypatch, "auth") == "Failed"
    assert len(aws.asked) == 1


def test_a_version_that_is_well_leaves_no_line_in_the_log(aws, monkeypatch, caplog):
    assert verdict(aws, monkeypatch, "auth") == "Succeeded"
    assert not caplog.records
