"""What the core needs from outside: a store, the upstream, background work, telemetry.

Every time in here is Unix seconds (float, UTC) unless it is called `deadline`, which is
`time.monotonic()` seconds.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Priority(StrEnum):
    """Who is waiting: a reader in front of a page, or nobody."""

    READER = "reader"
    BACKGROUND = "background"


# --- the store -----------------------------------------------------------------------------------


CLOCK_DOUBT = 3600.0
"""A record that was made so many seconds in the future was made before the clock was set back."""


@dataclass(frozen=True, slots=True)
class Record:
    """One kept answer with its clocks, as a store holds it.

    `body` is a JSON object in UTF-8, ready to be spliced into an answer. `fresh_until` says until when
    it needs no renewal; `stale_until` until when it may be shown at all, and is the store's TTL.
    `profile_until` is the profile's own `fresh_until`. While the body has licences only it is 0, or, when
    the profile could not be had, the negative of the time before which it is not asked for again.
    """

    key: str
    cust_id: int
    body: bytes
    as_of: float
    fresh_until: float
    stale_until: float
    profile_until: float = 0.0

    @property
    def partial(self) -> bool:
        """Whether the body has licences only."""
        return self.profile_until <= 0

    def profile_due(self, now: float) -> bool:
        """Whether the profile should be asked for."""
        return now >= abs(self.profile_until)

    def licences_due(self, now: float) -> bool:
        """Whether the licences should be renewed."""
        return now >= self.fresh_until or now < self.as_of - CLOCK_DOUBT

    def due(self, now: float) -> bool:
        """Whether licences or profile should be renewed."""
        return self.licences_due(now) or self.profile_due(now)


@dataclass(frozen=True, slots=True)
class IdEntry:
    """What is known of a name's customer id.

    `cust_id` None is a negative answer: `reason` is then `not_found` or `unavailable`. `until` is the
    TTL; a store may hand out entries past it, the core checks.
    """

    key: str
    cust_id: int | None
    origin: str
    until: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A small JSON value under a name, with a version that grows by one at each write."""

    value: Mapping[str, Any]
    version: int


class Documents(Protocol):
    """Versioned documents: tokens, budgets. Reads are consistent, writes are compare-and-set."""

    def get(self, key: str) -> Document | None:
        """The newest document, or None. Never an old copy (DynamoDB: ConsistentRead)."""

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        """Writes `value` if the stored version is `expected` (None: if there is none yet).

        False, and nothing changed, when somebody else was first. Durable when it returns True.
        """


class Store(Protocol):
    """Records, ids, leases and the shared documents. Safe for threads and for several processes.

    Keys of records and ids are name keys (`names.Name.key`, always in lower case) or the core's own
    keys in capitals, which no name key can be ("HISTORY:123:5:irating").
    """

    @property
    def documents(self) -> Documents:
        """The documents that every process of this home shares (the budget)."""

    def records(self, keys: Sequence[str]) -> dict[str, Record]:
        """The records there are, by key, in one batch. Keys are distinct. Missing ones are left out;
        ones past `stale_until` too, whether the store has deleted them yet or not."""

    def keep(self, records: Iterable[Record]) -> None:
        """Writes records, replacing older ones under the same key. A record whose `as_of` and
        `profile_until` are both not newer than the kept one's may be dropped, unless the kept one's `as_of`
        is newer by more than `CLOCK_DOUBT`."""

    def ids(self, keys: Sequence[str]) -> dict[str, IdEntry]:
        """The id entries there are, by key; ones past `until` are left out."""

    def keep_ids(self, entries: Iterable[IdEntry]) -> None:
        """Writes id entries, replacing."""

    def forget(self, keys: Sequence[str]) -> None:
        """Drops records and id entries of these keys (a name that changed hands)."""

    def claim(self, keys: Sequence[str], owner: str, until: float) -> set[str]:
        """Takes the lease on each key that nobody holds (or whose lease is over); gives those taken.
        The same owner may take its own lease again."""

    def release(self, keys: Sequence[str], owner: str) -> None:
        """Gives up this owner's leases."""

    def purge(self, now: float) -> int:
        """Deletes what is past its TTL; gives the number of rows. A store that does so by itself: 0."""

    def ping(self) -> None:
        """Raises `StoreError` with a clear sentence if the store cannot be read."""

    def close(self) -> None: ...


class StoreError(Exception):
    """The store cannot be used; the message says what to do."""


# --- the upstream --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Errand:
    """What an upstream call is for: until when it is worth having, and who waits."""

    deadline: float
    priority: Priority = Priority.READER

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed: what fails now says nothing about iRacing."""
        return time.monotonic() >= self.deadline


class Upstream(Protocol):
    """The part of iRacing's Data API that the core uses. Each method costs one call of the budget
    (links and chunks are free) and raises an `UpstreamError`."""

    def search(self, name: str, errand: Errand) -> Sequence[tuple[int, str]]:
        """lookup/drivers: (cust_id, display_name) of the drivers whose name holds this text."""

    def members(self, cust_ids: Sequence[int], errand: Errand) -> Mapping[int, Mapping[str, Any]]:
        """member/get with licences for up to 50 ids. Ids that iRacing does not know are left out."""

    def profile(self, cust_id: int, errand: Errand) -> Mapping[str, Any]:
        """member/profile as iRacing gives it."""

    def chart(self, cust_id: int, category_id: int, chart_type: int, errand: Errand) -> Mapping[str, Any]:
        """member/chart_data; chart_type 1 is iRating, 3 is licence class and safety rating."""

    def career(self, cust_id: int, errand: Errand) -> Mapping[str, Any]:
        """stats/member_career as iRacing gives it."""


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


# --- background work and telemetry ---------------------------------------------------------------


class Refresher(Protocol):
    """Takes names whose records should be renewed when there is room. Returns at once, never raises."""

    def refresh(self, names: Sequence[str]) -> None: ...


request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being served, "" outside of one. Every log line carries it. A pool's threads see it
only when the work is handed over with `contextvars.copy_context().run`."""


class Telemetry:
    """What the rooms report. This one reports nothing; a home passes its own.

    Metric names are those of `pitboard.telemetry.metrics`, snake_case without a prefix; labels have few
    values and never a name or an id.
    """

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        """Adds to a counter."""

    def gauge(self, metric: str, value: float, **labels: str) -> None:
        """Sets a gauge."""

    def observe(self, metric: str, seconds: float, **labels: str) -> None:
        """Puts a duration in seconds into a distribution."""

    def span(self, name: str, **attributes: str | int) -> AbstractContextManager[None]:
        """A trace span around a block."""
        return nullcontext()
