"""How many calls the policy needs as readers grow: a simulation on a virtual clock, with the real policy code.

    uv run --all-groups --all-extras python benchmarks/scale.py [--views 1e6] [--hours 24] [--processes 1]
        [--scenario day] [--json]
    uv run --all-groups --all-extras python benchmarks/scale.py --all      (writes docs/SCALE.md and its chart)

The service, its plans, the renewal pool, the budget and the freshness rules are those that `pitboard serve`
runs; clock, store, index and iRacing are in memory (`scale_world`). What readers do is stated in `Workload`.
Beside it the same page views meet the policy of exenza's backend, as its code has it.
"""

import argparse
import gc
import heapq
import json
import logging
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, count
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from benchmarks.scale_world import (  # noqa: E402 - it is in the checkout, not in a package
    Clock,
    Ledger,
    MemoryIndex,
    MemoryStore,
    Process,
    World,
    shown,
)

from pitboard.drivers import freshness  # noqa: E402
from pitboard.drivers.budget import LEFT_BY_BACKGROUND, LIMIT  # noqa: E402
from pitboard.drivers.errors import UpstreamError  # noqa: E402
from pitboard.drivers.freshness import Lifetime  # noqa: E402
from pitboard.drivers.index import IndexedDriver  # noqa: E402
from pitboard.drivers.misses import NOT_FOUND, Miss  # noqa: E402
from pitboard.drivers.model import CallContext, IdEntry, Priority, Record  # noqa: E402
from pitboard.drivers.names import parse  # noqa: E402
from pitboard.drivers.service import Asker, PendingPage  # noqa: E402

HOUR, DAY = 3600.0, 86400.0
START = 20_000 * DAY
"""Midnight at which each simulation begins."""

LISTS = 5
CALL_SECONDS = 0.2
"""A call with its link, as the simulator has it: the least time between two renewals of a process."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What readers do. `zipf` is the exponent: the author of popularity rank k is drawn with 1/k**zipf."""

    members: int = 200_000
    zipf: float = 1.0
    authors: tuple[int, int] = (12, 20)
    """Distinct authors of a page, evenly between the two, drawn independently of other pages."""
    cards: float = 0.02
    """Share of page views on which one card is opened: profile, chart and career of one author."""
    swing: float = 0.65
    """Page views a second swing by this share around the mean: least at 6, most at 18 o'clock."""
    pages_a_reader: float = 30.0
    """Page views of one reader a day; a reader is one client address."""
    not_indexed: float = 0.005
    """Share of members whom the index does not have."""
    nobody: float = 0.001
    """Share of members whose forum name iRacing does not know either."""


RETRIES = (1, 2, 4, 8, 15, 30)
"""Seconds after which the addon asks again for what was pending or from the index (addon: roster.ts)."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run. Hours are from its start; `phases` are (name, from, to) and are counted apart."""

    title: str
    views: float
    phases: tuple[tuple[str, float, float], ...]
    processes: int = 1
    index: bool = True
    used: bool = True
    """Whether it begins as after months of use; else from an empty store."""
    maintenance: tuple[float, float] | None = None
    crawl: tuple[str, float, float] | None = None
    begins: float = 0.0
    """The hour of the day at which it begins."""

    @property
    def hours(self) -> float:
        """The length of the run."""
        return self.phases[-1][2]


@dataclass(slots=True)
class Tally:
    """What readers saw in one phase. Ages are counted by whole minutes."""

    pages: int = 0
    states: Counter[str] = field(default_factory=Counter)
    ages: Counter[int] = field(default_factory=Counter)
    cards: Counter[str] = field(default_factory=Counter)
    peer: Counter[str] = field(default_factory=Counter)
    peer_ages: Counter[int] = field(default_factory=Counter)


class Exenza:
    """The peer's policy: a driver is kept for an hour, with one call for the profile, after which readers
    wait again; a name costs another call, once for ever. It has no limit of its own."""

    KEPT = HOUR

    def __init__(self, start: float, down: Callable[[float], bool]) -> None:
        self.ledger = Ledger(start)
        self._down = down
        self._asked: dict[str, float] = {}

    def page(self, names: Sequence[str], now: float, tally: Tally) -> None:
        """One page view: a request a name."""
        asked, down, calls = self._asked, self._down(now), 0
        for name in names:
            at = asked.get(name)
            if at is not None and now - at < self.KEPT:
                tally.peer["at once"] += 1
                tally.peer_ages[int(now - at) // 60] += 1
                continue
            calls += 2 if at is None else 1
            if down:
                tally.peer["none"] += 1
            else:
                tally.peer["waited"] += 1
                tally.peer_ages[0] += 1
                asked[name] = now
        if calls:
            self.ledger.note(now, "peer", calls)


class Failures(logging.Handler):
    """Keeps what the policy logs as an error: it goes on after one, a simulation should not."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Simulation:
    """Runs one scenario. `tallies` and the ledgers hold what came of it."""

    def __init__(self, scenario: Scenario, workload: Workload, seed: int = 1) -> None:
        self.scenario, self.workload = scenario, workload
        self.rng = random.Random(seed)
        random.seed(seed)  # the meter spreads its waits with the module's own
        self.clock = Clock(START)
        self.names = [shown(number) for number in range(1, workload.members + 1)]
        self._weights = list(accumulate(1 / k**workload.zipf for k in range(1, workload.members + 1)))
        self.index = self._make_index()
        customers = {
            name: number
            for number, name in enumerate(self.names, 1)
            if not self._among(number, workload.nobody)
        }
        self.ledger = Ledger(START)
        self.store = MemoryStore(self.clock)
        world = World(self.clock, self.rng, customers, self.index, self.ledger, self.down, self.store)
        if scenario.used:
            self._fill(customers)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self.renewers = [Renewer(self, world) for _ in range(scenario.processes)]
        self.peer = Exenza(START, self.down)
        gc.collect()
        gc.freeze()  # what stays for the whole run need not be looked through again and again
        gc.set_threshold(50_000, 20, 100)
        self.tallies = {name: Tally() for name, _, _ in scenario.phases}
        self.tally = Tally()
        self.readers = max(20, int(scenario.views / workload.pages_a_reader))
        self.crawled: Counter[str] = Counter()
        self._fresh_names = count(1)

    def _among(self, number: int, share: float) -> bool:
        """Whether a member belongs to a share that is spread evenly over all ranks of popularity."""
        return share > 0 and number % round(1 / share) == round(1 / share) // 2

    def _make_index(self) -> MemoryIndex:
        numbers = range(1, self.workload.members + 1)
        listed = (number for number in numbers if not self._among(number, self.workload.not_indexed))
        return MemoryIndex({parse(shown(n)).key: IndexedDriver(n, shown(n), "") for n in listed})

    def _fill(self, customers: Mapping[str, int]) -> None:
        """Puts into the store what months of the same page views would have left there.

        Somebody who is looked at `rate` times a second is renewed once in `fresh + 1/rate` seconds, at the
        first look after what is kept of him has ceased to be fresh. So at any moment he is fresh with the
        probability `fresh / (fresh + 1/rate)`, for a time that is evenly distributed; else what is kept has
        not been fresh for an exponentially distributed time.
        """
        pages = self.scenario.views / DAY
        first, last = self.workload.authors
        for number, name in enumerate(self.names, 1):
            key = parse(name).key
            looks = pages * min(1.0, (first + last) / 2 / number**self.workload.zipf / self._weights[-1])
            cards = looks * self.workload.cards * 2 / (first + last)
            if name not in customers:
                left = freshness.NOT_FOUND_KEPT - self._age(freshness.NOT_FOUND_KEPT, looks)
                self.store.keep_ids([IdEntry(key, None, "iRacing", START + left, NOT_FOUND.code)])
                continue
            profile = self._age(freshness.PROFILE.fresh, cards)
            known = profile < freshness.PROFILE.stale
            until = START + freshness.PROFILE.fresh - profile if known else 0.0
            self._seed(key, number, freshness.LICENCES, self._age(freshness.LICENCES.fresh, looks), until)
            chart = self._age(freshness.HISTORY.fresh, cards)
            self._seed(f"HISTORY:{number}:sports_car:irating", number, freshness.HISTORY, chart)

    def _age(self, fresh: float, rate: float) -> float:
        if self.rng.random() < fresh / (fresh + 1 / rate):
            return self.rng.uniform(0, fresh)
        return fresh + self.rng.expovariate(rate)

    def _seed(self, key: str, number: int, life: Lifetime, age: float, profile_until: float = 0.0) -> None:
        if age < life.stale:
            at = START - age
            ends = at + life.fresh, at + life.stale
            body = b'{"cust_id":%d,"member_info":{"cust_id":%d,"licenses":[]}}' % (number, number)
            self.store.keep([Record(key, number, body, at, *ends, profile_until)])

    def down(self, now: float) -> bool:
        """Whether iRacing is in maintenance."""
        hours, pause = (now - START) / HOUR, self.scenario.maintenance
        return pause is not None and pause[0] <= hours < pause[1]

    # --- events

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Does `what` at `when`."""
        heapq.heappush(self._events, (when, next(self._order), what))

    def run(self, progress: bool = True) -> None:
        """From the start to the end of the last phase."""
        for name, first, _ in self.scenario.phases:
            self.at(START + first * HOUR, lambda name=name: self._enter(name))
        if self.scenario.index:
            self.index.refreshed(START)
            self.at(START + DAY, lambda: self._refresh_index(LISTS))
        if self.scenario.crawl:
            self.at(START + self.scenario.crawl[1] * HOUR, self._crawl)
        if progress:
            self._report(time.monotonic())
        end = START + self.scenario.hours * HOUR
        page = START + self._gap(START)
        events, clock = self._events, self.clock
        failures, log = Failures(), logging.getLogger("pitboard")
        log.addHandler(failures)
        while page < end:
            if failures.records:
                raise RuntimeError(logging.Formatter().format(failures.records[0]))
            while events and events[0][0] <= page:
                when, _, what = heapq.heappop(events)
                clock.now = max(clock.now, when)
                what()
            clock.now = page
            self._page()
            page += self._gap(page)
        log.removeHandler(failures)

    def _gap(self, now: float) -> float:
        hours = (now - START) / HOUR
        curve = 1 - self.workload.swing * math.sin(2 * math.pi * (hours + self.scenario.begins) / 24)
        return self.rng.expovariate(self.scenario.views / DAY * curve)

    def _enter(self, phase: str) -> None:
        self.tally = self.tallies[phase]

    def _report(self, began: float) -> None:
        hours = (self.clock.now - START) / HOUR
        taken = time.monotonic() - began
        print(f"{self.scenario.title}: hour {hours:.0f} of {self.scenario.hours:.0f}, {taken:.0f} s",
              file=sys.stderr, flush=True)  # fmt: skip
        self.at(self.clock.now + HOUR, lambda: self._report(began))

    # --- what readers do

    def _authors(self) -> list[str]:
        wanted = self.rng.randint(*self.workload.authors)
        drawn: dict[str, None] = {}
        while len(drawn) < wanted:
            some = self.rng.choices(self.names, cum_weights=self._weights, k=wanted - len(drawn) + 4)
            drawn.update(dict.fromkeys(some))
        return list(drawn)[:wanted]

    def _page(self) -> None:
        names, client = self._authors(), f"reader {self.rng.randrange(self.readers)}"
        begun = self._ask(names, client)
        self.tally.pages += 1
        self._note(begun)
        self.peer.page(names, self.clock.now, self.tally)
        if self.rng.random() < self.workload.cards:
            self._card(self.rng.choice(names), client)

    def _ask(self, names: Sequence[str], client: str, tries: int = 0) -> PendingPage:
        process = self.rng.choice(self.renewers).process
        begun = process.service.begin(names, 8.0, Asker(client, profile=False))
        if (begun.indexed or begun.flights) and tries < len(RETRIES):
            pending = [(key, miss) for key, miss in _misses(begun) if miss.code == "pending"]
            again = [begun.names[key].shown for key in (*begun.indexed, *(key for key, _ in pending))]
            if again:
                wait = max([RETRIES[tries], *(miss.retry_after or 0 for _, miss in pending)])
                self.at(self.clock.now + wait, lambda: self._again(again, client, tries + 1))
        return begun

    def _again(self, names: Sequence[str], client: str, tries: int) -> None:
        self._ask(names, client, tries)

    def _note(self, begun: PendingPage) -> None:
        now, states, ages = self.clock.now, self.tally.states, self.tally.ages
        for record in begun.found.values():
            states["stale" if record.licences_due(now) else "fresh"] += 1
            ages[int(now - record.as_of) // 60] += 1
        if begun.indexed:
            states["index"] += len(begun.indexed)
            ages[int(now - self.index.ranks().as_of) // 60] += len(begun.indexed)
        for miss in begun.missed.values():
            states["nobody" if miss == NOT_FOUND else miss.code] += 1
        for flight in begun.flights.values():
            miss = flight.result()
            if miss is None:
                states["looked up"] += 1
                ages[0] += 1
            else:
                states["looked up" if miss == NOT_FOUND else miss.code] += 1

    def _card(self, name: str, client: str) -> None:
        """Opens a card: the driver with profile, and his chart with the career's numbers."""
        process = self.rng.choice(self.renewers).process
        begun = process.service.begin([name], 8.0, Asker(client, profile=True))
        missed = [miss for _, miss in _misses(begun)]
        self.tally.cards["none" if missed else "profile waited for" if begun.flights else "profile kept"] += 1
        if missed:
            return
        cust_id = int(name.rpartition(" ")[2])
        try:
            process.histories.history(cust_id, "sports_car", "irating", 8.0, client)
            self.tally.cards["chart"] += 1
        except UpstreamError:
            self.tally.cards["no chart"] += 1

    # --- what else happens

    def _refresh_index(self, left: int) -> None:
        upstream = self.renewers[0].process.upstream
        wait = upstream.room(BACKGROUND, 1).refusal
        if wait is None:
            try:
                upstream.index_list(BACKGROUND)
                left -= 1
            except UpstreamError:
                self.at(self.clock.now + 600, lambda: self._refresh_index(left))
                return
        if left:
            again = (wait and wait.retry_after) or CALL_SECONDS
            self.at(self.clock.now + again, lambda: self._refresh_index(left))
        else:
            self.index.refreshed(self.clock.now)
            self.at(self.clock.now + DAY, lambda: self._refresh_index(LISTS))

    def _crawl(self) -> None:
        """Fifty names a second from one client: names nobody has, or names of the index, evenly drawn."""
        kind, _, until = self.scenario.crawl or ("", 0, 0)
        if self.clock.now >= START + until * HOUR:
            return
        if kind == "unknown":
            names = [f"Stranger {next(self._fresh_names)}" for _ in range(50)]
        else:
            names = list(dict.fromkeys(self.rng.choice(self.names) for _ in range(50)))
        begun = self.rng.choice(self.renewers).process.service.begin(
            names, 8.0, Asker("crawler", profile=False)
        )
        self.crawled["asked"] += len(names)
        self.crawled["pending"] += sum(miss.code == "pending" for _, miss in _misses(begun))
        self.at(self.clock.now + 1.0, self._crawl)


BACKGROUND = CallContext(0.0, Priority.BACKGROUND)


def _misses(begun: PendingPage) -> Iterator[tuple[str, Miss]]:
    """Everything that an answer of this page would have no driver for."""
    yield from begun.missed.items()
    for key, flight in begun.flights.items():
        miss = flight.result()
        if miss is not None and key not in begun.found and key not in begun.indexed:
            yield key, miss


class Renewer:
    """One process with its background thread, as in `local.renewals`: takes a batch, waits for the budget,
    renews it."""

    MOST = int(LIMIT / 4 * (1 - LEFT_BY_BACKGROUND)) + 1
    """Calls that the budget ever has for background work at once."""

    def __init__(self, simulation: Simulation, world: World) -> None:
        self._simulation = simulation
        self._next_at = math.inf
        self._batch: dict[str, Any] = {}
        self.process = Process(world, self._filled)

    def _filled(self, process: Process) -> None:
        if self._batch:
            return
        wait = process.queue.pool.wait(self._simulation.clock.now)
        if wait is not None:
            self._at(max(wait, 0.0))

    def _at(self, wait: float) -> None:
        when = self._simulation.clock.now + wait
        if when < self._next_at - 1e-6:
            self._next_at = when
            self._simulation.at(when, lambda: self._due(when))

    def _due(self, when: float) -> None:
        if when != self._next_at:
            return  # an earlier one has taken its place
        self._next_at = math.inf
        pool, now = self.process.queue.pool, self._simulation.clock.now
        if not self._batch:
            wait = pool.wait(now)
            if wait is None:
                return
            if wait > 1e-6:
                self._at(wait)
                return
            self._batch = pool.take(now)
        profiles = {name for name, due in self._batch.items() if due.profile}
        wanted = min(1 + len(profiles), self.MOST)
        room = self.process.upstream.room(BACKGROUND, wanted)
        if room.calls < wanted:
            self._at(max((room.refusal and room.refusal.retry_after) or 0.0, 0.05))
            return
        batch, self._batch = self._batch, {}
        self.process.service.renew(list(batch), profiles)
        if len(pool):
            self._at(CALL_SECONDS)


def figures(simulation: Simulation) -> list[dict[str, Any]]:
    scenario = simulation.scenario
    return [
        {
            "scenario": scenario.title,
            "views": scenario.views,
            "processes": scenario.processes,
            "index": scenario.index,
            "phase": name,
            **_phase(simulation, name, first, last),
        }
        for name, first, last in scenario.phases
    ]


def _phase(simulation: Simulation, name: str, first: float, last: float) -> dict[str, Any]:
    tally = simulation.tallies[name]
    minutes = range(int(first * 60), int(last * 60))
    kinds = Counter()
    per_minute = []
    for minute in minutes:
        total = 0
        for kind in ("member/get", "search", "profile", "chart", "career", "index"):
            n = simulation.ledger.calls[minute, kind]
            kinds[kind] += n
            total += n
        per_minute.append(total)
    peer = [simulation.peer.ledger.calls[minute, "peer"] for minute in minutes]
    authors = sum(tally.states.values()) or 1
    at_once = sum(tally.states[s] for s in ("fresh", "stale", "index", "nobody"))
    peers = sum(tally.peer.values()) or 1
    return {
        "pages": tally.pages,
        "calls": spread(per_minute),
        "kinds": {k: round(v / len(minutes), 2) for k, v in kinds.items()},
        "at_once": at_once / authors,
        "within_a_second": (at_once + tally.states["looked up"]) / authors,
        "pending": tally.states["pending"] / authors,
        "states": {k: round(v / authors, 5) for k, v in tally.states.items()},
        "age_minutes": ages(tally.ages),
        "cards": dict(tally.cards),
        "peer_calls": spread(peer),
        "peer_at_once": tally.peer["at once"] / peers,
        "peer_age_minutes": ages(tally.peer_ages),
        **({"crawl": dict(simulation.crawled)} if simulation.crawled else {}),
    }


def spread(values: Sequence[int]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": ordered[len(ordered) // 2],
        "p99": ordered[int(len(ordered) * 0.99)],
        "max": ordered[-1],
    }


def ages(counted: Counter[int]) -> dict[str, int | None]:
    total, seen, result = sum(counted.values()), 0, {}
    for age in sorted(counted):
        seen += counted[age]
        for name, share in (("median", 0.5), ("p99", 0.99)):
            if name not in result and seen >= share * total:
                result[name] = age
    return result


def scenario(name: str, views: float, hours: float, processes: int, warm: float) -> Scenario:
    day = (("warm-up", 0.0, warm), ("day", warm, warm + hours))
    if name == "day":
        return Scenario("day", views, day, processes)
    if name == "bare":
        return Scenario(
            "from nothing, no index",
            views,
            (("first hour", 0, 1), ("rest", 1, hours)),
            processes,
            index=False,
        )
    if name == "start":
        return Scenario("from nothing, index", views, (("first hour", 0, 1), ("rest", 1, hours)), processes)
    if name == "maintenance":
        return Scenario(
            "maintenance",
            views,
            (("warm-up", 0, 12), ("maintenance", 12, 16), ("hour after", 16, 17)),
            processes,
            maintenance=(12, 16),
        )
    if name.startswith("crawl"):
        return Scenario(
            name,
            views,
            (("before", 10, 12), ("crawl", 12, 12.5), ("after", 12.5, 13)),
            processes,
            index="bare" not in name,
            crawl=("unknown" if "unknown" in name else "indexed", 12, 12.5),
        )
    raise SystemExit(name)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--views", type=float, default=1e6)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--warm", type=float, default=6)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--scenario", default="day")
    args = parser.parse_args()
    simulation = Simulation(
        scenario(args.scenario, args.views, args.hours, args.processes, args.warm), Workload()
    )
    simulation.run()
    for row in figures(simulation):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
