"""The store in one SQLite file, in WAL mode, for threads and for several processes."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeVar

from pitboard.drivers.model import CLOCK_DOUBT, LONGEST_LEASE, Document, IdEntry, Record
from pitboard.stores import damage, processes
from pitboard.stores.sqlite_file import BUSY_SECONDS, SqliteFile

Whole = TypeVar("Whole")

MOST_HOT = 5_000
"""Records that are held in memory, some 20 MB, until one is written."""

MOST_RECORDS = 200_000
MOST_IDS = 100_000
"""Rows that are kept, some 800 MB at most. Beyond, the records that were used longest ago go, and the ids
and negative answers that end first."""

TRIAL_BYTES = 64 * 1024
"""Bytes that are written to see whether writing is possible again: about those of a page of drivers."""

CHECKED_EVERY = 1_000
"""Rows written after which their number is looked at."""

_ID = "key, cust_id, origin, until, reason, failed_until, doubted_at"
_RECORD = "key, cust_id, body, as_of, fresh_until, stale_until, profile_until"


class SqliteStore:
    """`ports.Store` on one file. Open it once a process and share it among threads.

    Raises `StoreError` for a file that is not Pitboard's, is damaged or comes from a newer version; such
    a file is not touched. The file is readable by its owner alone, since the token is kept in it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._told = damage.Told()
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
            self._used.update(record.key for record in found)  # strangers ask for what nobody has
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
        return {record.key: record for record in self._whole("a record", damage.record, rows)}

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
        found = self._whole("an entry of a customer id", damage.entry, rows)
        return {entry.key: entry for entry in found if entry.until > now}

    def _whole(
        self, what: str, parsed: Callable[..., Whole], rows: Iterable[Sequence[Any]]
    ) -> Iterator[Whole]:
        """What the rows hold; a damaged one is left out."""
        for row in rows:
            try:
                yield parsed(*row)
            except damage.DamageError as error:
                self._told(what, row[0], error)

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
        within = "cust_id IN (SELECT value FROM json_each(?))"
        statement = f"SELECT key FROM records WHERE {within} UNION SELECT key FROM ids WHERE {within}"  # noqa: S608
        return [key for (key,) in self._reader.rows(statement, [json.dumps(list(cust_ids))] * 2)]

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
        yield from self._whole("a record", damage.record, self._all(statement))

    def all_ids(self) -> Iterator[IdEntry]:
        """Every id entry that has not ended, in the same way."""
        statement = f"SELECT {_ID} FROM ids WHERE until > ? ORDER BY key"  # noqa: S608 - ours
        yield from self._whole("an entry of a customer id", damage.entry, self._all(statement))

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

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._connection = file.connection("FULL")

    def get(self, key: str) -> Document | None:
        self._file.look()
        statement = "SELECT value, version FROM documents WHERE key = ?"
        for text, version in self._connection.rows(statement, (key,)):
            if (value := _object(text)) is not None and type(version) is int:
                return Document(value, version)
            damage.document_lost(key)
            self._set_aside(key, text)
        return None

    def _set_aside(self, key: str, text: Any) -> None:
        """Gives another key to a document that is no JSON object, so that a new one can be made."""
        with self._connection.transaction() as cursor:
            cursor.execute(
                "UPDATE OR REPLACE documents SET key = ? WHERE key = ? AND value IS ?",
                (f"UNREADABLE:{key}", key, text),
            )

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


def _binds(owner: str, until: Any, now: float) -> bool:
    """Whether another's lease is still to be respected; a damaged one binds nobody."""
    if not isinstance(until, int | float):
        return False
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
