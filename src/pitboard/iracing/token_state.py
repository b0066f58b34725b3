"""What is kept about one account's token: one JSON document, and the rules that need no I/O.

All times are Unix seconds. Rules that look at the clock allow for one that was set back: what lies
further ahead than it could have been written is not believed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeGuard

from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    Remedy,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.model import CLOCK_DOUBT
from pitboard.iracing.oauth import DeniedError, Grant
from pitboard.iracing.pauses import LONGEST_PAUSE
from pitboard.iracing.transport import NoAnswerError

EARLY = 60.0
"""A token is renewed this many seconds before it ends."""

LOGINS_AN_HOUR = 4
"""Our own limit of password logins; iRacing's is about twelve."""

HOUR = 3600.0

LEASE = 40.0
"""How long one worker may take for a renewal: longer than a refresh and a login that both time out."""

REFRESH_LIFETIME = 7 * 24 * HOUR
"""How long a refresh token is tried when iRacing does not say; its documentation calls 7 days typical."""

LONGEST_COOLING = 45.0
"""After a failure that may pass, the next grant is tried 2, 4, 8 and so on up to these seconds later, for as
long as it takes. With the time that a grant may hang, a token is back a minute after an outage's end."""

LEAST_SPREAD = 0.75
"""The least share of such a pause that is waited, so that not all ask at the same time."""

LOGIN_PAUSES = (20.0, HOUR / LOGINS_AN_HOUR)
"""Seconds from a login that failed to the next one: after the first failure, and after each further one in a
row. A login is not repeated before a probe has found the service answering."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenState:
    """The document. Empty text and 0 mean that there is none.

    `lease_*` say who renews. `failures` is how many grants in a row failed for reasons that pass; `cool_*`
    hold back every grant for a while because of them. `logins` are when password logins were begun,
    `login_failures` how many of them in a row failed so; `blocked_*` hold logins back, and `refused_*` say
    which credentials iRacing does not accept, until they change.
    """

    access_token: str = ""
    access_from: float = 0.0
    access_until: float = 0.0
    refresh_token: str = ""
    refresh_until: float = 0.0
    lease_owner: str = ""
    lease_until: float = 0.0
    failures: int = 0
    cool_until: float = 0.0
    cool_code: str = ""
    cool_why: str = ""
    cool_remedy: str = ""
    logins: tuple[float, ...] = ()
    login_failures: int = 0
    blocked_until: float = 0.0
    blocked_why: str = ""
    refused_fingerprint: str = ""
    refused_why: str = ""
    refused_remedy: str = ""

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> "TokenState":
        """Reads a document; fields it does not know or that have the wrong type are left at nothing."""
        known: dict[str, Any] = {}
        for field in fields(cls):
            got, default = value.get(field.name), field.default
            if field.name == "logins" and isinstance(got, list | tuple):
                known["logins"] = tuple(float(at) for at in got if _is_number(at))
            elif isinstance(default, str) and isinstance(got, str):
                # A token that no header can hold is none.
                if not field.name.endswith("_token") or (got.isascii() and got.isprintable()):
                    known[field.name] = got
            elif isinstance(default, int | float) and _is_number(got):
                known[field.name] = type(default)(got)
        return cls(**known)

    def document(self) -> dict[str, Any]:
        """The JSON object to keep."""
        return {**asdict(self), "logins": list(self.logins)}

    # --- questions

    def valid(self, now: float) -> bool:
        """Whether the access token can be sent now. A few seconds are left for the way. One that was issued
        well ahead of now was issued by a clock that has been set back since."""
        issued = self.access_from <= now + CLOCK_DOUBT
        return bool(self.access_token) and issued and now < self.access_until - 5.0

    def due(self, now: float, jitter: float = 0.0) -> bool:
        """Whether the access token should be renewed. `jitter` (seconds) brings it forward."""
        lifetime = self.access_until - self.access_from
        return not self.valid(now) or now >= self.access_until - min(EARLY + jitter, lifetime / 2)

    def refreshable(self, now: float) -> bool:
        """Whether there is a refresh token worth trying."""
        return bool(self.refresh_token) and now < self.refresh_until

    def leased_by_another(self, owner: str, now: float) -> bool:
        """Whether somebody else is renewing."""
        return self.lease_owner not in ("", owner) and now < self.lease_until <= now + LEASE

    def recent_logins(self, now: float) -> tuple[float, ...]:
        """When the password logins of the last hour were begun, oldest first."""
        return tuple(sorted(t for t in self.logins if now - HOUR < t <= now + HOUR))

    def refusal(self, now: float, *, proving: bool = False) -> UpstreamError | None:
        """Why no grant of any kind may be asked for now, or None.

        Whoever is `proving` credentials asked for it: only iRacing's own rate limit holds that back.
        """
        cooling = _ahead(self.cool_until, now)
        if cooling and (self.cool_code == RateLimitedError.code or not proving):
            return self._last_failure(cooling)
        return None

    def trouble(self, now: float) -> UpstreamError | None:
        """Why the last grants gave no token, or None if the last one did."""
        return self._last_failure(_ahead(self.cool_until, now)) if self.failures else None

    def _last_failure(self, pause: float) -> UpstreamError:
        if self.cool_code == CredentialsError.code:
            return CredentialsError(self.cool_why, _remedy(self.cool_remedy), retry_after=pause)
        return _ERRORS.get(self.cool_code, UnreachableError)(self.cool_why, retry_after=pause)

    def login_refusal(
        self, now: float, fingerprint: str = "", *, proving: bool = False
    ) -> UpstreamError | None:
        """Why no password login may be made now, or None; with a `fingerprint`, not with those credentials.

        Credentials that were refused do not keep a refresh token from being used that they once got.
        """
        if fingerprint and self.refused_fingerprint == fingerprint and not proving:
            return self.denial()
        blocked = _ahead(self.blocked_until, now)
        if blocked:
            return RateLimitedError(self.blocked_why, retry_after=blocked)
        logins = self.recent_logins(now)
        if self.login_failures and logins and not proving:
            pause = LOGIN_PAUSES[min(self.login_failures, len(LOGIN_PAUSES)) - 1]
            left = _ahead(logins[-1] + pause, now)
            if left:
                return self._last_failure(left)
        if len(logins) >= LOGINS_AN_HOUR:
            return RateLimitedError(
                f"{LOGINS_AN_HOUR} password logins were begun within the hour; more could lock the account.",
                retry_after=max(1.0, logins[-LOGINS_AN_HOUR] + HOUR - now),
            )
        return None

    def denial(self) -> CredentialsError:
        """The error with which iRacing refused the credentials."""
        return CredentialsError(self.refused_why, _remedy(self.refused_remedy))

    # --- changes: each gives the state after it

    def leased(self, owner: str, now: float) -> "TokenState":
        """With the lease taken."""
        return replace(self, lease_owner=owner, lease_until=now + LEASE)

    def released(self, owner: str) -> "TokenState":
        """With the lease given up, if it is this owner's."""
        return replace(self, lease_owner="", lease_until=0.0) if self.lease_owner == owner else self

    def login_booked(self, at: float) -> "TokenState":
        """With one more login in the book."""
        return replace(self, logins=(*self.recent_logins(at), at))

    def granted(self, grant: Grant, now: float, *, refreshed: bool) -> "TokenState":
        """With new tokens; what was held against the old ones is forgotten, and after a login what was held
        against the credentials.

        A refresh that brings no new refresh token leaves the old one, as OAuth has it (RFC 6749, 6).
        """
        kept = self.refresh_token if refreshed else ""
        lifetime = grant.refresh_lifetime or REFRESH_LIFETIME
        return replace(
            self,
            access_token=grant.access_token,
            access_from=now,
            access_until=now + grant.lifetime,
            refresh_token=grant.refresh_token or kept,
            refresh_until=now + lifetime if grant.refresh_token else self.refresh_until,
            failures=0,
            login_failures=0,
            cool_until=0.0,
            refused_fingerprint=self.refused_fingerprint if refreshed else "",
        )

    def without(self, access_token: str) -> "TokenState":
        """With this access token discarded: iRacing has refused it."""
        if not access_token or self.access_token != access_token:
            return self
        return replace(self, access_token="", access_until=0.0)

    def without_refresh(self, refresh_token: str) -> "TokenState":
        """With this refresh token discarded: it is spent."""
        if self.refresh_token != refresh_token:
            return self
        return replace(self, refresh_token="", refresh_until=0.0)

    def refresh_failed(
        self, error: UpstreamError, fingerprint: str, now: float, spread: float = 1.0
    ) -> "TokenState":
        """After a refresh (or a probe) that gave no token, other than for a spent refresh token.

        The refresh token is kept unless what the client may do has changed: if the request was lost on its
        way it is good still, and if the answer was, iRacing will say that it is spent.
        """
        if isinstance(error, DeniedError) and not error.may_pass:
            return self._denied(error, fingerprint).without_refresh(self.refresh_token)
        return self._cooled(error, now, spread)

    def login_failed(
        self,
        error: UpstreamError,
        fingerprint: str,
        now: float,
        spread: float = 1.0,
        *,
        proven: bool = False,
    ) -> "TokenState":
        """After a password login that gave no token. `proven`: iRacing had accepted the client just before,
        and what it says now is about these credentials."""
        if isinstance(error, DeniedError) and (proven or not error.may_pass):
            return self._denied(error, fingerprint)
        if isinstance(error, RateLimitedError):
            until = now + (error.retry_after or LOGIN_PAUSES[0])
            return replace(self, blocked_until=until, blocked_why=str(error))
        cooled = self._cooled(error, now, spread)
        if isinstance(error, NoAnswerError) and not error.sent:
            return replace(cooled, logins=self.logins[:-1])  # it counts for nobody
        return replace(cooled, login_failures=self.login_failures + 1)

    def _denied(self, error: DeniedError, fingerprint: str) -> "TokenState":
        return replace(
            self,
            refused_fingerprint=fingerprint,
            refused_why=str(error),
            refused_remedy=str(error.remedy),
        )

    def _cooled(self, error: UpstreamError, now: float, spread: float) -> "TokenState":
        pause = min(2.0 ** min(self.failures + 1, 10), LONGEST_COOLING) * spread
        return replace(
            self,
            failures=self.failures + 1,
            cool_until=now + max(pause, error.retry_after or 0.0),
            cool_code=error.code,
            cool_why=str(error),
            cool_remedy=str(error.remedy) if isinstance(error, CredentialsError) else "",
        )


_ERRORS = {kind.code: kind for kind in (RateLimitedError, MaintenanceError)}


def _remedy(text: str) -> Remedy:
    return Remedy(text) if text in set(Remedy) else Remedy.LOG_IN


def _ahead(until: float, now: float) -> float:
    """Seconds from now to `until`, 0 if that has passed or cannot be."""
    left = until - now
    return left if 0 < left <= LONGEST_PAUSE + 60.0 else 0.0


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and abs(value) < 1e15  # NaN is not
