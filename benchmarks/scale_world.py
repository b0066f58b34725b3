"""What the policy runs on in the simulation: a clock, executors, a store, an index and iRacing, in memory.

Everything happens in one thread and at once; only the virtual clock says how late it is.
"""

import random
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pitboard.drivers.cars import CarService
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import MaintenanceError
from pitboard.drivers.history import HistoryService
from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.model import CallContext, Document, IdEntry, Record, Room
from pitboard.drivers.races import RaceService
from pitboard.drivers.ranks import Ranks
from pitboard.drivers.renewal_pool import RenewalPool
from pitboard.drivers.service import DriverService
from pitboard.iracing.meter import Meter

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


KINDS = ("member/get", "search", "profile", "chart", "career", "races", "index")
"""What the calls are for."""

DRIVERS = "drivers"
"""In a ledger: drivers whose licences came, not calls."""


class Clock:
    """Virtual time in Unix seconds."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class InlineExecutor(Executor):
    """Runs what is submitted before `submit` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as an executor does
            done.set_exception(error)
        return done


class MemoryDocuments:
    """`ports.Documents`."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    def get(self, key: str) -> Document | None:
        return self._documents.get(key)

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        kept = self._documents.get(key)
        if (kept.version if kept else None) != expected:
            return False
        self._documents[key] = Document(value, (expected or 0) + 1)
        return True


class MemoryStore:
    """`ports.Store`. Leases are always free: no two plans run at a time."""

    def __init__(self, clock: Clock) -> None:
        self.documents = MemoryDocuments()
        self._clock = clock
        self._records: dict[str, Record] = {}
        self._ids: dict[str, IdEntry] = {}

    def records(self, keys: Sequence[str]) -> dict[str, Record]:
        now, kept = self._clock.now, self._records
        return {key: kept[key] for key in keys if key in kept and kept[key].stale_until > now}

    def keep(self, records: Iterable[Record]) -> None:
        self._records.update((record.key, record) for record in records)

    def ids(self, keys: Sequence[str]) -> dict[str, IdEntry]:
        now, kept = self._clock.now, self._ids
        return {key: kept[key] for key in keys if key in kept and kept[key].until > now}

    def keep_ids(self, entries: Iterable[IdEntry]) -> None:
        self._ids.update((entry.key, entry) for entry in entries)

    def sweep(self, keeps: Callable[[str, int | None], bool]) -> int:  # noqa: ARG002 - nobody asks for it here
        return 0

    def forget(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._records.pop(key, None)
            self._ids.pop(key, None)

    def claim(self, keys: Sequence[str], owner: str, until: float) -> set[str]:  # noqa: ARG002
        return set(keys)

    def release(self, keys: Sequence[str], owner: str) -> None: ...

    def purge(self, now: float) -> int:  # noqa: ARG002
        return 0

    def ping(self) -> None: ...

    def close(self) -> None: ...


class MemoryIndex:
    """`ports.DriverIndex`. `as_of` is the time of the last refresh; None while there is no index."""

    def __init__(self, drivers: Mapping[str, IndexedDriver]) -> None:
        self._drivers = drivers
        self._ranks = Ranks()

    def refreshed(self, now: float) -> None:
        """All drivers are in it from now on."""
        self._ranks = Ranks(now)

    def find(self, keys: Sequence[str]) -> Mapping[str, IndexedDriver]:
        if not self._ranks.as_of:
            return {}
        drivers = self._drivers
        return {key: drivers[key] for key in keys if key in drivers}

    def ranks(self) -> Ranks:
        return self._ranks


class Members:
    """Everybody there is, by number from 1: when each was last on iRacing, and how he is rated.

    Each comes back after a number of days of his own (`visits`: share of members, days) and races, which
    changes his rating an hour after the login. The lists of all drivers lack the share `not_indexed`, and
    iRacing itself knows no driver of the share `nobody`; both are spread evenly over the numbers.
    """

    def __init__(
        self,
        number: int,
        visits: Sequence[tuple[float, float]],
        not_indexed: float,
        nobody: float,
        rng: random.Random,
    ) -> None:
        self.names = [f"Member {n}" for n in range(1, number + 1)]
        shares, days = zip(*visits, strict=True)
        self._gaps = array("d", [0.0, *(gap * DAY for gap in rng.choices(days, shares, k=number))])
        self._first = array("d", (rng.random() * gap for gap in self._gaps))
        self._not_indexed, self._nobody = not_indexed, nobody

    def exists(self, number: int) -> bool:
        return not self._among(number, self._nobody)

    def indexed(self, number: int) -> bool:
        return not self._among(number, self._not_indexed)

    def last_login(self, number: int, now: float) -> float:
        return now - float((now - self._first[number]) % self._gaps[number])

    def races(self, number: int, now: float) -> int:
        """How many races he has behind him: what is shown is right as long as this is the same."""
        return int((now - HOUR - self._first[number]) / self._gaps[number])

    def irating(self, number: int, now: float) -> int:
        return 1000 + self.races(number, now) % 5000

    def answer(self, number: int, now: float) -> dict[str, Any]:
        """An entry of `member/get`."""
        return {
            "cust_id": number,
            "display_name": self.names[number - 1],
            "last_login": datetime.fromtimestamp(self.last_login(number, now), UTC).isoformat(),
            "licenses": [{"category": "sports_car", "irating": self.irating(number, now)}],
        }

    @staticmethod
    def _among(number: int, share: float) -> bool:
        every = round(1 / share) if share else 0
        return every > 0 and number % every == every // 2


def number_of(name: str) -> int:
    """The number of a member's name; 0 for one who is none."""
    first, _, number = name.rpartition(" ")
    return int(number) if first.lower() == "member" else 0


class Ledger:
    """The calls that were made, by minute since `start` and by kind."""

    def __init__(self, start: float) -> None:
        self._start = start
        self.calls: Counter[tuple[int, str]] = Counter()

    def note(self, now: float, kind: str, calls: int = 1) -> None:
        self.calls[int((now - self._start) / MINUTE), kind] += calls


@dataclass(slots=True)
class Iracing:
    """`ports.Upstream` for one process: the real meter grants, a call takes no time, the ledger notes it.

    `down` says whether it is in maintenance. A call that would have
    to wait for the budget fails at once instead: the event loop waits for the room before it begins a
    renewal, and a reader's call that the budget would grant a little later is counted as not granted.
    """

    clock: Clock
    meter: Meter
    ledger: Ledger
    people: Members
    down: Callable[[float], bool]

    def room(self, context: CallContext, wanted: int) -> Room:
        return self.meter.room(context, wanted)

    def back_at(self) -> float:
        return self.meter.back_at()

    def search(self, name: str, context: CallContext) -> Sequence[tuple[int, str]]:
        self._call("search", context)
        number = number_of(name)
        return [(number, name)] if number and self.people.exists(number) else []

    def members(self, cust_ids: Sequence[int], context: CallContext) -> Mapping[int, Mapping[str, Any]]:
        self._call("member/get", context)
        self.ledger.note(self.clock.now, DRIVERS, len(cust_ids))
        return {number: self.people.answer(number, self.clock.now) for number in cust_ids}

    def profile(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:  # noqa: ARG002
        self._call("profile", context)
        return {}

    def chart(self, cust_id: int, category_id: int, chart_type: int, context: CallContext) -> Any:  # noqa: ARG002
        self._call("chart", context)
        return {}

    def career(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:  # noqa: ARG002
        self._call("career", context)
        return {}

    def recent_races(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:  # noqa: ARG002
        self._call("races", context)
        return {}

    def cars(self, context: CallContext) -> Sequence[Mapping[str, Any]]:
        self._call("cars", context)
        return [{"car_id": 1, "car_name": "Any"}]

    def index_list(self, context: CallContext) -> None:
        """One of the five lists of all drivers."""
        self._call("index", context)

    def _call(self, kind: str, context: CallContext) -> None:
        self.meter.spend(replace(context, deadline=time.monotonic()))
        self.ledger.note(self.clock.now, kind)
        if self.down(self.clock.now):
            pause = self.meter.maintenance({})
            raise MaintenanceError("iRacing is in maintenance.", retry_after=pause)
        self.meter.answered()


@dataclass(slots=True)
class Queue:
    """`ports.RenewalQueue` on the real pool. `filled` is called when there is something to renew."""

    clock: Clock
    filled: Callable[[], None]
    pool: RenewalPool = field(default_factory=RenewalPool)

    def enqueue(self, names: Sequence[str], *, profiles: bool = False, soon: bool = False) -> None:
        self.pool.add(names, self.clock.now, profiles=profiles, soon=soon)
        self.filled()


class Process:
    """One process of the service, as `local.home` puts it together."""

    def __init__(self, world: "World", filled: Callable[[], None]) -> None:
        self.queue = Queue(world.clock, filled)
        meter = Meter(world.store.documents, clock=world.clock)
        self.upstream = Iracing(world.clock, meter, world.ledger, world.people, world.down)
        inline = InlineExecutor()
        dependencies = Dependencies(
            world.store,
            self.upstream,
            inline,
            inline,
            inline,
            world.index,
            clock=world.clock,
            rng=world.rng,
        )
        self.service = DriverService(dependencies, inline, self.queue)
        self.histories = HistoryService(dependencies)
        self.races = RaceService(dependencies, CarService(dependencies))


@dataclass(slots=True)
class World:
    """What all processes share."""

    clock: Clock
    rng: random.Random
    people: Members
    index: MemoryIndex
    ledger: Ledger
    down: Callable[[float], bool]
    store: MemoryStore
