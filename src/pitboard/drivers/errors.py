"""What can go wrong outside of the core: the store, or iRacing."""


class StoreError(Exception):
    """The store cannot be used; the message says what to do."""


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
    """No connection, a time-out, a 5xx or an answer that cannot be read."""

    code = "unreachable"


class MaintenanceError(UpstreamError):
    """iRacing is in maintenance (503). How long is not said."""

    code = "maintenance"


class RateLimitedError(UpstreamError):
    """iRacing refused for its rate limit (429), or our budget has nothing left before the deadline."""

    code = "rate_limited"


class CredentialsError(UpstreamError):
    """The credentials are missing, wrong, or may not be tried again now. Somebody has to act."""

    code = "credentials"


class RefusedError(UpstreamError):
    """iRacing answered 400, 403 or 404: this question will not be answered, ask no more."""

    code = "refused"
