"""The file of the SQLite store: its schema, its connections, and what may happen to it while it is in use."""

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from pitboard.drivers.errors import StoreError
from pitboard.private import make_folder

log = logging.getLogger(__name__)

APPLICATION_ID = 0x50495442
"""Marks the file as ours ("PITB"), so that another program's database is never written to."""

MIGRATIONS = (
    """
    CREATE TABLE records (
        key TEXT PRIMARY KEY, cust_id INTEGER NOT NULL, body BLOB NOT NULL, as_of REAL NOT NULL,
        fresh_until REAL NOT NULL, stale_until REAL NOT NULL, profile_until REAL NOT NULL
    );
    CREATE INDEX records_by_end ON records (stale_until);
    CREATE TABLE ids (
        key TEXT PRIMARY KEY, cust_id INTEGER, origin TEXT NOT NULL,
        until REAL NOT NULL, reason TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX ids_by_end ON ids (until);
    CREATE TABLE leases (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE documents (
        key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    # The driver index has a file of its own since. `changes` tells readers whether any record has changed.
    """
    ALTER TABLE records ADD COLUMN used_at REAL NOT NULL DEFAULT 0;
    CREATE TABLE changes (kind TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO changes VALUES ('records', 0);
    DELETE FROM ids WHERE origin = 'index'
    """,
    # A failure is remembered beside what is known of a name, no longer in its place.
    """
    ALTER TABLE ids ADD COLUMN failed_until REAL NOT NULL DEFAULT 0;
    ALTER TABLE ids ADD COLUMN doubted_at REAL NOT NULL DEFAULT 0;
    DELETE FROM ids WHERE reason = 'unavailable'
    """,
)
"""One script a schema version; the file's `user_version` is the number of those it has had."""

BUSY_SECONDS = 10.0

LOOK_SECONDS = 1.0
"""So often it is looked whether the file has been deleted or replaced."""


class DamagedError(StoreError):
    """Pitboard's own database is damaged. `happened` is the message without the `remedy`."""

    def __init__(self, happened: str, remedy: str) -> None:
        super().__init__(f"{happened} {remedy}")
        self.happened = happened
        self.remedy = remedy


class SqliteFile:
    """The file at `path` and the connections to it. Raises `StoreError` for one that cannot be used.

    It may be deleted or replaced while it is in use. `look` notices that: it closes the connections, makes
    the file anew or opens the other one, and calls `changed`. `damage` and `write_failure` say what went
    wrong lately ("": nothing), `news` what was noticed.
    """

    def __init__(self, path: Path, changed: Callable[[], object]) -> None:
        self.path = path
        self.damage = ""
        self.write_failure = ""
        self.news = ""
        self._changed = changed
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self._closed = False
        self._look_at = 0.0
        self._failed: StoreError | None = None
        self._wal: _Identity = None
        self._prepare()
        self._identity = _identity(path)
        self.usable = True

    def connection(self, synchronous: str) -> "Connection":
        """An open connection, with this PRAGMA synchronous."""
        made = Connection(self, synchronous)
        made.open()  # and held open: a deleted file's inode must not be given to the next one
        self._connections.append(made)
        return made

    def look(self) -> None:
        """Looks, once a second, whether the file is still the one that was opened."""
        if time.monotonic() < self._look_at:
            if self._failed:
                raise self._failed
            return
        with self._lock:
            if time.monotonic() >= self._look_at and not self._closed:
                self._failed = None
                try:
                    self._look()
                except StoreError as error:
                    self._failed = error
                    raise
                finally:
                    self._look_at = time.monotonic() + LOOK_SECONDS

    def _look(self) -> None:
        there = _identity(self.path)
        if self.usable and there == self._identity:
            self._wal = _identity(_beside(self.path, "-wal"))
            return
        if self.usable:
            happened = "replaced" if there else "deleted"
            log.error("the database %s was %s while it was in use", self.path, happened)
            self.news = f"The file was {happened} while it was in use."
            self.usable = False
            for connection in self._connections:
                connection.close()
        if there is None or (self._wal and _identity(_beside(self.path, "-wal")) == self._wal):
            # SQLite would play what is left of the old file's log into the new one.
            for ending in ("-wal", "-shm"):
                with suppress(OSError):
                    _beside(self.path, ending).unlink()
        self._prepare()
        self._identity, self._wal = _identity(self.path), None
        for connection in self._connections:
            connection.open()
        self.damage = ""
        self.usable = True
        self._changed()
        log.info("the database %s is %s", self.path, "in use" if there else "made anew")

    def _prepare(self) -> None:
        """Makes the file, or looks at the one that is there, and brings it to the newest schema."""
        if self.path.exists() and self.path.stat().st_size:
            inspect(self.path)
        else:
            _create(self.path)
        self.usable = True
        migrating = Connection(self, "NORMAL")
        try:
            _migrate(migrating)
        except StoreError:
            self.usable = False
            raise
        finally:
            migrating.close()

    def scrub(self) -> None:
        """Writes the file anew without the bytes of what was deleted, and empties its log.

        Raises `StoreError`, also when other processes read the log for so long that it cannot be emptied.
        """
        connection = Connection(self, "NORMAL")
        try:
            connection.rows("VACUUM", ())
            end = time.monotonic() + BUSY_SECONDS
            while connection.rows("PRAGMA wal_checkpoint(TRUNCATE)", ())[0][0]:
                if time.monotonic() > end:
                    raise StoreError(f"The log of {self.path} is in use and could not be emptied; try again.")
                time.sleep(0.05)
        finally:
            connection.close()

    def close(self) -> None:
        """Closes the connections; the last one of all processes moves the log into the file."""
        with self._lock:
            self._closed = True
            self.usable = False
            for connection in self._connections:
                connection.close()


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_FORBIDDEN = (sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_LEAST_ROOM = 1 << 16
"""Bytes. SQLite takes 32 kB beside the file only to read it, and calls it an I/O error if it cannot."""

ANOTHER = "Move it away or set PITBOARD_DB to another path."
REPAIR = (
    "`pitboard serve` goes on with what can be read of it; `pitboard restore` puts a backup in its place."
)


def to_do(path: Path, error: sqlite3.Error) -> str:
    """What somebody has to do about an error of SQLite's that is not about the content of the file at `path`:
    a sentence after a space, or "" when there is none."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code in (sqlite3.SQLITE_IOERR, *_FORBIDDEN) and _is_full(path)):
        return " Its disk is full: free some space."
    if code in _FORBIDDEN:
        return " The file and its folder must be writable for you; else set PITBOARD_DB to another path."
    if code == sqlite3.SQLITE_IOERR:
        return " Its disk does not work as it should; the system's log says more."
    return ""


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_ROOM
    except OSError:
        return False


_Identity = tuple[int, int] | None


def _identity(path: Path) -> _Identity:
    """What tells one file from another that has taken its name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


class Connection:
    """One connection with its lock. SQLite's own errors leave here as `StoreError`."""

    def __init__(self, file: SqliteFile, synchronous: str) -> None:
        self._file = file
        self._path = file.path
        self._synchronous = synchronous
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    @property
    def _db(self) -> sqlite3.Connection:
        """The open connection; the lock is held."""
        if self._opened is None:
            if not self._file.usable:
                raise StoreError(f"The database {self._path} is closed or being made anew.")
            self._opened = self._open()
        return self._opened

    def open(self) -> None:
        """Opens it now and not with its first use."""
        with self._lock, self._named_errors():
            _ = self._db

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # One text that is no UTF-8 must not make all that is read with it unreadable.
        db.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            _enter_wal(db)
            db.execute(f"PRAGMA synchronous = {self._synchronous}")
        except BaseException:
            db.close()
            raise
        return db

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._lock, self._named_errors():
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        with self._lock, self._named_errors(writing=True), closing(self._db.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                if self._db.in_transaction:  # SQLite itself has ended it when the disk is full
                    cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    @contextmanager
    def _named_errors(self, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            sentence = f"The database {self._path} cannot be used: {error}.{to_do(self._path, error)}"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                self._file.damage = sentence
            if writing:
                self._file.write_failure = sentence
            raise StoreError(sentence) from error
        if writing:
            self._file.write_failure = ""

    def close(self) -> None:
        with self._lock:
            if self._opened:
                self._opened.close()
                self._opened = None


def _enter_wal(db: sqlite3.Connection) -> None:
    """Waits for other processes that do so at this moment; SQLite itself does not wait here."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _create(path: Path) -> None:
    """Makes an empty file that only its owner can read."""
    try:
        make_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"The database {path} cannot be made: {error.strerror}.") from error


def inspect(path: Path, away: str = "") -> None:
    """Looks at an existing file without writing; raises `StoreError` if it is not one to work with, and
    `DamagedError` if it is Pitboard's. `away` is the remedy for a file with something else in it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")  # one look, while another process may be making its tables
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if application != APPLICATION_ID and tables:
                raise StoreError(f"{path} is the database of another program. {away or ANOTHER}")
            if version > len(MIGRATIONS):
                raise StoreError(
                    f"{path} is of a newer Pitboard (schema {version}, this one knows {len(MIGRATIONS)})."
                    " Install that version, or set PITBOARD_DB to another path."
                )
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                _, _, found = verdict.rpartition("\n")  # the line before it names the database: "main"
                raise DamagedError(f"The database {path} is damaged ({found}).", away or REPAIR)
    except sqlite3.Error as error:
        happened = f"The database {path} cannot be read: {error}."
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
            raise StoreError(f"{happened}{to_do(path, error)}") from error
        if _is_ours(path):
            raise DamagedError(happened, away or REPAIR) from error
        raise StoreError(f"{happened} {away or ANOTHER}") from error


def is_foreign(path: Path) -> bool:
    """Whether there is a file that is no database of Pitboard's."""
    try:
        if not path.stat().st_size:
            return False
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            return bool(application != APPLICATION_ID)
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB and not _is_ours(path)
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    """Whether a file that SQLite cannot read has Pitboard's mark. Source: SQLite's file format, offset 68."""
    with path.open("rb") as file:
        head = file.read(72)
    return int.from_bytes(head[68:72], "big") == APPLICATION_ID


def _migrate(connection: Connection) -> None:
    with connection.transaction() as cursor:
        (version,) = cursor.execute("PRAGMA user_version").fetchone()
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                cursor.execute(statement)
        cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        cursor.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
