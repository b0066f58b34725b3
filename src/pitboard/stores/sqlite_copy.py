"""Copies of the database: a backup while it is used, the way back, and setting aside a damaged one."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pitboard.drivers.errors import StoreError
from pitboard.private import make_folder
from pitboard.stores.sqlite import SqliteStore
from pitboard.stores.sqlite_file import BUSY_SECONDS, inspect

_ASIDE = "{name}.damaged-{when}"


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """An empty file beside `target` for the owner alone, which takes its place when the block ends well, and
    is on the disk then. Raises `StoreError`."""
    made = target.with_name(f"{target.name}.new")
    try:
        make_folder(target.parent)
        for path in _with_logs(made):
            path.unlink(missing_ok=True)
        os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        yield made
        with made.open("rb+") as file:
            os.fsync(file.fileno())
        made.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        for path in _with_logs(made):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _with_logs(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm", "-journal")]


def back_up(db: Path, target: Path, amend: Callable[[SqliteStore], object]) -> None:
    """Copies the database as it is at one moment, also while it is used. `amend` may add to the copy.

    The copy is one file for the owner alone. Once it is whole it replaces an older one. Raises `StoreError`.
    """
    inspect(db)
    target = target.resolve()  # a link stays one, and its file is replaced
    if target.exists() and not target.is_file():
        raise StoreError(f"{target} is no file; give the backup another name.")
    if target.exists() and target.stat().st_size:
        inspect(target, "Give the backup another name.")
        if target.samefile(db):
            raise StoreError(f"{target} is the database itself; give the backup another name.")
    with _new_file(target) as made:
        _copy(db, made)
        with closing(SqliteStore(made)) as store:
            amend(store)
        _make_one_file(made)
        inspect(made, "Try again.")


def put_back(backup: Path, db: Path, amend: Callable[[SqliteStore], object]) -> None:
    """Puts a backup in the place of the database. `amend` may change it before. A program that uses the
    database notices it within a second. Raises `StoreError`; the database is as before then."""
    inspect(backup, "Give the path of a backup that `pitboard backup` has made.")
    db = db.resolve()
    with _new_file(db) as made:
        _copy(backup, made)
        with closing(SqliteStore(made)) as store:
            amend(store)
        _make_one_file(made)
        _empty_log(db)


def documents_of(db: Path) -> dict[str, tuple[str, int]]:
    """The text and the version of each document of a database, by key; none if it cannot be read."""
    found: dict[str, tuple[str, int]] = {}
    with suppress(sqlite3.Error), closing(_read_only(db)) as source:
        for key, value, version in source.execute("SELECT key, value, version FROM documents"):
            found[key] = value, version
    return found


def set_aside(db: Path) -> tuple[Path, int]:
    """Gives a damaged database another name and makes a new one with what can still be read of it.

    Gives the damaged file's name now, and the number of rows that were saved. Raises `StoreError`.
    """
    when = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside = db.with_name(_ASIDE.format(name=db.name, when=when))
    try:
        for old, new in zip(_with_logs(db), _with_logs(aside), strict=True):
            if old.exists():
                old.rename(new)
    except OSError as error:
        raise StoreError(f"{db} is damaged and cannot be renamed: {error.strerror}.") from error
    with closing(SqliteStore(db)) as store:
        saved = sum(store.take_over(table, rows) for table, rows in _readable(aside))
    _, log, shared, _ = _with_logs(aside)
    for path in (shared, *([log] if log.exists() and not log.stat().st_size else ())):
        path.unlink(missing_ok=True)
    return aside, saved


def set_aside_before(db: Path) -> list[Path]:
    """The damaged files that were set aside and are still there."""
    return sorted(db.parent.glob(_ASIDE.format(name=db.name, when="*")))


def _readable(db: Path) -> Iterator[tuple[str, Iterator[dict[str, object]]]]:
    """The rows of each table, as far as they can be read: those with a token first."""
    for table in ("documents", "ids", "records"):
        with suppress(sqlite3.Error), closing(_read_only(db)) as source:
            source.row_factory = sqlite3.Row
            yield table, _until_damage(source.execute(f"SELECT * FROM {table}"))  # noqa: S608 - our own names


def _until_damage(rows: sqlite3.Cursor) -> Iterator[dict[str, object]]:
    with suppress(sqlite3.Error):
        for row in rows:
            yield dict(row)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def _copy(source: Path, target: Path) -> None:
    """SQLite's own copy: all pages within one read, so that writers neither wait nor show up by halves."""
    try:
        with closing(_read_only(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied: {error}.") from error


def _make_one_file(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")


def _empty_log(db: Path) -> None:
    """Moves the log into the database and deletes it: SQLite would play it into the file that takes the
    database's place. Whoever has it open still writes into the old file, which is nobody's then."""
    if db.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(db, timeout=BUSY_SECONDS)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in _with_logs(db)[1:]:
        path.unlink(missing_ok=True)
