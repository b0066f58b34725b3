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
from pitboard.iracing.oauth import LONGEST_PAUSE, DeniedError, Grant
from pitboard.iracing.transport import NoAnswerError

EARLY = 60.0
"""A token is renewed this many seconds before it ends."""

LOGINS_AN_HOUR = 4
"""Our own limit of password logins; iRacing's is about twelve."""

HOUR = 3600.0

LEASE = 40.0
"""How long one worker may take for a renewal: longer than a refresh and a login that both time out."""

DOUBTS = 2
"""So many times a refresh token is tried when no answer comes; then a login takes its place."""

REFRESH_LIFETIME = 7 * 24 * HOUR
"""How long a refresh token is tried when iRacing does not say; its documentation calls 7 days typical."""

MAINTENANCE_PAUSE = 120.0
LOGIN_PAUSE = 60.0
LONGEST_COOLING = 120.0
"""Pauses in seconds after a failure that iRacing gave no time for. Usually 2, 4, 8 and so on up to
`LONGEST_COOLING`; after a login `LOGIN_PAUSE`, and from the second on so long that the hour's logins
are not used up before an outage is over."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenState:
    """The document. Empty text and 0 mean that there is none.

    `lease_*` say who renews. `doubts` is how many refreshes with this refresh token stayed without an
    answer, `failures` how many grants in a row failed for reasons that pass; `cool_*` hold back every
    grant for a while because of them. `logins` are when password logins were begun, `blocked_*` hold
    those back, and `refused_*` say which credentials iRacing does not accept, until they change.
    """

    access_token: str = ""
    access_from: float = 0.0
    access_until: float = 0.0
    refresh_token: str = ""
    refresh_until: float = 0.0
    lease_owner: str = ""
    lease_until: float = 0.0
    doubts: int = 0
    failures: int = 0
    cool_until: float = 0.0
    cool_code: str = ""
    cool_why: str = ""
    logins: tuple[float, ...] = ()
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
                known[field.name] = got
            elif isinstance(default, int | float) and _is_number(got):
                known[field.name] = type(default)(got)
        return cls(**known)

    def document(self) -> dict[str, Any]:
        """The JSON object to keep."""
        return {**asdict(self), "logins": list(self.logins)}

    # --- questions

    def valid(self, now: float) -> bool:
        """Whether the access token can be sent now. A few seconds are left for the way."""
        return bool(self.access_token) and now < self.access_until - 5.0

    def due(self, now: float, jitter: float = 0.0) -> bool:
        """Whether the access token should be renewed. `jitter` (seconds) brings it forward."""
        lifetime = self.access_until - self.access_from
        return not self.valid(now) or now >= self.access_until - min(EARLY + jitter, lifetime / 2)

    def refreshable(self, now: float) -> bool:
        """Whether there is a refresh token worth trying."""
        return bool(self.refresh_token) and self.doubts < DOUBTS and now < self.refresh_until

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
            return _ERRORS.get(self.cool_code, UnreachableError)(self.cool_why, retry_after=cooling)
        return None

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
        if len(logins) >= LOGINS_AN_HOUR:
            return RateLimitedError(
                f"{LOGINS_AN_HOUR} password logins were begun within the hour; more could lock the account.",
                retry_after=max(1.0, logins[-LOGINS_AN_HOUR] + HOUR - now),
            )
        return None

    def denial(self) -> CredentialsError:
        """The error with which iRacing refused the credentials."""
        known = self.refused_remedy in set(Remedy)
        return CredentialsError(self.refused_why, Remedy(self.refused_remedy) if known else Remedy.LOG_IN)

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
            doubts=0,
            failures=0,
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
        return replace(self, refresh_token="", refresh_until=0.0, doubts=0)

    def refresh_failed(self, error: UpstreamError, fingerprint: str, now: float) -> "TokenState":
        """After a refresh that gave no token. If it was denied (and not for a spent token), the client is at
        fault, and a login would fare no better."""
        if isinstance(error, DeniedError):
            return self._denied(error, fingerprint).without_refresh(self.refresh_token)
        unanswered = isinstance(error, NoAnswerError) and error.sent
        return replace(self._cooled(error, now), doubts=self.doubts + unanswered)

    def login_failed(self, error: UpstreamError, fingerprint: str, now: float) -> "TokenState":
        """After a password login that gave no token."""
        if isinstance(error, DeniedError):
            return self._denied(error, fingerprint)
        if isinstance(error, RateLimitedError):
            until = now + (error.retry_after or LOGIN_PAUSE)
            return replace(self, blocked_until=until, blocked_why=str(error))
        if isinstance(error, NoAnswerError) and not error.sent:
            return replace(self._cooled(error, now), logins=self.logins[:-1])  # it counts for nobody
        return self._cooled(error, now, least=LOGIN_PAUSE if not self.failures else HOUR / LOGINS_AN_HOUR)

    def _denied(self, error: DeniedError, fingerprint: str) -> "TokenState":
        return replace(
            self,
            refused_fingerprint=fingerprint,
            refused_why=str(error),
            refused_remedy=str(error.remedy),
        )

    def _cooled(self, error: UpstreamError, now: float, least: float = 0.0) -> "TokenState":
        pause = error.retry_after
        if pause is None:
            doubling = min(2.0 ** min(self.failures + 1, 10), LONGEST_COOLING)
            pause = max(least, MAINTENANCE_PAUSE if isinstance(error, MaintenanceError) else doubling)
        return replace(
            self,
            failures=self.failures + 1,
            cool_until=now + pause,
            cool_code=error.code,
            cool_why=str(error),
        )


_ERRORS = {kind.code: kind for kind in (RateLimitedError, MaintenanceError)}


def _ahead(until: float, now: float) -> float:
    """Seconds from now to `until`, 0 if that has passed or cannot be."""
    left = until - now
    return left if 0 < left <= LONGEST_PAUSE + 60.0 else 0.0


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and abs(value) < 1e15  # NaN is not
