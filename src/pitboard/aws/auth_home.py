"""The composition root of ir-auth: the only function with the secret and the token's table."""

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pitboard.aws.clients import client
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.invoke import error_answer, fingerprint
from pitboard.aws.names import AUTH_KEY
from pitboard.aws.remedies import worded
from pitboard.aws.secret import Secret
from pitboard.drivers.errors import CredentialsError, StoreError, UpstreamError
from pitboard.drivers.health import Health, Part, State, looked
from pitboard.drivers.ports import Telemetry, request_id
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper, token_part
from pitboard.iracing.transport import Transport
from pitboard.settings import UpstreamSettings
from pitboard.stores.dynamodb import DynamoDocuments

if TYPE_CHECKING:
    from pitboard.iracing.credentials import Credentials

LONGEST_WAIT = 30.0
"""Most seconds for which a direct invocation waits for a renewal by another one."""


class AuthHome:
    """Answers the routes and the direct invocations of ir-auth. Safe for threads."""

    def __init__(self, settings: FunctionSettings, upstream: UpstreamSettings, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._documents = DynamoDocuments(client("dynamodb"), settings.auth_table, AUTH_KEY)
        self._secret = Secret(lambda: client("secretsmanager"), settings.secret)
        self._oauth = OAuth(upstream.oauth_url, Transport(request_id=request_id.get))
        self._lock = threading.Lock()
        self._current: tuple[Credentials, TokenKeeper] | None = None

    # --- direct invocations

    def access_token(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """{"action": "access_token", "seconds"?, "rejected"?}: a valid token and its seconds, or an error.

        `seconds` is how long the caller waits, `rejected` the fingerprint of a token that was refused.
        """
        deadline = time.monotonic() + min(LONGEST_WAIT, float(event.get("seconds") or 0.0))
        try:
            return self._token_answer(str(event.get("rejected") or ""), deadline)
        except CredentialsError as error:
            return self._retry_with_new_secret(error, deadline)
        except UpstreamError as error:
            return error_answer(error)

    def refresh_token_now(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        """{"action": "refresh_token_now"}, from the schedule: keeps the session alive. Never logs in."""
        try:
            return {"expires_in": self.check()}
        except UpstreamError as error:
            return error_answer(error)

    def _token_answer(self, rejected: str, deadline: float) -> Mapping[str, Any]:
        keeper = self._keeper()
        token = keeper.access_token(deadline)
        if rejected and fingerprint(token) == rejected:
            token = keeper.replace(token, deadline)
        return {"access_token": token, "expires_in": keeper.status().expires_in}

    def _retry_with_new_secret(self, error: CredentialsError, deadline: float) -> Mapping[str, Any]:
        """Tries once more if the secret has changed since it was read; else answers with the error."""
        try:
            return self._token_answer("", deadline) if self._secret.changed() else error_answer(error)
        except UpstreamError as newer:
            return error_answer(newer)

    # --- routes

    def check(self) -> int:
        """`http.state_routes.Auth`: seconds the token has left. Refreshes it if it is due; never logs in."""
        keeper = self._keeper()
        keeper.access_token(time.monotonic() + 8, may_login=False)
        return int(keeper.status().expires_in)

    def health(self) -> Health:
        """How the table, the secret and the token are. Makes no request to iRacing."""
        parts = {"store": self._store_part, "secret": self._secret_part}
        if looked(parts).state is State.HEALTHY:  # else the token cannot be looked at
            parts["token"] = lambda: token_part(self._keeper().status(), worded)
        return looked(parts)

    def _store_part(self) -> Part:
        try:
            self._documents.ping()
        except StoreError as error:
            return Part(False, str(error), vital=True)
        return Part(True, "The table answers.", vital=True)

    def _secret_part(self) -> Part:
        """Without credentials nothing was ever set up, so that this is not merely degraded."""
        try:
            self._secret.credentials()
        except UpstreamError as error:
            return Part(False, worded(error), vital=True)
        return Part(True, "The secret is complete.", vital=True)

    def _keeper(self) -> TokenKeeper:
        """The keeper for the credentials that the secret holds now."""
        credentials = self._secret.credentials()
        with self._lock:
            if self._current is None or self._current[0] != credentials:
                keeper = TokenKeeper(self._documents, self._oauth, credentials, telemetry=self._telemetry)
                self._current = (credentials, keeper)
            return self._current[1]
