"""How long ir-auth keeps the secret, and what a change of it does."""

import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.support.clock import Clock

from pitboard.aws.secret import Secret, parse
from pitboard.drivers.errors import CredentialsError, Remedy, UnreachableError, UpstreamError
from pitboard.telemetry.logs import SECRETS


class SecretsManager:
    """A client that gives the secret as it is now, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.password = "first"

    def get_secret_value(self, SecretId):  # noqa: N803 - boto's
        self.asked += 1
        value = {"client_id": "id", "client_secret": "hush", "username": "a@b", "password": self.password}
        return {"SecretString": json.dumps(value)}


def test_a_password_that_was_changed_is_used_five_minutes_later_at_the_latest():
    client, clock = SecretsManager(), Clock(1000.0)
    secret = Secret(lambda: client, "iRacing/OAuth/Credentials", clock)
    assert secret.credentials().password == "first"
    client.password = "second"
    clock.now += 300
    assert secret.credentials().password == "first"
    assert client.asked == 1
    clock.now += 1
    assert secret.credentials().password == "second"
    clock.now += 299
    assert secret.credentials().password == "second"
    assert client.asked == 2


def test_a_changed_secret_is_told_and_used_at_once():
    client, clock = SecretsManager(), Clock(1000.0)
    secret = Secret(lambda: client, "iRacing/OAuth/Credentials", clock)
    secret.credentials()
    assert not secret.changed()
    client.password = "second"
    assert secret.changed()
    assert secret.credentials().password == "second"
    assert client.asked == 3


class Broken:
    """A client that fails."""

    def __init__(self, error):
        self._error = error

    def get_secret_value(self, SecretId):  # noqa: N803 - boto's
        if isinstance(self._error, Exception):
            raise self._error
        return self._error


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "a secret detail"}}, "GetSecretValue")


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (refused("ResourceNotFoundException"), CredentialsError, "does not exist or has no value yet"),
        (refused("AccessDeniedException"), CredentialsError, "The role may not read the secret"),
        (refused("InternalServiceError"), UnreachableError, "could not be read (InternalServiceError)"),
        (EndpointConnectionError(endpoint_url="a"), UnreachableError, "could not be read (EndpointConn"),
        ({}, UnreachableError, "could not be read (KeyError)"),
        ({"SecretString": "{hush"}, CredentialsError, "is not JSON"),
        ({"SecretString": "[]"}, CredentialsError, "is not a JSON object"),
        (
            {"SecretString": '{"client_id": "hush", "username": 5, "password": ""}'},
            CredentialsError,
            "lacks cl",
        ),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_without_its_content(answer, kind, sentence):
    secret = Secret(lambda: Broken(answer), "iRacing/OAuth/Credentials")
    with pytest.raises(kind) as caught:
        secret.credentials()
    assert str(caught.value).startswith("The ")
    assert sentence in str(caught.value)
    assert "secret iRacing/OAuth/Credentials" in str(caught.value)
    assert "detail" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_what_has_to_be_done_about_a_secret_and_when_to_ask_again():
    remedies = {}
    for code in ("ResourceNotFoundException", "AccessDeniedException", "InternalServiceError"):
        client = Broken(refused(code))
        with pytest.raises(UpstreamError) as caught:
            Secret(lambda client=client: client, "name").credentials()  # type: ignore[misc]
        remedies[code] = getattr(caught.value, "remedy", caught.value.retry_after)
    assert remedies == {
        "ResourceNotFoundException": Remedy.SET_CREDENTIALS,
        "AccessDeniedException": Remedy.FIX_PERMISSIONS,
        "InternalServiceError": 5,
    }


def test_all_that_a_secret_lacks_is_named():
    with pytest.raises(CredentialsError, match=r"It lacks client_secret, username, password\.$"):
        parse('{"client_id": "a", "username": 5, "password": ""}', "It")


def test_what_was_read_is_hidden_in_every_log():
    value = {"client_id": "id-7fd1", "client_secret": "hush-7fd1", "username": "u-7fd1", "password": "p-7fd1"}
    Secret(lambda: Broken({"SecretString": json.dumps(value)}), "name").credentials()
    for text in value.values():
        assert text not in SECRETS.text(f"It is {text}.")
