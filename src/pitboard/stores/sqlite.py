"""The store in one SQLite file, in WAL mode, for threads and for several processes."""

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import CLOCK_DOUBT, LONGEST_LEASE, Document, IdEntry, Record
from pitboard.private import make_folder
from pitboard.stores import processes

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

MOST_HOT = 5_000
"""Records that are held in memory, some 20 MB, until one is written."""

MOST_RECORDS = 200_000
MOST_IDS = 100_000
"""Rows that are kept, some 800 MB at most. Beyond, the records that were used longest ago go, and the ids
and negative answers that end first."""

TRIAL_BYTES = 64 * 1024
"""Bytes that are written to see whether writing is possible again: about those of a page of drivers."""

LOOK_SECONDS = 1.0
"""So often it is looked whether the file has been deleted or replaced."""

CHECKED_EVERY = 1_000
"""Rows written after which their number is looked at."""

_ID = "key, cust_id, origin, until, reason, failed_until, doubted_at"
_RECORD = "key, cust_id, body, as_of, fresh_until, stale_until, profile_until"


class DamagedError(StoreError):
    """Pitboard's own database is damaged. `happened` is the message without the remedy."""

    def __init__(self, happened: str, remedy: str) -> None:
        super().__init__(f"{happened} {remedy}")
        self.happened = happened


class SqliteStore:
    """`ports.Store` on one file. Open it once a process and share it among threads.

    Raises `StoreError` for a file that is not Pitboard's, is damaged or comes from a newer version; such
    a file is not touched. The file is readable by its owner alone, since the token is kept in it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._hot: dict[str, Record] = {}
        self._hot_version = (-1, -1)
        self._hot_lock = threading.Lock()
        self._used: set[str] = set()
        self._written = 0
        self.file = SqliteFile(path, self._cool)
        self._writer = self.file.connection("NORMAL")
        self._reader = self.file.connection("NORMAL")
        self.documents = SqliteDocuments(self.file)

    def _cool(self) -> None:
        """Forgets what is held in memory: the file is another one."""
        with self._hot_lock:
            self._hot, self._hot_version = {}, (-1, -1)

    def records(self, keys: Sequence[str]) -> dict[str, Record]:
        self.file.look()
        now = self._clock()
        with self._hot_lock:
            self._look_for_changes()
            cold = [key for key in keys if key not in self._hot]
            if cold:
                self._hot |= self._read(cold)
            found = [self._hot[key] for key in keys if key in self._hot]
            self._used.update(keys)
        return {record.key: record for record in found if record.stale_until > now}

    def _look_for_changes(self) -> None:
        """Drops what is held in memory when a record was written, by whomever.

        data_version changes with every commit of another connection, ours for writing included. Most of
        those write budgets and leases; only then is it worth asking whether records have changed, too.
        """
        commits, changes = self._hot_version
        now = self._reader.rows("PRAGMA data_version", ())[0][0]
        if now != commits:
            ((written,),) = self._reader.rows("SELECT version FROM changes WHERE kind = 'records'", ())
            if written != changes:
                self._hot = {}
            self._hot_version = now, written
        if len(self._hot) > MOST_HOT:
            self._hot = {}

    def _read(self, keys: Sequence[str]) -> dict[str, Record]:
        rows = self._reader.rows(
            f"SELECT {_RECORD} FROM records WHERE key IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own columns
            (json.dumps(keys),),
        )
        return {row[0]: Record(*row) for row in rows}

    def keep(self, records: Iterable[Record]) -> None:
        self.file.look()
        rows = [(*astuple(record), self._clock(), CLOCK_DOUBT) for record in records]
        if not rows:
            return
        with self._writer.transaction() as cursor:
            cursor.executemany(
                f"INSERT INTO records ({_RECORD}, used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own columns
                " ON CONFLICT (key) DO UPDATE SET"
                " cust_id = excluded.cust_id, body = excluded.body, as_of = excluded.as_of,"
                " fresh_until = excluded.fresh_until, stale_until = excluded.stale_until,"
                " profile_until = excluded.profile_until"
                " WHERE excluded.as_of >= as_of OR excluded.profile_until > profile_until"
                " OR as_of > excluded.as_of + ?",
                rows,
            )
            _records_changed(cursor)
            self._count(cursor, len(rows))

    def ids(self, keys: Sequence[str]) -> dict[str, IdEntry]:
        self.file.look()
        now = self._clock()
        rows = self._reader.rows(
            f"SELECT {_ID} FROM ids"  # noqa: S608 - our own columns
            " WHERE key IN (SELECT value FROM json_each(?))",
            (json.dumps(keys),),
        )
        return {row[0]: IdEntry(*row) for row in rows if row[3] > now}

    def keep_ids(self, entries: Iterable[IdEntry]) -> None:
        self.file.look()
        rows = [astuple(entry) for entry in entries]
        if not rows:
            return
        with self._writer.transaction() as cursor:
            cursor.executemany(f"INSERT OR REPLACE INTO ids ({_ID}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608
            self._count(cursor, len(rows))

    def _count(self, cursor: sqlite3.Cursor, rows: int) -> None:
        """Keeps the tables below their bounds; looks every `CHECKED_EVERY` rows."""
        self._written += rows
        if self._written >= CHECKED_EVERY:
            self._written = 0
            self._note_used(cursor)
            _evict(cursor)

    def _note_used(self, cursor: sqlite3.Cursor) -> None:
        """Writes which records were asked for since this was last done."""
        with self._hot_lock:
            used, self._used = self._used, set()
        now = self._clock()
        cursor.executemany("UPDATE records SET used_at = ? WHERE key = ?", [(now, key) for key in used])

    def forget(self, keys: Sequence[str]) -> None:
        self.file.look()
        with self._writer.transaction() as cursor:
            for table in ("records", "ids"):
                cursor.executemany(f"DELETE FROM {table} WHERE key = ?", [(key,) for key in keys])  # noqa: S608 - our own two names
            _records_changed(cursor)

    def claim(self, keys: Sequence[str], owner: str, until: float) -> set[str]:
        """A lease also ends with its process, which is in its owner."""
        self.file.look()
        now, taken, mine = self._clock(), set(), f"{processes.mark()}/{owner}"
        with self._writer.transaction() as cursor:
            for key in keys:
                cursor.execute("SELECT owner, until FROM leases WHERE key = ?", (key,))
                held = cursor.fetchone()
                if held is None or held[0] == mine or not _binds(held[0], held[1], now):
                    cursor.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?)", (key, mine, until))
                    taken.add(key)
        return taken

    def release(self, keys: Sequence[str], owner: str) -> None:
        self.file.look()
        with self._writer.transaction() as cursor:
            cursor.executemany(
                "DELETE FROM leases WHERE key = ? AND owner = ?",
                [(key, f"{processes.mark()}/{owner}") for key in keys],
            )

    def sweep(self, keeps: Callable[[str, int | None], bool]) -> int:
        self.file.look()
        gone = 0
        with self._writer.transaction() as cursor:
            for table, cust_id in (("records", "cust_id"), ("ids", "cust_id"), ("leases", "NULL")):
                rows = cursor.execute(f"SELECT key, {cust_id} FROM {table}").fetchall()  # noqa: S608 - our own names
                keys = [(key,) for key, whose in rows if not keeps(key, whose)]
                cursor.executemany(f"DELETE FROM {table} WHERE key = ?", keys)  # noqa: S608 - the same
                gone += len(keys)
            if gone:
                _records_changed(cursor)
        if gone:
            self.file.scrub()
        return gone

    def keys_of(self, cust_ids: Sequence[int]) -> list[str]:
        """The keys under which anything of these customer ids is kept."""
        within = "cust_id IN (SELECT value FROM json_each(?1))"
        statement = f"SELECT key FROM records WHERE {within} UNION SELECT key FROM ids WHERE {within}"  # noqa: S608
        return [key for (key,) in self._reader.rows(statement, (json.dumps(list(cust_ids)),))]

    def take_over(self, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Writes rows of a table of another file, replacing; gives their number. Columns that either does not
        know, and rows that cannot be kept here, are left out."""
        taken = 0
        with self._writer.transaction() as cursor:
            known = {column[1] for column in cursor.execute(f"PRAGMA table_info({table})")}
            for row in rows:
                columns = [column for column in row if column in known]
                names, marks = ", ".join(columns), ", ".join("?" * len(columns))
                statement = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - ours
                with suppress(sqlite3.IntegrityError):
                    cursor.execute(statement, [row[column] for column in columns])
                    taken += 1
            _records_changed(cursor)
        return taken

    def drop_document(self, key: str) -> None:
        """Deletes a document."""
        with self._writer.transaction() as cursor:
            cursor.execute("DELETE FROM documents WHERE key = ?", (key,))

    def count(self) -> int:
        """The number of records."""
        return int(self._reader.rows("SELECT count(*) FROM records", ())[0][0])

    def all_records(self) -> Iterator[Record]:
        """Every record that has not ended, by key. Reads as it goes, from a connection of its own."""
        statement = f"SELECT {_RECORD} FROM records WHERE stale_until > ? ORDER BY key"  # noqa: S608 - ours
        yield from (Record(*row) for row in self._all(statement))

    def all_ids(self) -> Iterator[IdEntry]:
        """Every id entry that has not ended, in the same way."""
        statement = f"SELECT {_ID} FROM ids WHERE until > ? ORDER BY key"  # noqa: S608 - ours
        yield from (IdEntry(*row) for row in self._all(statement))

    def _all(self, statement: str) -> Iterator[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as db:
            yield from db.execute(statement, (self._clock(),))

    def purge(self, now: float) -> int:
        self.file.look()
        with self._writer.transaction() as cursor:
            self._note_used(cursor)
            _evict(cursor)
            cursor.execute("DELETE FROM records WHERE stale_until <= ?", (now,))
            count = cursor.rowcount
            if count:
                _records_changed(cursor)
            cursor.execute("DELETE FROM ids WHERE until <= ?", (now,))
            count += cursor.rowcount
            cursor.execute("DELETE FROM leases WHERE until <= ?", (now,))
        return count

    def try_writing(self) -> None:
        """Raises `StoreError` if a page of drivers cannot be written. A full disk may have room for less."""
        with self._writer.transaction() as cursor:
            cursor.execute("INSERT OR REPLACE INTO leases VALUES ('TRIAL', ?, 0)", ("x" * TRIAL_BYTES,))
        with self._writer.transaction() as cursor:
            cursor.execute("DELETE FROM leases WHERE key = 'TRIAL'")

    def ping(self) -> None:
        self.file.look()
        self._reader.rows("SELECT count(*) FROM (SELECT 1 FROM records LIMIT 1)", ())

    def close(self) -> None:
        self.file.close()


class SqliteDocuments:
    """`ports.Documents`. A write is on the disk before it counts: a lost refresh token costs a login."""

    def __init__(self, file: "SqliteFile") -> None:
        self._file = file
        self._connection = file.connection("FULL")

    def get(self, key: str) -> Document | None:
        self._file.look()
        statement = "SELECT value, version FROM documents WHERE key = ?"
        for text, version in self._connection.rows(statement, (key,)):
            if (value := _object(text)) is not None:
                return Document(value, version)
            self._set_aside(key, text)
        return None

    def _set_aside(self, key: str, text: Any) -> None:
        """Gives another key to a document that is no JSON object, so that a new one can be made."""
        with self._connection.transaction() as cursor:
            cursor.execute(
                "UPDATE OR REPLACE documents SET key = ? WHERE key = ? AND value IS ?",
                (f"UNREADABLE:{key}", key, text),
            )
            ours = cursor.rowcount  # COMMIT sets another
        if ours:
            log.error("the document %s could not be read and is set aside; a new one is made", _kind(key))

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        self._file.look()
        text = json.dumps(value)
        with self._connection.transaction() as cursor:
            if expected is None:
                cursor.execute("INSERT OR IGNORE INTO documents VALUES (?, ?, 1)", (key, text))
            else:
                cursor.execute(
                    "UPDATE documents SET value = ?, version = version + 1 WHERE key = ? AND version = ?",
                    (text, key, expected),
                )
            return cursor.rowcount == 1


def _object(text: Any) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _kind(key: str) -> str:
    """A document's key without the account that may be in it."""
    return key.partition(":")[0]


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
        self._connections: list[_Connection] = []
        self._closed = False
        self._look_at = 0.0
        self._failed: StoreError | None = None
        self._wal: _Identity = None
        self._prepare()
        self._identity = _identity(path)
        self.usable = True

    def connection(self, synchronous: str) -> "_Connection":
        """An open connection, with this PRAGMA synchronous."""
        made = _Connection(self, synchronous)
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
        migrating = _Connection(self, "NORMAL")
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
        connection = _Connection(self, "NORMAL")
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


class _Connection:
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
            sentence = f"The database {self._path} cannot be used: {error}."
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


def _binds(owner: str, until: float, now: float) -> bool:
    """Whether another's lease is still to be respected."""
    return now < until <= now + LONGEST_LEASE and not processes.is_dead(owner)


def _records_changed(cursor: sqlite3.Cursor) -> None:
    cursor.execute("UPDATE changes SET version = version + 1 WHERE kind = 'records'")


def _evict(cursor: sqlite3.Cursor) -> None:
    """Deletes what is beyond the bounds, a tenth more at once, so that it is rarely to be done."""
    for table, most, order in (("records", MOST_RECORDS, "used_at"), ("ids", MOST_IDS, "until")):
        (rows,) = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our own names
        if rows > most:
            beyond = rows - most + most // 10
            cursor.execute(
                f"DELETE FROM {table} WHERE key IN (SELECT key FROM {table} ORDER BY {order} LIMIT ?)",  # noqa: S608
                (beyond,),
            )
            if table == "records":
                _records_changed(cursor)


def _create(path: Path) -> None:
    """Makes an empty file that only its owner can read."""
    try:
        make_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"The database {path} cannot be made: {error.strerror}.") from error


def inspect(path: Path, away: str = "Move it away or set PITBOARD_DB to another path.") -> None:
    """Looks at an existing file without writing; raises `StoreError` if it is not one to work with, and
    `DamagedError` if it is Pitboard's. `away` is the remedy."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")  # one look, while another process may be making its tables
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if application != APPLICATION_ID and tables:
                raise StoreError(f"{path} is the database of another program. {away}")
            if version > len(MIGRATIONS):
                raise StoreError(
                    f"{path} is of a newer Pitboard (schema {version}, this one knows {len(MIGRATIONS)})."
                    " Install that version, or set PITBOARD_DB to another path."
                )
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise DamagedError(f"The database {path} is damaged ({verdict}).", away)
    except sqlite3.Error as error:
        happened = f"The database {path} cannot be read: {error}."
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED and _is_ours(path):
            raise DamagedError(happened, away) from error
        raise StoreError(f"{happened} {away}") from error


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


def _migrate(connection: _Connection) -> None:
    with connection.transaction() as cursor:
        (version,) = cursor.execute("PRAGMA user_version").fetchone()
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                cursor.execute(statement)
        cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        cursor.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
