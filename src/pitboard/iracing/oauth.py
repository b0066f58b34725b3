"""iRacing's token endpoint: the grants we use, and its errors.

Source of every fact in here: iRacing's OAuth book (token endpoint, errors). Fields that clients have
seen absent are optional.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    Remedy,
    UnreachableError,
)
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.masking import mask
from pitboard.iracing.pauses import is_maintenance, retry_after
from pitboard.iracing.transport import Answer, Transport

SCOPE = "iracing.auth"

_DEFAULT_LIFETIME = 600.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What a grant gave. Lifetimes are seconds from now; `refresh_token` may be absent."""

    access_token: str = field(repr=False)
    lifetime: float
    refresh_token: str | None = field(repr=False)
    refresh_lifetime: float | None


class DeniedError(CredentialsError):
    """The token endpoint refused the grant. `error` is the OAuth error code, or `missing_scope`."""

    def __init__(self, message: str, remedy: Remedy, *, error: str) -> None:
        super().__init__(message, remedy)
        self.error = error

    @property
    def may_pass(self) -> bool:
        """Whether the fault may be the service's, and gone soon: it did not know the client or could not
        read the request. What it says of the account and of what the client may do stays so."""
        return self.error in ("invalid_client", "unauthorized_client", "invalid_request")


class OAuth:
    """The token endpoint at `url`."""

    def __init__(self, url: str, transport: Transport) -> None:
        self._url = url
        self._transport = transport

    def login(self, credentials: Credentials, deadline: float) -> Grant:
        """The password grant (`password_limited`). iRacing allows about twelve of them an hour.

        Raises `DeniedError`, `RateLimitedError` (400 `unauthorized_client` with Retry-After, or 429),
        `MaintenanceError`, `UnreachableError` (of which `NoAnswerError` when nothing came back).
        """
        form = _client(credentials) | {
            "grant_type": "password_limited",
            "username": credentials.username,
            "password": mask(credentials.password, credentials.username),
            "scope": SCOPE,
        }
        return _grant(self._transport.post_form(self._url, form, deadline), refreshed=False)

    def exchange(
        self, credentials: Credentials, code: str, verifier: str, redirect_uri: str, deadline: float
    ) -> Grant:
        """The authorization code grant with PKCE. `verifier` is what the challenge of the login was made of.
        A code can be used once. Raises as `login` does."""
        form = _client(credentials) | {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        return _grant(self._transport.post_form(self._url, form, deadline), refreshed=False)

    def refresh(self, credentials: Credentials, refresh_token: str, deadline: float) -> Grant:
        """The refresh grant. `refresh_token` can be used once, whatever becomes of the answer.

        Raises as `login` does; `DeniedError.error` `invalid_grant` means the token is spent or revoked.
        """
        form = _client(credentials) | {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return _grant(self._transport.post_form(self._url, form, deadline), refreshed=True)

    def probe(self, credentials: Credentials, deadline: float) -> None:
        """Whether the endpoint answers and accepts the client: a refresh grant with what is no refresh token.
        It touches no account and costs no login. Raises as `login` does, if not."""
        try:
            self.refresh(credentials, "no-refresh-token", deadline)
        except DeniedError as error:
            if error.error not in ("invalid_grant", "invalid_request"):
                raise


def _client(credentials: Credentials) -> dict[str, str]:
    if not credentials.client_secret:  # a public client has none, and must send none
        return {"client_id": credentials.client_id}
    secret = mask(credentials.client_secret, credentials.client_id)
    return {"client_id": credentials.client_id, "client_secret": secret}


def _grant(answer: Answer, *, refreshed: bool) -> Grant:
    document = _json_object(answer.body)
    if answer.status != 200:
        _refuse(answer, document)
    token, scope = document.get("access_token"), document.get("scope")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise UnreachableError("iRacing's token answer could not be read.")
    # The scope of a refreshed token is the one first granted, so an answer without it says nothing new.
    if not (isinstance(scope, str) and SCOPE in scope.split()) and not (refreshed and scope is None):
        raise DeniedError(
            f"iRacing granted a token without the scope {SCOPE}.",
            Remedy.CHECK_ACCOUNT,
            error="missing_scope",
        )
    refresh = document.get("refresh_token")
    return Grant(
        token,
        _seconds(document.get("expires_in")) or _DEFAULT_LIFETIME,
        refresh if isinstance(refresh, str) and refresh else None,
        _seconds(document.get("refresh_token_expires_in")),
    )


def _refuse(answer: Answer, document: Mapping[str, Any]) -> None:
    error, pause = document.get("error"), retry_after(answer.headers)
    reference = _reference(answer.headers)
    if answer.status == 429 or (error == "unauthorized_client" and pause is not None):
        raise RateLimitedError(
            f"iRacing limits how often this client may get a token; do not log in meanwhile.{reference}",
            retry_after=60.0 if pause is None else pause,
        )
    if is_maintenance(document):
        raise MaintenanceError("iRacing is in maintenance.", retry_after=pause)
    if isinstance(error, str) and error in _DENIALS and answer.status < 500:
        sentence, remedy = _DENIALS[error]
        raise DeniedError(f"{sentence}{reference}", remedy, error=error)
    if answer.status >= 500:
        raise UnreachableError(
            f"iRacing's login service has a problem (status {answer.status}).{reference}", retry_after=pause
        )
    raise UnreachableError(f"iRacing's token answer could not be read (status {answer.status}).{reference}")


_DENIALS = {
    "invalid_grant": ("iRacing refused the login.", Remedy.CHECK_LOGIN),
    "access_denied": ("iRacing denied the login.", Remedy.CHECK_LOGIN),
    "invalid_client": ("iRacing does not accept the OAuth client.", Remedy.CHECK_CLIENT),
    "unauthorized_client": (
        "iRacing does not know the OAuth client or what it asks for.",
        Remedy.CHECK_CLIENT,
    ),
    "unsupported_grant_type": (
        "iRacing does not allow the OAuth client this kind of login.",
        Remedy.REGISTER_CLIENT,
    ),
    "invalid_scope": (f"iRacing does not allow the OAuth client the scope {SCOPE}.", Remedy.REGISTER_CLIENT),
    "insufficient_scope": (f"The scope {SCOPE} is not enough for iRacing.", Remedy.REGISTER_CLIENT),
    "invalid_token": ("iRacing does not accept the token.", Remedy.LOG_IN),
    "invalid_request": ("iRacing could not read the login.", Remedy.CHECK_CLIENT),
}
"""What happened and what to do, by the OAuth error code of a grant that was denied."""


def _reference(headers: Mapping[str, str]) -> str:
    """iRacing asks to quote its request id in reports."""
    request_id = headers.get("x-request-id", "")
    return f" (iRacing's request id: {request_id})" if re.fullmatch(r"[\w-]{1,64}", request_id) else ""


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
        return float(value)
    return None
