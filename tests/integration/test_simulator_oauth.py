"""The simulated token endpoint, checked against iRacing's OAuth documentation."""

import base64
import hashlib
import json

import pytest
from tests.support.simulator_client import FORM, login_form, plain_client

from pitboard.simulator import Client
from pitboard.simulator.faults import OAUTH_STATUS
from pitboard.simulator.oauth import masked


@pytest.fixture
def client():
    with plain_client() as client:
        yield client


def refused(answer, status, error, *, retry_after=False):
    """Checks the whole documented error body."""
    document = answer.json()
    assert (answer.status, document["status"], document["error"]) == (status, status, error)
    assert document["status_reason"]
    assert document["error_description"]
    assert document["error_uri"].endswith("/errors.html")
    assert ("Retry-After" in answer.headers) == retry_after
    return document


def test_a_login_gives_tokens_with_their_lifetimes_and_scope(client):
    answer = client.login()
    document = answer.json()
    assert answer.status == 200
    assert document["token_type"] == "Bearer"
    assert (document["expires_in"], document["refresh_token_expires_in"]) == (600, 7 * 86400)
    assert document["scope"] == "iracing.auth"
    header, _claims, signature = document["access_token"].split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==="))["alg"]
    assert signature
    assert client.simulator.client.password not in answer.data.decode()
    assert answer.headers["x-request-id"]
    assert answer.headers["RateLimit-Limit"] == "12"
    assert answer.headers["RateLimit-Remaining"] == "11"
    assert 3590 <= int(answer.headers["RateLimit-Reset"]) <= 3600


def test_the_username_may_be_written_in_any_case_and_with_spaces_around(client):
    member = client.simulator.client
    written = f"  {member.username.upper()} "
    assert client.login(username=written, password=masked(member.password, written)).status == 200


@pytest.mark.parametrize("field", ["grant_type", "client_id", "client_secret", "username", "password"])
def test_every_field_is_needed(client, field):
    form = login_form(client.simulator.client)
    del form[field]
    document = refused(client.token_call(form), 400, "invalid_request")
    assert document["error_description"] == f"{field} missing"


@pytest.mark.parametrize(
    ("secret", "identifier", "expected"),
    [
        ("SuperSecretPassword", "test.user@example.com", "nXmEFCdpHheD1R3XBVkm6VQavR7ZLbW7SRmzo/MfFso="),
        ("Secret-Client-Password", "UnitTestApp", "D2GfmYK/nC8zeQPkpV2uGkk13hL0/LTQH44hiJKawCo="),
        ("MyPassWord", "CLunky@iracing.Com", "xGKecAR27ALXNuMLsGaG0v5Q9pSs2tZTZRKNgmHMg+Q="),
    ],
)
def test_the_simulator_masks_as_other_clients_do(secret, identifier, expected):
    assert masked(secret, identifier) == expected


def test_an_unmasked_or_wrongly_masked_secret_is_refused(client):
    known = client.simulator.client
    digest = hashlib.sha256((known.secret + known.id).encode()).digest()
    wrong = [
        known.secret,
        digest.hex(),
        base64.urlsafe_b64encode(digest).decode().replace("=", ""),
        base64.b64encode(hashlib.sha256((known.id + known.secret).encode()).digest()).decode(),
        masked(known.secret + "x", known.id),
    ]
    for secret in wrong:
        document = refused(client.login(client_secret=secret), 403, "invalid_client")
        assert document["status_reason"] == "Unauthorized"


def test_url_safe_base64_is_refused():
    # The digest of these has a plus and a slash, so that the two alphabets differ.
    with plain_client(client=Client(id="a", secret="s1")) as client:
        secret = masked("s1", "a")
        swapped = secret.translate(str.maketrans("+/", "-_"))
        assert swapped != secret
        refused(client.login(client_secret=swapped), 403, "invalid_client")
        assert client.login().status == 200


def test_a_masked_secret_that_is_not_percent_encoded_is_another_secret():
    with plain_client(client=Client(id="a", secret="s1")) as client:
        form = login_form(client.simulator.client)
        assert "+" in form["client_secret"]
        unencoded = "&".join(f"{key}={value}" for key, value in form.items())
        refused(client.token_call(unencoded), 403, "invalid_client")


def test_a_wrong_username_or_password_is_an_invalid_grant(client):
    refused(client.login(password=client.simulator.client.password), 400, "invalid_grant")
    refused(client.login(password=masked("guess", client.simulator.client.username)), 400, "invalid_grant")
    refused(client.login(username="somebody@example.invalid"), 400, "invalid_grant")


def test_an_unknown_client_an_unknown_grant_and_an_unknown_scope_are_refused(client):
    refused(client.login(client_id="nobody"), 400, "unauthorized_client")
    refused(client.login(grant_type="password"), 400, "unsupported_grant_type")
    refused(client.login(scope="iracing.everything"), 400, "invalid_scope")


def test_only_a_post_with_a_form_is_accepted(client):
    form = login_form(client.simulator.client)
    refused(client.token_call(form, content_type="application/json"), 400, "invalid_request")
    refused(client.token_call(json.dumps(form), content_type=FORM), 400, "invalid_request")
    refused(client.token_call("grant_type=a&grant_type=b"), 400, "invalid_request")
    answer = client.token_call(form, method="GET")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    elsewhere = client.simulator.oauth_url.replace("/token", "/elsewhere")
    assert client.request("POST", elsewhere).status == 404


def test_the_13th_login_in_an_hour_is_refused_with_retry_after(client):
    answers = [client.login() for _ in range(12)]
    assert [answer.status for answer in answers] == [200] * 12
    assert [int(answer.headers["RateLimit-Remaining"]) for answer in answers] == list(range(11, -1, -1))
    answer = client.login()
    refused(answer, 400, "unauthorized_client", retry_after=True)
    wait = int(answer.headers["Retry-After"])
    assert 3590 <= wait <= 3600
    client.simulator.clock.advance(wait)
    assert client.login().status == 200


def test_failed_logins_count_against_the_limit_and_refreshes_do_not(client):
    refresh_token = client.login().json()["refresh_token"]
    client.simulator.set_logins_left(1)
    for _ in range(3):
        answer = client.refresh(refresh_token)
        assert answer.status == 200
        refresh_token = answer.json()["refresh_token"]
    refused(client.login(password="wrong"), 400, "invalid_grant")
    refused(client.login(), 400, "unauthorized_client", retry_after=True)
    assert client.refresh(refresh_token).status == 200


def test_a_refresh_gives_new_tokens(client):
    first = client.login().json()
    second = client.refresh(first["refresh_token"]).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == "iracing.auth"


def test_a_refresh_token_used_twice_ends_the_whole_session_and_no_other(client):
    first, other = client.login().json(), client.login().json()
    second = client.refresh(first["refresh_token"]).json()
    refused(client.refresh(first["refresh_token"]), 400, "invalid_grant")
    refused(client.refresh(second["refresh_token"]), 400, "invalid_grant")
    for token, status in ((first, 401), (second, 401), (other, 200)):
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        assert client.api("constants/categories", bearer).status == status
    assert client.refresh(other["refresh_token"]).status == 200


def test_tokens_expire_at_the_stated_time(client):
    client.simulator.faults.access_lifetime = 30.0
    client.simulator.faults.refresh_lifetime = 60.0
    tokens = client.login().json()
    assert (tokens["expires_in"], tokens["refresh_token_expires_in"]) == (30, 60)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    client.simulator.clock.advance(29)
    assert client.api("constants/categories", bearer).status == 200
    client.simulator.clock.advance(1)
    assert client.api("constants/categories", bearer).status == 401
    client.simulator.clock.advance(30)
    refused(client.refresh(tokens["refresh_token"]), 400, "invalid_grant")


def test_tokens_of_revoked_sessions_are_refused(client):
    tokens = client.login().json()
    client.simulator.revoke_sessions()
    refused(client.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.api("constants/categories", bearer).status == 401


def test_a_disabled_client_an_inactive_account_and_maintenance_have_their_errors(client):
    faults = client.simulator.faults
    refresh_token = client.login().json()["refresh_token"]
    faults.client_disabled = True
    refused(client.login(), 403, "invalid_client")
    refused(client.refresh(refresh_token), 403, "invalid_client")
    faults.clear()
    faults.account_inactive = True
    refused(client.login(), 400, "invalid_grant")
    refused(client.refresh(refresh_token), 400, "invalid_grant")
    faults.clear()
    faults.oauth_maintenance = True
    refused(client.login(), 503, "temporarily_unavailable")


def test_a_token_without_the_scope_is_refused_by_the_data_api(client):
    client.simulator.faults.withhold_scope = True
    tokens = client.login().json()
    assert "scope" not in tokens
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.api("constants/categories", bearer).status == 403


def test_a_token_answer_may_come_without_a_refresh_token(client):
    client.simulator.faults.refresh_tokens = False
    tokens = client.login().json()
    assert not {"refresh_token", "refresh_token_expires_in"} & set(tokens)


@pytest.mark.parametrize(
    ("error", "status"), [(error, status) for error, (status, _) in OAUTH_STATUS.items()]
)
def test_every_documented_error_can_be_set(client, error, status):
    client.simulator.faults.add("status", "token", error=error)
    refused(client.login(), status, error)
    assert client.login().status == 200


def test_the_call_log_holds_no_secret(client):
    tokens = client.login().json()
    client.refresh(tokens["refresh_token"])
    logged = repr(list(client.simulator.calls))
    form = login_form(client.simulator.client)
    for secret in (form["client_secret"], form["password"], form["username"], *map(str, tokens.values())):
        assert secret in ("Bearer", "600", "604800", "iracing.auth") or secret not in logged
    assert client.simulator.calls.count("token", status=200) == 2
    assert [call.parameters["grant_type"] for call in client.simulator.calls] == [
        "password_limited",
        "refresh_token",
    ]
