"""How long a function may wait for AWS. Nobody waits for longer than the function in front of it does."""

import pytest

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
