"""The composition root of ir-auth: the one function that has the secret and the token's table."""

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pitboard.aws.clients import client
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.invoke import error_answer, fingerprint
from pitboard.aws.secret import Secret
from pitboard.drivers.errors import CredentialsError, StoreError, UpstreamError
from pitboard.drivers.ports import Telemetry, request_id
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import Transport
from pitboard.settings import UpstreamSettings
from pitboard.stores.dynamodb import DynamoDocuments

if TYPE_CHECKING:
    from pitboard.iracing.credentials import Credentials

LONGEST = 30.0
"""Most seconds that a direct invocation waits for a renewal by somebody else."""

_WORDS = (
    ("may not log in; run `pitboard login`", "may not log in; a look-up gets one (`pitboard verify`)"),
    ("`pitboard login`", "`pitboard deploy --update-secrets`"),
)
"""The token keeper's remedies are the local home's; these are ours."""


class AuthHome:
    """What the routes and the direct invocations of ir-auth ask. Safe for threads."""

    def __init__(self, settings: FunctionSettings, upstream: UpstreamSettings, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._documents = DynamoDocuments(client("dynamodb"), settings.auth_table, "username")
        self._secret = Secret(lambda: client("secretsmanager"), settings.secret)
        self._oauth = OAuth(upstream.oauth_url, Transport(request_id=request_id.get))
        self._lock = threading.Lock()
        self._kept: tuple[Credentials, TokenKeeper] | None = None

    # --- direct invocations

    def access_token(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """{"action": "access_token", "seconds"?, "rejected"?}: a valid token and its seconds, or an error.

        `seconds` is how long the caller waits, `rejected` the fingerprint of a token that was refused.
        """
        deadline = time.monotonic() + min(LONGEST, float(event.get("seconds") or 0.0))
        try:
            return self._given(str(event.get("rejected") or ""), deadline)
        except CredentialsError as error:
            return self._given_anew(_worded(error), deadline)
        except UpstreamError as error:
            return error_answer(error)

    def refresh_token_now(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        """{"action": "refresh_token_now"}, from the schedule: keeps the session alive. Never logs in."""
        try:
            return {"expires_in": self.check()}
        except UpstreamError as error:
            return error_answer(error)

    def _given(self, rejected: str, deadline: float) -> Mapping[str, Any]:
        keeper = self._keeper()
        token = keeper.access_token(deadline)
        if rejected and fingerprint(token) == rejected:
            token = keeper.replace(token, deadline)
        return {"access_token": token, "expires_in": keeper.status().expires_in}

    def _given_anew(self, error: CredentialsError, deadline: float) -> Mapping[str, Any]:
        """Once more if the secret has changed since it was read; else the error."""
        try:
            return self._given("", deadline) if self._secret.changed() else error_answer(error)
        except UpstreamError as newer:
            return error_answer(newer)

    # --- what the routes ask

    def check(self) -> int:
        """`http.routes.Auth`: seconds the token has left; a refresh is made if due, a login never."""
        keeper = self._keeper()
        try:
            keeper.access_token(time.monotonic() + 8, may_login=False)
        except CredentialsError as error:
            raise _worded(error) from None
        return int(keeper.status().expires_in)

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """`http.routes.Health`: the table, the secret and the token. Asks iRacing nothing."""
        checks = {"store": self._look_at_table(), "secret": self._look_at_secret()}
        if all(check["ok"] for check in checks.values()):
            checks["token"] = self._look_at_token()
        return all(check["ok"] for check in checks.values()), checks

    def _look_at_table(self) -> dict[str, Any]:
        try:
            self._documents.ping()
        except StoreError as error:
            return {"ok": False, "detail": str(error)}
        return {"ok": True, "detail": "The table answers."}

    def _look_at_secret(self) -> dict[str, Any]:
        try:
            self._secret.credentials()
        except UpstreamError as error:
            return {"ok": False, "detail": str(error)}
        return {"ok": True, "detail": "The secret is complete."}

    def _look_at_token(self) -> dict[str, Any]:
        token = self._keeper().status()
        held = "A valid token is held." if token.valid else "No token is held yet."
        why = _ours(token.why)
        return {"ok": not why, "detail": why or held, "logins_left": token.logins_left}

    def _keeper(self) -> TokenKeeper:
        """The keeper for the credentials that the secret holds now."""
        credentials = self._secret.credentials()
        with self._lock:
            if self._kept is None or self._kept[0] != credentials:
                keeper = TokenKeeper(self._documents, self._oauth, credentials, telemetry=self._telemetry)
                self._kept = (credentials, keeper)
            return self._kept[1]


def _worded(error: CredentialsError) -> CredentialsError:
    """The error with the remedy that helps here."""
    return CredentialsError(_ours(str(error)), retry_after=error.retry_after)


def _ours(text: str) -> str:
    for theirs, ours in _WORDS:
        text = text.replace(theirs, ours)
    return text
