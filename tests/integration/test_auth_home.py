"""ir-auth's own part: which keeper it asks, for how long, and what it makes of errors. Doubles stand for the
keeper, the secret and the table; the real ones are in test_lambda_entry.py."""

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pitboard.aws import auth_home
from pitboard.aws.auth_home import AuthHome
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.invoke import fingerprint
from pitboard.drivers.errors import CredentialsError, MaintenanceError, Remedy, UnreachableError
from pitboard.drivers.health import Part, State
from pitboard.drivers.ports import Telemetry
from pitboard.settings import UpstreamSettings


class Keeper:
    """A token keeper as a script: `fails` are raised one after the other."""

    made: "list[Keeper]"
    fails: "list[Exception]"

    def __init__(self, documents, oauth, credentials, telemetry) -> None:
        self.credentials = credentials
        self.asked: list[tuple[Any, ...]] = []
        self.token = f"token of {credentials.password}"
        type(self).made.append(self)

    def access_token(self, deadline, may_login=True):
        self.asked.append(("access_token", deadline - time.monotonic(), may_login))
        if type(self).fails:
            raise type(self).fails.pop(0)
        return self.token

    def replace(self, rejected, deadline):
        self.asked.append(("replace", rejected))
        self.token = "another token"
        return self.token

    def status(self):
        return SimpleNamespace(expires_in=599.5)


class Aws:
    """Secrets Manager and DynamoDB: the password that the secret has now, and whether the table answers."""

    def __init__(self) -> None:
        self.password: str | None = "first"
        self.table_answers = True

    def get_secret_value(self, SecretId):  # noqa: N803 - boto's
        assert SecretId == "the secret"
        if self.password is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        value = {"client_id": "id", "client_secret": "hush", "username": "a@b", "password": self.password}
        return {"SecretString": json.dumps(value)}

    def get_item(self, **_):
        if not self.table_answers:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem")
        return {}


@pytest.fixture
def aws(monkeypatch):
    aws = Aws()
    monkeypatch.setattr(auth_home, "client", lambda _: aws)
    monkeypatch.setattr(auth_home, "TokenKeeper", Keeper)
    Keeper.made, Keeper.fails = [], []
    return aws


@pytest.fixture
def home(aws):
    settings = FunctionSettings.read({"ENVIRONMENT": "dev", "AUTH_TABLE": "t", "SECRET_NAME": "the secret"})
    return AuthHome(settings, UpstreamSettings.read({}), Telemetry())


def test_a_token_is_given_with_the_seconds_that_it_lasts(home):
    assert home.access_token({"seconds": 5}) == {"access_token": "token of first", "expires_in": 599.5}
    ((what, seconds, may_login),) = Keeper.made[0].asked
    assert (what, may_login) == ("access_token", True)
    assert 4 < seconds <= 5


@pytest.mark.parametrize(("asked", "least", "most"), [(500, 29, 30), (30, 29, 30), (None, -1, 0), (0, -1, 0)])
def test_who_asks_is_not_waited_for_longer_than_half_a_minute(home, asked, least, most):
    home.access_token({"seconds": asked})
    assert least < Keeper.made[0].asked[0][1] <= most


def test_a_token_that_was_refused_is_replaced_and_an_older_one_is_not(home):
    assert home.access_token({"rejected": fingerprint("an older one")})["access_token"] == "token of first"
    assert home.access_token({"rejected": ""})["access_token"] == "token of first"
    answer = home.access_token({"rejected": fingerprint("token of first")})
    assert answer["access_token"] == "another token"
    assert [asked[0] for asked in Keeper.made[0].asked].count("replace") == 1
    for higher in ("0" * 64, "f" * 64):
        assert home.access_token({"rejected": higher})["access_token"] == "another token"
    assert [asked[0] for asked in Keeper.made[0].asked].count("replace") == 1


def test_the_same_credentials_have_one_keeper_and_others_another(home, aws):
    home.access_token({})
    home.access_token({})
    assert len(Keeper.made) == 1
    aws.password = "second"
    Keeper.fails = [CredentialsError("refused", Remedy.CHECK_LOGIN)]
    assert home.access_token({})["access_token"] == "token of second"
    assert [keeper.credentials.password for keeper in Keeper.made] == ["first", "second"]
    aws.password = "first"
    Keeper.fails = [CredentialsError("refused", Remedy.CHECK_LOGIN)]
    assert home.access_token({})["access_token"] == "token of first"
    assert len(Keeper.made) == 3


def test_refused_credentials_that_have_not_changed_are_told(home):
    Keeper.fails = [CredentialsError("refused", Remedy.CHECK_LOGIN)]
    error = home.access_token({})["error"]
    assert (error["code"], error["happened"], error["remedy"]) == ("credentials", "refused", "check_login")
    assert len(Keeper.made[0].asked) == 1


def test_an_error_of_the_second_try_is_told_in_place_of_the_first(home, aws):
    home.access_token({})
    aws.password = "second"
    Keeper.fails = [
        CredentialsError("refused", Remedy.CHECK_LOGIN),
        MaintenanceError("Later.", retry_after=9),
    ]
    error = home.access_token({})["error"]
    assert (error["code"], error["retry_after"]) == ("maintenance", 9)


def test_other_errors_are_told_and_the_secret_is_not_read_again(home):
    Keeper.fails = [UnreachableError("No answer.", retry_after=3)]
    error = home.access_token({})["error"]
    assert (error["code"], error["retry_after"]) == ("unreachable", 3)
    assert "No answer." in error["message"]


def test_the_schedule_renews_and_never_logs_in(home):
    assert home.refresh_token_now({}) == {"expires_in": 599}
    ((what, seconds, may_login),) = Keeper.made[0].asked
    assert (what, may_login) == ("access_token", False)
    assert 7 < seconds <= 8
    Keeper.fails = [UnreachableError("No answer.")]
    assert home.refresh_token_now({})["error"]["code"] == "unreachable"


def test_health_looks_at_table_secret_and_token(home, monkeypatch):
    monkeypatch.setattr(auth_home, "token_part", lambda *_: Part(True, "A token is held."))
    health = home.health()
    assert (health.state, list(health.checks)) == (State.HEALTHY, ["store", "secret", "token"])
    assert health.checks["store"] == {"ok": True, "detail": "The table answers."}
    assert health.checks["secret"] == {"ok": True, "detail": "The secret is complete."}


@pytest.mark.parametrize("missing", ["store", "secret"])
def test_without_the_table_or_the_secret_known_drivers_cannot_be_served(home, aws, missing):
    aws.table_answers = missing != "store"
    aws.password = None if missing == "secret" else "first"
    health = home.health()
    assert (health.state, list(health.checks)) == (State.UNHEALTHY, ["store", "secret"])
    assert {name: check["ok"] for name, check in health.checks.items()} == {
        "store": missing != "store",
        "secret": missing != "secret",
    }
    assert Keeper.made == []
