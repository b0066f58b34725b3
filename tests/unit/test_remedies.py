"""Each home words the remedies of errors about credentials."""

import pytest

from pitboard.aws import remedies as aws
from pitboard.drivers.errors import CredentialsError, MaintenanceError, Remedy
from pitboard.iracing.oauth import DeniedError
from pitboard.iracing.token_state import TokenState
from pitboard.local import remedies as local

HOMES = {"local": local, "aws": aws}


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("remedy", Remedy)
def test_every_remedy_is_a_sentence_with_a_command(home: str, remedy: Remedy) -> None:
    sentence = HOMES[home].SENTENCES[remedy]
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "`pitboard " in sentence


@pytest.mark.parametrize("remedy", Remedy)
def test_no_home_names_what_only_the_other_one_has(remedy: Remedy) -> None:
    assert "pitboard deploy" not in local.SENTENCES[remedy]
    assert "pitboard login" not in aws.SENTENCES[remedy]
    assert "PITBOARD_" not in aws.SENTENCES[remedy]


def test_the_remedy_follows_what_happened() -> None:
    error = CredentialsError("iRacing refused the login.", Remedy.LOG_IN)
    assert str(error) == "iRacing refused the login."
    assert local.worded(error) == "iRacing refused the login. Run `pitboard login`."


def test_other_errors_have_no_remedy() -> None:
    for home in HOMES.values():
        assert home.worded(MaintenanceError("iRacing is in maintenance.")) == "iRacing is in maintenance."


def test_another_process_can_word_a_kept_refusal() -> None:
    denied = DeniedError("iRacing refused the login.", Remedy.CHECK_LOGIN, error="invalid_grant")
    kept = TokenState().login_failed(denied, "fingerprint", 1000.0).document()
    refusal = TokenState.parse(kept).login_refusal(2000.0, "fingerprint")
    assert refusal is not None
    assert aws.worded(refusal) == f"iRacing refused the login. {aws.SENTENCES[Remedy.CHECK_LOGIN]}"


def test_a_refusal_without_a_known_remedy_can_be_worded() -> None:
    for code in ("", "of_a_newer_version"):
        kept = {"refused_why": "No.", "refused_fingerprint": "f", "refused_remedy": code}
        refusal = TokenState.parse(kept).login_refusal(2000.0, "f")
        assert refusal is not None
        assert local.worded(refusal).startswith("No. ")
