"""The service: what is known of the names a page asks for, and the plan for what is not."""

import contextvars
import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from functools import lru_cache

from pitboard.drivers import freshness, misses, names
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import (
    MaintenanceError,
    OutageError,
    StoreError,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.misses import NOT_FOUND, PENDING, TOO_MANY, UNAVAILABLE, WITHHELD, Miss
from pitboard.drivers.model import CallContext, IdEntry, Priority, Record
from pitboard.drivers.names import InvalidNameError, Name
from pitboard.drivers.page import Page, Pages
from pitboard.drivers.plan import Failed, Plan, Target, exact_match, withhold_also
from pitboard.drivers.ports import FailedNames, RenewalQueue
from pitboard.drivers.single_flight import SingleFlight
from pitboard.drivers.views import Views

MOST_NAMES = 50
"""Most names of one request."""

MOST_FLIGHTS = 2_000
"""Names that are looked up at a time; at three calls each, ten minutes of the whole budget. Whoever asks
for more is told to come back, so that a crawl fills neither the memory nor the queue."""

MOST_FLIGHTS_A_CLIENT = 150
"""The same for one client: three pages of fifty names."""

LOOKUP_SECONDS = 20.0
"""How long a look-up may take, however short its askers wait: the next ask finds what it brought."""

BACKGROUND_SECONDS = 60.0
"""How long a renewal that nobody waits for may take."""

BEFORE_THE_ANSWER = 0.3
"""Seconds before the answer at which look-ups end in a home that is frozen after it."""

LONGEST_REMEMBERED = 2_048
"""Characters of a page's names that are remembered together; twenty or thirty names have fewer."""

LONGEST_QUIET = 1.5
"""Seconds without news after which an answer goes out, if it has something to show."""

ID_SURE = freshness.DAY
"""Seconds for which a kept id is told without asking when it is asked for alone: a name can change hands."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and how. `client` has a share of the budget (a network address; "" is the host himself).

    `profile`: profiles are wanted and waited for; else licences alone. `web_page`: it is the script of a web
    page, which shall not learn who was looked up before, or when (docs/adr/0037).
    """

    client: str = ""
    profile: bool = True
    web_page: bool = False


HOST = Asker()
"""The host himself, at the command line."""


@dataclass(frozen=True, slots=True)
class PendingPage:
    """A page that was begun. `flights` are those of names that are not complete yet; none: done."""

    service: "DriverService"
    asker: Asker
    texts: tuple[tuple[str, str], ...]
    names: Mapping[str, Name]
    found: Mapping[str, Record]
    indexed: Mapping[str, IndexedDriver]
    missed: Mapping[str, Miss]
    flights: Mapping[str, "Future[Miss | None]"]

    @property
    def waiting(self) -> list["Future[Miss | None]"]:
        """The flights that have not landed."""
        return [flight for flight in self.flights.values() if not flight.done()]

    def patience(self, left: float) -> float:
        """How long to wait for the next flight to land, when the caller has `left` seconds: less when
        there is something to show already."""
        landed = any(f.done() and f.result() is None for f in self.flights.values())
        return min(left, LONGEST_QUIET) if self.found or self.indexed or landed else left

    def answer(self) -> Page:
        """The answer as things stand now: what flights brought, `pending` for those still in the air."""
        return self.service._answer(self)  # noqa: SLF001 - two halves of one thing


class DriverService:
    """Turns forum names into driver data.

    `planners` run plans (a thread each), `dependencies.callers` their upstream calls: two pools, so that
    plans that wait for calls cannot starve them. `lookup_seconds` is how long a look-up may go on; None
    in a home that is frozen after its answer (a Lambda): there a look-up ends shortly before the answer,
    and what it did not bring is given to the renewal queue.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        planners: Executor,
        renewals: RenewalQueue,
        *,
        lookup_seconds: float | None = LOOKUP_SECONDS,
        failed: FailedNames | None = None,
    ) -> None:
        self._deps = dependencies
        self._failed = failed or FailedNames()
        self._planners = planners
        self._renewals = renewals
        self._lookup_seconds = lookup_seconds
        self._flights: dict[tuple[str, bool], Future[Miss | None]] = {}
        self._by_client: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._plans: set[Plan] = set()
        self._stopped = False
        self._ids = SingleFlight[tuple[int, str] | Miss](dependencies.lookups)
        self._views = Views()
        self._pages = Pages()

    def begin(self, asked: Sequence[str], seconds: float, asker: Asker = HOST) -> PendingPage:
        """Reads what is known of the names, and starts a plan for the rest. Does not wait.

        `asked` are names as a page shows them (at most `MOST_NAMES`), `seconds` is how long the caller
        means to wait. Raises `StoreError` when the store cannot be read.
        """
        texts, valid, missed = _parse(asked)
        missed |= self._withheld(valid)
        now = self._deps.clock()
        with self._deps.telemetry.span("store"):
            found = self._deps.store.records(list(valid)) if valid else {}
            absent = [key for key in valid if key not in found]
            indexed = self._deps.index.find(absent) if absent else {}
            known, unseen = found, indexed
            if asker.web_page and not asker.profile:
                indexed = self._deps.index.find(list(valid))
                found = {key: record for key, record in found.items() if _is_newer(record, indexed.get(key))}
        complete = not asker.profile and not absent
        wanted = {} if complete else self._wanted(valid, found, indexed, asker, now)
        flights: dict[str, Future[Miss | None]] = {}
        if wanted:
            entries = self._deps.store.ids(list(wanted))
            missed |= self._remembered(entries, now)
            for key in missed.keys() & wanted.keys():
                if missed[key].code == UNAVAILABLE.code:
                    self._failed.add(valid[key].shown, profile=asker.profile, client=asker.client)
            targets = {
                key: replace(target, has_id=key in indexed or _has_id(entries.get(key)))
                for key, target in wanted.items()
                if key not in missed
            }
            flights = self._fly(targets, self._context(seconds, asker), asker)
            missed |= dict.fromkeys(targets.keys() - flights.keys(), TOO_MANY)
        self._renew_later(valid, known, unseen, flights, asker, now)
        return PendingPage(self, asker, texts, valid, found, indexed, missed, flights)

    def page(self, asked: Sequence[str], seconds: float, asker: Asker = HOST) -> Page:
        """The whole of it for a caller that may block: begin, wait up to `seconds`, answer."""
        begun = self.begin(asked, seconds, asker)
        wait(begun.waiting, timeout=seconds)
        return begun.answer()

    def soon(self, begun: PendingPage, seconds: float) -> Page:
        """Waits up to `seconds` for a page that was begun, not for its slowest name, and answers."""
        end = time.monotonic() + seconds
        while (waiting := begun.waiting) and (left := end - time.monotonic()) > 0:
            if not wait(waiting, begun.patience(left), FIRST_COMPLETED).done:
                break
        return begun.answer()

    def renew(self, asked: Sequence[str], profiles: AbstractSet[str] = frozenset()) -> None:
        """Renews what is due of these names now, `profiles` with their profiles. Blocks.

        It has the budget that readers leave. What could not be had a moment ago is left alone.
        """
        now = self._deps.clock()
        due = self._due(asked, profiles, now)
        failed = self._remembered(self._deps.store.ids(list(due)) if due else {}, now)
        due = {key: target for key, target in due.items() if key not in failed}
        wait(self._fly(due, _background(), HOST, self._noting(None)).values())

    def ask_again(self, asked: Mapping[str, bool], client: str | None) -> list[str]:
        """As `renew`, whatever is remembered of failures; `asked` says of each name whether its profile is
        wanted, `client` who wants it (None: nobody waits). Of a driver who is not known yet only the licences
        are asked for: they are what a page shows first.

        Gives the names that iRacing failed at again, or that there was no room for; those that it was not
        asked for are left to `FailedNames`.
        """
        now = self._deps.clock()
        due = self._due(list(asked), {name for name, profile in asked.items() if profile}, now, again=True)
        entries = self._deps.store.ids(list(due)) if due else {}
        forgiven = [replace(one, failed_until=0.0) for one in entries.values() if one.failed_until]
        self._deps.store.keep_ids(forgiven)
        due = {key: replace(target, has_id=_has_id(entries.get(key))) for key, target in due.items()}
        failed: list[str] = []
        note = self._noting(client)

        def fail(target: Target, error: UpstreamError) -> None:
            failed.append(target.name.shown)
            if isinstance(error, OutageError | MaintenanceError):
                note(target, error)

        context = _background() if client is None else self._context(0.0, Asker(client))
        flights = self._fly(due, context, Asker(client or ""), fail)
        left_out = [target.name.shown for key, target in due.items() if key not in flights]
        for name in left_out:
            self._failed.add(name, profile=asked.get(name, False), client=client)
        wait(flights.values())
        joined = [due[key].name.shown for key, flight in flights.items() if _is_unavailable(flight)]
        return list(dict.fromkeys([*failed, *joined, *left_out]))

    def pause(self) -> float:
        """Seconds for which iRacing may not be asked because it fails, or is in maintenance; 0: it may be."""
        refusal = self._deps.upstream.room(_background(), 1).refusal
        return refusal.retry_after or 0.0 if isinstance(refusal, OutageError | MaintenanceError) else 0.0

    def _due(
        self, asked: Sequence[str], profiles: AbstractSet[str], now: float, *, again: bool = False
    ) -> dict[str, Target]:
        """What is due of these names. `again`: also a profile that iRacing has just failed at; else none of
        a driver who is not known."""
        _, valid, _ = _parse(asked)
        self._withheld(valid)
        found = self._deps.store.records(list(valid)) if valid else {}
        due = {}
        for key, name in valid.items():
            record, profile = found.get(key), name.shown in profiles
            if again:
                profile = profile and record is not None
                record = replace(record, profile_until=0.0) if record and record.partial else record
            if record is None or record.licences_due(now) or (profile and record.profile_due(now)):
                due[key] = Target(name, record, profile)
        return due

    def _noting(self, client: str | None) -> Failed:
        return lambda target, _: self._failed.add(target.name.shown, profile=target.profile, client=client)

    def customer_id(self, text: str, seconds: float, asker: Asker = HOST) -> tuple[int, str] | Miss:
        """The customer id of a name and where it is from: `index`, `store` or `iRacing`. A web page is told
        the same whether the name was looked up before or not.

        An older id than `ID_SURE` is told only when iRacing does not answer.
        """
        try:
            name = names.parse(text)
        except InvalidNameError as error:
            return misses.invalid(str(error))
        if not self._deps.members.current().permits(name.key):
            return WITHHELD
        if asker.web_page:
            driver = self._deps.index.find([name.key]).get(name.key)
            if driver and not _is_newer(self._deps.store.records([name.key]).get(name.key), driver):
                return driver.cust_id, "index"
            found = self.customer_id(text, seconds, Asker(asker.client))
            return found if isinstance(found, Miss) else (found[0], "iRacing")
        if (known := self._known_id(name)) is not None:
            return self._older_id(name, known)
        context = self._context(seconds, asker)
        try:
            # the second look is part of the flight: no other can land between look and search
            answer = self._ids.once(
                name.key, seconds, lambda: self._known_id(name) or self._ask_id(name, context)
            )
        except UpstreamError as error:
            answer = misses.for_error(error, self._deps.worded)
        return self._older_id(name, answer)

    def stop(self) -> None:
        """Begins no more look-ups and ends those under way: their leases are given up, and what waits for
        them is answered as pending. What is known is served on."""
        with self._lock:
            self._stopped = True
            flights, self._flights = self._flights, {}
            self._by_client.clear()
            plans = list(self._plans)
        for plan in plans:
            plan.stop()
        for flight in flights.values():
            flight.set_result(PENDING)
        self._ids.stop()

    def _known_id(self, name: Name) -> tuple[int, str] | Miss | None:
        kept, entry = self._kept_id(name)
        now = self._deps.clock()
        if kept and abs(now - kept[0]) < ID_SURE:
            return kept[1], "store"
        if driver := self._deps.index.find([name.key]).get(name.key):
            return driver.cust_id, "index"
        return misses.for_entry(entry, now, self._deps.upstream.back_at()) if entry else None

    def _kept_id(self, name: Name) -> tuple[tuple[float, int] | None, IdEntry | None]:
        """When the store last saw whose the name is (Unix seconds), and whose; and the name's entry."""
        record = self._deps.store.records([name.key]).get(name.key)
        entry = self._deps.store.ids([name.key]).get(name.key)
        seen = [(record.as_of, record.cust_id)] if record else []
        if entry and entry.cust_id is not None:
            seen.append((entry.until - freshness.ID_KEPT, entry.cust_id))
        return max(seen, default=None), entry

    def _older_id(self, name: Name, answer: tuple[int, str] | Miss) -> tuple[int, str] | Miss:
        """The answer, or what is kept, however old, when iRacing could not say more."""
        if not isinstance(answer, Miss) or answer.code not in (UNAVAILABLE.code, PENDING.code):
            return answer
        kept, _ = self._kept_id(name)
        return (kept[1], "store") if kept else answer

    def _ask_id(self, name: Name, context: CallContext) -> tuple[int, str] | Miss:
        now = self._deps.clock()
        kept, known = self._kept_id(name)
        try:
            cust_id = exact_match(name, self._deps.upstream.search(name.shown, context))
            if cust_id is None and kept:  # one answer does not delete what is known (docs/adr/0036)
                raise UnreachableError("iRacing's answers about this driver disagree.")
        except UpstreamError as error:
            if entry := misses.remembered(name.key, error, context, now, known):
                self._deps.store.keep_ids([entry])
                self._failed.add(name.shown, profile=False, client=context.client)
            raise
        if cust_id is None:
            if entry := misses.remembered(name.key, None, context, now):
                self._deps.store.keep_ids([entry])
            return NOT_FOUND
        if withhold_also(self._deps, name.key, cust_id):
            return WITHHELD
        self._deps.store.keep_ids([IdEntry(name.key, cust_id, "iRacing", now + freshness.ID_KEPT)])
        return cust_id, "iRacing"

    # --- what is missing, what is due

    def _withheld(self, valid: dict[str, Name]) -> dict[str, Miss]:
        """Takes the names of members who are withheld out of `valid`: nothing is looked up of them."""
        members = self._deps.members.current()
        if members.all_shown:
            return {}
        missed = {key: WITHHELD for key in valid if not members.permits(key)}
        for key in missed:
            del valid[key]
        return missed

    @staticmethod
    def _wanted(
        valid: Mapping[str, Name],
        found: Mapping[str, Record],
        indexed: Mapping[str, IndexedDriver],
        asker: Asker,
        now: float,
    ) -> dict[str, Target]:
        """The names that an answer should wait for: unknown ones, and with `profile` also incomplete ones."""
        wanted = {}
        for key, name in valid.items():
            record = found.get(key)
            lacks_profile = asker.profile and (record is None or (record.partial and record.profile_due(now)))
            if (record is None and key not in indexed) or lacks_profile:
                wanted[key] = Target(name, record, asker.profile)
        return wanted

    def _renew_later(
        self,
        valid: Mapping[str, Name],
        found: Mapping[str, Record],
        indexed: Mapping[str, IndexedDriver],
        flights: Mapping[str, object],
        asker: Asker,
        now: float,
    ) -> None:
        due = [
            valid[key].shown
            for key, record in found.items()
            if key not in flights and (record.due(now) if asker.profile else record.licences_due(now))
        ]
        if due:
            self._renewals.enqueue(due, profiles=asker.profile)
        if unseen := [valid[key].shown for key in indexed if key not in flights]:
            self._renewals.enqueue(unseen, profiles=asker.profile, soon=True)

    def _remembered(self, entries: Mapping[str, IdEntry], now: float) -> dict[str, Miss]:
        failing = any(entry.failed_until > now for entry in entries.values())
        back_at = self._deps.upstream.back_at() if failing else 0.0
        missed = {key: misses.for_entry(entry, now, back_at) for key, entry in entries.items()}
        return {key: miss for key, miss in missed.items() if miss}

    def _context(self, seconds: float, asker: Asker) -> CallContext:
        early = BEFORE_THE_ANSWER if self._lookup_seconds is None else 0.0
        return lookup_context(self._lookup_seconds, seconds - early, asker.client)

    # --- flights: one a name, whoever asks

    def _fly(
        self,
        targets: Mapping[str, Target],
        context: CallContext,
        asker: Asker,
        failed: Failed | None = None,
    ) -> dict[str, "Future[Miss | None]"]:
        """Joins the flights there are and starts one plan for the other names, if there is room for them."""
        started: dict[str, Target] = {}
        flights: dict[str, Future[Miss | None]] = {}
        with self._lock:
            for key, target in targets.items():
                flight = self._flights.get((key, target.profile)) or self._flights.get((key, True))
                if flight is None and self._has_room(asker.client):
                    flight = self._flights[key, target.profile] = Future()
                    self._by_client[asker.client] += 1
                    started[key] = target
                if flight is not None:
                    flights[key] = flight
        if started:
            self._start(started, context, asker, failed or self._noting(asker.client))
        return flights

    def _has_room(self, client: str) -> bool:
        if self._stopped:
            return False
        if client and self._by_client[client] >= MOST_FLIGHTS_A_CLIENT:
            return False
        return len(self._flights) < MOST_FLIGHTS

    def _start(
        self, targets: Mapping[str, Target], context: CallContext, asker: Asker, failed: Failed
    ) -> None:
        def land(key: str, outcome: Miss | None) -> None:
            with self._lock:
                flight = self._flights.pop((key, targets[key].profile), None)
                if flight is None:
                    return
                self._by_client[asker.client] -= 1
                if not self._by_client[asker.client]:
                    del self._by_client[asker.client]
            flight.set_result(outcome)

        def give_up(run: "Future[None]") -> None:
            with self._lock:
                self._plans.discard(plan)
            if run.cancelled():
                for key in targets:
                    land(key, PENDING)

        plan = Plan(self._deps, targets, context, land, failed)
        with self._lock:
            self._plans.add(plan)
            if self._stopped:
                plan.stop()
        try:
            run = self._planners.submit(contextvars.copy_context().run, plan.run)
        except RuntimeError:  # the home is being closed
            run = Future()
            run.cancel()
        run.add_done_callback(give_up)

    # --- the answer

    def _answer(self, begun: PendingPage) -> Page:
        found, missed = dict(begun.found), dict(begun.missed)
        if brought := [key for key, f in begun.flights.items() if not f.done() or f.result() is None]:
            found |= self._brought(brought, begun)
        for key, flight in begun.flights.items():
            if key not in found and key not in begun.indexed:
                missed[key] = (flight.result() if flight.done() else None) or PENDING
        now = self._deps.clock()
        if self._lookup_seconds is None:
            self._hand_over(begun, found, now)
        ranks, profile = self._deps.index.ranks(), begun.asker.profile
        views = {k: self._views.of_record(r, ranks, now, profile=profile) for k, r in found.items()}
        if begun.asker.web_page:
            views = {key: view.by_day() for key, view in views.items()}
        views |= {k: self._views.of_index(k, d, ranks) for k, d in begun.indexed.items() if k not in found}
        page = self._pages.page(begun.texts, views, missed, now)
        for state in set(page.states):
            self._deps.telemetry.count("names", page.states.count(state), state=state)
        lost = page.states.count("unavailable")
        self._deps.telemetry.gauge("unavailable_percent", 100 * lost / max(1, len(page.states)))
        return page

    def _brought(self, keys: Sequence[str], begun: PendingPage) -> dict[str, Record]:
        """The records that look-ups have written. When the store fails now, a page that has something to show
        is shown without them."""
        try:
            return self._deps.store.records(keys)
        except StoreError as error:
            if not (begun.found or begun.indexed):
                raise
            log.error("a page is answered without what was brought for it: %s", error)  # noqa: TRY400 - a sentence
            return {}

    def _hand_over(self, begun: PendingPage, found: Mapping[str, Record], now: float) -> None:
        """Gives the queue what a look-up could not bring before this home is frozen; not what the budget had
        no call for: a crawl would come back through the queue."""
        late = [
            begun.names[key].shown
            for key, flight in begun.flights.items()
            if not flight.done()
            or flight.result() is PENDING  # the deadline ended it; the budget says another time to come
            or (key in found and begun.asker.profile and found[key].due(now))
        ]
        if late:
            self._renewals.enqueue(late, profiles=begun.asker.profile, soon=True)


def _has_id(entry: IdEntry | None) -> bool:
    """Whether the customer id of a name is remembered."""
    return entry is not None and entry.cust_id is not None


def _is_newer(record: Record | None, indexed: IndexedDriver | None) -> bool:
    """Whether a web page is told what is kept rather than what the index says: it does not know the name, or
    knows who had it before. The right driver goes before what the page may guess."""
    return record is not None and (indexed is None or indexed.cust_id != record.cust_id)


def _background() -> CallContext:
    return CallContext(time.monotonic() + BACKGROUND_SECONDS, Priority.BACKGROUND)


def _is_unavailable(flight: "Future[Miss | None]") -> bool:
    outcome = flight.result()
    return outcome is not None and outcome.code == UNAVAILABLE.code


def lookup_context(own: float | None, seconds: float, client: str) -> CallContext:
    """The context of a look-up that a caller waits `seconds` for, and that may go on for `own` seconds."""
    longest = max(own or 0.0, seconds)
    return CallContext(time.monotonic() + longest, client=client, hurried=longest < LOOKUP_SECONDS)


def _parse(asked: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], dict[str, Name], dict[str, Miss]]:
    """Each distinct text with its key, the names by key, and the misses of texts that are no names.

    What many readers of one page ask for is parsed once; long texts, which strangers send, are not kept.
    """
    short = len(asked) <= MOST_NAMES and sum(map(len, asked)) <= LONGEST_REMEMBERED
    texts, valid, missed = (_remembered_page if short else _parsed)(tuple(asked))
    return texts, dict(valid), dict(missed)


def _parsed(
    asked: tuple[str, ...],
) -> tuple[tuple[tuple[str, str], ...], Mapping[str, Name], Mapping[str, Miss]]:
    texts: dict[str, str] = {}
    valid: dict[str, Name] = {}
    missed: dict[str, Miss] = {}
    for text in asked:
        try:
            name = names.parse(text)
        except InvalidNameError as error:
            texts[text] = key = f"INVALID:{text}"
            missed[key] = misses.invalid(str(error))
        else:
            texts[text] = name.key
            valid.setdefault(name.key, name)
    return tuple(texts.items()), valid, missed


_remembered_page = lru_cache(maxsize=1_000)(_parsed)
