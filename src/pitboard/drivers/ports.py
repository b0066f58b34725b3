"""What the core needs from outside, as protocols: a store, the upstream, a renewal queue, telemetry."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.members import Members
from pitboard.drivers.model import CallContext, Document, IdEntry, Record, Room
from pitboard.drivers.ranks import Ranks


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

    def sweep(self, keeps: Callable[[str, int | None], bool]) -> int:
        """Deletes the records, id entries and leases of whose key and customer id (None: it has none)
        `keeps` says no, so that no byte of them is left; gives their number. It looks at everything there
        is."""

    def purge(self, now: float) -> int:
        """Deletes what is past its TTL; gives the number of rows. A store that does so by itself: 0."""

    def ping(self) -> None:
        """Raises `StoreError` with a clear sentence if the store cannot be read."""

    def close(self) -> None: ...


class Upstream(Protocol):
    """The part of iRacing's Data API that the core uses. Each method costs one call of the budget
    (links and chunks are free) and raises an `UpstreamError`."""

    def back_at(self) -> float:
        """When iRacing was last seen to be back after a pause of all calls (Unix seconds, 0: never).
        Asks iRacing nothing. Raises `StoreError`."""

    def room(self, context: CallContext, wanted: int) -> Room:
        """How many of `wanted` calls the budget has at the moment, and when it will have the rest. Asks
        iRacing nothing. Raises `StoreError`."""

    def search(self, name: str, context: CallContext) -> Sequence[tuple[int, str]]:
        """lookup/drivers: (cust_id, display_name) of the drivers whose name holds this text."""

    def members(self, cust_ids: Sequence[int], context: CallContext) -> Mapping[int, Mapping[str, Any]]:
        """member/get with licences for up to 50 ids. Ids that iRacing does not know are left out."""

    def profile(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:
        """member/profile as iRacing gives it."""

    def chart(
        self, cust_id: int, category_id: int, chart_type: int, context: CallContext
    ) -> Mapping[str, Any]:
        """member/chart_data; chart_type 1 is iRating, 3 is licence class and safety rating."""

    def career(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:
        """stats/member_career as iRacing gives it."""

    def recent_races(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:
        """stats/member_recent_races: the last ten official races at most."""

    def cars(self, context: CallContext) -> Sequence[Mapping[str, Any]]:
        """car/get: all cars, each with `car_id`, `car_name` and perhaps `categories`."""


class DriverIndex(Protocol):
    """The driver index as one refresh left it, whole. Safe for threads."""

    def find(self, keys: Sequence[str]) -> Mapping[str, IndexedDriver]:
        """The drivers of these names (`names.Name.key`), by key. A name that two drivers have is left out."""

    def ranks(self) -> Ranks:
        """The distribution of the refresh that `find` answers from; empty before the first refresh.

        The same object until there is a newer one.
        """


class NoIndex:
    """The index of a home that has none yet."""

    _none = Ranks()

    def find(self, _: Sequence[str]) -> Mapping[str, IndexedDriver]:
        """Nobody."""
        return {}

    def ranks(self) -> Ranks:
        """Empty."""
        return self._none


class MembersSource(Protocol):
    """What members have asked for, and whom the host lists. Safe for threads."""

    def current(self) -> Members:
        """What holds now. Raises `StoreError` when it was never read."""

    def change(self, edit: Callable[[Members], Members]) -> Members:
        """Makes a change; gives the new state. Raises `StoreError`."""


class RenewalQueue(Protocol):
    """Takes names whose records should be renewed when there is room. Returns at once, never raises."""

    def enqueue(self, names: Sequence[str], *, profiles: bool = False, soon: bool = False) -> None:
        """`profiles`: the profiles that are due, too; else licences alone. `soon`: they should not wait long
        for others to share a call."""


class FailedNames:
    """Takes names that iRacing failed at, to ask for them again. This one does not: a home that is frozen
    after its answers leaves that to its readers."""

    def add(self, name: str, *, profile: bool, client: str | None) -> None:
        """Returns at once, never raises. `profile`: the profile is wanted, too. `client` is who wants it (see
        `CallContext`); None: nobody waits for it, a record is to be renewed."""


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
