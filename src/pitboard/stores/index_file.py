"""The driver index in SQLite files of its own, beside the database.

A refresh collects the lists in `<database>.index.building` and, when all are there, merges them into
`<database>.index-<generation>.sqlite3`. Such a file is never written again, so readers need no locks; they
notice a newer one within seconds. Older ones are deleted. See docs/adr/0013. Here they are read;
`index_builder` makes them.
"""

import json
import logging
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import StoreError
from pitboard.drivers.index import IndexedDriver, unpack
from pitboard.drivers.model import CLOCK_DOUBT
from pitboard.drivers.ranks import Ranks
from pitboard.drivers.refresh import ListReport
from pitboard.stores import damage
from pitboard.stores.sqlite_file import to_do

APPLICATION_ID = 0x50495458
"""Marks the file as ours ("PITX")."""

SCHEMA = 1

LOOK_SECONDS = 3.0
"""How often a reader looks for a newer file."""

log = logging.getLogger(__name__)


class PackedDriver(NamedTuple):
    """A driver as the file has him; `stats` is what `index.unpack` takes, categories always in one order."""

    key: str
    cust_id: int
    name: str
    country: str
    stats: bytes


def generations(db: Path) -> list[tuple[int, Path]]:
    """The index files of a database, newest first, with their generation: the Unix second they were made."""
    pattern = re.compile(re.escape(db.stem) + r"\.index-([0-9]{1,12})\.sqlite3")
    with suppress(FileNotFoundError):
        found = ((pattern.fullmatch(path.name), path) for path in db.parent.iterdir())
        return sorted(((int(match[1]), path) for match, path in found if match), reverse=True)
    return []


def index_age(db: Path, now: float) -> float | None:
    """Seconds since the index in use was made; None without one, or when it was made by a clock that was
    ahead."""
    for number, path in generations(db)[:1]:
        made = float(number)
        if made > now:  # the number is one more than the one before, when that is of the future
            with suppress(OSError):
                made = path.stat().st_mtime
        return max(0.0, now - made) if made <= now + CLOCK_DOUBT else None
    return None


def all_drivers(path: Path) -> Iterator[PackedDriver]:
    """Every driver of a whole index file by rising key; those of one name by rising customer id.

    Reads as it goes: memory does not grow with the number. Raises `StoreError`.
    """
    with named_errors(path), closing(opened(path)) as db:
        for row in db.execute(f"SELECT {_COLUMNS} FROM drivers ORDER BY key, cust_id"):  # noqa: S608 - our own names
            yield _packed(row)


def all_lists(path: Path) -> dict[str, tuple[ListReport, bytes]]:
    """What a whole index file says of each list, and its distribution. Raises `StoreError`."""
    with named_errors(path), closing(opened(path)) as db:
        reports = lists_of(db)
        return {category: (reports[category], ranks) for category, ranks in db.execute(_RANKS)}


_COLUMNS = ", ".join(("key", "cust_id", "name", "country", *CATEGORIES))
_RANKS = "SELECT category, ranks FROM lists"


def _packed(row: Sequence[Any]) -> PackedDriver:
    return PackedDriver(row[0], row[1], row[2], row[3], b"".join(filter(None, row[4:])))


# --- reading


class IndexFile:
    """`ports.DriverIndex` on the newest whole file beside a database. Safe for threads.

    Never raises for what is wrong with a file or its folder: a file that cannot be read is logged and left
    alone, and the next older one is used. `clock` is monotonic seconds.
    """

    def __init__(self, db: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._lock = threading.Lock()
        self._open: _Generation | None = None
        self._look_at = float("-inf")
        self._unreadable: set[Path] = set()
        self._closed = False
        self._trouble = ""

    def find(self, keys: Sequence[str]) -> Mapping[str, IndexedDriver]:
        while (generation := self._current()) is not None:
            try:
                return generation.find(keys)
            except (sqlite3.Error, ValueError) as error:
                self._give_up(generation, error)
        return {}

    def ranks(self) -> Ranks:
        generation = self._current()
        return generation.ranks if generation else _NO_RANKS

    def close(self) -> None:
        """Closes the file. After that nobody is found."""
        with self._lock:
            self._closed = True
            self._swap(None)

    def _current(self) -> "_Generation | None":
        # While one thread looks, the others go on with what there is.
        if self._clock() >= self._look_at and self._lock.acquire(blocking=self._open is None):
            try:
                if self._clock() >= self._look_at and not self._closed:
                    self._look()
                    self._look_at = self._clock() + LOOK_SECONDS
            finally:
                self._lock.release()
        return self._open

    def _look(self) -> None:
        """Looks for a newer file. What keeps it from that is said once, and what is in use stays."""
        trouble = ""
        try:
            self._take_newest()
        except OSError as error:
            trouble = str(error)
        if trouble and trouble != self._trouble:
            log.error("the driver index cannot be looked for: %s", trouble)
        self._trouble = trouble

    def _take_newest(self) -> None:
        held = self._open.number if self._open else -1
        for number, path in generations(self._db):
            if number <= held:
                return
            if path in self._unreadable:
                continue
            try:
                newer = _Generation(number, path)
            except FileNotFoundError:
                continue
            except (sqlite3.Error, ValueError) as error:
                self._set_aside(path, error)
                continue
            self._swap(newer)
            log.info("the driver index in use is %s", path.name)
            return

    def _give_up(self, generation: "_Generation", error: Exception) -> None:
        """After a file that was in use could not be read. One that was replaced meanwhile is only closed."""
        with self._lock:
            if self._open is generation:
                self._set_aside(generation.path, error)
                self._swap(None)
                self._look_at = float("-inf")

    def _set_aside(self, path: Path, error: Exception) -> None:
        self._unreadable.add(path)
        log.error("the driver index %s cannot be read: %s", path.name, error)

    def _swap(self, newer: "_Generation | None") -> None:
        older, self._open = self._open, newer
        if older:
            older.close()


_NO_RANKS = Ranks()


class _Generation:
    """One whole file, opened. Works on when the file is deleted."""

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.path = path
        self._lock = threading.Lock()
        self._told = damage.Told()
        self._db = opened(path)
        try:
            lists = lists_of(self._db)
            kept = {category: ranks for category, ranks in self._db.execute(_RANKS) if ranks}
            self.ranks = Ranks.decoded(min(report.as_of for report in lists.values()), kept)
        except BaseException:
            self._db.close()
            raise

    def find(self, keys: Sequence[str]) -> dict[str, IndexedDriver]:
        """See `ports.DriverIndex`. Raises sqlite3.Error."""
        wanted = json.dumps(keys)
        with self._lock:
            rows = self._db.execute(_FIND, (wanted,)).fetchall()
        found: dict[str, IndexedDriver] = {}
        shared = set()
        for row in rows:
            key = row[0]
            try:
                _, cust_id, name, country, stats = _packed(row)
                driver = IndexedDriver(cust_id, name, country, unpack(stats))
            except (TypeError, ValueError) as error:
                self._told("an entry of the driver index", key, error)
                shared.add(key)  # whether there is another one of this name does not matter then
                continue
            if key in found:
                shared.add(key)
            found[key] = driver
        for key in shared:
            found.pop(key, None)
        return found

    def close(self) -> None:
        with self._lock:
            self._db.close()


_FIND = f"SELECT {_COLUMNS} FROM drivers WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names


def opened(path: Path) -> sqlite3.Connection:
    """A whole file for reading. Raises FileNotFoundError, sqlite3.Error, ValueError if it is another kind."""
    if not path.exists():
        raise FileNotFoundError(path)
    # Nobody writes to it any more: no locks, and no look at the disk whether it changed.
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (schema,) = db.execute("PRAGMA user_version").fetchone()
        if (application, schema) != (APPLICATION_ID, SCHEMA):
            raise ValueError("it is of another version of Pitboard")  # noqa: TRY301 - closed in one place
    except BaseException:
        db.close()
        raise
    return db


def lists_of(db: sqlite3.Connection) -> dict[str, ListReport]:
    """What is said of each list. Raises sqlite3.Error, ValueError for damage."""
    rows = db.execute("SELECT category, report FROM main.lists").fetchall()
    return {category: _report(report) for category, report in rows}


def _report(text: str) -> ListReport:
    try:
        report = ListReport(**json.loads(text))
        if report.as_of >= 0 and report.rows >= 0 and report.drivers >= 0:
            return report
    except TypeError:
        pass
    raise ValueError("what is said of a list is damaged")


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Raises what SQLite says of an index file as a `StoreError` with its name and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"The driver index {path} cannot be used: {error}.{to_do(path, error)}") from error
    except FileNotFoundError as error:
        raise StoreError(f"The driver index {path} cannot be used: it is gone.") from error
