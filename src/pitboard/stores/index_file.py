"""The driver index in SQLite files of its own, beside the database.

A refresh collects the lists in `<database>.index.building` and, when all are there, merges them into
`<database>.index-<generation>.sqlite3`. Such a file is never written again, so readers need no locks; they
notice a newer one within seconds. Older ones are deleted. See docs/adr/0013.
"""

import json
import logging
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import StoreError
from pitboard.drivers.index import IndexedDriver, split, unpack
from pitboard.drivers.model import CLOCK_DOUBT
from pitboard.drivers.ranks import Ranks
from pitboard.drivers.refresh import IndexRefusedError, ListReport, Newcomer, Numbers
from pitboard.private import make_folder
from pitboard.stores import damage
from pitboard.stores.sqlite_file import to_do

APPLICATION_ID = 0x50495458
"""Marks the file as ours ("PITX")."""

SCHEMA = 1

RESUME_SECONDS = 6 * 3600.0
"""How old the lists of an unfinished index may be for the next refresh to go on with it."""

STRIP_SECONDS = 60.0
"""How long a refresh waits while drivers are taken out of the index in use."""

LOOK_SECONDS = 3.0
"""How often a reader looks for a newer file."""

CACHE_KB = 64 * 1024
"""Memory for pages while building. All of 500,000 drivers is some 100 MB, its busy part less."""

_PERSON = "cust_id INTEGER PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, country TEXT NOT NULL"
_LISTS = "lists (category TEXT PRIMARY KEY, report TEXT NOT NULL, ranks BLOB NOT NULL)"
_STATS = ", ".join(f"{category} BLOB" for category in CATEGORIES)
_WHOLE = (f"drivers ({_PERSON}, {_STATS})", _LISTS)
_UNFINISHED = (
    f"drivers ({_PERSON})",
    _LISTS,
    *(f"{category} (cust_id INTEGER PRIMARY KEY, stats BLOB NOT NULL)" for category in CATEGORIES),
)
"""The tables of a whole file and of an unfinished one: there each list has its own, which is filled without
touching what is there already."""

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
    with _named_errors(path), closing(_opened(path)) as db:
        for row in db.execute(f"SELECT {_COLUMNS} FROM drivers ORDER BY key, cust_id"):  # noqa: S608 - our own names
            yield _packed(row)


def all_lists(path: Path) -> dict[str, tuple[ListReport, bytes]]:
    """What a whole index file says of each list, and its distribution. Raises `StoreError`."""
    with _named_errors(path), closing(_opened(path)) as db:
        reports = _lists(db)
        return {category: (reports[category], ranks) for category, ranks in db.execute(_RANKS)}


def write(
    db: Path, number: int, drivers: Iterable[PackedDriver], lists: Mapping[str, tuple[ListReport, bytes]]
) -> Path:
    """Writes the index file `number` of a database from what `all_drivers` and `all_lists` gave, in any
    order.

    Raises `StoreError`, and ValueError for damage.
    """
    path = db.with_name(f"{db.stem}.index-{number}.sqlite3")
    _remove(path)
    _create(path)
    with _named_errors(path), closing(_connected(path)) as file, _transaction(file):
        for table in _WHOLE:
            file.execute(f"CREATE TABLE {table}")
        parts = ((driver, split(driver.stats)) for driver in drivers)
        rows = ((d.cust_id, d.key, d.name, d.country, *(s.get(c) for c in CATEGORIES)) for d, s in parts)
        file.executemany(f"INSERT INTO drivers VALUES ({', '.join('?' * (4 + len(CATEGORIES)))})", rows)  # noqa: S608 - only marks
        for category, (report, ranks) in lists.items():
            _insert_list(file, category, report, ranks)
        _finish(file, "main")
    return path


def strip(db: Path, keeps: Callable[[str, int], bool]) -> int:
    """Takes the drivers of whose name key and customer id `keeps` says no out of the index in use, so that
    no byte of them is left; gives their number.

    A new file takes the place of the old one, and what a refresh before left half done is deleted. Raises
    `IndexRefusedError` while a refresh runs, and `StoreError`.
    """
    with closing(_lock(db, "strip", STRIP_SECONDS)), closing(_lock(db)):
        for ending in ("building", "merged"):
            _remove(db.with_name(f"{db.stem}.index.{ending}"))
        older = generations(db)
        gone = _stripped(db, *older[0], keeps) if older else 0
        for _, path in older[0 if gone else 1 :]:
            with suppress(OSError):  # Windows deletes no file that is open
                path.unlink()
    return gone


def _stripped(db: Path, number: int, path: Path, keeps: Callable[[str, int], bool]) -> int:
    with _named_errors(path), closing(_opened(path)) as whole:
        rows = whole.execute("SELECT key, cust_id FROM drivers")
        gone = [(cust_id,) for key, cust_id in rows if not keeps(key, cust_id)]
    if not gone:
        return 0
    merged = db.with_name(f"{db.stem}.index.merged")
    _create(merged)
    with _named_errors(merged):
        _copy(path, merged)
        with closing(_connected(merged)) as file:
            file.execute("PRAGMA journal_mode = OFF")  # it would hold the names, too
            with _transaction(file):
                file.executemany("DELETE FROM drivers WHERE cust_id = ?", gone)
            file.execute("VACUUM")
    try:
        made = path.stat().st_mtime
        os.utime(merged, (made, made))
        merged.rename(db.with_name(f"{db.stem}.index-{number + 1}.sqlite3"))
    except OSError as error:
        raise StoreError(f"{merged} cannot be renamed: {error.strerror}.") from error
    return len(gone)


def _copy(path: Path, target: Path) -> None:
    try:
        shutil.copyfile(path, target)
    except OSError as error:
        _remove(target)  # a part of it has names, too
        raise StoreError(f"{path} cannot be copied: {error.strerror}.") from error


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
        self._db = _opened(path)
        try:
            lists = _lists(self._db)
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


def _opened(path: Path) -> sqlite3.Connection:
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


def _lists(db: sqlite3.Connection, schema: str = "main") -> dict[str, ListReport]:
    """What is said of each list. Raises sqlite3.Error, ValueError for damage."""
    rows = db.execute(f"SELECT category, report FROM {schema}.lists").fetchall()  # noqa: S608 - our own names
    return {category: _report(report) for category, report in rows}


def _report(text: str) -> ListReport:
    try:
        report = ListReport(**json.loads(text))
        if report.as_of >= 0 and report.rows >= 0 and report.drivers >= 0:
            return report
    except TypeError:
        pass
    raise ValueError("what is said of a list is damaged")


# --- building


class IndexBuilder:
    """`refresh.Builder` on a file. Use it as a context manager; one at a time can be open for a database.

    What a refresh before left half done is gone on with if it is younger than `RESUME_SECONDS`: each list is
    in the file wholly or not at all, also after the process was killed. Entering it raises
    `IndexRefusedError` while another refresh runs, and everything raises `StoreError`.
    """

    def __init__(self, db: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = db.with_name(f"{db.stem}.index.building")
        self._target = db
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._held: sqlite3.Connection | None = None
        self.done: dict[str, ListReport] = {}
        self.older: dict[str, ListReport] = {}

    def __enter__(self) -> "IndexBuilder":
        self._held = _builders_lock(self._target)
        try:
            with _named_errors(self._path):
                self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for held in (self._db, self._held):
            if held:
                held.close()
        self._db = self._held = None

    @contextmanager
    def writing(self, category: str) -> Iterator["_ListWriter"]:
        """See `refresh.Builder`."""
        db = self._connection()
        with _named_errors(self._path):
            writer = _ListWriter(db, category)
            db.execute("BEGIN IMMEDIATE")
            try:
                yield writer
            except BaseException:
                db.execute("ROLLBACK")
                raise
            if writer.report is None:
                db.execute("ROLLBACK")
                return
            db.execute("COMMIT")
            self.done[category] = writer.report

    def cust_ids(self) -> Iterator[int]:
        """See `refresh.Builder`."""
        with _named_errors(self._path):
            for (cust_id,) in self._connection().execute("SELECT cust_id FROM main.drivers"):
                yield cust_id

    def keep_older(self, category: str) -> None:
        """See `refresh.Builder`."""
        _check(category)
        db = self._connection()
        with _named_errors(self._path), _transaction(db):
            there = f"FROM older.drivers WHERE {category} IS NOT NULL"
            db.execute(f"INSERT INTO main.{category} SELECT cust_id, {category} {there}")
            db.execute(f"INSERT OR IGNORE INTO main.drivers SELECT cust_id, key, name, country {there}")
            db.execute(
                "INSERT INTO main.lists SELECT category, report, ranks FROM older.lists WHERE category = ?",
                (category,),
            )
        self.done[category] = self.older[category]

    def drivers(self) -> tuple[int, int]:
        """See `refresh.Builder`."""
        with _named_errors(self._path):
            db = self._connection()
            (now,) = db.execute("SELECT count(*) FROM main.drivers").fetchone()
            (before,) = db.execute("SELECT count(*) FROM older.drivers").fetchone() if self.older else (0,)
        return now, before

    def publish(self) -> int:
        """See `refresh.Builder`. Deletes the older files, as far as the system lets it."""
        merged = self._path.with_suffix(".merged")
        _remove(merged)
        _create(merged)
        with _named_errors(merged):
            shared = _merge(self._connection(), merged)
        self.discard()
        older = generations(self._target)
        # Readers take the highest number for the newest, also after the clock was set back.
        number = max(int(self._clock()), older[0][0] + 1 if older else 0)
        try:
            os.utime(merged, (self._clock(), self._clock()))
            merged.rename(self._target.with_name(f"{self._target.stem}.index-{number}.sqlite3"))
        except OSError as error:
            raise StoreError(f"{merged} cannot be renamed: {error.strerror}.") from error
        for _, path in older:
            with suppress(OSError):  # Windows deletes no file that is open; the next refresh tries again
                path.unlink()
        return shared

    def discard(self) -> None:
        """See `refresh.Builder`."""
        if self._db:
            self._db.close()
            self._db = None
        self.done.clear()
        _remove(self._path)

    # --- opening

    def _open(self) -> None:
        try:
            self._db = self._resumed()
        except (sqlite3.Error, ValueError) as error:
            log.warning("the unfinished index cannot be gone on with: %s", error)
        if self._db is None:
            _remove(self._path)
            _create(self._path)
            self._db = _connected(self._path)
            with _transaction(self._db):
                for table in _UNFINISHED:
                    self._db.execute(f"CREATE TABLE {table}")
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        self.done = _lists(self._db)
        self._attach_older(self._db)

    def _resumed(self) -> sqlite3.Connection | None:
        """The unfinished file of a refresh before, if it is young enough."""
        if not self._path.exists():
            return None
        db = _connected(self._path)
        try:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (schema,) = db.execute("PRAGMA user_version").fetchone()
            lists = _lists(db) if (application, schema) == (APPLICATION_ID, SCHEMA) else {}
            now = self._clock()
            young = all(0 <= now - report.as_of <= RESUME_SECONDS for report in lists.values())
            if lists and young:
                return db
        except BaseException:
            db.close()
            raise
        db.close()
        return None

    def _attach_older(self, db: sqlite3.Connection) -> None:
        for _, path in generations(self._target):
            try:
                with closing(_opened(path)) as opened:
                    lists = _lists(opened)
                    # A damaged file must not be in the way of every refresh that would replace it.
                    (verdict,) = opened.execute("PRAGMA quick_check(1)").fetchone()
                if verdict != "ok":
                    raise ValueError(verdict)  # noqa: TRY301 - one place words all damage
                db.execute("ATTACH ? AS older", (f"{path.absolute().as_uri()}?mode=ro&immutable=1",))
            except (OSError, sqlite3.Error, ValueError) as error:
                log.warning("the driver index %s cannot be read: %s", path.name, error)
            else:
                self.older = lists
                return

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise ValueError("the builder is not open")
        return self._db


def _builders_lock(db: Path) -> sqlite3.Connection:
    """The lock of a refresh. It waits for `strip`, which is short, and not for another refresh."""
    try:
        return _lock(db)
    except IndexRefusedError:
        _lock(db, "strip", STRIP_SECONDS).close()
        return _lock(db)


def _lock(db: Path, name: str = "lock", seconds: float = 0.0) -> sqlite3.Connection:
    """Holds a lock that ends with the process, until it is closed. SQLite's is one that every system has."""
    path = db.with_name(f"{db.stem}.index.{name}")
    _create(path)
    with _named_errors(path):
        held = sqlite3.connect(path, timeout=seconds, isolation_level=None)
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            held.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise IndexRefusedError("Another refresh of the driver index is running.") from None
        return held


class _ListWriter:
    """`refresh.ListWriter` within one transaction."""

    def __init__(self, db: sqlite3.Connection, category: str) -> None:
        _check(category)
        self._db = db
        self._category = category
        self.report: ListReport | None = None
        self._insert = f"INSERT INTO {category} VALUES (?, ?)"  # noqa: S608 - our own names

    def put(self, newcomers: Sequence[Newcomer], numbers: Sequence[Numbers]) -> None:
        self._db.executemany("INSERT INTO main.drivers VALUES (?, ?, ?, ?)", newcomers)
        self._db.executemany(self._insert, numbers)

    def finish(self, report: ListReport, ranks: bytes) -> None:
        _insert_list(self._db, self._category, report, ranks)
        self.report = report


def _insert_list(db: sqlite3.Connection, category: str, report: ListReport, ranks: bytes) -> None:
    values = (category, json.dumps(asdict(report)), ranks)
    db.execute("INSERT INTO main.lists VALUES (?, ?, ?)", values)


def _merge(db: sqlite3.Connection, merged: Path) -> int:
    """Writes the whole index into an empty file. Gives the number of names that several drivers have."""
    db.execute("ATTACH ? AS merged", (f"{merged.absolute().as_uri()}?mode=rw",))
    with _transaction(db):
        for table in _WHOLE:
            db.execute(f"CREATE TABLE merged.{table}")
        stats = ", ".join(f"{category}.stats" for category in CATEGORIES)
        # All tables are in the order of customer ids: each is read once from its begin to its end.
        joins = " ".join(f"LEFT JOIN main.{category} USING (cust_id)" for category in CATEGORIES)
        db.execute(
            f"INSERT INTO merged.drivers SELECT cust_id, key, name, country, {stats}"  # noqa: S608 - our own names
            f" FROM main.drivers {joins} ORDER BY cust_id"
        )
        db.execute("INSERT INTO merged.lists SELECT * FROM main.lists")
        _finish(db, "merged")
        (shared,) = db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM merged.drivers GROUP BY key HAVING count(*) > 1)"
        ).fetchone()
    db.execute("DETACH merged")
    return int(shared)


def _finish(db: sqlite3.Connection, schema: str) -> None:
    """What makes a file of all drivers a whole index file."""
    db.execute(f"CREATE INDEX {schema}.drivers_by_key ON drivers (key)")
    db.execute(f"PRAGMA {schema}.application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA {schema}.user_version = {SCHEMA}")


def _connected(path: Path) -> sqlite3.Connection:
    """A file that is built."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        db.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    except BaseException:  # it reads the file, which may be damaged
        db.close()
        raise
    return db


def _remove(path: Path) -> None:
    """Deletes a file, and then its journal: it must not be taken for the next file's."""
    for each in (path, path.with_name(f"{path.name}-journal")):
        try:
            each.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{each} cannot be deleted: {error.strerror}.") from error


def _check(category: str) -> None:
    """The name of a column comes from nowhere else."""
    if category not in CATEGORIES:
        raise ValueError(f"{category!r} is no category")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"The driver index {path} cannot be used: {error}.{to_do(path, error)}") from error
    except FileNotFoundError as error:
        raise StoreError(f"The driver index {path} cannot be used: it is gone.") from error


def _create(path: Path) -> None:
    """Makes sure of a file that only its owner can read."""
    try:
        make_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}.") from error
