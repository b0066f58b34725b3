"""A refresh of the driver index: every list is read once, counted, and handed to a builder.

Nothing here does I/O: where the lists come from and where the drivers go are ports, so that both homes
refresh alike.
"""

import logging
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from mmap import mmap
from typing import Any, NamedTuple, Protocol

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import RefusedError, UnreachableError, UpstreamError
from pitboard.drivers.index import (
    COLUMNS,
    MOST_CUST_ID,
    RowError,
    parse_country,
    parse_id,
    parse_name,
    parse_numbers,
)
from pitboard.drivers.members import Gate
from pitboard.drivers.model import CallContext, Priority
from pitboard.drivers.ranks import Tally

PATIENCE = 600.0
"""Seconds for one list. They are tens of megabytes each."""

ATTEMPTS = 3
"""How often a list is begun that breaks off on the way."""

PAUSE = 5.0
"""Seconds before it is begun again; twice as long the next time."""

LEAST_SHARE = 0.5
"""A list, or an index, with a smaller share of the drivers of the one before is taken for damage."""

KEEP_SECONDS = 7 * 86400.0
"""How old a list may get whose successor cannot be had. After that its category is left out."""

BATCH = 5_000

log = logging.getLogger(__name__)


class IndexRefusedError(Exception):
    """The refresh ended without a new index; the old one stays in use. The message is a sentence."""


class _ListError(Exception):
    """A list that cannot be used, though it arrived."""


class Newcomer(NamedTuple):
    """A driver who was in no list before."""

    cust_id: int
    key: str
    name: str
    country: str


Numbers = tuple[int, bytes]
"""A customer id and what a list says of this driver, as `index.pack` packs it."""


@dataclass(frozen=True, slots=True)
class ListReport:
    """What was read of one list. `as_of` is Unix seconds, `skipped` the number of rows by reason."""

    as_of: float
    rows: int
    drivers: int
    skipped: Mapping[str, int] = field(default_factory=dict)


class ListWriter(Protocol):
    """Takes the drivers of one list."""

    def put(self, newcomers: Sequence[Newcomer], numbers: Sequence[Numbers]) -> None:
        """Adds the drivers who were in no list before, and the numbers of everybody in this one."""

    def finish(self, report: ListReport, ranks: bytes) -> None:
        """All drivers are in; `ranks` is what `Ranks.decoded` takes for this category."""


class Builder(Protocol):
    """Puts a new index together beside the one in use. Raises `StoreError`."""

    @property
    def done(self) -> Mapping[str, ListReport]:
        """The lists that are in the new index, by category."""

    @property
    def older(self) -> Mapping[str, ListReport]:
        """The lists of the index in use."""

    def writing(self, category: str) -> AbstractContextManager[ListWriter]:
        """Adds a list: all of it once `finish` was called and the block ends, else nothing of it."""

    def cust_ids(self) -> Iterable[int]:
        """The customer ids of everybody in the new index."""

    def keep_older(self, category: str) -> None:
        """Takes a category over from the index in use."""

    def drivers(self) -> tuple[int, int]:
        """The number of drivers in the new index and in the one in use (0: there is none)."""

    def publish(self) -> int:
        """Puts the new index in the place of the old one; gives the number of names that several have."""

    def discard(self) -> None:
        """Gives up what is built so far."""


class Lists(Protocol):
    """Where the lists come from."""

    def rows(
        self, category: str, context: CallContext, received: Callable[[int, int | None], object]
    ) -> Iterator[Sequence[str]]:
        """The values of `index.COLUMNS` for each row of a category's list; `()` for a row that has not the
        right number of values. `received` is told the bytes so far and in all (None: not known).

        Raises an `UpstreamError`, also between rows.
        """


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the list of a category has been read: rows, those it had the last time (None: not known),
    bytes, and bytes in all (None: not known)."""

    category: str
    rows: int
    rows_before: int | None
    received: int
    size: int | None
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh brought. `drivers` can be found by name or id, `shared_names` are names that several
    drivers have (they are searched for). `rows` are those of the new lists, `skipped` those of them that
    could not be used, by reason. The lists of `resumed` had been read before. `kept` are categories whose
    older list stays, `missing` those that no list could be had for, with the reason."""

    drivers: int
    shared_names: int
    rows: int
    skipped: Mapping[str, int]
    resumed: Sequence[str]
    kept: Mapping[str, str]
    missing: Mapping[str, str]
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether every list is new."""
        return not self.kept and not self.missing

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def refresh(
    lists: Lists,
    builder: Builder,
    *,
    progress: Callable[[Progress], object] = lambda _: None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
    gate: Gate | None = None,
) -> Refreshed:
    """Reads all lists and publishes the index they make. `gate` says who comes into it; ranks count all.

    A list that cannot be had or used is replaced by the older one's. Raises `IndexRefusedError` when the
    result is not believable, an `UpstreamError` when iRacing answers nothing at all, and `StoreError`. What
    was read by then stays with the builder for the next time.
    """
    began = time.monotonic()
    known = mmap(-1, MOST_CUST_ID + 1)
    for cust_id in builder.cust_ids():
        known[cust_id] = 1
    resumed = [category for category in CATEGORIES if category in builder.done]
    failed: dict[str, Exception] = {}
    for category in CATEGORIES:
        if category in builder.done:
            continue
        try:
            reading = partial(_Reading, category, known, builder.older.get(category), progress, gate)
            _read_patiently(lists, builder, reading, clock, sleep)
        except (UnreachableError, RefusedError, _ListError) as error:
            log.warning("the list of %s cannot be used: %s", category, error)
            failed[category] = error
    if len(failed) == len(CATEGORIES):
        _raise_all_failed(failed)
    read = {category: builder.done[category] for category in CATEGORIES if category in builder.done}
    kept, missing = _filled_up(builder, failed, clock())
    drivers, before = builder.drivers()
    if drivers < before * LEAST_SHARE and not (gate and gate.is_for_few):
        builder.discard()
        raise IndexRefusedError(
            f"The new index has {drivers:,} drivers, the one in use {before:,}: that cannot be right, so the "
            "one in use stays."
        )
    skipped: Counter[str] = Counter()
    for report in read.values():
        skipped.update(report.skipped)
    rows = sum(report.rows for report in read.values())
    shared = builder.publish()
    done = Refreshed(
        drivers, shared, rows, dict(skipped), resumed, kept, missing, round(time.monotonic() - began, 1)
    )
    log.info("the driver index is new", extra=done.as_dict())
    return done


def _raise_all_failed(failed: Mapping[str, Exception]) -> None:
    for error in failed.values():
        if isinstance(error, UpstreamError):
            raise error
    first = next(iter(failed.values()))
    raise IndexRefusedError(f"No list could be used; the index in use stays. {first}")


def _filled_up(
    builder: Builder, failed: Mapping[str, Exception], now: float
) -> tuple[dict[str, str], dict[str, str]]:
    """Takes over the categories that failed; gives those kept and those missing, with the reasons."""
    kept, missing = {}, {}
    for category, error in failed.items():
        older = builder.older.get(category)
        if older and now - older.as_of <= KEEP_SECONDS:
            builder.keep_older(category)
            kept[category] = str(error)
            log.warning("the older list of %s stays in use", category)
        else:
            missing[category] = str(error)
            log.warning("the new index has no list of %s", category)
    return kept, missing


def _read_patiently(
    lists: Lists,
    builder: Builder,
    made: "Callable[[], _Reading]",
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> None:
    pause = PAUSE
    for attempt in range(1, ATTEMPTS + 1):
        reading = made()
        try:
            _read(lists, builder, reading, clock())
        except UnreachableError as error:
            if attempt == ATTEMPTS:
                raise
            told = "the list of %s broke off (attempt %d of %d): %s"
            log.warning(told, reading.category, attempt, ATTEMPTS, error)
            sleep(pause)
            pause *= 2
        else:
            return


def _read(lists: Lists, builder: Builder, reading: "_Reading", now: float) -> None:
    """Reads one list into the builder, or raises and leaves nothing of it."""
    context = CallContext(time.monotonic() + PATIENCE, Priority.BACKGROUND)
    category = reading.category
    with builder.writing(category) as writer:
        for newcomers, numbers in reading.batches(lists.rows(category, context, reading.received)):
            writer.put(newcomers, numbers)
        report = reading.report(now)
        reading.check(report)
        writer.finish(report, reading.ranks())
    reading.remember()
    log.info(
        "the list of %s has been read",
        category,
        extra={"rows": report.rows, "skipped": dict(report.skipped)},
    )


class _Reading:
    """One list on its way from rows to drivers, with what is counted meanwhile.

    `known` has a 1 at each customer id that is in the new index: names are read once, not five times.
    """

    def __init__(
        self,
        category: str,
        known: mmap,
        older: ListReport | None,
        progress: Callable[[Progress], object],
        gate: Gate | None,
    ) -> None:
        self._gate = gate
        self.category = category
        self._id = CATEGORIES[category]
        self._known = known
        self._seen = mmap(-1, MOST_CUST_ID + 1)
        self._older = older
        self._progress = progress
        self._rated: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._skipped: Counter[str] = Counter()
        self._rows = self._drivers = 0
        self._received: tuple[int, int | None] = (0, None)
        self._new = array("l")

    def received(self, received: int, size: int | None) -> None:
        """Notes how many bytes have come."""
        self._received = received, size

    def batches(self, rows: Iterator[Sequence[str]]) -> Iterator[tuple[list[Newcomer], list[Numbers]]]:
        """The drivers of a list, `BATCH` rows at a time: as `ListWriter.put` takes them."""
        while batch := list(islice(rows, BATCH)):
            newcomers: list[Newcomer] = []
            numbers: list[Numbers] = []
            for fields in batch:
                try:
                    self._take(fields, newcomers, numbers)
                except RowError as error:
                    self._skipped[str(error)] += 1
            self._rows += len(batch)
            yield newcomers, numbers
            self._tell()
        self._tell(finished=True)

    def _take(self, fields: Sequence[str], newcomers: list[Newcomer], numbers: list[Numbers]) -> None:
        """Takes a row in. Raises `RowError`."""
        if len(fields) != len(COLUMNS):
            raise RowError("wrong number of columns")
        driver, number, location, starts, wins, incidents, licence, rating, trial = fields
        cust_id = parse_id(number)
        if self._seen[cust_id]:
            raise RowError("a customer id that was there already")
        country = parse_country(location)
        taken = True
        if not self._known[cust_id]:
            shown, key = parse_name(driver)
            taken = self._gate is None or self._gate.takes(key, cust_id)
        if taken and not self._known[cust_id]:
            newcomers.append(Newcomer(cust_id, key, shown, country))
            self._new.append(cust_id)
        self._seen[cust_id] = 1
        self._drivers += 1
        packed, irating = parse_numbers(self._id, starts, wins, incidents, licence, rating, trial)
        if taken:
            numbers.append((cust_id, packed))
        if irating >= 0:
            self._rated[country][irating] += 1

    def _tell(self, *, finished: bool = False) -> None:
        before = self._older.rows if self._older else None
        self._progress(Progress(self.category, self._rows, before, *self._received, finished))

    def report(self, now: float) -> ListReport:
        """What was read."""
        return ListReport(now, self._rows, self._drivers, dict(self._skipped))

    def check(self, report: ListReport) -> None:
        """Raises `_ListError` for a list that has far too few drivers."""
        if not report.drivers:
            raise _ListError(f"The list has {report.rows:,} rows and no driver.")
        if self._older and report.drivers < self._older.drivers * LEAST_SHARE:
            raise _ListError(
                f"The list has {report.drivers:,} drivers, the last one had {self._older.drivers:,}: that "
                "cannot be right."
            )

    def ranks(self) -> bytes:
        """The distribution of the list."""
        tally = Tally()
        for country, counts in self._rated.items():
            for irating, drivers in counts.items():
                tally.add(self.category, country, irating, drivers)
        return tally.ranks(0.0).encoded().get(self.category, b"")

    def remember(self) -> None:
        """Notes that this list's drivers are in the index."""
        for cust_id in self._new:
            self._known[cust_id] = 1
