"""ir-auth's access token, for the other functions."""

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from pitboard.aws.names import ACCESS_TOKEN
from pitboard.aws.remedies import worded
from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    Remedy,
    UnreachableError,
    UpstreamError,
)
from pitboard.telemetry import hide

EARLY = 40.0
"""Seconds before a token's end at which a function asks for the next one. ir-auth has renewed it by then."""

_ERRORS = {kind.code: kind for kind in (UnreachableError, MaintenanceError, RateLimitedError)}


def fingerprint(token: str) -> str:
    """Identifies a token in an invocation, so that a refused token is not sent back."""
    return hashlib.sha256(token.encode()).hexdigest()


def error_answer(error: UpstreamError) -> dict[str, Any]:
    """An `UpstreamError` as the answer of a direct invocation. `message` is for people.

    `RemoteTokens` raises the error again. A `CredentialsError` therefore also has its own sentence, without
    the remedy, in `happened` and the remedy's code in `remedy`.
    """
    fields: dict[str, Any] = {
        "code": error.code,
        "message": worded(error),
        "retry_after": error.retry_after,
    }
    if isinstance(error, CredentialsError):
        fields |= {"happened": str(error), "remedy": str(error.remedy)}
    return {"error": fields}


def raise_error(fields: Mapping[str, Any], default: str) -> NoReturn:
    """Raises the error that `error_answer` was given, from the answer's `error`; `default` is its sentence
    if there is none."""
    retry_after = fields.get("retry_after")
    if fields.get("code") == CredentialsError.code:
        raise CredentialsError(fields["happened"], Remedy(fields["remedy"]), retry_after=retry_after)
    kind = _ERRORS.get(fields.get("code", ""), UnreachableError)
    raise kind(fields.get("message", default), retry_after=retry_after)


class RemoteTokens:
    """`iracing.data_api.AccessTokens` by direct invocation of ir-auth. Safe for threads.

    `client` returns the Lambda client; it is called when a token is needed and none is held.
    """

    def __init__(
        self, client: Callable[[], Any], function: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._function = function
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def access_token(self, deadline: float) -> str:
        """A valid access token. Raises an `UpstreamError`."""
        return self._valid("") or self._fetch("", deadline)

    def replace(self, rejected: str, deadline: float) -> str:
        """Another token than `rejected`. Raises an `UpstreamError`."""
        return self._valid(rejected) or self._fetch(rejected, deadline)

    def _valid(self, rejected: str) -> str:
        token, until = self._token, self._until
        return token if token != rejected and self._clock() < until else ""

    def _fetch(self, rejected: str, deadline: float) -> str:
        left = deadline - time.monotonic()
        if left <= 0 or not self._lock.acquire(timeout=left):
            raise UnreachableError("The access token is being fetched; ask again shortly.", retry_after=1)
        try:
            if token := self._valid(rejected):
                return token
            answer = self._invoke(
                {
                    "action": ACCESS_TOKEN,
                    "seconds": max(0.0, deadline - time.monotonic()),
                    "rejected": fingerprint(rejected) if rejected else "",
                }
            )
            token, seconds = str(answer["access_token"]), float(answer["expires_in"])
            hide(token)
            early = min(EARLY + random.uniform(0.0, 10.0), seconds / 2)  # noqa: S311 - spreads
            self._token, self._until = token, self._clock() + seconds - early
            return token
        finally:
            self._lock.release()

    def _invoke(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """ir-auth's answer. Raises its errors, and `UnreachableError` if it does not answer."""
        try:
            response = self._client().invoke(FunctionName=self._function, Payload=json.dumps(event).encode())
            body = json.loads(response["Payload"].read())
        except ClientError as error:
            raise _invoke_error(self._function, error) from None
        except (BotoCoreError, ValueError) as error:
            raise UnreachableError(
                f"{self._function} could not be asked for a token ({_code(error)})."
            ) from None
        if response.get("FunctionError") or not isinstance(body, dict):
            raise UnreachableError(f"{self._function} failed; its log says why.", retry_after=5)
        if "access_token" not in body:
            raise_error(body.get("error") or {}, f"{self._function} gave no token.")
        return body


def _invoke_error(function: str, error: ClientError) -> UpstreamError:
    code = _code(error)
    if code == "TooManyRequestsException":
        return UnreachableError(f"{function} is throttled.", retry_after=1)
    return UnreachableError(f"{function} could not be asked for a token ({code}).", retry_after=5)


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__
