"""How long a function may wait for AWS. Nobody waits for longer than the function in front of it does."""

import io

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from pitboard.aws.auth_home import LONGEST_WAIT
from pitboard.aws.clients import INVOKE_CONFIG, PATIENT_CONFIG, QUEUE_CONFIG, SECRETS_CONFIG, client
from pitboard.stores.dynamodb import CLIENT_CONFIG


def longest(config):
    """Seconds until the client has given up, without its pauses."""
    return (config.connect_timeout + config.read_timeout) * config.retries["total_max_attempts"]


@pytest.mark.parametrize(
    ("config", "seconds"),
    [(CLIENT_CONFIG, 6), (QUEUE_CONFIG, 6), (SECRETS_CONFIG, 18), (PATIENT_CONFIG, 105), (INVOKE_CONFIG, 74)],
    ids=["tables", "queue", "secret", "tables of a refresh", "ir-auth"],
)
def test_a_client_gives_up_in_time(config, seconds):
    assert longest(config) == seconds
    assert config.retries["mode"] == "standard"


def test_ir_auth_has_read_its_secret_before_its_callers_give_up_and_may_wait_as_long_as_it_does():
    assert longest(SECRETS_CONFIG) < LONGEST_WAIT < INVOKE_CONFIG.read_timeout


def test_a_client_is_made_once_and_for_a_table_also_a_patient_one(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "invented")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client.cache_clear()
    try:
        quick, patient = client("dynamodb"), client("dynamodb", patient=True)
        assert client("dynamodb") is quick
        assert client("dynamodb", patient=True) is patient
        assert (quick.meta.config.read_timeout, patient.meta.config.read_timeout) == (2, 20)
        assert client("sqs").meta.config.connect_timeout == 1
        assert client("secretsmanager").meta.config.read_timeout == 4
        assert client("lambda").meta.config.read_timeout == 35
    finally:
        client.cache_clear()


ASKED: dict[str, dict[str, dict[str, object]]] = {
    "dynamodb": {
        "batch_get_item": {"RequestItems": {"t": {"Keys": [{"name": {"S": "a"}}]}}},
        "batch_write_item": {"RequestItems": {"t": [{"DeleteRequest": {"Key": {"name": {"S": "a"}}}}]}},
        "delete_item": {"TableName": "t", "Key": {"name": {"S": "a"}}},
        "get_item": {"TableName": "t", "Key": {"name": {"S": "a"}}},
        "put_item": {"TableName": "t", "Item": {"name": {"S": "a"}}},
        "scan": {"TableName": "t"},
    },
    "lambda": {"invoke": {"FunctionName": "f", "Payload": b"{}"}},
    "secretsmanager": {"get_secret_value": {"SecretId": "s"}},
    "sqs": {"send_message": {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/1/q", "MessageBody": "b"}},
}
"""What the functions call, as `infra.bundle.OPERATIONS` lists it."""


@pytest.mark.parametrize("service", ASKED)
def test_a_client_sends_what_botocores_own_sends_and_takes_its_answer_alike(service, monkeypatch):
    """The session leaves out handlers for other services: none of them may be one that these need."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "ir-drivers-dev")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "invented")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client.cache_clear()
    try:
        ours = client(service)
        theirs = botocore.session.get_session().create_client(service, config=ours.meta.config)
        for operation, arguments in ASKED[service].items():
            assert sent(ours, operation, arguments) == sent(theirs, operation, arguments)
    finally:
        client.cache_clear()


def sent(one, operation, arguments):
    """Method, address, headers and body of a request, and what is made of its answer: of a refusal with SQS'
    header for those who know its older protocol."""
    seen = []

    def answer(request, **_):
        headers = {name.lower(): value for name, value in request.headers.items()}
        varying = ("x-amz-date", "authorization", "amz-sdk-invocation-id", "user-agent")
        told = {name: value for name, value in headers.items() if name not in varying}
        assert "x-amzn-trace-id" in told
        seen.append((request.method, request.url, told, request.body))
        refusal = {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
        return AWSResponse(request.url, 400, refusal, Raw(b'{"__type": "com.amazonaws#QueueDoesNotExist"}'))

    one.meta.events.register("before-send", answer)
    try:
        with pytest.raises(ClientError) as refused:
            getattr(one, operation)(**arguments)
    finally:
        one.meta.events.unregister("before-send", answer)
    return seen, refused.value.response["Error"], type(refused.value).__name__


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_):
        yield self.read()
