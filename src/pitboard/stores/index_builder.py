"""Building the driver index: a refresh collects the lists, merges them, and publishes a new file.

One process at a time builds or changes an index: SQLite's locks on files beside the database see to that.
What the files are is in `index_file`.
"""

import json
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import StoreError
from pitboard.drivers.index import split
from pitboard.drivers.refresh import IndexRefusedError, ListReport, Newcomer, Numbers
from pitboard.private import make_folder
from pitboard.stores.index_file import (
    APPLICATION_ID,
    SCHEMA,
    PackedDriver,
    generations,
    lists_of,
    named_errors,
    opened,
)

RESUME_SECONDS = 6 * 3600.0
"""How old the lists of an unfinished index may be for the next refresh to go on with it."""

STRIP_SECONDS = 60.0
"""How long a refresh waits while drivers are taken out of the index in use."""

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
            with named_errors(self._path):
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
        with named_errors(self._path):
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
        with named_errors(self._path):
            for (cust_id,) in self._connection().execute("SELECT cust_id FROM main.drivers"):
                yield cust_id

    def keep_older(self, category: str) -> None:
        """See `refresh.Builder`."""
        _check(category)
        db = self._connection()
        with named_errors(self._path), _transaction(db):
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
        with named_errors(self._path):
            db = self._connection()
            (now,) = db.execute("SELECT count(*) FROM main.drivers").fetchone()
            (before,) = db.execute("SELECT count(*) FROM older.drivers").fetchone() if self.older else (0,)
        return now, before

    def publish(self) -> int:
        """See `refresh.Builder`. Deletes the older files, as far as the system lets it."""
        merged = self._path.with_suffix(".merged")
        _remove(merged)
        _create(merged)
        with named_errors(merged):
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
        self.done = lists_of(self._db)
        self._attach_older(self._db)

    def _resumed(self) -> sqlite3.Connection | None:
        """The unfinished file of a refresh before, if it is young enough."""
        if not self._path.exists():
            return None
        db = _connected(self._path)
        try:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (schema,) = db.execute("PRAGMA user_version").fetchone()
            lists = lists_of(db) if (application, schema) == (APPLICATION_ID, SCHEMA) else {}
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
                with closing(opened(path)) as whole:
                    lists = lists_of(whole)
                    # A damaged file must not be in the way of every refresh that would replace it.
                    (verdict,) = whole.execute("PRAGMA quick_check(1)").fetchone()
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
    with named_errors(path):
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


def _create(path: Path) -> None:
    """Makes sure of a file that only its owner can read."""
    try:
        make_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}.") from error


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
    with named_errors(path), closing(_connected(path)) as file, _transaction(file):
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
    with named_errors(path), closing(opened(path)) as whole:
        rows = whole.execute("SELECT key, cust_id FROM drivers")
        gone = [(cust_id,) for key, cust_id in rows if not keeps(key, cust_id)]
    if not gone:
        return 0
    merged = db.with_name(f"{db.stem}.index.merged")
    _create(merged)
    with named_errors(merged):
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
