"""The keeper of the access token: one renewal at a time, nothing lost, no login too many.

Several threads, processes and Lambdas may keep the same token. What they share is one versioned
document; whoever changes it by compare-and-set has re-read it by that, so a lease in it is exclusive.
"""

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    Remedy,
    StoreError,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.health import Part
from pitboard.drivers.ports import Documents, Telemetry
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.oauth import DeniedError, Grant, OAuth
from pitboard.iracing.token_state import LEAST_SPREAD, LOGINS_AN_HOUR, TokenState
from pitboard.iracing.transport import CONNECT_SECONDS, READ_SECONDS

T = TypeVar("T")

log = logging.getLogger(__name__)

GRANT_SECONDS = CONNECT_SECONDS + READ_SECONDS
"""How long one grant may take, whatever the caller's deadline: cut short, it could lose a refresh token."""

_SLICE = 0.25
"""Seconds after which whoever waits for another thread's renewal looks whether the end has come."""

REPLACED_AT_MOST_EVERY = 60.0
"""A token younger than this that is refused is not replaced: the next one would fare no better."""


def token_key(account: str) -> str:
    """The key of an account's document."""
    return f"TOKEN:{account}"


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """What may be told to anybody: no token. `expires_in`, `age` in seconds, 0 without a valid token.

    `refusal` is the error that a grant or login would meet now (None: none), `blocked_until` until when
    (Unix seconds, 0: until somebody acts). `trouble` is why the last grants gave no token (None: the last one
    did).
    """

    valid: bool
    expires_in: float
    age: float
    renewable: bool
    logins_left: int
    refusal: UpstreamError | None
    blocked_until: float
    trouble: UpstreamError | None = None


def token_part(status: TokenStatus, worded: Callable[[Exception], str]) -> Part:
    """How the token is, for GET /health: whether iRacing can be asked with it, now or after a renewal.
    `worded` gives the home's sentence for an error."""
    more = {"logins_left": status.logins_left}
    why = status.trouble or (None if status.renewable else status.refusal)
    if status.valid:
        but = f" Its renewal failed: {worded(why)}" if why else ""
        return Part(True, f"A valid token is held.{but}", more)
    if why:
        return Part(False, worded(why), more)
    how = "The next look-up renews it." if status.renewable else "The next look-up makes a password login."
    return Part(True, f"No valid token is held. {how}", more)


class TokenKeeper:
    """Hands out a valid access token of one account. Safe for threads and for several processes.

    `documents` holds the account's document under `key` (default: `token_key`). `worker` names
    this process in its leases, and `is_dead` says of the owner of a lease that it certainly lives no more:
    such a lease is over. By default a lease lasts its time.
    """

    def __init__(
        self,
        documents: Documents,
        oauth: OAuth,
        credentials: Credentials,
        *,
        clock: Callable[[], float] = time.time,
        telemetry: Telemetry | None = None,
        key: str = "",
        worker: Callable[[], str] = str,
        is_dead: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._documents = documents
        self._oauth = oauth
        self._credentials = credentials
        self._clock = clock
        self._telemetry = telemetry or Telemetry()
        self._key = key or token_key(credentials.account)
        self._worker = worker
        self._is_dead = is_dead
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._held = TokenState()
        self._unwritten: Callable[[TokenState], TokenState] | None = None
        self._jitter = 0.0

    def access_token(self, deadline: float, *, may_login: bool = True) -> str:
        """A valid access token, renewed before its end. Without `may_login` no password login is made.

        Waits for a renewal by somebody else until the deadline (monotonic seconds); a renewal of its own
        may go on for up to 28 s after it. Raises `CredentialsError`, `RateLimitedError`,
        `MaintenanceError` or `UnreachableError`, and `StoreError` when the documents cannot be used.
        """
        held, now = self._held, self._clock()
        if not held.due(now, self._jitter):
            self._tell_age(held)
            return held.access_token
        if not held.valid(now):
            try:
                return self._renewed(deadline, may_login=may_login)
            except UpstreamError:
                self._tell_last_age()
                raise
        try:  # It is good for a minute yet: renew it if nobody does, and let no failure matter.
            return self._renewed(time.monotonic(), may_login=may_login)
        except (UpstreamError, StoreError):
            return held.access_token

    def replace(self, rejected: str, deadline: float, *, may_login: bool = True) -> str:
        """Another token than `rejected`, which the Data API answered with 401. Raises as `access_token`."""
        held = self._held
        if held.access_token != rejected and held.valid(self._clock()):
            return held.access_token
        return self._renewed(deadline, rejected=rejected, may_login=may_login)

    def prove(self, deadline: float) -> None:
        """Makes one password login whatever is held, and keeps its tokens. Raises as `access_token`.

        Also for credentials that were refused before, but within the hour's logins and never while
        iRacing has said to wait.
        """
        self._credentials.check()
        with self._alone(deadline):
            self._lead(deadline, proving=True)

    def adopt(self, exchange: Callable[[float], Grant], deadline: float) -> None:
        """Keeps the tokens of a login that the member has made in his browser. `exchange` gets them until a
        deadline and raises an `UpstreamError`. Raises as `access_token`."""
        with self._alone(deadline):
            owner = f"{self._worker()}/{secrets.token_hex(8)}"
            spent = self._read()[0].refresh_token
            self._hold(self._keep(self._ask("authorization_code", exchange), owner, spent, refreshed=False))

    def stop(self) -> None:
        """Begins no more grants and ends the waits for them: the program is about to end."""
        self._stopping.set()

    @property
    def stopped(self) -> bool:
        """Whether the program is about to end."""
        return self._stopping.is_set()

    def pause(self, seconds: float) -> None:
        """Waits, but not beyond the end."""
        self._stopping.wait(seconds)

    def close(self, seconds: float) -> bool:
        """Stops, and waits up to `seconds` for a grant under way: cut short, it would cost a login. Gives
        whether it has ended."""
        self.stop()
        if not self._lock.acquire(timeout=max(0.0, seconds)):
            return False
        try:
            with suppress(StoreError):
                self._write_late()
        finally:
            self._lock.release()
        return True

    def status(self) -> TokenStatus:
        """How things stand, from the document; asks iRacing nothing."""
        state, now = self._read()[0], self._clock()
        lasts = self._credentials.interactive and state.refreshable(now)  # no login is in sight
        refusal = state.refusal(now) or (None if lasts else self._login_refusal(state, now))
        pause = refusal.retry_after if refusal else None
        valid = state.valid(now)
        return TokenStatus(
            valid=valid,
            expires_in=state.access_until - now if valid else 0.0,
            age=max(0.0, now - state.access_from) if valid else 0.0,
            renewable=state.refreshable(now),
            logins_left=max(0, LOGINS_AN_HOUR - len(state.recent_logins(now))),
            refusal=refusal,
            blocked_until=now + pause if pause else 0.0,
            trouble=state.trouble(now),
        )

    # --- one at a time: first among the threads of this process, then among processes

    @contextmanager
    def _alone(self, deadline: float) -> Iterator[None]:
        while not self._lock.acquire(timeout=min(_SLICE, max(0.0, deadline - time.monotonic()))):
            if self._stopping.is_set() or time.monotonic() >= deadline:
                raise _busy()
        try:
            yield
        finally:
            self._lock.release()

    def _renewed(self, deadline: float, *, rejected: str = "", may_login: bool) -> str:
        with self._alone(deadline):
            held = self._held
            if held.access_token != rejected and not held.due(self._clock(), self._jitter):
                return held.access_token
            self._held = held.without(rejected)
            return self._lead(deadline, rejected=rejected, may_login=may_login)

    def _lead(
        self, deadline: float, *, rejected: str = "", may_login: bool = True, proving: bool = False
    ) -> str:
        """Takes the lease and renews, or waits for what the holder of the lease brings.

        While the token at hand is still valid, it is given rather than an error or a wait.
        """
        owner, pause = f"{self._worker()}/{secrets.token_hex(8)}", 0.02
        self._write_late()
        while True:
            state, version = self._read()
            now = self._clock()
            usable = state.valid(now) and state.access_token != rejected and not proving
            leased = state.leased_by_another(owner, now) and not self._is_dead(state.lease_owner)
            if usable and (leased or not state.due(now, self._jitter)):
                return self._hold(state)
            try:
                if self._stopping.is_set():
                    raise _busy()
                if not leased:
                    self._check(state, now, rejected, may_login=may_login, proving=proving)
                    if self._put(state.without(rejected).leased(owner, now), version):
                        return self._renew(owner, may_login=may_login, proving=proving)
            except UpstreamError:
                if usable:
                    return self._hold(state)
                raise
            left = deadline - time.monotonic()
            if left <= 0:
                raise _busy()
            self._stopping.wait(min(left, pause * random.uniform(0.7, 1.3)))  # noqa: S311 - spreads, hides nothing
            pause = min(pause * 1.6, 0.5)

    def _check(self, state: TokenState, now: float, rejected: str, *, may_login: bool, proving: bool) -> None:
        """Raises why no grant may be asked for now."""
        self._credentials.check()
        if refusal := state.refusal(now, proving=proving):
            raise refusal
        age = now - state.access_from
        if rejected and state.access_token == rejected and 0 <= age < REPLACED_AT_MOST_EVERY:
            raise CredentialsError(
                "iRacing refuses the access token that it has just issued.",
                Remedy.CHECK_ACCOUNT,
                retry_after=REPLACED_AT_MOST_EVERY - age,
            )
        if proving or not state.refreshable(now):
            self._check_login(state, now, may_login=may_login, proving=proving)

    def _check_login(self, state: TokenState, now: float, *, may_login: bool, proving: bool) -> None:
        """Raises why no password login may be made now."""
        if not may_login and not self._credentials.interactive:
            raise CredentialsError(
                "No valid token is held, and this request may not log in.", Remedy.GET_FIRST_TOKEN
            )
        if refusal := self._login_refusal(state, now, proving=proving):
            raise refusal

    def _login_refusal(self, state: TokenState, now: float, *, proving: bool = False) -> UpstreamError | None:
        """Why no login may be made now, or None."""
        if self._credentials.interactive:
            return CredentialsError(
                "Somebody has to log in to iRacing in the browser.", Remedy.LOG_IN_BROWSER
            )
        return state.login_refusal(now, self._credentials.fingerprint(), proving=proving)

    # --- under the lease

    def _renew(self, owner: str, *, may_login: bool, proving: bool) -> str:
        try:
            state, now = self._read()[0], self._clock()
            answered = proving
            if state.refreshable(now) and not proving:
                newer = self._refresh(state, owner)
                if newer:
                    return self._hold(newer)
                state, answered = self._read()[0], True
            self._check_login(state, self._clock(), may_login=may_login, proving=proving)
            if state.failures and not answered:
                self._probe()
                answered = True
            return self._hold(self._login(state, owner, proven=answered))
        finally:
            self._update(lambda s: s.released(owner))

    def _refresh(self, state: TokenState, owner: str) -> TokenState | None:
        """The refresh grant; None when the refresh token is spent and there is no newer one."""
        try:
            grant = self._ask(
                "refresh_token", lambda end: self._oauth.refresh(self._credentials, state.refresh_token, end)
            )
        except UpstreamError as error:
            if not isinstance(error, DeniedError) or error.error != "invalid_grant":
                self._failed(error)
                raise
            # Perhaps a worker whose lease ran out was slow rather than dead, and has rotated the token.
            newest = self._read()[0]
            if newest.refresh_token != state.refresh_token and newest.valid(self._clock()):
                return newest
            self._update(lambda s: s.without_refresh(state.refresh_token))
            return None
        return self._keep(grant, owner, state.refresh_token, refreshed=True)

    def _probe(self) -> None:
        """Looks whether the service is back, before a login that would count although nobody answers it."""
        try:
            self._ask("probe", lambda end: self._oauth.probe(self._credentials, end))
        except UpstreamError as error:
            self._failed(error)
            raise

    def _login(self, state: TokenState, owner: str, *, proven: bool) -> TokenState:
        self._update(lambda s: s.login_booked(self._clock()))  # before the request: it counts even if we die
        try:
            grant = self._ask("password_limited", lambda end: self._oauth.login(self._credentials, end))
        except UpstreamError as error:
            fingerprint, now, spread = self._credentials.fingerprint(), self._clock(), _spread()
            failed = error
            self._update(lambda s: s.login_failed(failed, fingerprint, now, spread, proven=proven))
            raise
        return self._keep(grant, owner, state.refresh_token, refreshed=False)

    def _ask(self, kind: str, grant: Callable[[float], T]) -> T:
        outcome = "ok"
        try:
            with self._telemetry.span("oauth_authentication", grant=kind):
                return grant(time.monotonic() + GRANT_SECONDS)
        except UpstreamError as error:
            outcome = error.code
            raise
        finally:
            self._telemetry.count("oauth_grants", grant=kind, outcome=outcome)
            if outcome not in ("ok", MaintenanceError.code):
                self._telemetry.count("grants_failed")
            log.info("the grant %s ended as %s", kind, outcome, extra={"grant": kind, "outcome": outcome})

    def _keep(self, grant: Grant, owner: str, spent: str, *, refreshed: bool) -> TokenState:
        """Writes the new tokens. Only then may the access token be used: the old refresh token is spent.

        When the store fails now, they stay in this process until `_write_late` has written them.
        """
        now = self._clock()

        def change(state: TokenState) -> TokenState:
            return state.granted(grant, now, refreshed=refreshed).released(owner)

        # With another refresh token than the spent one, somebody has got newer tokens meanwhile.
        self._unwritten = lambda state: change(state) if state.refresh_token in (spent, "") else state
        written = self._update(change)
        self._unwritten = None
        return written

    def _write_late(self) -> None:
        """Writes tokens that a store which failed has not taken: without them the next one costs a login."""
        if self._unwritten:
            self._update(self._unwritten)
            self._unwritten = None

    def _failed(self, error: UpstreamError) -> None:
        fingerprint, now, spread = self._credentials.fingerprint(), self._clock(), _spread()
        self._update(lambda s: s.refresh_failed(error, fingerprint, now, spread))

    # --- the document

    def _hold(self, state: TokenState) -> str:
        self._jitter = random.uniform(0.0, 10.0)  # noqa: S311 - spreads renewals, hides nothing
        self._held = state
        self._tell_age(state)
        return state.access_token

    def _tell_age(self, state: TokenState) -> None:
        self._telemetry.gauge("token_age_seconds", max(0.0, self._clock() - state.access_from))

    def _tell_last_age(self) -> None:
        """The age of the last token, which has ended: it grows as long as there is no newer one."""
        with suppress(StoreError):
            if (state := self._read()[0]).access_from:
                self._tell_age(state)

    def _read(self) -> tuple[TokenState, int | None]:
        """The newest state. When the document is gone (its database was deleted), the one that is held: its
        refresh token is good still, and its logins count."""
        document = self._documents.get(self._key)
        return (TokenState.parse(document.value), document.version) if document else (self._held, None)

    def _put(self, state: TokenState, version: int | None) -> bool:
        return self._documents.put(self._key, state.document(), expected=version)

    def _update(self, change: Callable[[TokenState], TokenState]) -> TokenState:
        """Applies a change to the newest document, again and again until nobody was faster."""
        while True:
            state, version = self._read()
            changed = change(state)
            if changed == state or self._put(changed, version):
                return changed
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - spreads, hides nothing


def _spread() -> float:
    return random.uniform(LEAST_SPREAD, 1.0)  # noqa: S311 - spreads, hides nothing


def _busy() -> UpstreamError:
    return UnreachableError("The access token is being renewed; ask again shortly.", retry_after=1)
