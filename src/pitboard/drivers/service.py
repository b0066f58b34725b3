"""The service: what is kept of the names a page asks for, and the plan for what is not."""

import contextvars
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass

from pitboard.drivers import freshness, names
from pitboard.drivers.errors import UnreachableError, UpstreamError
from pitboard.drivers.model import CallContext, IdEntry, Priority, Record
from pitboard.drivers.names import InvalidNameError, Name
from pitboard.drivers.page import NOT_FOUND, PENDING, UNAVAILABLE, Miss, Page, compose
from pitboard.drivers.plan import Dependencies, Plan, Target, exact_match, miss_for
from pitboard.drivers.ports import RenewalQueue
from pitboard.drivers.single_flight import SingleFlight

MOST_NAMES = 50
"""Most names of one request."""

MOST_FLIGHTS = 2_000
"""Names that are looked up at a time; at three calls each, ten minutes of the whole budget. Whoever asks
for more is told to come back, so that a crawl fills neither the memory nor the queue."""

TOO_MANY = Miss(PENDING.code, PENDING.error, 30)

BACKGROUND_PATIENCE = 60.0
"""How long a renewal that nobody waits for may take, in seconds."""


@dataclass(frozen=True, slots=True)
class PendingPage:
    """A page that was begun. `waiting` are the flights of names that are not known yet; empty: done."""

    service: "DriverService"
    texts: tuple[tuple[str, str], ...]
    names: Mapping[str, Name]
    found: Mapping[str, Record]
    missed: Mapping[str, Miss]
    flights: Mapping[str, "Future[Miss | None]"]

    @property
    def waiting(self) -> Sequence["Future[Miss | None]"]:
        return list(self.flights.values())

    def page(self) -> Page:
        """The answer as things stand now: what flights brought, `pending` for those still in the air."""
        return self.service._page(self)  # noqa: SLF001 - two halves of one thing


class DriverService:
    """Turns forum names into driver data.

    `planners` run plans (a thread each), `dependencies.callers` their upstream calls: two pools, so that
    plans that wait for calls cannot starve them. `patience` is how many seconds a plan may go on after its
    request has been answered. A home that is frozen then gives a negative one, so that plans end before,
    and `hand_over`: what they did not get is given to the renewals.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        planners: Executor,
        renewals: RenewalQueue,
        *,
        patience: float = 20.0,
        hand_over: bool = False,
    ) -> None:
        self._deps = dependencies
        self._planners = planners
        self._renewals = renewals
        self._patience = patience
        self._hand_over = hand_over
        self._flights: dict[str, Future[Miss | None]] = {}
        self._asking = SingleFlight[tuple[int, str] | Miss]()
        self._lock = threading.Lock()

    def begin(self, asked: Sequence[str], seconds: float) -> PendingPage:
        """Reads what is kept of the names, and starts a plan for the rest. Does not wait.

        `asked` are names as a page shows them (at most `MOST_NAMES`), `seconds` is how long the caller
        means to wait. Raises `StoreError` when the store cannot be read.
        """
        texts, valid, missed = _parse(asked)
        now = self._deps.clock()
        with self._deps.telemetry.span("store"):
            found = self._deps.store.records(list(valid)) if valid else {}
        flights: dict[str, Future[Miss | None]] = {}
        absent = [key for key in valid if key not in found]
        lacking = [key for key, record in found.items() if record.partial and record.profile_due(now)]
        if absent or lacking:
            missed |= self._known_misses([*absent, *lacking], now)
            wanted = {k: Target(valid[k], found.get(k)) for k in (*absent, *lacking) if k not in missed}
            flights = self._fly(wanted, CallContext(time.monotonic() + seconds + self._patience))
            missed |= dict.fromkeys(wanted.keys() - flights.keys(), TOO_MANY)
        due = [valid[key].shown for key, record in found.items() if key not in flights and record.due(now)]
        if due:
            self._renewals.enqueue(due)
        return PendingPage(self, texts, valid, found, missed, flights)

    def page(self, asked: Sequence[str], seconds: float) -> Page:
        """The whole of it for a caller that may block: begin, wait up to `seconds`, answer."""
        begun = self.begin(asked, seconds)
        wait(begun.waiting, timeout=seconds)
        return begun.page()

    def renew(self, asked: Sequence[str]) -> None:
        """Renews what is due of these names now. Blocks.

        What is kept already gets the budget that readers leave; what is not was handed over by a reader.
        What could not be had a moment ago is left alone.
        """
        _, valid, _ = _parse(asked)
        now, end = self._deps.clock(), time.monotonic() + BACKGROUND_PATIENCE
        found = self._deps.store.records(list(valid))
        due = {k: Target(n, found.get(k)) for k, n in valid.items() if k not in found or found[k].due(now)}
        failed = self._known_misses(list(due), now)
        due = {key: wanted for key, wanted in due.items() if key not in failed}
        whole = {k for k in due if k in found and not found[k].partial}
        flights = self._fly({k: due[k] for k in due if k not in whole}, CallContext(end))
        flights |= self._fly({k: due[k] for k in due if k in whole}, CallContext(end, Priority.BACKGROUND))
        wait(flights.values())

    def customer_id(self, text: str, seconds: float) -> tuple[int, str] | Miss:
        """The customer id of a name and where it is from: `index`, `store` or `iRacing`."""
        try:
            name = names.parse(text)
        except InvalidNameError as error:
            return Miss("invalid_name", str(error))
        context = CallContext(time.monotonic() + seconds)
        try:
            # the look into the store is part of the flight: no other can land between look and search
            return self._asking.once(
                name.key, seconds, lambda: self._known_id(name) or self._ask_id(name, context)
            )
        except UpstreamError as error:
            return miss_for(error, self._deps.worded)

    def _known_id(self, name: Name) -> tuple[int, str] | Miss | None:
        if record := self._deps.store.records([name.key]).get(name.key):
            return record.cust_id, "store"
        entry = self._deps.store.ids([name.key]).get(name.key)
        if entry and entry.cust_id is not None and not entry.reason:
            return entry.cust_id, "index" if entry.origin == "index" else "store"
        if entry:
            return NOT_FOUND if entry.reason == NOT_FOUND.code else UNAVAILABLE
        return None

    def _ask_id(self, name: Name, context: CallContext) -> tuple[int, str] | Miss:
        now = self._deps.clock()
        try:
            cust_id = exact_match(name, self._deps.upstream.search(name.shown, context))
        except UnreachableError:
            if not context.is_over:  # else only the asker was in a hurry
                until = now + freshness.FAILURE_KEPT
                self._deps.store.keep_ids([IdEntry(name.key, None, "iRacing", until, UNAVAILABLE.code)])
            raise
        if cust_id is None:
            gone = IdEntry(name.key, None, "iRacing", now + freshness.NOT_FOUND_KEPT, NOT_FOUND.code)
            self._deps.store.keep_ids([gone])
            return NOT_FOUND
        self._deps.store.keep_ids([IdEntry(name.key, cust_id, "iRacing", now + freshness.ID_KEPT)])
        return cust_id, "iRacing"

    # --- flights: one a name, whoever asks

    def _fly(self, wanted: Mapping[str, Target], context: CallContext) -> dict[str, Future[Miss | None]]:
        """Joins the flights there are and starts one plan for the other names, if there is room for them."""
        started: dict[str, Target] = {}
        flights: dict[str, Future[Miss | None]] = {}
        with self._lock:
            for key, name in wanted.items():
                flight = self._flights.get(key)
                if flight is None and len(self._flights) >= MOST_FLIGHTS:
                    continue
                if flight is None:
                    flight = self._flights[key] = Future()
                    started[key] = name
                flights[key] = flight
        if started:
            self._start(Plan(self._deps, started, context, self._land), list(started))
        return flights

    def _start(self, plan: Plan, keys: Sequence[str]) -> None:
        def give_up(run: "Future[None]") -> None:
            if run.cancelled():
                for key in keys:
                    self._land(key, PENDING)

        try:
            run = self._planners.submit(contextvars.copy_context().run, plan.run)
        except RuntimeError:  # the home is being closed
            run = Future()
            run.cancel()
        run.add_done_callback(give_up)

    def _land(self, key: str, outcome: Miss | None) -> None:
        with self._lock:
            flight = self._flights.pop(key, None)
        if flight is not None:
            flight.set_result(outcome)

    def _known_misses(self, absent: Sequence[str], now: float) -> dict[str, Miss]:
        misses = {}
        for key, entry in self._deps.store.ids(absent).items():
            if entry.reason == NOT_FOUND.code:
                misses[key] = NOT_FOUND
            elif entry.reason:
                left = max(1, int(entry.until - now + 0.999))
                misses[key] = Miss(UNAVAILABLE.code, UNAVAILABLE.error, left)
        return misses

    def _page(self, asked: PendingPage) -> Page:
        found, missed = dict(asked.found), dict(asked.missed)
        if asked.flights:
            found |= self._deps.store.records(list(asked.flights))
        for key, flight in asked.flights.items():
            if key not in found:
                missed[key] = (flight.result() if flight.done() else None) or PENDING
        now = self._deps.clock()
        if self._hand_over:
            late = [
                asked.names[key].shown
                for key in asked.flights
                if (found[key].due(now) if key in found else missed[key].code == PENDING.code)
            ]
            if late:
                self._renewals.enqueue(late)
        page = compose(asked.texts, found, missed, now)
        for state in set(page.states):
            self._deps.telemetry.count("names", page.states.count(state), state=state)
        return page


def _parse(asked: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], dict[str, Name], dict[str, Miss]]:
    """Each distinct text with its key, the names by key, and the misses of texts that are no names."""
    texts: dict[str, str] = {}
    valid: dict[str, Name] = {}
    missed: dict[str, Miss] = {}
    for text in asked:
        try:
            name = names.parse(text)
        except InvalidNameError as error:
            texts[text] = key = f"INVALID:{text}"
            missed[key] = Miss("invalid_name", str(error))
        else:
            texts[text] = name.key
            valid.setdefault(name.key, name)
    return tuple(texts.items()), valid, missed
