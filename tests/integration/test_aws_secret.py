"""How long ir-auth keeps the secret, and what a change of it does."""

import json

from tests.support.clock import Clock

from pitboard.aws.secret import Secret


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
    clock.now += 299
    assert secret.credentials().password == "first"
    assert client.asked == 1
    clock.now += 2
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
