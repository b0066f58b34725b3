"""Copies of the database, one by one. What a host does with them is in test_backup.py."""

import sqlite3
import stat
import time
from contextlib import closing

import pytest

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import IdEntry
from pitboard.stores import sqlite_copy
from pitboard.stores.sqlite import SqliteStore
from pitboard.stores.sqlite_copy import back_up, documents_of, put_back, set_aside, set_aside_before


@pytest.fixture
def db(tmp_path):
    path = tmp_path / "home" / "pitboard.sqlite3"
    put(path, "ann", "bo")
    return path


def put(path, *keys):
    with closing(SqliteStore(path)) as store:
        store.keep_ids([IdEntry(key, 7, "iRacing", 9e9) for key in keys])


def keys(path):
    with closing(SqliteStore(path)) as store:
        return set(store.ids(["ann", "bo", "cy", "di"]))


def nothing(_):
    pass


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_backup_takes_the_place_of_an_older_one_and_of_what_a_killed_one_left(db, tmp_path):
    copy = tmp_path / "copies" / "copy.sqlite3"
    back_up(db, copy, nothing)
    put(db, "cy")
    for ending in ("", "-wal", "-shm", "-journal"):
        copy.with_name(f"copy.sqlite3.new{ending}").write_bytes(b"left behind")
    back_up(db, copy, lambda store: store.keep_ids([IdEntry("di", 7, "iRacing", 9e9)]))
    assert names(copy.parent) == ["copy.sqlite3"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert keys(copy) == {"ann", "bo", "cy", "di"}
    assert keys(db) == {"ann", "bo", "cy"}


def test_a_backup_that_fails_leaves_the_older_one_and_nothing_else(db, tmp_path):
    copy = tmp_path / "copies" / "copy.sqlite3"
    back_up(db, copy, nothing)
    before = copy.read_bytes()

    def fail(_):
        raise StoreError("No.")

    with pytest.raises(StoreError, match=r"No\."):
        back_up(db, copy, fail)
    assert copy.read_bytes() == before
    assert names(copy.parent) == ["copy.sqlite3"]


def test_a_backup_does_not_write_over_something_else(db, tmp_path):
    letter, other = tmp_path / "letter", tmp_path / "other.sqlite3"
    letter.write_bytes(b"This is a letter, not a database. " * 200)
    with closing(sqlite3.connect(other)) as opened:
        opened.execute("CREATE TABLE t (x)")
    for file in (letter, other):
        before = file.read_bytes()
        with pytest.raises(StoreError, match="Give the backup another name"):
            back_up(db, file, nothing)
        assert file.read_bytes() == before
    empty = tmp_path / "empty"
    empty.touch()
    back_up(db, empty, nothing)
    assert keys(empty) == {"ann", "bo"}


def test_a_backup_where_none_can_be_written_says_where(db, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/copy cannot be written: "):
        back_up(db, tmp_path / "file" / "copy", nothing)


def test_what_is_put_back_takes_the_place_of_the_database_and_of_its_log(db, tmp_path):
    copy = tmp_path / "copy.sqlite3"
    back_up(db, copy, nothing)
    with closing(SqliteStore(db)) as store:  # as a server that still has it open
        store.keep_ids([IdEntry("cy", 7, "iRacing", 9e9)])
        put_back(copy, db, lambda amended: amended.keep_ids([IdEntry("di", 7, "iRacing", 9e9)]))
        assert names(db.parent) == ["pitboard.sqlite3"]
    assert keys(db) == {"ann", "bo", "di"}
    assert keys(copy) == {"ann", "bo"}


def test_a_backup_is_put_back_where_no_database_is(db, tmp_path):
    put_back(db, tmp_path / "new" / "pitboard.sqlite3", nothing)
    assert keys(tmp_path / "new" / "pitboard.sqlite3") == {"ann", "bo"}


def test_what_is_no_backup_is_not_put_back(db, tmp_path):
    (tmp_path / "letter").write_bytes(b"This is a letter, not a database. " * 200)
    before = db.read_bytes()
    with pytest.raises(StoreError, match="a backup that `pitboard backup` has made"):
        put_back(tmp_path / "letter", db, nothing)
    assert db.read_bytes() == before


def test_a_source_that_is_gone_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="gone cannot be copied"):
        sqlite_copy._copy(tmp_path / "gone", tmp_path / "copy")


def test_the_documents_of_a_database_are_read_without_opening_it_for_writing(db, tmp_path):
    with closing(SqliteStore(db)) as store:
        store.documents.put("TOKEN:a", {"b": 1}, expected=None)
        store.documents.put("TOKEN:a", {"b": 2}, expected=1)
    assert documents_of(db) == {"TOKEN:a": ('{"b": 2}', 2)}
    (tmp_path / "letter").write_bytes(b"This is a letter.")
    assert documents_of(tmp_path / "letter") == documents_of(tmp_path / "gone") == {}
    assert names(tmp_path) == ["home", "letter"]


def test_a_damaged_database_is_set_aside_and_what_can_be_read_comes_along(db):
    with closing(SqliteStore(db)) as store:
        store.documents.put("TOKEN:a", {"b": 1}, expected=None)
        store.keep_ids([IdEntry(f"driver {n}", n, "iRacing", 9e9) for n in range(3000)])
    whole = db.read_bytes()
    db.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))
    aside, saved = set_aside(db)
    assert aside.name.startswith("pitboard.sqlite3.damaged-20")
    assert len(aside.name) == len("pitboard.sqlite3.damaged-20261126T120000")
    assert names(db.parent) == ["pitboard.sqlite3", aside.name]
    assert 2 < saved < 3003
    assert documents_of(db) == {"TOKEN:a": ('{"b": 1}', 1)}
    assert set_aside_before(db) == [aside]


def test_a_log_that_was_not_written_back_is_set_aside_with_its_database(db):
    with closing(sqlite3.connect(db)) as opened:
        opened.execute("DELETE FROM ids WHERE key = 'bo'")
        opened.commit()
        log = db.with_name(f"{db.name}-wal").read_bytes()
        assert log
        kept = db.read_bytes()
    db.write_bytes(kept)
    db.with_name(f"{db.name}-wal").write_bytes(log)
    aside, saved = set_aside(db)
    assert saved == 1
    assert keys(db) == {"ann"}
    assert [name for name in names(db.parent) if aside.name in name] == [aside.name, f"{aside.name}-wal"]


def test_a_damaged_database_that_cannot_be_renamed_stays(db, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "now")
    db.with_name(f"{db.name}.damaged-now").mkdir()
    before = db.read_bytes()
    with pytest.raises(StoreError, match="is damaged and cannot be renamed: "):
        set_aside(db)
    assert db.read_bytes() == before
