"""Data are portable: backup while running, restore, export and import, older schemas, and damaged files."""

import json
import os
import sqlite3
import stat
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.serving import serving
from tests.support.waiting import wait_until

from pitboard.drivers import names
from pitboard.drivers.errors import StoreError
from pitboard.drivers.kept_members import KeptMembers
from pitboard.drivers.members import DOCUMENT, Audience
from pitboard.drivers.model import IdEntry, Record
from pitboard.local.backup import backup, restore
from pitboard.local.members import LocalMembers
from pitboard.local.portable import export, import_
from pitboard.settings import Settings, UsageError
from pitboard.simulator import Population, Simulator
from pitboard.stores.index_file import IndexFile
from pitboard.stores.members_file import MembersFile
from pitboard.stores.sqlite import SqliteStore
from pitboard.stores.sqlite_file import APPLICATION_ID

ANN, BO = "ann tester", "bo demo2"


@pytest.fixture
def settings(tmp_path):
    return Settings.read({"PITBOARD_DB": str(tmp_path / "pitboard.sqlite3")})


@pytest.fixture
def elsewhere(tmp_path):
    """Another machine."""
    return Settings.read({"PITBOARD_DB": str(tmp_path / "elsewhere" / "pitboard.sqlite3")})


def record(key, cust_id, as_of=None):
    as_of = time.time() if as_of is None else as_of
    body = json.dumps({"cust_id": cust_id, "member_info": {"display_name": key.title()}}).encode()
    return Record(key, cust_id, body, as_of, as_of + 600, as_of + 6000, as_of + 600)


def fill(settings, *keys):
    with closing(SqliteStore(settings.db)) as store:
        store.keep([record(key, 7 + n) for n, key in enumerate(keys)])
        store.keep_ids([IdEntry(key, 7 + n, "iRacing", time.time() + 600) for n, key in enumerate(keys)])
        store.documents.put("TOKEN:x", {"refresh_token": "hush-1"}, expected=None)


def keys_in(settings):
    with closing(SqliteStore(settings.db)) as store:
        return set(store.records([ANN, BO]))


def token(settings):
    with closing(SqliteStore(settings.db)) as store:
        document = store.documents.get("TOKEN:x")
        return document and document.value["refresh_token"]


def forget(settings, name):
    store, index = SqliteStore(settings.db), IndexFile(settings.db)
    with closing(store), closing(index), closing(LocalMembers(settings, store, index)) as members:
        members.forget([names.parse(name)])


def asked(settings):
    with closing(MembersFile(settings.db)) as file:
        return KeptMembers(lambda: file, Audience.EVERYONE, 0.0).current()


def test_a_backup_comes_back_whole_and_is_its_owners_alone(settings, elsewhere, tmp_path):
    fill(settings, ANN, BO)
    copy = tmp_path / "copy.sqlite3"
    assert "keep it as secret as a password" in backup(settings, copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy.sqlite3"]
    assert "with 2 drivers and answers" in restore(elsewhere, copy)
    assert keys_in(elsewhere) == {ANN, BO}
    assert token(elsewhere) == "hush-1"


def test_a_backup_while_others_write_is_of_one_moment(settings, tmp_path):
    """Each transaction writes two rows that belong together; a copy never has one without the other."""
    stop = threading.Event()
    fill(settings)

    def write():
        with closing(sqlite3.connect(settings.db, timeout=10, isolation_level=None)) as db:
            number = 0
            while not stop.is_set():
                number += 1
                db.execute("BEGIN IMMEDIATE")
                for key in ("LEFT", "RIGHT"):
                    db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (key, "{}", number))
                db.execute("COMMIT")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for n in range(10):
            copy = tmp_path / f"copy{n}.sqlite3"
            backup(settings, copy)
            with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as db:
                (left,), (right,) = db.execute(
                    "SELECT version FROM documents WHERE key IN ('LEFT', 'RIGHT')"
                ).fetchall() or ((0,), (0,))
                assert left == right
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        stop.set()
        thread.join()


def test_a_restored_backup_from_before_does_not_bring_a_forgotten_member_back(settings, tmp_path):
    fill(settings, ANN, BO)
    copy = tmp_path / "copy.sqlite3"
    backup(settings, copy)
    forget(settings, "Ann Tester")
    restore(settings, copy)
    assert keys_in(settings) == {BO}
    for path in tmp_path.glob("pitboard.*"):
        content = path.read_bytes().lower()
        assert ANN.encode() not in content, path.name
    assert not asked(settings).permits(ANN)


def test_what_lies_under_a_customer_id_goes_too_when_only_the_name_was_known(settings, elsewhere, tmp_path):
    """The member asked here, where nothing was known; the backup knows whose charts they are."""
    fill(settings, ANN, BO)
    with closing(SqliteStore(settings.db)) as store:
        store.keep([record("HISTORY:7:oval:irating", 7)])
        assert store.records([ANN])[ANN].cust_id == 7
    copy = tmp_path / "copy.sqlite3"
    backup(settings, copy)
    fill(elsewhere)
    forget(elsewhere, "Ann Tester")
    restore(elsewhere, copy)
    assert asked(elsewhere).withholds_id(7)
    with closing(SqliteStore(elsewhere.db)) as store:
        assert store.records([ANN, "HISTORY:7:oval:irating"]) == {}


def test_what_members_asked_for_is_in_the_backup_and_joins_what_was_asked_here(settings, elsewhere, tmp_path):
    fill(settings, ANN, BO)
    forget(settings, "Ann Tester")
    copy = tmp_path / "copy.sqlite3"
    backup(settings, copy)
    fill(elsewhere)
    forget(elsewhere, "Bo Demo2")
    restore(elsewhere, copy)
    assert [asked(elsewhere).permits(key) for key in (ANN, BO, "cy")] == [False, False, True]
    assert keys_in(elsewhere) == set()
    with closing(SqliteStore(elsewhere.db)) as store:
        assert store.documents.get(DOCUMENT) is None


def test_the_token_in_use_stays_in_use(settings, tmp_path):
    fill(settings, ANN)
    copy = tmp_path / "copy.sqlite3"
    backup(settings, copy)
    with closing(SqliteStore(settings.db)) as store:
        store.documents.put("TOKEN:x", {"refresh_token": "hush-2"}, expected=1)
    restore(settings, copy)
    assert token(settings) == "hush-2"


@pytest.mark.parametrize(
    "content",
    [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 4096],
    ids=["empty", "a text", "a broken database"],
)
def test_what_is_no_backup_is_refused_and_the_database_is_as_before(settings, tmp_path, content):
    fill(settings, ANN)
    file = tmp_path / "copy.sqlite3"
    file.write_bytes(content)
    with pytest.raises(StoreError, match="backup that `pitboard backup` has made"):
        restore(settings, file)
    assert keys_in(settings) == {ANN}
    if content:  # an empty file is what somebody has made for the backup
        with pytest.raises(StoreError, match="another name"):
            backup(settings, file)
        assert file.read_bytes() == content


@pytest.mark.skipif(os.name != "posix", reason="Windows has no named pipes in folders")
def test_a_device_or_a_pipe_is_not_replaced_by_a_backup(settings, tmp_path):
    fill(settings, ANN)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StoreError, match="is no file; give the backup another name"):
        backup(settings, pipe)
    assert pipe.is_fifo()


@pytest.mark.skipif(os.name != "posix", reason="Windows lets administrators alone make links")
def test_a_link_stays_a_link_and_its_file_is_replaced(settings, tmp_path):
    fill(settings, ANN)
    elsewhere = tmp_path / "another-disk"
    elsewhere.mkdir()
    settings.db.rename(elsewhere / "db.sqlite3")
    settings.db.symlink_to(elsewhere / "db.sqlite3")
    copy = tmp_path / "copy.sqlite3"
    copy.symlink_to(elsewhere / "copy.sqlite3")
    backup(settings, copy)
    restore(settings, copy)
    assert copy.is_symlink()
    assert settings.db.is_symlink()
    assert (elsewhere / "copy.sqlite3").stat().st_size


def test_a_backup_over_the_database_itself_is_refused(settings):
    fill(settings, ANN)
    with pytest.raises(StoreError, match="the database itself"):
        backup(settings, settings.db)
    with pytest.raises(UsageError, match="the database itself"):
        restore(settings, settings.db)
    with pytest.raises(UsageError, match="There is no file"):
        restore(settings, Path("/nowhere"))
    assert keys_in(settings) == {ANN}


def test_a_running_server_goes_on_with_the_restored_backup(settings, tmp_path):
    with Simulator(Population(300), latency=0.002, link_latency=0.001) as simulator:
        driver = simulator.population.sample(1, seed=1)[0]
        with serving(simulator, settings.db) as served:
            wait_until(lambda: served.driver(driver.display_name).get("cust_id"), 30)
            copy = tmp_path / "copy.sqlite3"
            backup(settings, copy)
            restore(settings, copy)
            wait_until(lambda: "replaced" in served.ask("/health").json()["checks"]["store"]["detail"], 30)
            assert served.driver(driver.display_name)["cust_id"] == driver.cust_id
            served.stop()
    with closing(sqlite3.connect(settings.db)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# --- export and import


def test_an_export_has_no_secret_and_comes_in_elsewhere_without_who_asked_not_to(
    settings, elsewhere, tmp_path
):
    fill(settings, ANN, BO)
    file = tmp_path / "drivers.jsonl"
    assert "4 records and ids" in export(settings, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text("utf-8")
    assert "hush" not in text
    assert "TOKEN" not in text
    fill(elsewhere)
    forget(elsewhere, "Ann Tester")
    assert (
        import_(elsewhere, file)
        == "2 records and ids were taken in. 2 are of members who are not shown here."
    )
    assert keys_in(elsewhere) == {BO}


def test_what_is_newer_here_stays(settings, elsewhere, tmp_path):
    fill(settings, ANN)
    file = tmp_path / "drivers.jsonl"
    export(settings, file)
    newer = replace(record(ANN, 7), body=b'{"cust_id":7,"newer":true}', as_of=time.time() + 1)
    with closing(SqliteStore(elsewhere.db)) as store:
        store.keep([newer])
    import_(elsewhere, file)
    with closing(SqliteStore(elsewhere.db)) as store:
        assert store.records([ANN])[ANN].body == newer.body


@pytest.mark.parametrize("damage", ["{", '{"record": {}}', '{"else": 1}', "[]"])
def test_a_damaged_export_is_refused_by_its_line_and_nothing_is_taken_in(
    settings, elsewhere, tmp_path, damage
):
    fill(settings, ANN, BO)
    file = tmp_path / "drivers.jsonl"
    export(settings, file)
    file.write_text(file.read_text("utf-8") + damage + "\n", "utf-8")
    with pytest.raises(UsageError, match="line 7"):
        import_(elsewhere, file)
    with pytest.raises(UsageError, match="exists already"):
        export(settings, file)
    assert keys_in(elsewhere) == set()


# --- older schemas, damaged files

SCHEMA_1 = """
CREATE TABLE records (
    key TEXT PRIMARY KEY, cust_id INTEGER NOT NULL, body BLOB NOT NULL, as_of REAL NOT NULL,
    fresh_until REAL NOT NULL, stale_until REAL NOT NULL, profile_until REAL NOT NULL
);
CREATE INDEX records_by_end ON records (stale_until);
CREATE TABLE ids (
    key TEXT PRIMARY KEY, cust_id INTEGER, origin TEXT NOT NULL, until REAL NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ids_by_end ON ids (until);
CREATE TABLE leases (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
"""As the first release made it."""


def first_release(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    now = time.time()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(SCHEMA_1 + f"PRAGMA application_id = {APPLICATION_ID};")
        one = record(ANN, 7)
        row = (one.key, one.cust_id, one.body, one.as_of, one.fresh_until, one.stale_until, one.profile_until)
        db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.execute("INSERT INTO ids VALUES (?, 8, 'iRacing', ?, '')", (BO, now + 600))
        db.execute("INSERT INTO documents VALUES ('TOKEN:x', '{\"refresh_token\": \"hush-1\"}', 3)")


def test_a_database_of_the_first_release_is_upgraded_with_all_that_is_in_it(settings):
    first_release(settings.db)
    assert keys_in(settings) == {ANN}
    assert token(settings) == "hush-1"
    with closing(SqliteStore(settings.db)) as store:
        assert store.ids([BO])[BO].cust_id == 8


def test_a_backup_of_a_database_of_the_first_release_is_restored(settings, elsewhere, tmp_path):
    first_release(settings.db)
    copy = tmp_path / "copy.sqlite3"
    backup(settings, copy)
    with closing(sqlite3.connect(settings.db)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)  # a backup changes nothing
    restore(elsewhere, copy)
    assert keys_in(elsewhere) == {ANN}


def test_serve_sets_a_damaged_database_aside_and_goes_on_with_what_can_be_read(settings, tmp_path):
    fill(settings, *(f"driver {n}" for n in range(400)), ANN)
    raw = settings.db.read_bytes()
    with closing(sqlite3.connect(settings.db)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'records'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    begin = (root - 1) * size
    settings.db.write_bytes(raw[:begin] + b"\xff" * size + raw[begin + size :])
    with Simulator(Population(300)) as simulator, serving(simulator, settings.db) as served:
        assert served.ask("/health").json()["status"] != "unhealthy"
        assert served.told("is set aside as pitboard.sqlite3.damaged-")
        served.stop()
    (aside,) = tmp_path.glob("pitboard.sqlite3.damaged-*")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert token(settings) == "hush-1"
    with closing(SqliteStore(settings.db)) as store:
        assert store.ids([ANN])[ANN].cust_id == 407


def test_serve_touches_no_file_of_another_program(settings, tmp_path):
    settings.db.write_bytes(b"a thesis" * 1000)
    with (
        Simulator(Population(300)) as simulator,
        pytest.raises(AssertionError, match="cannot be read"),  # it ends before it says its address
        serving(simulator, settings.db),
    ):
        pass
    assert settings.db.read_bytes() == b"a thesis" * 1000
    assert [p.name for p in tmp_path.iterdir()] == ["pitboard.sqlite3"]
