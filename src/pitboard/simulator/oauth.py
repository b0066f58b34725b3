"""The OAuth service: the token endpoint with its two grants, its limits and its errors.

Source: iRacing's OAuth book (token endpoint, errors, access tokens) and what clients have seen of it.
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from pitboard.simulator.calls import Call, Calls
from pitboard.simulator.clock import Clock, Window
from pitboard.simulator.faults import OAUTH_STATUS, Fault, Faults, Kind, spoil
from pitboard.simulator.wire import Request, Response, json_response

AUTH_SCOPE, PROFILE_SCOPE = "iracing.auth", "iracing.profile"
LOGINS_AN_HOUR = 12
CODE_SECONDS = 60.0
"""Seconds for which an authorization code can be exchanged. A guess; iRacing does not say."""


_LOGIN_PAGE = b"""<!doctype html><html lang="en"><title>Log in (simulated)</title>
<form method="post"><p>Pitboard wants to see iRacing's data as you.</p><button>Agree</button></form></html>"""
"""It is sent to the address that it came from, so the query stays."""


@dataclass(frozen=True, slots=True)
class Client:
    """The OAuth client and the member it is registered for. All invented.

    With a `redirect_uri` it is registered for the authorization code grant instead of the password grant;
    without a secret it is a public client.
    """

    id: str = "pitboard-demo"
    secret: str = field(default="demo-secret/not+real=", repr=False)
    username: str = "Demo.Host@example.invalid"
    password: str = field(default="demo-password", repr=False)
    redirect_uri: str = ""


class OAuthError(Exception):
    """A refusal in OAuth's words."""

    def __init__(self, error: str, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.retry_after = retry_after


@dataclass(slots=True)
class Session:
    """What grew from one login: the tokens that are valid now. `revoked` ends them all."""

    scope: str
    revoked: bool = False


@dataclass(slots=True)
class _Token:
    session: Session
    expires: float
    used: bool = False


@dataclass(slots=True)
class _Code:
    scope: str
    challenge: str
    method: str
    expires: float


class OAuthService:
    """Grants tokens to one client for one member. Runs in the simulator's event loop."""

    def __init__(self, client: Client, faults: Faults, clock: Clock, calls: Calls) -> None:
        self._client = client
        self._faults = faults
        self._clock = clock
        self._calls = calls
        self.logins = Window(LOGINS_AN_HOUR, 3600)
        self._access: dict[str, _Token] = {}
        self._refresh: dict[str, _Token] = {}
        self._codes: dict[str, _Code] = {}

    def session(self, access_token: str) -> Session | None:
        """The session of a valid access token, else None."""
        token = self._access.get(access_token)
        if token is None or token.session.revoked or self._clock.now() >= token.expires:
            return None
        return token.session

    def revoke_all(self) -> None:
        """Ends every session, as the account page can."""
        for token in self._refresh.values():
            token.session.revoked = True
        for token in self._access.values():
            token.session.revoked = True

    async def handle(self, request: Request) -> Response:
        """Answers one request to the service."""
        endpoint = "token" if request.path == "/oauth2/token" else request.path
        if request.path == "/oauth2/authorize":
            return self._authorized(request)
        form = _form(request)
        shown = {key: value for key, value in form.items() if key in ("grant_type", "client_id", "scope")}
        call = Call(
            self._clock.now(), "oauth", endpoint, request.method, shown, "authorization" in request.headers
        )
        self._calls.add(call)
        response = self._answer(request, form)
        response.headers |= {
            "x-request-id": str(uuid.uuid4()),
            "Cache-Control": "no-store",
            "RateLimit-Limit": str(self.logins.limit),
            "RateLimit-Remaining": str(self.logins.remaining),
            "RateLimit-Reset": str(max(0, round(self.logins.resets - self._clock.now()))),
        }
        call.status = response.seen
        return response

    def _answer(self, request: Request, form: dict[str, str]) -> Response:
        fault = self._faults.due("token")
        self.logins.look(self._clock.now())
        if fault and fault.kind is Kind.STATUS:
            return _injected(fault)
        if request.path != "/oauth2/token":
            return json_response({"status": 404, "status_reason": "Not Found"}, 404)
        if request.method != "POST":
            response = _refusal(OAuthError("invalid_request", "method must be POST"), 405)
            response.headers["Allow"] = "POST"
            return response
        try:
            response = json_response(self._grant(request, form))
        except OAuthError as error:
            response = _refusal(error)
        return spoil(response, fault) if fault else response

    def _authorized(self, request: Request) -> Response:
        """The authorize endpoint. A browser gets a page with a button; any other client is taken for a member
        who agrees at once. `faults.login_declined`: he declines. Source: iRacing's OAuth book (authorize
        endpoint)."""
        query = dict(request.query)
        known = self._client.redirect_uri and query.get("redirect_uri") == self._client.redirect_uri
        if query.get("client_id") != self._client.id or not known:
            return _refusal(OAuthError("unauthorized_client", "client_id or redirect_uri is not known"))
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return Response(200, _LOGIN_PAGE, {"Content-Type": "text/html; charset=utf-8"})
        answer = {"state": query["state"]} if "state" in query else {}
        if query.get("response_type") != "code" or not query.get("code_challenge"):
            answer["error"] = "invalid_request"
        elif self._faults.login_declined:
            answer["error"] = "access_denied"
        else:
            answer["code"] = code = secrets.token_urlsafe(24)
            method = query.get("code_challenge_method", "plain")
            end = self._clock.now() + CODE_SECONDS
            self._codes[code] = _Code(query.get("scope", ""), query["code_challenge"], method, end)
        return Response(302, b"", {"Location": f"{self._client.redirect_uri}?{urlencode(answer)}"})

    def _exchange(self, form: dict[str, str]) -> Session:
        code = self._codes.pop(_required(form, "code"), None)
        verifier = _required(form, "code_verifier")
        if code is None or self._clock.now() >= code.expires:
            raise OAuthError("invalid_grant", "code is invalid or has been used")
        if _required(form, "redirect_uri") != self._client.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is another one")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if code.challenge != (digest if code.method == "S256" else verifier):
            raise OAuthError("invalid_grant", "code_verifier does not match")
        if self._faults.account_inactive:
            raise OAuthError("invalid_grant", "the subscription is inactive")
        return Session("" if self._faults.withhold_scope else code.scope)

    def _grant(self, request: Request, form: dict[str, str]) -> dict[str, object]:
        if self._faults.oauth_maintenance:
            raise OAuthError("temporarily_unavailable", "the service is in maintenance")
        if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
            raise OAuthError("invalid_request", f"Content-Type must be {_FORM}")
        grant = _required(form, "grant_type")
        self._check_client(form)
        if grant == "authorization_code":
            return self._tokens(self._exchange(form))
        if grant == "password_limited" and self._client.redirect_uri:
            raise OAuthError("unauthorized_client", "the client is not registered for password_limited")
        if grant == "password_limited":
            return self._tokens(self._login(form))
        if grant == "refresh_token":
            return self._tokens(self._rotate(_required(form, "refresh_token")))
        raise OAuthError("unsupported_grant_type", f"grant_type {grant[:40]} is not supported")

    def _check_client(self, form: dict[str, str]) -> None:
        client_id = _required(form, "client_id")
        secret = _required(form, "client_secret") if self._client.secret else ""
        if client_id != self._client.id:
            raise OAuthError("unauthorized_client", "client_id is not known")
        if self._faults.client_disabled:
            raise OAuthError("invalid_client", "the client has been disabled")
        if not self._client.secret:
            if "client_secret" in form:
                raise OAuthError("invalid_client", "a public client has no secret")
            return
        if not hmac.compare_digest(secret.encode(), masked(self._client.secret, self._client.id).encode()):
            raise OAuthError("invalid_client", "client authentication failed")

    def _login(self, form: dict[str, str]) -> Session:
        now = self._clock.now()
        if not self.logins.take(now):
            wait = max(1, round(self.logins.resets - now))
            raise OAuthError("unauthorized_client", "a rate limit has been exceeded", wait)
        username, password = _required(form, "username"), _required(form, "password")
        scope = form.get("scope", "").split()
        if not set(scope) <= {AUTH_SCOPE, PROFILE_SCOPE}:
            raise OAuthError("invalid_scope", "scope is not known")
        right = masked(self._client.password, username)
        if username.strip().lower() != self._client.username.lower() or not hmac.compare_digest(
            password.encode(), right.encode()
        ):
            raise OAuthError("invalid_grant", "username or password is wrong")
        if self._faults.account_inactive:
            raise OAuthError("invalid_grant", "the subscription is inactive")
        return Session("" if self._faults.withhold_scope else " ".join(scope))

    def _rotate(self, refresh_token: str) -> Session:
        token = self._refresh.get(refresh_token)
        if token is None or token.session.revoked or self._clock.now() >= token.expires:
            raise OAuthError("invalid_grant", "refresh_token is invalid, expired or revoked")
        if token.used:
            token.session.revoked = True
            raise OAuthError("invalid_grant", "refresh_token has been used before")
        token.used = True
        if self._faults.account_inactive:
            raise OAuthError("invalid_grant", "the subscription is inactive")
        return token.session

    def _tokens(self, session: Session) -> dict[str, object]:
        now, faults = self._clock.now(), self._faults
        access = _jwt_like(self._client, session, now, faults.access_lifetime)
        self._access[access] = _Token(session, now + faults.access_lifetime)
        answer: dict[str, object] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": round(faults.access_lifetime),
        }
        if faults.refresh_tokens:
            refresh = secrets.token_urlsafe(48)
            self._refresh[refresh] = _Token(session, now + faults.refresh_lifetime)
            answer |= {"refresh_token": refresh, "refresh_token_expires_in": round(faults.refresh_lifetime)}
        if session.scope:
            answer["scope"] = session.scope
        return answer


def masked(secret: str, identifier: str) -> str:
    """A secret as the token endpoint wants it.

    Written here anew, on purpose: a simulator that shared the client's masking would share its mistakes.
    """
    digest = hashlib.sha256(f"{secret}{identifier.strip().lower()}".encode()).digest()
    return base64.standard_b64encode(digest).decode()


_FORM = "application/x-www-form-urlencoded"


def _form(request: Request) -> dict[str, str]:
    try:
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return {}
    return dict(pairs) if len(dict(pairs)) == len(pairs) else {}


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise OAuthError("invalid_request", f"{name} missing")
    return form[name]


def _injected(fault: Fault) -> Response:
    error = fault.error or ("server_error" if (fault.status or 500) >= 500 else "unauthorized_client")
    return _refusal(OAuthError(error, "set by the test", fault.retry_after), fault.status)


def _refusal(error: OAuthError, status: int | None = None) -> Response:
    """The documented error body, with the error's usual status unless another is given."""
    usual, reason = OAUTH_STATUS[error.error]
    document = {
        "status": status or usual,
        "status_reason": HTTPStatus(status).phrase if status else reason,
        "error": error.error,
        "error_description": error.description,
        "error_uri": "https://oauth.iracing.com/oauth2/book/errors.html",
    }
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return json_response(document, status or usual, headers)


def _jwt_like(client: Client, session: Session, now: float, lifetime: float) -> str:
    header = {"alg": "RS256", "kid": "simulator"}
    claims: dict[str, object] = {
        "iss": "simulator",
        "aud": ["data-server"],
        "client_id": client.id,
        "scope": session.scope,
    }
    claims |= {"iat": int(now), "exp": int(now + lifetime), "jti": secrets.token_hex(8)}
    parts = [json.dumps(part).encode() for part in (header, claims)] + [secrets.token_bytes(64)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
