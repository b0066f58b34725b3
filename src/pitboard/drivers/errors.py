"""What can go wrong outside of the core: the store, or iRacing."""

from collections.abc import Mapping
from enum import StrEnum


class StoreError(Exception):
    """The store cannot be used; the message says what to do."""


class WithheldError(Exception):
    """The member has asked not to be shown, or is not on the host's list."""


class UpstreamError(Exception):
    """iRacing could not answer. The message is fit for a user and holds no secret.

    `retry_after` (seconds, or None when unknown) says when asking again makes sense. `code` names the
    kind in logs and metrics.
    """

    code = "upstream"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnreachableError(UpstreamError):
    """No connection, a time-out, a 5xx, a 403 or an answer that cannot be read."""

    code = "unreachable"


class MaintenanceError(UpstreamError):
    """iRacing is in maintenance (503). How long is not said."""

    code = "maintenance"


class OutageError(UpstreamError):
    """iRacing was not asked: it has failed several times in a row, and one call at a time finds out when that
    is over. It says nothing about the question."""

    code = "outage"


class RateLimitedError(UpstreamError):
    """iRacing refused for its rate limit (429), or our budget has nothing left before the deadline."""

    code = "rate_limited"


class Remedy(StrEnum):
    """What somebody has to do about a `CredentialsError`. Each home has a sentence for each of them."""

    SET_CREDENTIALS = "set_credentials"
    FIX_PERMISSIONS = "fix_permissions"
    CHECK_LOGIN = "check_login"
    CHECK_CLIENT = "check_client"
    CHECK_ACCOUNT = "check_account"
    REGISTER_CLIENT = "register_client"
    LOG_IN = "log_in"
    LOG_IN_BROWSER = "log_in_browser"
    GET_FIRST_TOKEN = "get_first_token"  # noqa: S105 - the code of a remedy


class CredentialsError(UpstreamError):
    """The credentials are missing, wrong, or may not be tried again now. Somebody has to act.

    The message says what happened and has no remedy in it; `worded` adds the home's sentence for `remedy`.
    """

    code = "credentials"

    def __init__(self, message: str, remedy: Remedy, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.remedy = remedy

    def worded(self, sentences: Mapping[Remedy, str]) -> str:
        """The message with the sentence for the remedy."""
        return f"{self} {sentences[self.remedy]}"


class RefusedError(UpstreamError):
    """iRacing answered 400 or 404: this question will not be answered, ask no more."""

    code = "refused"
