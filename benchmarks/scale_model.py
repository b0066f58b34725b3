"""The simulation itself: what readers do, what the processes do behind them, and what readers see."""

import gc
import heapq
import logging
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate, count
from typing import TYPE_CHECKING

from benchmarks.scale_world import (
    DAY,
    HOUR,
    Clock,
    Ledger,
    Members,
    MemoryIndex,
    MemoryStore,
    Process,
    World,
    number_of,
)

from pitboard.drivers import freshness
from pitboard.drivers.budget import LEFT_BY_BACKGROUND, LIMIT
from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.freshness import Lifetime
from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.misses import NOT_FOUND, PENDING, Miss
from pitboard.drivers.model import CallContext, IdEntry, Priority, Record
from pitboard.drivers.service import Asker, PendingPage

if TYPE_CHECKING:
    from pitboard.drivers.renewal_pool import Due

START = 20_000 * DAY
"""The midnight before each simulation, in Unix seconds."""

LISTS = 5
"""The lists of all drivers, a call each."""

CALL_SECONDS = 0.2
"""A call with its link, about as the simulator has it: the least time between two renewals of a process."""

AGAIN = (1, 2, 4, 8, 15, 30)
"""Seconds after which the addon asks again for what was pending, unless the answer says when (addon:
loader.ts)."""

INDEX_DELAY = 3.0
"""Seconds after which it asks once more for what came from the index."""

SAMPLED = 20
"""Of so many page views, one is looked at for ratings that have changed since."""

BACKGROUND = CallContext(0.0, Priority.BACKGROUND)


@dataclass(frozen=True, slots=True)
class Workload:
    """What readers and members do."""

    members: int = 200_000
    zipf: float = 1.0
    """The author of popularity rank k is drawn with a weight of 1 / k**zipf."""
    authors: tuple[int, int] = (12, 20)
    """Distinct authors of a page, evenly between the two; drawn anew for each page view."""
    cards: float = 0.02
    """Share of page views on which a card is opened: profile, chart and career of one of the authors."""
    swing: float = 0.65
    """Page views a second swing by this share around the mean, as a sine: fewest at 6, most at 18 o'clock."""
    pages_a_reader: float = 30.0
    """Page views of a reader a day. A reader is a client address."""
    not_indexed: float = 0.005
    """Share of members whom the lists of all drivers lack."""
    nobody: float = 0.001
    """Share of forum names that iRacing does not know either."""
    visits: tuple[tuple[float, float], ...] = ((0.25, 1), (0.35, 3), (0.25, 7), (0.15, 30))
    """(share of members, days): so often they come to iRacing and race."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run. The hours of phases (name, from, to), maintenance and crawl (names, from, to) are its own.

    `begins` is the hour of the day of its start. `used`: it begins as after months of use, else with nothing.
    `crawl` asks for 50 names a second, `unknown` ones that nobody has or `indexed` members.
    """

    title: str
    views: float
    phases: tuple[tuple[str, float, float], ...]
    begins: float = 0.0
    processes: int = 1
    index: bool = True
    used: bool = True
    maintenance: tuple[float, float] | None = None
    crawl: tuple[str, float, float] | None = None

    @property
    def hours(self) -> float:
        """The length of the run."""
        return self.phases[-1][2]


@dataclass(slots=True)
class Tally:
    """What readers saw in one phase.

    `states` counts authors: fresh, stale, index, nobody (all at once), looked up (within a second), pending,
    unavailable. `ages` counts them by whole minutes since iRacing said what is shown; `outdated` those of
    `sampled` who have raced since. The same for the peer.
    """

    pages: int = 0
    states: Counter[str] = field(default_factory=Counter)
    ages: Counter[int] = field(default_factory=Counter)
    sampled: int = 0
    outdated: int = 0
    cards: Counter[str] = field(default_factory=Counter)
    peer: Counter[str] = field(default_factory=Counter)
    peer_ages: Counter[int] = field(default_factory=Counter)
    peer_sampled: int = 0
    peer_outdated: int = 0


class Peer:
    """The policy of exenza's backend: a request a driver; a driver is kept for an hour, then his readers wait
    for a call for his profile; a new name costs another call, once for ever. It keeps to no limit."""

    KEPT = HOUR

    def __init__(self, people: Members, down: Callable[[float], bool]) -> None:
        self.ledger = Ledger(START)
        self._people = people
        self._down = down
        self._asked: dict[str, float] = {}

    def fill(self, name: str, age: float) -> None:
        """As if it had been asked for so many seconds ago."""
        self._asked[name] = START - age

    def page(self, names: Sequence[str], now: float, tally: Tally) -> None:
        """One page view."""
        asked, down, calls = self._asked, self._down(now), 0
        sampled = tally.pages % SAMPLED == 0
        for name in names:
            at = asked.get(name)
            if at is not None and now - at < self.KEPT:
                tally.peer["at once"] += 1
                tally.peer_ages[int(now - at) // 60] += 1
                if sampled:
                    tally.peer_sampled += 1
                    tally.peer_outdated += _raced(self._people, number_of(name), at, now)
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
    """Keeps what the policy logs as an error: it goes on after one, a simulation must not."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def check(self) -> None:
        """Raises RuntimeError if there was one."""
        if self.records:
            raise RuntimeError(logging.Formatter().format(self.records[0]))


class Simulation:
    """Runs one scenario. `tallies` (by phase) and the ledgers of calls hold what came of it."""

    def __init__(self, scenario: Scenario, workload: Workload | None = None, seed: int = 1) -> None:
        self.scenario, self.workload = scenario, workload or Workload()
        self.rng = random.Random(seed)
        random.seed(seed)  # the meter spreads its waits with the module's own
        work = self.workload
        self.people = Members(work.members, work.visits, work.not_indexed, work.nobody, self.rng)
        self.clock = Clock(START + scenario.begins * HOUR)
        self.start = self.clock.now
        self.ledger = Ledger(START)
        self.peer = Peer(self.people, self.down)
        self.tallies = {name: Tally() for name, _, _ in scenario.phases}
        self.tally = Tally()
        self.crawled: Counter[str] = Counter()
        self._weights = list(accumulate(1 / k**work.zipf for k in range(1, work.members + 1)))
        self._index = self._make_index()
        self._store = MemoryStore(self.clock)
        world = World(self.clock, self.rng, self.people, self._index, self.ledger, self.down, self._store)
        self._renewers = [Renewer(self, world) for _ in range(scenario.processes)]
        self._readers = max(20, int(scenario.views / work.pages_a_reader))
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._strangers = count(1)
        if scenario.used:
            self._fill()

    def down(self, now: float) -> bool:
        """Whether iRacing is in maintenance."""
        pause = self.scenario.maintenance
        return pause is not None and pause[0] <= (now - self.start) / HOUR < pause[1]

    # --- how it begins

    def _make_index(self) -> MemoryIndex:
        listed = [n for n in range(1, self.workload.members + 1) if self.people.indexed(n)]
        names = self.people.names
        return MemoryIndex({names[n - 1].lower(): IndexedDriver(n, names[n - 1], "") for n in listed})

    def _fill(self) -> None:
        """Puts into the store what months of the same page views would have left there.

        Somebody who is looked at `looks` times a second is renewed every `fresh + 1 / looks` seconds, at the
        first look after he has ceased to be fresh. So at any moment he is fresh with a probability of
        `fresh / (fresh + 1 / looks)`, for a time evenly distributed; else he has not been for an
        exponentially distributed time. The peer's answers likewise.
        """
        pages = self.scenario.views / DAY
        authors = sum(self.workload.authors) / 2
        for number, name in enumerate(self.people.names, 1):
            weight = 1 / number**self.workload.zipf / self._weights[-1]
            looks = pages * min(1.0, authors * weight)
            cards = looks * self.workload.cards / authors
            self.peer.fill(name, self._age(Peer.KEPT, looks))
            if self.people.exists(number):
                self._fill_one(number, name.lower(), looks, cards)
            else:
                left = freshness.NOT_FOUND_KEPT - self._age(freshness.NOT_FOUND_KEPT, looks)
                gone = IdEntry(name.lower(), None, "iRacing", self.start + left, NOT_FOUND.code)
                self._store.keep_ids([gone])

    def _fill_one(self, number: int, key: str, looks: float, cards: float) -> None:
        now = self.start
        profile = self._age(freshness.PROFILE.fresh, cards)
        until = now + freshness.PROFILE.fresh - profile if profile < freshness.PROFILE.stale else 0.0
        since, life = self._renewed(number, looks)
        self._keep(key, number, life, now - since, until)
        chart = self._age(freshness.HISTORY.fresh, cards)
        self._keep(f"HISTORY:{number}:sports_car:irating", number, freshness.HISTORY, chart)
        self._keep(f"CAREER:{number}", number, freshness.CAREER, self._age(freshness.CAREER.fresh, cards))
        self._keep(f"RACES:{number}", number, freshness.RACES, self._age(freshness.RACES.fresh, cards))

    def _renewed(self, number: int, looks: float) -> tuple[float, Lifetime]:
        """When a driver was renewed last, and how long that is fresh, which the time since his login decides.

        What was renewed before his last login may be fresh for long, so the renewals since are gone through.
        """
        login = self.people.last_login(number, self.start)
        if self.start - login > freshness.LONGEST_LICENCES * (1 + freshness.JITTER):
            life = self._lifetime(number, self.start)
            return self.start - self._age(life.fresh, looks), life
        life = self._lifetime(number, login - 1)
        at = login - self._age(life.fresh, looks)
        while (then := max(at + life.fresh, login) + self.rng.expovariate(looks)) < self.start:
            at, life = then, self._lifetime(number, then)
        return at, life

    def _lifetime(self, number: int, now: float) -> Lifetime:
        return freshness.licences(datetime.fromtimestamp(self.people.last_login(number, now), UTC), now)

    def _age(self, fresh: float, looks: float) -> float:
        if self.rng.random() < fresh / (fresh + 1 / looks):
            return self.rng.uniform(0, fresh)
        return fresh + self.rng.expovariate(looks)

    def _keep(self, key: str, number: int, life: Lifetime, age: float, profile_until: float = 0.0) -> None:
        if age < life.stale:
            at = self.start - age
            rating = self.people.irating(number, at)
            self._store.keep(
                [Record(key, number, BODY % (number, number, rating), at, at + life.fresh, at + life.stale,
                        profile_until)]
            )  # fmt: skip

    # --- events

    def at(self, when: float, what: Callable[[], object]) -> None:
        """Does `what` at `when`."""
        heapq.heappush(self._events, (when, next(self._order), what))

    def run(self, *, progress: bool = False) -> None:
        """From the start to the end of the last phase. `progress`: an hour a line on stderr."""
        gc.collect()
        gc.freeze()  # what stays for the whole run need not be looked through again and again
        threshold = gc.get_threshold()
        gc.set_threshold(50_000, 20, 100)
        failures, log = Failures(), logging.getLogger("pitboard")
        log.addHandler(failures)
        try:
            self._prepare(progress)
            self._go(failures)
        finally:
            log.removeHandler(failures)
            gc.set_threshold(*threshold)
            gc.unfreeze()

    def _prepare(self, progress: bool) -> None:
        for name, first, _ in self.scenario.phases:
            self.at(self.start + first * HOUR, partial(self._enter, name))
        if self.scenario.index:
            self._index.refreshed(self.start - DAY / 2 if self.scenario.used else self.start)
            self.at(self._index.ranks().as_of + DAY, lambda: self._refresh_index(LISTS))
        if self.scenario.crawl:
            self.at(self.start + self.scenario.crawl[1] * HOUR, self._crawl)
        if progress:
            self._report(time.monotonic())

    def _go(self, failures: Failures) -> None:
        end = self.start + self.scenario.hours * HOUR
        events, clock = self._events, self.clock
        page = self.start + self._gap(self.start)
        while page < end:
            while events and events[0][0] <= page:
                when, _, what = heapq.heappop(events)
                clock.now = max(clock.now, when)
                what()
            clock.now = page
            self._page()
            failures.check()
            page += self._gap(page)

    def _gap(self, now: float) -> float:
        """Seconds until the next page view: a Poisson process whose rate swings with the day."""
        curve = 1 - self.workload.swing * math.sin(2 * math.pi * (now - START) / DAY)
        return self.rng.expovariate(self.scenario.views / DAY * curve)

    def _enter(self, phase: str) -> None:
        self.tally = self.tallies[phase]

    def _report(self, began: float) -> None:
        hours, taken = (self.clock.now - self.start) / HOUR, time.monotonic() - began
        line = f"{self.scenario.title}: hour {hours:.0f} of {self.scenario.hours:g}, {taken:.0f} s"
        print(line, file=sys.stderr, flush=True)
        self.at(self.clock.now + HOUR, lambda: self._report(began))

    # --- what readers do

    def _page(self) -> None:
        names, client = self._authors(), f"reader {self.rng.randrange(self._readers)}"
        begun = self._ask(names, client)
        if begun.indexed:
            again = [begun.names[key].shown for key in begun.indexed]
            self.at(self.clock.now + INDEX_DELAY, lambda: self._ask(again, client))
        self.tally.pages += 1
        self._note(begun)
        self.peer.page(names, self.clock.now, self.tally)
        if self.rng.random() < self.workload.cards:
            self._card(self.rng.choice(names), client)

    def _authors(self) -> list[str]:
        wanted = self.rng.randint(*self.workload.authors)
        drawn: dict[str, None] = {}
        while len(drawn) < wanted:
            more = wanted - len(drawn) + 4
            drawn.update(
                dict.fromkeys(self.rng.choices(self.people.names, cum_weights=self._weights, k=more))
            )
        return list(drawn)[:wanted]

    def _process(self) -> Process:
        return self.rng.choice(self._renewers).process

    def _ask(self, names: Sequence[str], client: str, tries: int = 0) -> PendingPage:
        """What the addon does for a page: asks, and asks again for what was pending."""
        begun = self._process().service.begin(names, 8.0, Asker(client, profile=False))
        late = {key: miss for key, miss in _misses(begun) if miss.code == PENDING.code}
        if late and tries < len(AGAIN):
            again = [begun.names[key].shown for key in late]
            wait = max(AGAIN[tries], *(miss.retry_after or 0 for miss in late.values()))
            self.at(self.clock.now + wait, lambda: self._ask(again, client, tries + 1))
        return begun

    def _note(self, begun: PendingPage) -> None:
        now, tally = self.clock.now, self.tally
        states, ages = tally.states, tally.ages
        for record in begun.found.values():
            states["stale" if record.licences_due(now) else "fresh"] += 1
            ages[int(now - record.as_of) // 60] += 1
        if begun.indexed:
            states["index"] += len(begun.indexed)
            ages[int(now - self._index.ranks().as_of) // 60] += len(begun.indexed)
        for miss in begun.missed.values():
            states["nobody" if miss == NOT_FOUND else miss.code] += 1
        for flight in begun.flights.values():
            late = flight.result()
            states["looked up" if late is None or late == NOT_FOUND else late.code] += 1
            ages[0] += late is None
        if tally.pages % SAMPLED == 0:
            shown = [(record.cust_id, record.as_of) for record in begun.found.values()]
            shown += [(driver.cust_id, self._index.ranks().as_of) for driver in begun.indexed.values()]
            tally.sampled += len(shown)
            tally.outdated += sum(_raced(self.people, number, since, now) for number, since in shown)

    def _card(self, name: str, client: str) -> None:
        """Opens a card: the driver with his profile, his races, his chart with the career's numbers."""
        process, cards = self._process(), self.tally.cards
        begun = process.service.begin([name], 8.0, Asker(client, profile=True))
        if any(_misses(begun)):
            cards["nothing"] += 1
            return
        cards["profile waited for" if begun.flights else "profile kept"] += 1
        with suppress(UpstreamError):
            process.races.races(number_of(name), 8.0, Asker(client))
        try:
            process.histories.history(number_of(name), "sports_car", "irating", 8.0, Asker(client))
            cards["chart"] += 1
        except UpstreamError:
            cards["no chart"] += 1

    # --- what else happens

    def _refresh_index(self, left: int) -> None:
        """Gets the lists that are left, a call each, as the budget leaves room for."""
        upstream = self._renewers[0].process.upstream
        refusal = upstream.room(BACKGROUND, 1).refusal
        if refusal is None:
            try:
                upstream.index_list(BACKGROUND)
                left -= 1
            except UpstreamError as error:
                refusal = error
        if left:
            wait = (refusal and refusal.retry_after) or CALL_SECONDS
            self.at(self.clock.now + wait, lambda: self._refresh_index(left))
        else:
            self._index.refreshed(self.clock.now)
            self.at(self.clock.now + DAY, lambda: self._refresh_index(LISTS))

    def _crawl(self) -> None:
        """Fifty names in one second from one client."""
        kind, _, until = self.scenario.crawl or ("", 0, 0)
        if self.clock.now >= self.start + until * HOUR:
            return
        if kind == "unknown":
            names = [f"Stranger {next(self._strangers)}" for _ in range(50)]
        else:
            names = self.rng.sample(self.people.names, 50)
        begun = self._process().service.begin(names, 8.0, Asker("crawler", profile=False))
        self.crawled["asked"] += len(names)
        self.crawled["pending"] += sum(miss.code == PENDING.code for _, miss in _misses(begun))
        self.at(self.clock.now + 1.0, self._crawl)


BODY = b'{"cust_id":%d,"member_info":{"cust_id":%d,"licenses":[{"category":"sports_car","irating":%d}]}}'
"""A kept record, as `records.body` makes it of `Members.answer`."""


class Renewer:
    """One process with its background thread (`local.renewals`): takes a batch from the pool, waits for the
    budget, renews it."""

    MOST = int(LIMIT / 4 * (1 - LEFT_BY_BACKGROUND)) + 1
    """Calls that the budget ever has for background work at once."""

    def __init__(self, simulation: Simulation, world: World) -> None:
        self._simulation = simulation
        self._next_at = math.inf
        self._batch: dict[str, Due] = {}
        self.process = Process(world, self._filled)

    def _filled(self) -> None:
        if not self._batch and (wait := self._wait()) is not None:
            self._look_in(wait)

    def _wait(self) -> float | None:
        return self.process.queue.pool.wait(self._simulation.clock.now)

    def _look_in(self, seconds: float) -> None:
        when = self._simulation.clock.now + seconds
        if when < self._next_at - 1e-6:
            self._next_at = when
            self._simulation.at(when, lambda: self._look(when))

    def _look(self, when: float) -> None:
        if when != self._next_at:
            return  # an earlier one has taken its place
        self._next_at = math.inf
        if not self._batch:
            if (wait := self._wait()) is None:
                return
            if wait > 1e-6:
                self._look_in(wait)
                return
            self._batch = self.process.queue.pool.take(self._simulation.clock.now)
        profiles = {name for name, due in self._batch.items() if due.profile}
        room = self.process.upstream.room(BACKGROUND, min(1 + len(profiles), self.MOST))
        wait = room.refusal.retry_after if room.refusal else None
        if wait or not room.calls:  # a probe after a maintenance has one call and nothing to wait for
            self._look_in(max(wait or 0.0, 0.05))
            return
        batch, self._batch = self._batch, {}
        self.process.service.renew(list(batch), profiles)
        if (wait := self._wait()) is not None:
            self._look_in(max(wait, CALL_SECONDS))


def _misses(begun: PendingPage) -> Iterator[tuple[str, Miss]]:
    """The names that an answer would have no driver for."""
    yield from begun.missed.items()
    for key, flight in begun.flights.items():
        if (miss := flight.result()) is not None and key not in begun.found and key not in begun.indexed:
            yield key, miss


def _raced(people: Members, number: int, since: float, now: float) -> bool:
    return people.races(number, since) != people.races(number, now)
