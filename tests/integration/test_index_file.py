"""The driver index on disk: what a refresh leaves behind, whatever befalls it, and who reads meanwhile."""

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.index_lists import GivenLists, crowd, refreshed, row

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RefusedError,
    Remedy,
    StoreError,
    UnreachableError,
)
from pitboard.drivers.index import IndexedDriver, unpack
from pitboard.drivers.refresh import KEEP_SECONDS, IndexRefusedError, Newcomer
from pitboard.stores import index_builder, index_file
from pitboard.stores.index_builder import IndexBuilder
from pitboard.stores.index_file import IndexFile, all_drivers, all_lists, generations, index_age

NOW = 1_800_000_000.0
DAY = 86400.0
BROKEN = UnreachableError("The connection broke off.")


@pytest.fixture
def db(tmp_path):
    return tmp_path / "pitboard.sqlite3"


def index(db):
    """A reader that looks for a newer file at every question."""
    ticks = itertools.count(0, 10)
    return closing(IndexFile(db, lambda: float(next(ticks))))


def found(db, *keys):
    with index(db) as reader:
        return dict(reader.find(keys))


def starts(db, key="driver 1"):
    """The starts by category, which say of which refresh a list is."""
    driver = found(db, key).get(key)
    return {category: stats.starts for category, stats in driver.stats.items()} if driver else {}


def files(db):
    return sorted(path.name for path in db.parent.iterdir())


class TestWhatIsFound:
    def test_a_driver_has_the_numbers_of_every_list(self, db):
        lists = GivenLists(
            [], oval=[row("Ann Tester", 7, 2000)], sports_car=[row("Ann Tester", 7, -1, "DE", 3)]
        )
        refreshed(db, lists)
        driver = found(db, "ann tester")["ann tester"]
        assert (driver.cust_id, driver.name, driver.country) == (7, "Ann Tester", "DE")
        assert set(driver.stats) == {"oval", "sports_car"}
        assert (driver.stats["oval"].irating, driver.stats["sports_car"].irating) == (2000, None)
        assert driver.stats["sports_car"].starts == 3

    def test_only_who_is_asked_for_and_known(self, db):
        refreshed(db, GivenLists(crowd(100)))
        assert set(found(db, "driver 5", "driver 99", "nobody")) == {"driver 5", "driver 99"}
        assert found(db) == {}

    def test_a_name_of_two_drivers_is_left_to_the_search(self, db):
        twins = [row("Ann Tester", 7), row("ANN  Tester", 8), row("Bo Demo", 9)]
        done = refreshed(db, GivenLists(twins))
        assert done.shared_names == 1
        assert set(found(db, "ann tester", "bo demo")) == {"bo demo"}

    def test_ranks_count_every_rated_driver_once(self, db):
        rows = [row("A", 1, 3000), row("B", 2, 2000, "ES"), row("C", 3, -1), row("A", 1, 3000)]
        refreshed(db, GivenLists(rows))
        with index(db) as reader:
            ranks = reader.ranks()
            assert ranks.as_of == NOW
            assert ranks.rank("oval", "ES", 2000) == {"world": 2, "of": 2, "country": 1, "country_of": 1}
            assert reader.ranks() is ranks

    def test_without_an_index_nobody_is_found(self, db):
        with index(db) as reader:
            assert reader.find(["ann tester"]) == {}
            assert reader.ranks().as_of == 0.0
        assert index_age(db, NOW) is None

    def test_all_drivers_come_by_name_and_id_with_categories_in_one_order(self, db):
        twins = [row("Bo", 8), row("Bo", 9), row("Cy", 3), row("Al", 4)]
        refreshed(db, GivenLists(twins, oval=list(reversed(twins))))
        ((_, path),) = generations(db)
        drivers = list(all_drivers(path))
        assert [(driver.key, driver.cust_id) for driver in drivers] == [
            ("al", 4), ("bo", 8), ("bo", 9), ("cy", 3),
        ]  # fmt: skip
        assert {tuple(unpack(driver.stats)) for driver in drivers} == {tuple(CATEGORIES)}

    def test_what_was_read_of_a_whole_file_can_be_written_as_another_one(self, db, tmp_path):
        """A backup from AWS is made so."""
        refreshed(db, GivenLists(crowd(20), oval=[row("Ann Tester", 99, 2000)]))
        ((_, path),) = generations(db)
        other = tmp_path / "other" / db.name
        other.parent.mkdir()
        made = index_builder.write(other, 5, all_drivers(path), all_lists(path))
        assert [(5, made)] == generations(other)
        assert list(all_drivers(made)) == list(all_drivers(path))
        assert all_lists(made) == all_lists(path)
        assert found(other, "ann tester") == found(db, "ann tester") != {}

    @pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
    def test_nobody_else_can_read_the_files(self, db):
        refreshed(db, GivenLists(crowd(3)))
        assert {path.stat().st_mode & 0o777 for path in db.parent.iterdir()} == {0o600}


class TestAFolderThatCannotBeRead:
    @pytest.fixture
    def locked(self, monkeypatch):
        """Locks folders, or opens them again."""
        iterdir = Path.iterdir

        def lock(is_locked: bool) -> None:
            def listed(path):
                if is_locked:
                    raise PermissionError(13, "Permission denied", str(path))
                return iterdir(path)

            monkeypatch.setattr(Path, "iterdir", listed)

        return lock

    def test_the_index_in_use_stays_and_the_trouble_is_said_once(self, db, locked, caplog):
        refreshed(db, GivenLists(crowd(3)))
        with index(db) as reader:
            assert reader.find(["driver 1"])
            locked(True)
            assert reader.find(["driver 1"])
            assert reader.find(["driver 1"])
        assert caplog.text.count("Permission denied") == 1

    def test_nobody_is_found_before_it_can_be_read_and_then_everybody(self, db, locked):
        refreshed(db, GivenLists(crowd(3)))
        locked(True)
        with index(db) as reader:
            assert reader.find(["driver 1"]) == {}
            locked(False)
            assert set(reader.find(["driver 1"])) == {"driver 1"}


class TestDamage:
    def spoil(self, db: Path, statement: str) -> None:
        ((_, path),) = generations(db)
        with closing(sqlite3.connect(path)) as file, file:
            file.execute(statement)

    @pytest.mark.parametrize(
        "change",
        ["oval = 'a text'", "oval = X'01'", "oval = X'ffffffffffffffffffffffffffffffffffff'"],
    )
    def test_a_damaged_driver_is_a_miss_for_his_name_alone_and_is_said_once(self, db, change, caplog):
        refreshed(db, GivenLists(crowd(3)))
        self.spoil(db, f"UPDATE drivers SET {change} WHERE key = 'driver 1'")
        with index(db) as reader:
            for _ in range(2):
                assert set(reader.find(["driver 1", "driver 2"])) == {"driver 2"}
        assert sum("is damaged" in message for message in caplog.messages) == 1
        assert "driver 1" not in caplog.text

    @pytest.mark.parametrize("report", ["{}", "[]", "{", '{"as_of": "soon", "rows": 1, "drivers": 1}', "7"])
    def test_an_index_whose_lists_cannot_be_read_is_left_alone_and_refreshed(self, db, report, caplog):
        refreshed(db, GivenLists(crowd(3)))
        self.spoil(db, f"UPDATE lists SET report = '{report}'")
        assert found(db, "driver 1") == {}
        assert "cannot be read" in caplog.text
        refreshed(db, GivenLists(crowd(3)), NOW + DAY)
        assert set(found(db, "driver 1")) == {"driver 1"}


class TestBadRows:
    def test_each_is_counted_by_reason_and_the_others_are_kept(self, db):
        rows = [
            row("Ann", 1),
            (),
            ("too", "short"),
            ("Ann", "9" * 5000, *row("", 1)[2:]),
            row("A\x00B", 2),
            row("Bo", 3, 10**9),
            row("Cy", 1),
            row("Di", 4),
        ]
        done = refreshed(db, GivenLists([], oval=rows, sports_car=crowd(1)))
        oval = done.skipped
        assert oval["wrong number of columns"] == 2
        assert oval["no customer id"] == 1
        assert oval["no name"] == 1
        assert oval["a customer id that was there already"] == 1
        assert oval["numbers that cannot be used (name and id are kept)"] == 1
        assert found(db, "bo")["bo"] == IndexedDriver(3, "Bo", "DE", {})
        assert set(found(db, "ann", "di", "cy")) == {"ann", "di"}

    def test_a_name_that_only_one_list_has_right_is_taken_from_there(self, db):
        refreshed(db, GivenLists([row("Ann", 1)], oval=[row("", 1), row("Bo", 2)]))
        assert set(found(db, "ann")["ann"].stats) == set(CATEGORIES) - {"oval"}


class TestListsThatFail:
    def test_one_that_breaks_off_is_begun_again_and_counted_once(self, db):
        class Once(GivenLists):
            def rows(self, category, context, received):
                yield from super().rows(category, context, received)
                if self.read.count("oval") == 1:
                    raise BROKEN

        lists = Once(crowd(20))
        done = refreshed(db, lists)
        assert (done.whole, done.drivers, done.rows) == (True, 20, 100)
        assert lists.read.count("oval") == 2

    @pytest.mark.parametrize("failure", [[*crowd(20, 99), BROKEN], [RefusedError("404")], []])
    def test_the_older_list_stays_while_the_others_are_new(self, db, failure):
        refreshed(db, GivenLists(crowd(20, 1)), NOW)
        done = refreshed(db, GivenLists(crowd(20, 2), dirt_road=failure), NOW + DAY)
        assert set(done.kept) == {"dirt_road"}
        assert not done.whole
        assert starts(db) == dict.fromkeys(CATEGORIES, 2) | {"dirt_road": 1}
        with index(db) as reader:
            assert reader.ranks().rank("dirt_road", "", 1020)["of"] == 20

    def test_an_older_list_is_kept_for_a_week_from_its_own_day(self, db):
        refreshed(db, GivenLists(crowd(20)), NOW)
        without = GivenLists(crowd(20), oval=[RefusedError("404")])
        assert set(refreshed(db, without, NOW + KEEP_SECONDS - 1).kept) == {"oval"}
        assert set(refreshed(db, without, NOW + KEEP_SECONDS + 1).missing) == {"oval"}
        assert "oval" not in starts(db)

    def test_without_an_older_one_the_others_make_an_index(self, db):
        done = refreshed(db, GivenLists(crowd(20), oval=[RefusedError("404")]))
        assert done.missing == {"oval": "404"}
        assert set(starts(db)) == set(CATEGORIES) - {"oval"}

    def test_a_list_with_far_fewer_drivers_is_not_believed(self, db):
        refreshed(db, GivenLists(crowd(20, 1)))
        done = refreshed(db, GivenLists(crowd(20, 2), oval=crowd(9, 2)), NOW + DAY)
        assert "9 drivers, the last one had 20" in done.kept["oval"]
        assert starts(db)["oval"] == 1

    @pytest.mark.parametrize(
        ("rows", "error"),
        [
            (crowd(9), IndexRefusedError),
            ([], IndexRefusedError),
            ([*crowd(20), BROKEN], UnreachableError),
            ([RefusedError("404")], RefusedError),
        ],
    )
    def test_when_no_list_can_be_used_the_old_index_stays(self, db, rows, error):
        refreshed(db, GivenLists(crowd(20, 1)))
        with pytest.raises(error):
            refreshed(db, GivenLists(rows), NOW + DAY)
        assert starts(db) == dict.fromkeys(CATEGORIES, 1)

    def test_an_index_of_too_few_drivers_is_refused_and_not_gone_on_with(self, db):
        # Each list is believable, but all have the same drivers, where every list had its own before.
        lists = {c: [row(f"{c} {n}", 100 * i + n) for n in range(1, 21)] for i, c in enumerate(CATEGORIES)}
        refreshed(db, GivenLists(**lists))
        with pytest.raises(IndexRefusedError, match="20 drivers, the one in use 100"):
            refreshed(db, GivenLists(crowd(20)), NOW + DAY)
        assert set(found(db, "oval 1")) == {"oval 1"}
        with IndexBuilder(db, lambda: NOW + DAY) as builder:
            assert builder.done == {}

    @pytest.mark.parametrize(
        "error", [MaintenanceError("Maintenance."), CredentialsError("Refused.", Remedy.LOG_IN)]
    )
    def test_what_concerns_all_lists_ends_the_refresh_at_once(self, db, error):
        refreshed(db, GivenLists(crowd(20, 1)))
        lists = GivenLists(crowd(20, 2), dirt_road=[error])
        with pytest.raises(type(error)):
            refreshed(db, lists, NOW + DAY)
        assert lists.read == ["oval", "dirt_oval", "dirt_road"]
        assert starts(db) == dict.fromkeys(CATEGORIES, 1)


class TestGoingOn:
    def interrupted(self, db, now=NOW):
        with pytest.raises(MaintenanceError):
            refreshed(db, GivenLists(crowd(20, 1), dirt_road=[MaintenanceError("Maintenance.")]), now)

    def test_lists_that_were_read_are_not_read_again(self, db):
        self.interrupted(db)
        lists = GivenLists(crowd(20, 2))
        done = refreshed(db, lists, NOW + 3600)
        assert lists.read == ["dirt_road", "sports_car", "formula_car"]
        assert list(done.resumed) == ["oval", "dirt_oval"]
        assert (done.drivers, done.rows) == (20, 100)
        assert starts(db) == dict.fromkeys(CATEGORIES, 2) | {"oval": 1, "dirt_oval": 1}

    def test_lists_that_are_almost_six_hours_old_are_gone_on_with(self, db):
        self.interrupted(db)
        lists = GivenLists(crowd(20, 2))
        refreshed(db, lists, NOW + 6 * 3600)
        assert len(lists.read) == 3

    @pytest.mark.parametrize("later", [6 * 3600 + 1, -60])
    def test_lists_that_are_hours_old_or_of_the_future_are_read_anew(self, db, later):
        self.interrupted(db)
        lists = GivenLists(crowd(20, 2))
        refreshed(db, lists, NOW + later)
        assert len(lists.read) == 5
        assert starts(db) == dict.fromkeys(CATEGORIES, 2)

    @pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\x00" + bytes(5000)])
    def test_a_damaged_unfinished_file_is_begun_anew(self, db, damage):
        self.interrupted(db)
        db.with_name("pitboard.index.building").write_bytes(damage)
        assert refreshed(db, GivenLists(crowd(20))).whole

    def test_nothing_unfinished_is_left_after_a_refresh(self, db):
        self.interrupted(db)
        db.with_name("pitboard.index.merged").write_bytes(b"left by a process that was killed")
        refreshed(db, GivenLists(crowd(20)))
        assert files(db) == [f"pitboard.index-{NOW:.0f}.sqlite3", "pitboard.index.lock"]

    def test_a_process_that_is_killed_in_the_middle_of_a_list_loses_that_list_only(self, db):
        refreshed(db, GivenLists(crowd(20_000, 1)))
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(db)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "half way\n"
            process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        assert starts(db) == dict.fromkeys(CATEGORIES, 1)
        lists = GivenLists(crowd(20_000, 3))
        done = refreshed(db, lists, NOW + DAY)
        assert list(done.resumed) == ["oval", "dirt_oval"]
        assert (done.drivers, done.rows) == (20_000, 100_000)
        assert starts(db) == dict.fromkeys(CATEGORIES, 3) | {"oval": 2, "dirt_oval": 2}
        assert starts(db, "driver 20000") == starts(db)

    def test_a_second_refresh_says_that_one_is_running(self, db):
        with IndexBuilder(db, lambda: NOW), pytest.raises(IndexRefusedError, match="Another refresh"):
            IndexBuilder(db, lambda: NOW).__enter__()
        refreshed(db, GivenLists(crowd(3)))


ROOT = Path(__file__).parents[2]
KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, "")
from tests.support.index_lists import GivenLists, crowd, refreshed

class Stuck(GivenLists):
    def rows(self, category, context, received):
        for number, row in enumerate(super().rows(category, context, received)):
            if category == "dirt_road" and number == 15_000:
                print("half way", flush=True)
                time.sleep(60)
            yield row

refreshed(Path(sys.argv[1]), Stuck(crowd(20_000, 2)), 1_800_000_000.0 + 86400)
"""


class TestReadersMeanwhile:
    def test_a_newer_index_is_noticed_within_seconds(self, db):
        now = [0.0]
        with closing(IndexFile(db, lambda: now[0])) as reader:
            assert reader.find(["driver 1"]) == {}
            refreshed(db, GivenLists(crowd(20, 1)))
            now[0] += index_file.LOOK_SECONDS
            assert reader.find(["driver 1"])["driver 1"].stats["oval"].starts == 1
            first = reader.ranks()
            refreshed(db, GivenLists(crowd(20, 2)), NOW + DAY)
            now[0] += index_file.LOOK_SECONDS
            assert reader.find(["driver 1"])["driver 1"].stats["oval"].starts == 2
            assert reader.ranks() is not first

    def test_the_folder_is_not_looked_at_in_between(self, db, monkeypatch):
        refreshed(db, GivenLists(crowd(3)))
        looks = []

        def counted(db):
            looks.append(db)
            return generations(db)

        monkeypatch.setattr(index_file, "generations", counted)
        with closing(IndexFile(db, lambda: 0.0)) as reader:
            for _ in range(100):
                assert reader.find(["driver 1"])
        assert len(looks) == 1

    def test_a_file_that_is_deleted_meanwhile_answers_on(self, db):
        refreshed(db, GivenLists(crowd(20, 1)))
        with index(db) as reader:
            assert reader.find(["driver 1"])
            for _, path in generations(db):
                path.unlink()
            assert reader.find(["driver 20"])

    def test_after_the_clock_was_set_back_the_new_index_is_the_newer_one(self, db):
        refreshed(db, GivenLists(crowd(20, 1)), NOW)
        refreshed(db, GivenLists(crowd(20, 2)), NOW - DAY)
        assert starts(db) == dict.fromkeys(CATEGORIES, 2)
        assert len(generations(db)) == 1
        assert index_age(db, NOW - DAY) == 0.0

    def test_an_index_made_by_a_clock_that_was_ahead_is_to_be_made_anew(self, db):
        refreshed(db, GivenLists(crowd(20, 1)), NOW + 365 * DAY)
        assert index_age(db, NOW) is None
        refreshed(db, GivenLists(crowd(20, 2)), NOW)
        assert starts(db) == dict.fromkeys(CATEGORIES, 2)
        assert index_age(db, NOW + 60) == 60.0

    def test_threads_that_look_up_while_generations_change_see_whole_ones_only(self, db):
        keys = [f"driver {n}" for n in range(1, 21)]
        refreshed(db, GivenLists(crowd(50, 0)))
        wrong, seen, ended = [], set(), threading.Event()
        with index(db) as reader:

            def look():
                while not ended.is_set():
                    answer = reader.find(keys)
                    numbers = {stats.starts for driver in answer.values() for stats in driver.stats.values()}
                    seen.update(numbers)
                    if len(answer) != 20 or len(numbers) != 1:
                        wrong.append((len(answer), numbers))
                    reader.ranks().rank("oval", "DE", 1010)

            threads = [threading.Thread(target=look) for _ in range(6)]
            for thread in threads:
                thread.start()
            for generation in range(1, 8):
                refreshed(db, GivenLists(crowd(50, generation)), NOW + generation)
            ended.set()
            for thread in threads:
                thread.join()
        assert wrong == []
        assert len(seen) > 1

    def test_a_damaged_file_is_logged_once_and_the_one_before_is_used(self, db, caplog):
        refreshed(db, GivenLists(crowd(20, 1)))
        db.with_name("pitboard.index-1900000000.sqlite3").write_bytes(b"no database" * 1000)
        with index(db) as reader:
            for _ in range(3):
                assert reader.find(["driver 1"])
        assert sum("pitboard.index-1900000000.sqlite3" in r.getMessage() for r in caplog.records) == 1

    def test_a_file_that_is_damaged_behind_its_first_page_finds_nobody_and_harms_nobody(self, db, caplog):
        refreshed(db, GivenLists(crowd(2000, 1)))
        ((_, path),) = generations(db)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 3] + b"\xff" * (len(whole) - len(whole) // 3))
        with index(db) as reader:
            assert reader.find([f"driver {n}" for n in range(1, 2001)]) == {}
        assert any(record.levelname == "ERROR" for record in caplog.records)
        assert refreshed(db, GivenLists(crowd(2000, 2)), NOW + DAY).whole
        assert starts(db)["oval"] == 2

    def test_a_file_of_another_version_is_left_alone(self, db):
        refreshed(db, GivenLists(crowd(20, 1)))
        newer = db.with_name("pitboard.index-1900000000.sqlite3")
        shutil.copy(generations(db)[0][1], newer)
        with closing(sqlite3.connect(newer)) as opened:
            opened.execute("PRAGMA user_version = 99")
        assert starts(db) == dict.fromkeys(CATEGORIES, 1)

    def test_after_close_nobody_is_found(self, db):
        refreshed(db, GivenLists(crowd(3)))
        ticks = itertools.count(0, 10)
        for clock in (time.monotonic, lambda: float(next(ticks))):
            reader = IndexFile(db, clock)
            assert reader.find(["driver 1"])
            reader.close()
            assert reader.find(["driver 1"]) == {}


class TestMisuse:
    """What the core never does: nothing may be half done then."""

    def test_a_list_that_was_not_finished_is_not_in_the_index(self, db):
        with IndexBuilder(db, lambda: NOW) as builder:
            with builder.writing("oval") as writer:
                writer.put([Newcomer(7, "ann", "Ann", "DE")], [])
            assert builder.done == {}
            assert builder.drivers() == (0, 0)

    def test_a_column_has_the_name_of_a_category(self, db):
        with IndexBuilder(db, lambda: NOW) as builder:
            with pytest.raises(ValueError, match="'boats' is no category"), builder.writing("boats"):
                pass
            with pytest.raises(ValueError, match="'boats' is no category"):
                builder.keep_older("boats")

    def test_a_builder_that_is_not_open_says_so(self, db):
        builder = IndexBuilder(db, lambda: NOW)
        with pytest.raises(ValueError, match="not open"):
            builder.drivers()
        builder.discard()
        assert files(db) == []


def test_a_whole_file_has_our_mark(db):
    refreshed(db, GivenLists(crowd(3)))
    ((_, path),) = generations(db)
    with closing(sqlite3.connect(path)) as opened:
        assert opened.execute("PRAGMA application_id").fetchone() == (0x50495458,)


class TestTakingOut:
    def two_files(self, db):
        """The newest index, and one that a refresh could not delete."""
        refreshed(db, GivenLists(crowd(5)))
        ((number, newest),) = generations(db)
        older = db.with_name(f"pitboard.index-{number - 10}.sqlite3")
        shutil.copy(newest, older)
        return number

    def test_who_is_taken_out_is_in_no_file_any_more(self, db):
        number = self.two_files(db)
        db.with_name("pitboard.index.merged").write_bytes(b"left by a process that was killed")
        assert index_builder.strip(db, lambda key, cust_id: (key, cust_id) != ("driver 2", 2)) == 1
        assert [made for made, _ in generations(db)] == [number + 1]
        assert set(found(db, *(f"driver {n}" for n in range(1, 6)))) == {f"driver {n}" for n in (1, 3, 4, 5)}
        assert not any(b"Driver 2" in file.read_bytes() for file in db.parent.iterdir())
        assert index_age(db, NOW + 60) in (59, 60)  # as old as before

    def test_when_nobody_is_taken_out_the_index_in_use_stays_and_older_ones_go(self, db):
        number = self.two_files(db)
        assert index_builder.strip(db, lambda *_: True) == 0
        assert [made for made, _ in generations(db)] == [number]

    def test_without_an_index_there_is_nobody_to_take_out(self, db):
        assert index_builder.strip(db, lambda *_: False) == 0


def test_a_file_that_is_gone_or_no_index_is_a_store_error(db, tmp_path):
    with pytest.raises(StoreError, match="cannot be used: it is gone"):
        next(all_drivers(tmp_path / "pitboard.index-5.sqlite3"))
    (tmp_path / "pitboard.index-5.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"cannot be used: file is not a database\.$"):
        next(all_drivers(tmp_path / "pitboard.index-5.sqlite3"))


def test_a_lock_file_that_is_no_database_is_not_taken_for_a_refresh_that_runs(db):
    db.with_name("pitboard.index.lock").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be used: file is not a database"):
        refreshed(db, GivenLists(crowd(3)))


def test_a_file_that_cannot_be_deleted_or_made_is_a_store_error(db):
    db.with_name("pitboard.index.merged").mkdir()
    with pytest.raises(StoreError, match=r"pitboard\.index\.merged cannot be deleted: "):
        refreshed(db, GivenLists(crowd(3)))
    db.with_name("file").touch()
    with pytest.raises(StoreError, match=r"cannot be made: "):
        refreshed(db.with_name("file") / "pitboard.sqlite3", GivenLists(crowd(3)))


def test_a_refresh_says_what_it_did_in_json(db):
    done = refreshed(db, GivenLists([*crowd(3), ()]))
    told = json.loads(json.dumps(done.as_dict()))
    assert (told["drivers"], told["rows"], told["skipped"]) == (3, 20, {"wrong number of columns": 5})


def test_progress_tells_rows_and_those_of_the_last_time(db):
    refreshed(db, GivenLists(crowd(11_000)))
    told: list[Any] = []
    refreshed(db, GivenLists(crowd(12_000)), NOW + DAY, progress=told.append)
    oval = [(now.rows, now.rows_before, now.finished) for now in told if now.category == "oval"]
    assert oval[-1] == (12_000, 11_000, True)
    assert [rows for rows, _, _ in oval] == sorted(rows for rows, _, _ in oval)
    assert len(oval) >= 3


def test_an_index_that_cannot_be_copied_stays_and_nothing_of_the_copy_does(db, monkeypatch):
    def full(_, target):
        Path(target).write_bytes(b"Driver 1")
        raise OSError(28, "No space left on device")

    refreshed(db, GivenLists(crowd(20)), NOW)
    before = files(db)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StoreError, match="No space left"):
        index_builder.strip(db, lambda key, _: key != "driver 1")
    assert {*files(db)} - {*before} <= {"pitboard.index.strip"}
