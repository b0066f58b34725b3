"""What only the SQLite store does. The behaviour of all stores is in tests/contract."""

import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.support.clock import Clock

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import Document, IdEntry, Record
from pitboard.stores import sqlite, sqlite_file
from pitboard.stores.members_file import MembersFile
from pitboard.stores.sqlite import SqliteStore
from pitboard.stores.sqlite_file import APPLICATION_ID, MIGRATIONS, DamagedError, is_foreign, to_do


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "pitboard.sqlite3"


def test_only_the_owner_can_read_the_file_and_its_folder(path):
    SqliteStore(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_records_are_kept_across_a_restart(path):
    store = SqliteStore(path, lambda: 1.0)
    store.keep([Record("ann", 1, b'{"cust_id":1}', 1.0, 2.0, 3.0)])
    store.close()
    again = SqliteStore(path, lambda: 1.0)
    assert again.records(["ann"])["ann"].cust_id == 1
    again.close()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda raw: b"This is a letter, not a database. " * 200, "cannot be read"),
        (lambda raw: raw[:4096] + b"\xff" * (len(raw) - 4096), "damaged|cannot be read|malformed"),
    ],
)
def test_a_damaged_file_is_refused_and_left_untouched(path, damage, sentence):
    store = SqliteStore(path)
    store.keep_ids([IdEntry(f"driver {n}", n, "iRacing", 9e9) for n in range(500)])
    store.close()
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(StoreError, match=sentence):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_from_a_newer_version_is_refused_and_left_untouched(path):
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer Pitboard"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (title TEXT)")
        db.commit()
    with pytest.raises(StoreError, match="another program"):
        SqliteStore(path)


def test_a_whole_file_that_cannot_be_opened_or_read_is_never_told_to_be_moved_away(path, monkeypatch):
    SqliteStore(path).close()
    path.with_name(f"{path.name}-wal").mkdir()  # as where the folder may not be written, also for root
    with pytest.raises(StoreError, match="must be writable for you") as told:
        SqliteStore(path)
    assert "Move it away" not in str(told.value)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=4096))
    with pytest.raises(StoreError, match="Its disk is full: free some space"):
        SqliteStore(path)


def test_an_error_of_sqlites_says_what_to_do_about_it(path):
    SqliteStore(path).close()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        with pytest.raises(sqlite3.Error) as refused:
            db.execute("DELETE FROM records")
        assert "writable for you" in to_do(path, refused.value)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.Error) as full:
            db.execute("CREATE TABLE more (body)").execute("INSERT INTO more VALUES (zeroblob(1 << 20))")
        assert "free some space" in to_do(path, full.value)
        with pytest.raises(sqlite3.Error) as wrong:
            db.execute("SELECT")
        assert to_do(path, wrong.value) == ""
    broken = sqlite3.OperationalError("disk I/O error")
    broken.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    assert "Its disk does not work" in to_do(path, broken)
    assert "Its disk does not work" in to_do(path / "gone" / "x", broken)


def test_damage_is_told_in_one_line_with_what_saves_most_of_it(path):
    store = SqliteStore(path)
    store.keep_ids([IdEntry(f"driver {n}", n, "iRacing", 9e9) for n in range(500)])
    store.close()
    raw = bytearray(path.read_bytes())
    raw[8192:24576] = b"\xff" * 16384
    path.write_bytes(raw)
    with pytest.raises(DamagedError, match=r"`pitboard serve`.*`pitboard restore`") as told:
        SqliteStore(path)
    assert "\n" not in str(told.value)


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        SqliteStore(tmp_path / "file" / "pitboard.sqlite3")


COUNT = """
import sys
from pathlib import Path
from pitboard.stores.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
for _ in range(100):
    while True:
        kept = store.documents.get("COUNT")
        count = kept.value["count"] + 1 if kept else 1
        if store.documents.put("COUNT", {"count": count}, expected=kept.version if kept else None):
            break
store.close()
"""


def test_parallel_updates_of_four_processes_are_all_kept(path):
    SqliteStore(path).close()
    workers = [subprocess.Popen([sys.executable, "-c", COUNT, str(path)]) for _ in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    store = SqliteStore(path)
    assert store.documents.get("COUNT") == Document({"count": 400}, 400)
    store.close()


def test_writes_of_another_store_on_the_file_are_visible_at_once(path):
    ours, theirs = SqliteStore(path, lambda: 1.0), SqliteStore(path, lambda: 1.0)
    for version in (b'{"v":1}', b'{"v":2}'):
        theirs.keep([Record("ann", 1, version, 1.0, 2.0, 3.0)])
        assert ours.records(["ann"])["ann"].body == version
    theirs.forget(["ann"])
    assert ours.records(["ann"]) == {}
    ours.close()
    theirs.close()


OPEN = """
import sys, time
from pathlib import Path
from pitboard.stores.sqlite import SqliteStore
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
store = SqliteStore(Path(sys.argv[1]))
store.ping()
store.close()
"""


def test_processes_that_create_the_file_at_the_same_time_all_succeed(tmp_path):
    start = str(time.time() + 1.0)
    paths = [tmp_path / str(number) / "pitboard.sqlite3" for number in range(3)]
    workers = [
        subprocess.Popen([sys.executable, "-c", OPEN, str(path), start]) for path in paths for _ in range(6)
    ]
    assert [worker.wait(60) for worker in workers] == [0] * 18


def test_a_locked_file_is_a_store_error(path, monkeypatch):
    monkeypatch.setattr("pitboard.stores.sqlite_file.BUSY_SECONDS", 0.1)
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            SqliteStore(path)


def test_after_the_clock_was_set_back_a_new_record_replaces_one_dated_in_the_future(path):
    store = SqliteStore(path, lambda: 1000.0)
    store.keep([Record("ann", 1, b'{"v":1}', 9e6, 9e6 + 100, 9e9, 9e6 + 100)])
    store.keep([Record("ann", 1, b'{"v":2}', 1000.0, 1100.0, 9e9, 1100.0)])
    assert store.records(["ann"])["ann"].body == b'{"v":2}'
    store.close()


# --- bounds


def records_of(keys, now=1.0):
    return [Record(key, 1, b'{"cust_id":1}', now, now + 1, now + 1e6) for key in keys]


@pytest.fixture
def small(path, monkeypatch):
    """A store that keeps 100 records and 100 ids, and looks at each write whether there are more."""
    for name, value in (("MOST_RECORDS", 100), ("MOST_IDS", 100), ("CHECKED_EVERY", 1)):
        monkeypatch.setattr(sqlite, name, value)
    now = Clock(1.0)
    store = SqliteStore(path, now)
    yield store, now
    store.close()


def count(store, table):
    with closing(sqlite3.connect(store.path)) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_a_flood_of_records_does_not_grow_the_database_beyond_its_bound(small):
    store, now = small
    for flood in range(20):
        now.now += 1
        store.keep(records_of([f"driver {flood} {n}" for n in range(30)], now.now))
        assert count(store, "records") <= 100


def test_records_that_were_used_lately_survive_a_flood(small):
    store, now = small
    popular = [f"popular {n}" for n in range(20)]
    store.keep(records_of(popular))
    for flood in range(20):
        now.now += 1
        assert len(store.records(popular)) == 20
        store.keep(records_of([f"driver {flood} {n}" for n in range(30)], now.now))
    assert len(store.records(popular)) == 20


def test_a_flood_of_negative_answers_evicts_those_that_end_first_and_no_customer_id(small):
    store, now = small
    known = [f"known {n}" for n in range(20)]
    store.keep_ids([IdEntry(key, 7, "iRacing", 90 * 86400.0) for key in known])
    for flood in range(20):
        now.now += 1
        nobody = [f"nobody {flood} {n}" for n in range(30)]
        store.keep_ids(IdEntry(key, None, "iRacing", now.now + 6, "not_found") for key in nobody)
        assert count(store, "ids") <= 100
    assert len(store.ids(known)) == 20


def test_writing_documents_and_leases_leaves_the_records_in_memory(path):
    store = SqliteStore(path, lambda: 1.0)
    store.keep(records_of(["ann"]))
    held = store.records(["ann"])["ann"]
    store.documents.put("BUDGET", {}, expected=None)
    store.claim(["bo"], "me", 9.0)
    store.keep_ids([IdEntry("cy", 7, "iRacing", 9.0)])
    assert store.records(["ann"])["ann"] is held
    store.keep(records_of(["dee"]))
    assert store.records(["ann"])["ann"] is not held
    store.close()


def test_a_file_of_the_first_release_is_upgraded_with_its_records(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        for statement in MIGRATIONS[0].split(";"):
            db.execute(statement)
        db.execute("INSERT INTO records VALUES ('ann', 1, x'7b2261223a317d', 1.0, 2.0, 3.0, 0.0)")
        db.execute("INSERT INTO ids VALUES ('bo', 2, 'index', 9.0, ''), ('cy', 3, 'iRacing', 9.0, '')")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    store = SqliteStore(path, lambda: 1.0)
    assert store.records(["ann"])["ann"].cust_id == 1
    assert store.ids(["bo", "cy"]).keys() == {"cy"}  # the index has a file of its own by now
    store.close()


def test_tokens_and_budgets_are_on_the_disk_before_a_write_counts(path):
    """SQLite waits for the disk after each commit with FULL (2), and only now and then with NORMAL (1).
    Source: SQLite's manual, PRAGMA synchronous."""
    store = SqliteStore(path)
    for _ in range(2):  # a connection that was closed and opened again is no other
        assert store.documents._connection.rows("PRAGMA synchronous", ()) == [(2,)]
        assert store._writer.rows("PRAGMA synchronous", ()) == [(1,)]
        store.documents._connection.close()
    store.close()


def test_a_write_that_fails_half_way_leaves_nothing_and_the_next_one_succeeds(path):
    store = SqliteStore(path, lambda: 1.0)
    good, bad = records_of(["ann", "bo"])
    with pytest.raises(StoreError):
        store.keep([good, replace(bad, cust_id=None)])  # the table refuses it
    assert store.file.write_failure
    assert store.records(["ann", "bo"]) == {}
    store.keep([good])
    assert store.records(["ann"]) == {"ann": good}
    assert not store.file.write_failure
    store.close()


def test_an_interrupted_write_leaves_nothing_and_the_next_one_succeeds(path):
    store = SqliteStore(path, lambda: 1.0)

    def interrupted():
        with store._writer.transaction() as cursor:
            cursor.execute("DELETE FROM changes")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert store._reader.rows("SELECT count(*) FROM changes", ()) == [(1,)]
    store.keep(records_of(["bo"]))
    assert store.records(["bo"])
    store.close()


def test_a_record_that_was_purged_is_gone_from_memory_too_also_in_other_processes(path):
    clock = Clock(10.0)
    store, other = SqliteStore(path, clock), SqliteStore(path, clock)
    store.keep([Record("ann", 1, b'{"cust_id":1}', 1.0, 2.0, 20.0)])
    assert store.records(["ann"])
    assert other.records(["ann"])
    assert store.purge(30.0) == 1
    assert store.records(["ann"]) == other.records(["ann"]) == {}  # the clock may have been set back
    store.close()
    other.close()


# --- what seldom happens


def test_memory_is_emptied_when_too_many_records_are_held(path, monkeypatch):
    monkeypatch.setattr("pitboard.stores.sqlite.MOST_HOT", 3)
    store = SqliteStore(path, lambda: 1.0)
    store.keep(records_of("abcde"))
    assert set(store.records(list("abcd"))) == set("abcd")
    assert set(store._hot) == set("abcd")
    assert set(store.records(["e"])) == {"e"}
    assert set(store._hot) == {"e"}
    store.close()


def test_a_file_that_cannot_be_used_is_looked_at_once_a_second_and_refused_in_between(path):
    store = SqliteStore(path)
    path.unlink()
    path.write_bytes(b"This is a letter, not a database. " * 200)
    store.file._look_at = 0.0
    with pytest.raises(StoreError, match="cannot be read") as first:
        store.ids(["ann"])
    looked = store.file._look_at
    with pytest.raises(StoreError) as again:
        store.ids(["ann"])
    assert again.value is first.value
    assert store.file._look_at == looked
    assert time.monotonic() < looked <= time.monotonic() + 1.0
    store.close()


def test_a_closed_store_says_so(path):
    store = SqliteStore(path)
    store.close()
    with pytest.raises(StoreError, match="is closed or being made anew"):
        store.keep_ids([IdEntry("ann", 1, "iRacing", 9e9)])


def plain_database(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (x)")
        db.commit()


def test_a_file_that_another_process_changes_to_wal_at_this_moment_is_waited_for(path):
    plain_database(path)
    with (
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder,
        closing(sqlite3.connect(path, timeout=0)) as db,
    ):
        holder.execute("BEGIN EXCLUSIVE")
        let_go = threading.Timer(0.1, holder.execute, ["ROLLBACK"])
        let_go.start()
        sqlite_file._enter_wal(db)
        let_go.join()
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_stays_locked_is_not_waited_for_for_ever(path, monkeypatch):
    plain_database(path)
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder, closing(sqlite3.connect(path)) as db:
        holder.execute("BEGIN EXCLUSIVE")
        db.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite_file._enter_wal(db)


def test_a_file_that_cannot_be_written_is_not_waited_for(path):
    plain_database(path)
    uri = f"{path.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            sqlite_file._enter_wal(db)
        assert time.monotonic() - began < sqlite_file.BUSY_SECONDS


def test_a_transaction_that_sqlite_has_ended_itself_is_not_ended_twice(path):
    """As with a full disk."""
    store = SqliteStore(path)

    def write() -> None:
        with store._writer.transaction() as cursor:
            cursor.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(StoreError, match="disk is full"):
        write()
    assert "disk is full" in store.file.write_failure
    store.keep_ids([IdEntry("ann", 1, "iRacing", 9e9)])
    assert store.file.write_failure == ""
    store.close()


def test_a_text_that_is_no_utf_8_spoils_no_other_row(path):
    store = SqliteStore(path)
    kept = [IdEntry(key, 7, "iRacing", 9e9) for key in ("ann", "bo")]
    store.keep_ids(kept)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE ids SET origin = CAST(X'ff' AS TEXT) WHERE key = 'ann'")
    assert store.ids(["ann", "bo"])["bo"] == kept[1]
    store.close()


def test_a_damaged_page_is_remembered_as_damage_and_a_busy_file_is_not(path):
    store = SqliteStore(path)
    with pytest.raises(StoreError), store._reader._named_errors():
        raise error_with(sqlite3.SQLITE_BUSY)
    assert store.file.damage == store.file.write_failure == ""
    with pytest.raises(StoreError), store._reader._named_errors():
        raise error_with(sqlite3.SQLITE_CORRUPT | 1 << 8)
    assert "cannot be used" in store.file.damage
    assert store.file.write_failure == ""
    store.close()


def error_with(code):
    error = sqlite3.OperationalError("it is so")
    error.sqlite_errorcode = code
    return error


def test_a_damaged_head_of_our_own_file_is_damage_and_of_another_file_is_not(path):
    """The mark of the program is at offset 68."""
    SqliteStore(path).close()
    ours = path.read_bytes()
    path.write_bytes(b"x" * 16 + ours[16:])
    with pytest.raises(sqlite_file.DamagedError) as found:
        SqliteStore(path)
    assert found.value.happened == f"The database {path} cannot be read: file is not a database."
    path.write_bytes(b"x" * len(ours))
    with pytest.raises(StoreError) as other:
        SqliteStore(path)
    assert not isinstance(other.value, sqlite_file.DamagedError)


def test_a_document_that_another_process_has_set_aside_meanwhile_is_not_told_twice(path, caplog):
    store = SqliteStore(path)
    store.documents._set_aside("TOKEN:a", "{broken")
    assert "could not be read" not in caplog.text
    with store._writer.transaction() as cursor:
        cursor.execute("INSERT INTO documents VALUES ('TOKEN:a@example.org', '{broken', 1)")
    assert store.documents.get("TOKEN:a@example.org") is None
    assert "the document TOKEN could not be read" in caplog.text
    assert "example.org" not in caplog.text
    assert store.documents.put("TOKEN:a@example.org", {"new": 1}, expected=None)
    assert store._reader.rows("SELECT key, value FROM documents ORDER BY key", ()) == [
        ("TOKEN:a@example.org", '{"new": 1}'),
        ("UNREADABLE:TOKEN:a@example.org", "{broken"),
    ]
    store.close()


def test_without_a_wish_there_is_nothing_to_scrub_and_no_file(tmp_path):
    members = MembersFile(tmp_path / "pitboard.sqlite3")
    members.scrub()
    assert members.get("MEMBERS") is None
    members.close()
    assert list(tmp_path.iterdir()) == []
    assert members.put("MEMBERS", {"a": 1}, expected=None)
    members.scrub()
    members.close()
    again = MembersFile(tmp_path / "pitboard.sqlite3")
    assert again.get("MEMBERS") == Document({"a": 1}, 1)
    again.close()
    assert [file.name for file in tmp_path.iterdir()] == ["pitboard.members.sqlite3"]


def test_a_bad_members_file_is_refused_with_the_way_back(tmp_path):
    members = MembersFile(tmp_path / "pitboard.sqlite3")
    members.path.write_bytes(b"This is a letter, not a database. " * 200)
    with pytest.raises(StoreError, match=r"What members have asked for cannot be read: .*pitboard restore"):
        members.get("MEMBERS")


def looked(store):
    """Lets the next question look whether the file is still the one that was opened."""
    store.file._look_at = 0.0
    return store


class TestWhoseFileItIs:
    """Neither the rights nor the content of another program's file are touched."""

    def test_what_is_not_there_or_empty_is_nobodys(self, path, tmp_path):
        assert not is_foreign(path)
        empty = tmp_path / "empty"
        empty.touch()
        assert not is_foreign(empty)

    def test_ours_is_not_foreign_whole_or_damaged(self, path):
        SqliteStore(path).close()
        assert not is_foreign(path)
        raw = path.read_bytes()
        path.write_bytes(b"damaged!" + raw[8:])  # so it is no database for SQLite, but has our mark
        assert not is_foreign(path)

    @pytest.mark.parametrize("mark", [0, 1, APPLICATION_ID - 1, APPLICATION_ID + 1, 0x7FFFFFFF])
    def test_the_database_of_another_program_is(self, tmp_path, mark):
        other = tmp_path / "other.sqlite3"
        with closing(sqlite3.connect(other)) as db:
            db.execute("CREATE TABLE t (x)")
            db.execute(f"PRAGMA application_id = {mark}")
        assert is_foreign(other)

    def test_a_letter_is(self, tmp_path):
        letter = tmp_path / "letter"
        letter.write_bytes(b"This is a letter, not a database. " * 200)
        assert is_foreign(letter)

    def test_a_file_that_cannot_be_opened_is_not_said_to_be(self, tmp_path):
        assert not is_foreign(tmp_path)  # a folder


def test_a_deleted_file_is_made_anew_without_what_is_left_of_its_log(path, caplog):
    caplog.set_level("INFO")
    store = SqliteStore(path)
    store.keep_ids([IdEntry("ann", 1, "iRacing", 9e9)])
    path.unlink()
    assert looked(store).ids(["ann"]) == {}
    assert store.file.news == "The file was deleted while it was in use."
    assert store.file.usable
    assert f"the database {path} is made anew" in caplog.text
    store.keep_ids([IdEntry("bo", 2, "iRacing", 9e9)])
    assert set(looked(store).ids(["ann", "bo"])) == {"bo"}
    store.close()


def test_another_file_in_its_place_is_used_and_the_old_ones_log_is_not_played_into_it(path, caplog):
    caplog.set_level("INFO")
    other = path.with_name("other.sqlite3")
    with closing(SqliteStore(other)) as second:
        second.keep_ids([IdEntry("bo", 2, "iRacing", 9e9)])
    store = SqliteStore(path)
    store.keep_ids([IdEntry("ann", 1, "iRacing", 9e9)])
    looked(store).ids(["ann"])  # knows its log now
    other.replace(path)
    assert set(looked(store).ids(["ann", "bo"])) == {"bo"}
    assert store.file.news == "The file was replaced while it was in use."
    assert f"the database {path} is in use" in caplog.text
    store.close()
    with closing(SqliteStore(path)) as again:
        assert set(again.ids(["ann", "bo"])) == {"bo"}


def test_a_trial_of_writing_leaves_nothing_and_fails_when_no_page_of_drivers_can_be_written(path):
    store = SqliteStore(path)
    ((pages,),) = store._writer.rows("PRAGMA page_count", ())
    store._writer.rows(f"PRAGMA max_page_count = {pages + 15}", ())  # of 4 kB; a page of drivers has 64 kB
    with pytest.raises(StoreError, match="full"):
        store.try_writing()
    store.keep_ids([IdEntry("ann", 1, "iRacing", 9e9)])  # there is room for less
    store._writer.rows(f"PRAGMA max_page_count = {pages + 20}", ())
    store.try_writing()
    assert count(store, "leases") == 0
    store.close()


def test_the_bounds_are_looked_at_every_so_many_rows_and_not_with_each(path, monkeypatch):
    monkeypatch.setattr(sqlite, "CHECKED_EVERY", 10)
    looks: list[int] = []
    monkeypatch.setattr(sqlite, "_evict", lambda _: looks.append(1))
    store = SqliteStore(path)
    for number in range(9):
        store.keep_ids([IdEntry(f"driver {number}", 1, "iRacing", 9e9)])
    assert looks == []
    store.keep_ids([IdEntry("driver 9", 1, "iRacing", 9e9)])
    assert looks == [1]
    store.keep(records_of(["driver 10"]))
    assert looks == [1]
    store.close()


def test_a_record_that_went_for_others_is_not_given_from_memory(small, monkeypatch):
    store, now = small
    everybody = [f"driver {n}" for n in range(20)]
    store.keep(records_of(everybody))
    assert store.count() == 20
    assert len(store.records(everybody)) == 20  # all of them are in memory now
    store.purge(now.now)
    now.now = 2.0
    assert store.records(["driver 0", "driver 19"])
    monkeypatch.setattr(sqlite, "MOST_RECORDS", 10)
    store.purge(now.now)
    assert store.count() == 9
    there = store.records(everybody)
    assert len(there) == 9
    assert {"driver 0", "driver 19"} <= there.keys(), "those that were asked for last stay"


def test_so_many_go_that_a_tenth_of_the_bound_is_free(small):
    store, _ = small
    store.keep_ids([IdEntry(f"driver {n}", n, "iRacing", 5e9 + n) for n in range(101)])
    assert count(store, "ids") == 90
    store.keep_ids([IdEntry(f"another {n}", n, "iRacing", 5e9) for n in range(10)])
    assert count(store, "ids") == 100


def test_what_is_over_is_not_given_at_its_very_end(path):
    clock = Clock(1000.0)
    store = SqliteStore(path, clock)
    store.keep([Record("ann", 1, b'{"cust_id":1}', 1.0, 2.0, 1500.0)])
    store.keep_ids([IdEntry("ann", 1, "iRacing", 1500.0)])
    for now, there in ((1499.0, True), (1500.0, False), (1501.0, False)):
        clock.now = now
        assert bool(store.records(["ann"])) is bool(store.ids(["ann"])) is there
    store.close()


def test_names_that_nobody_has_leave_nothing_in_memory(path):
    with closing(SqliteStore(path)) as store:
        store.keep([Record("ann", 1, b'{"cust_id":1}', 1.0, 2.0, 9e9)])
        for page in range(20):
            store.records(["ann", *(f"nobody {page} {number}" for number in range(50))])
        assert store._used == {"ann"}
