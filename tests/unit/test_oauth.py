"""The two OAuth grants: the request, the answer, and every documented error."""

import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from tests.support.fake_http import FakeHttp, Reply, fake_http_server

from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    Remedy,
    UnreachableError,
    UpstreamError,
)
from pitboard.iracing.credentials import BrowserClient, Credentials
from pitboard.iracing.masking import mask
from pitboard.iracing.oauth import DeniedError, Grant, OAuth
from pitboard.iracing.pauses import is_maintenance, retry_after
from pitboard.iracing.transport import NoAnswerError, Transport

CREDENTIALS = Credentials("Pit App", "client+hush/=", "Jo@Example.com", "pass&hush=")

TOKENS = {
    "access_token": "access-1",
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": "refresh-1",
    "refresh_token_expires_in": 604800,
    "scope": "iracing.auth iracing.profile",
}


@pytest.fixture
def fake_http() -> Iterator[FakeHttp]:
    with fake_http_server() as server:
        yield server


def login(fake_http: FakeHttp) -> Grant:
    return OAuth(f"{fake_http.url}/oauth2/token", Transport()).login(CREDENTIALS, time.monotonic() + 5)


def refresh(fake_http: FakeHttp) -> Grant:
    oauth = OAuth(f"{fake_http.url}/oauth2/token", Transport())
    return oauth.refresh(CREDENTIALS, "refresh+0", time.monotonic() + 5)


def answer(fake_http: FakeHttp, **reply: Any) -> None:
    fake_http.on("/oauth2/token", Reply(**reply))


class TestRequests:
    def test_a_login_sends_masked_secrets_as_a_form(self, fake_http: FakeHttp) -> None:
        answer(fake_http, json=TOKENS)
        login(fake_http)
        (got,) = fake_http.got
        assert got.method == "POST"
        assert got.headers["content-type"] == "application/x-www-form-urlencoded"
        assert got.form == {
            "grant_type": "password_limited",
            "client_id": "Pit App",
            "client_secret": mask("client+hush/=", "pit app"),
            "username": "Jo@Example.com",
            "password": mask("pass&hush=", "jo@example.com"),
            "scope": "iracing.auth",
        }

    def test_a_refresh_sends_neither_username_nor_password(self, fake_http: FakeHttp) -> None:
        answer(fake_http, json=TOKENS)
        refresh(fake_http)
        (got,) = fake_http.got
        assert set(got.form) == {"grant_type", "client_id", "client_secret", "refresh_token"}
        assert (got.form["grant_type"], got.form["refresh_token"]) == ("refresh_token", "refresh+0")

    def test_the_connection_of_a_grant_is_closed(self, fake_http: FakeHttp) -> None:
        answer(fake_http, json=TOKENS)
        login(fake_http)
        assert fake_http.got[0].headers["connection"] == "close"
        assert fake_http.got[0].headers["user-agent"].startswith("Pitboard/")

    def test_a_redirect_is_not_followed_with_the_secrets(self, fake_http: FakeHttp) -> None:
        answer(fake_http, status=307, headers={"Location": f"{fake_http.url}/elsewhere"})
        with pytest.raises(UnreachableError):
            login(fake_http)
        assert fake_http.paths == ["/oauth2/token"]


class TestAnswers:
    def test_a_grant_has_the_tokens_and_their_lifetimes(self, fake_http: FakeHttp) -> None:
        answer(fake_http, json=TOKENS)
        assert login(fake_http) == Grant("access-1", 600, "refresh-1", 604800)

    def test_the_repr_of_a_grant_holds_no_token(self) -> None:
        assert "hush" not in repr(Grant("hush-a", 600, "hush-b", 1))

    def test_an_answer_without_a_refresh_token_is_accepted(self, fake_http: FakeHttp) -> None:
        gone = ("refresh_token", "refresh_token_expires_in")
        answer(fake_http, json={k: v for k, v in TOKENS.items() if k not in gone})
        assert login(fake_http) == Grant("access-1", 600, None, None)

    @pytest.mark.parametrize("expires_in", [None, "soon", -5, True, 1e12])
    def test_an_unreadable_lifetime_counts_as_ten_minutes(
        self, fake_http: FakeHttp, expires_in: object
    ) -> None:
        answer(fake_http, json=TOKENS | {"expires_in": expires_in})
        assert login(fake_http).lifetime == 600

    @pytest.mark.parametrize("scope", [None, "", "iracing.profile", "iracing.authority", 7])
    def test_a_login_without_the_scope_is_an_error(self, fake_http: FakeHttp, scope: object) -> None:
        answer(fake_http, json=TOKENS | {"scope": scope})
        with pytest.raises(DeniedError, match=r"without the scope iracing\.auth") as caught:
            login(fake_http)
        assert (caught.value.error, caught.value.remedy) == ("missing_scope", Remedy.CHECK_ACCOUNT)

    def test_a_refresh_may_leave_the_scope_out(self, fake_http: FakeHttp) -> None:
        answer(fake_http, json=TOKENS | {"scope": None})
        assert refresh(fake_http).access_token == "access-1"

    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"[]", b"{}", b'{"access_token": 5}', b'{"access_token": "a\\r\\nX: b"}']
    )
    def test_an_answer_without_a_token_cannot_be_read(self, fake_http: FakeHttp, body: bytes) -> None:
        answer(fake_http, body=body)
        with pytest.raises(UnreachableError, match="could not be read"):
            login(fake_http)


def denial(error: str, status: int) -> dict[str, Any]:
    return {"status": status, "status_reason": "x", "error": error, "error_description": "y"}


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "status", "remedy"),
        [
            ("access_denied", 401, Remedy.CHECK_LOGIN),
            ("insufficient_scope", 403, Remedy.REGISTER_CLIENT),
            ("invalid_client", 403, Remedy.CHECK_CLIENT),
            ("invalid_client", 499, Remedy.CHECK_CLIENT),
            ("invalid_grant", 400, Remedy.CHECK_LOGIN),
            ("invalid_request", 400, Remedy.CHECK_CLIENT),
            ("invalid_scope", 400, Remedy.REGISTER_CLIENT),
            ("invalid_token", 401, Remedy.LOG_IN),
            ("unauthorized_client", 400, Remedy.CHECK_CLIENT),
            ("unsupported_grant_type", 400, Remedy.REGISTER_CLIENT),
        ],
    )
    def test_a_denial_has_its_remedy(
        self, fake_http: FakeHttp, error: str, status: int, remedy: Remedy
    ) -> None:
        answer(fake_http, status=status, json=denial(error, status))
        with pytest.raises(DeniedError) as caught:
            login(fake_http)
        assert isinstance(caught.value, CredentialsError)
        assert (caught.value.error, caught.value.remedy) == (error, remedy)
        assert "hush" not in str(caught.value)

    @pytest.mark.parametrize(
        ("status", "reply", "kind"),
        [
            (500, {"json": denial("server_error", 500)}, UnreachableError),
            (503, {"json": denial("temporarily_unavailable", 503)}, UnreachableError),
            (503, {"json": {"error": "Site Maintenance", "note": "later"}}, MaintenanceError),
            (503, {"json": {"httpCode": 503, "errorCode": "Site Maintenance"}}, MaintenanceError),
            (504, {"body": b"<html>Gateway Timeout</html>"}, UnreachableError),
            (502, {"body": b""}, UnreachableError),
            (400, {"body": b"<html>"}, UnreachableError),
            (429, {"body": b"Rate limit exceeded"}, RateLimitedError),
        ],
    )
    def test_a_temporary_failure_is_not_a_credentials_error(
        self, fake_http: FakeHttp, status: int, reply: dict[str, Any], kind: type[UpstreamError]
    ) -> None:
        answer(fake_http, status=status, **reply)
        with pytest.raises(kind) as caught:
            login(fake_http)
        assert not isinstance(caught.value, CredentialsError)

    def test_a_400_with_retry_after_is_a_rate_limit(self, fake_http: FakeHttp) -> None:
        body = denial("unauthorized_client", 400)
        answer(fake_http, status=400, json=body, headers={"Retry-After": "1234"})
        with pytest.raises(RateLimitedError, match="do not log in") as caught:
            login(fake_http)
        assert caught.value.retry_after == 1234

    def test_an_error_quotes_iracings_request_id(self, fake_http: FakeHttp) -> None:
        answer(fake_http, status=403, json=denial("invalid_client", 403), headers={"x-request-id": "ab-12"})
        with pytest.raises(DeniedError, match=r"\(iRacing's request id: ab-12\)"):
            login(fake_http)

    def test_a_refused_connection_counts_as_not_sent(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        oauth = OAuth(f"http://127.0.0.1:{port}/token", Transport())
        with pytest.raises(NoAnswerError, match="cannot be reached") as caught:
            oauth.login(CREDENTIALS, time.monotonic() + 5)
        assert not caught.value.sent

    def test_a_dropped_connection_counts_as_sent(self, fake_http: FakeHttp) -> None:
        answer(fake_http, drop=True)
        with pytest.raises(NoAnswerError, match="broke off") as caught:
            login(fake_http)
        assert caught.value.sent

    def test_a_timeout_counts_as_sent(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            oauth = OAuth(f"http://127.0.0.1:{silent.getsockname()[1]}/token", Transport())
            with pytest.raises(NoAnswerError, match="did not answer in time") as caught:
                oauth.login(CREDENTIALS, time.monotonic() + 0.1)
        assert caught.value.sent


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), (" 0 ", 0), ("1e9", 3600), ("", None), ("soon", None), ("-5", None), ("nan", None)],
)
def test_retry_after_is_read_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    soon = retry_after({"Retry-After": formatdate(time.time() + 90, usegmt=True)})
    assert soon is not None
    assert 85 <= soon <= 90
    assert retry_after({"Retry-After": formatdate(time.time() - 90, usegmt=True)}) == 0
    assert retry_after({}) is None


def test_both_shapes_of_maintenance_are_recognized() -> None:
    assert is_maintenance({"error": "Site Maintenance", "note": "later"})
    assert is_maintenance({"httpCode": 503, "errorCode": "Site Maintenance", "errorDesc": "x"})
    assert not is_maintenance({"error": "Forbidden"})
    assert not is_maintenance([])


class TestCodesAndProbes:
    def test_a_code_without_the_scope_is_an_error(self, fake_http: FakeHttp) -> None:
        answer(fake_http, json=TOKENS | {"scope": None})
        oauth = OAuth(f"{fake_http.url}/oauth2/token", Transport())
        client = BrowserClient("Pit App")
        with pytest.raises(DeniedError, match="without the scope"):
            oauth.exchange(client, "code", "verifier", "http://127.0.0.1/", time.monotonic() + 5)
        (got,) = fake_http.got
        assert got.form == {
            "client_id": "Pit App",
            "grant_type": "authorization_code",
            "code": "code",
            "code_verifier": "verifier",
            "redirect_uri": "http://127.0.0.1/",
        }

    @pytest.mark.parametrize(
        ("error", "passes"),
        [
            ("invalid_grant", True),
            ("invalid_request", True),
            ("invalid_client", False),
            ("access_denied", False),
        ],
    )
    def test_a_probe_is_answered_by_the_refusal_of_its_token_alone(
        self, fake_http: FakeHttp, error: str, passes: bool
    ) -> None:
        answer(fake_http, status=400, json={"error": error})
        oauth = OAuth(f"{fake_http.url}/oauth2/token", Transport())
        if passes:
            oauth.probe(CREDENTIALS, time.monotonic() + 5)
        else:
            with pytest.raises(DeniedError) as caught:
                oauth.probe(CREDENTIALS, time.monotonic() + 5)
            assert caught.value.error == error
        assert fake_http.got[0].form["refresh_token"] == "no-refresh-token"

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (500, "has a problem"),
            (599, "has a problem"),
            (499, "could not be read"),
            (302, "could not be read"),
        ],
    )
    def test_a_problem_of_the_service_begins_at_500(
        self, fake_http: FakeHttp, status: int, words: str
    ) -> None:
        answer(fake_http, status=status, body=b"<html>", headers={"Retry-After": "7"})
        with pytest.raises(UnreachableError, match=words) as caught:
            login(fake_http)
        assert caught.value.retry_after == (7.0 if status >= 500 else None)
