"""Masking of secrets: examples that other clients publish, and its rules."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers.errors import CredentialsError
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.masking import mask

UTF_8 = st.text(alphabet=st.characters(codec="utf-8"))


@pytest.mark.parametrize(
    ("secret", "identifier", "masked"),
    [
        ("SuperSecretPassword", "test.user@example.com", "nXmEFCdpHheD1R3XBVkm6VQavR7ZLbW7SRmzo/MfFso="),
        ("Secret-Client-Password", "UnitTestApp", "D2GfmYK/nC8zeQPkpV2uGkk13hL0/LTQH44hiJKawCo="),
        ("red4life", "louis@ferrari.com", "K3j4XfB2QoZYXLJH9eo5ZY2aC2fJ16MVwt7DD2uZJtw="),
        ("MyPassWord", "CLunky@iracing.Com", "xGKecAR27ALXNuMLsGaG0v5Q9pSs2tZTZRKNgmHMg+Q="),
    ],
)
def test_masks_equal_those_of_other_clients(secret: str, identifier: str, masked: str) -> None:
    assert mask(secret, identifier) == masked


@given(UTF_8, UTF_8)
def test_a_mask_is_the_standard_base64_of_a_sha256(secret: str, identifier: str) -> None:
    masked = mask(secret, identifier)
    assert len(masked) == 44
    expected = hashlib.sha256((secret + identifier.strip().lower()).encode()).digest()
    assert base64.b64decode(masked, validate=True) == expected


@given(UTF_8)
def test_the_identifier_is_trimmed_and_lower_cased_and_the_secret_is_not(secret: str) -> None:
    assert mask(secret, "  Jo@Example.com\n") == mask(secret, "jo@example.com")
    assert mask(f" {secret}", "a") != mask(secret, "a")


CREDENTIALS = Credentials("app", "hush-client", "jo@example.com", "hush-pass")


def test_the_repr_of_credentials_holds_no_secret() -> None:
    assert "hush" not in repr(CREDENTIALS)
    assert "jo@example.com" not in repr(CREDENTIALS)


@pytest.mark.parametrize("part", ["client_id", "client_secret", "username", "password"])
def test_a_fingerprint_changes_with_each_part(part: str) -> None:
    parts = {"client_id": "app", "client_secret": "s", "username": "u", "password": "p"}
    assert Credentials(**parts).fingerprint() == Credentials(**parts).fingerprint()
    assert Credentials(**parts | {part: "other"}).fingerprint() != Credentials(**parts).fingerprint()


def test_missing_credentials_are_named_by_their_setting() -> None:
    with pytest.raises(CredentialsError, match=r"missing: PITBOARD_CLIENT_SECRET, PITBOARD_PASSWORD\.$"):
        Credentials("app", "", "jo@example.com", "").check()
