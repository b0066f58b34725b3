"""A clock that was ahead, a database that is deleted or replaced, damaged documents: while a home runs."""

import json
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.clock import ShiftedClock
from tests.support.local_server import local_home
from tests.support.serving import serving
from tests.support.waiting import wait_until

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import Record
from pitboard.iracing.token_state import LEASE
from pitboard.local.home import LocalHome
from pitboard.simulator import Simulator
from pitboard.stores import sqlite_file
from pitboard.stores.sqlite import SqliteStore

YEAR = 365 * 86400.0


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(latency=0.005, link_latency=0.005) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Iterator[Simulator]:
    running.calls.clear()
    running.set_logins_left(12)
    running.set_calls_left(240)
    yield running
    running.faults.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pitboard.sqlite3"


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "LOOK_SECONDS", 0.0)


def names(simulator: Simulator, count: int, seed: int) -> list[str]:
    return [driver.display_name for driver in simulator.population.sample(count, seed=seed)]


def states(home: LocalHome, asked: list[str]) -> dict[str, str]:
    answer = json.loads(home.service.page(asked, 8.0).body)
    return {name: answer[name].get("code") or answer[name]["_meta"]["state"] for name in asked}


class TestAClockThatWasAhead:
    def test_nothing_it_has_written_keeps_a_name_from_being_looked_up(
        self, simulator: Simulator, tmp_path: Path, path: Path
    ) -> None:
        asked = names(simulator, 4, seed=1)
        ahead = ShiftedClock(YEAR)
        with local_home(simulator, tmp_path, ahead) as home:
            assert set(states(home, asked[:1]).values()) == {"fresh"}
            assert states(home, ["Nobody Here"]) == {"Nobody Here": "not_found"}
            home.meter.rate_limited({"Retry-After": "3600"})
        killed = SqliteStore(path, ahead)
        killed.claim([name.lower() for name in asked], "killed", ahead() + 25)
        token = json.loads(dict(rows(path))["TOKEN:" + simulator.client.username.lower()])
        token |= {"lease_owner": "killed", "lease_until": ahead() + LEASE, "cool_until": ahead() + 40}
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE documents SET value = ? WHERE key LIKE 'TOKEN:%'", (json.dumps(token),))
        killed.close()
        simulator.population.rename(simulator.population.sample(1, seed=99)[0].cust_id, "Nobody Here")
        with local_home(simulator, tmp_path) as home:
            assert set(states(home, asked).values()) <= {"fresh", "stale"}
            assert states(home, ["Nobody Here"]) == {"Nobody Here": "fresh"}
            (record,) = home.store.records([asked[0].lower()]).values()
            assert record.due(time.time())  # it is renewed, however long it claims to be fresh

    def test_a_profile_that_claims_to_be_fresh_for_a_year_is_due(self) -> None:
        now = time.time()
        record = Record("ann", 1, b'{"cust_id":1}', now, now + 60, now + 600, now + YEAR)
        assert record.profile_due(now)
        assert not record.licences_due(now)


def rows(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT key, value FROM documents").fetchall()


class TestADatabaseThatIsGone:
    @pytest.mark.parametrize("also", [[], ["-wal", "-shm"]])
    def test_one_that_is_deleted_is_made_anew_and_costs_no_login(
        self,
        simulator: Simulator,
        tmp_path: Path,
        path: Path,
        also: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        asked = names(simulator, 2, seed=2)
        with local_home(simulator, tmp_path) as home:
            states(home, asked)
            simulator.calls.clear()
            for ending in ["", *also]:
                path.with_name(path.name + ending).unlink()
            assert set(states(home, asked).values()) == {"fresh"}
            home.tokens.access_token(time.monotonic() + 5)
            assert f"the database {path} was deleted" in caplog.text
            assert path.stat().st_mode & 0o077 == 0
        assert simulator.calls.count("lookup/drivers") == 2
        assert simulator.calls.count("token") == 0
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT count(*) FROM records").fetchone() == (2,)
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_the_refresh_token_and_the_logins_of_the_hour_outlive_the_database(
        self, simulator: Simulator, tmp_path: Path, path: Path
    ) -> None:
        clock = ShiftedClock()
        with local_home(simulator, tmp_path, clock) as home:
            home.tokens.access_token(time.monotonic() + 5)
            path.unlink()
            clock.ahead = 590
            home.tokens.access_token(time.monotonic() + 5)
            assert home.tokens.status().logins_left == 3
        assert [call.parameters["grant_type"] for call in simulator.calls.select("token")] == [
            "password_limited",
            "refresh_token",
        ]

    def test_another_database_in_its_place_is_served_and_not_spoilt_by_the_old_one(
        self, simulator: Simulator, tmp_path: Path, path: Path
    ) -> None:
        first, second = names(simulator, 2, seed=3)
        with local_home(simulator, tmp_path / "other") as home:
            states(home, [first])
        with local_home(simulator, tmp_path) as home:
            states(home, [second])
            shutil.copy(tmp_path / "other" / path.name, tmp_path / "copy")
            (tmp_path / "copy").rename(path)
            assert set(home.store.records([first.lower(), second.lower()])) == {first.lower()}
            assert set(states(home, [second]).values()) == {"fresh"}
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_a_file_that_is_no_database_is_left_alone_until_it_is_gone(self, path: Path) -> None:
        store = SqliteStore(path)
        path.unlink()
        path.write_text("something else")
        with pytest.raises(StoreError, match="cannot be read"):
            store.records(["ann"])
        assert path.read_text() == "something else"
        path.unlink()
        assert store.records(["ann"]) == {}
        store.close()

    def test_it_may_be_deleted_again_and_again_while_it_is_written(self, tmp_path: Path, path: Path) -> None:
        store = SqliteStore(path)
        rng, now = random.Random(4), time.time()
        for round_ in range(30):
            store.keep([Record(f"ann {round_}", 1, b'{"cust_id":1}', now, now + 60, now + 600)])
            if rng.random() < 0.5:
                path.unlink()
            else:
                store.documents.put(f"D{round_}", {}, expected=None)
        store.file.look()
        store.close()
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_serve_goes_on_when_its_database_is_deleted(self, simulator: Simulator, path: Path) -> None:
        (name,) = names(simulator, 1, seed=5)
        with serving(simulator, path) as server:
            assert "cust_id" in server.driver(name)
            path.unlink()
            wait_until(lambda: server.ask("/health").status == 200 and path.exists())
            assert "cust_id" in server.driver(name)
            assert server.told("was deleted while it was in use")
            assert server.stop() == 0
            assert "Traceback" not in server.said


class TestADamagedRecord:
    def test_the_page_is_shown_and_the_driver_is_asked_for_anew(
        self, simulator: Simulator, tmp_path: Path, path: Path
    ) -> None:
        page = names(simulator, 3, seed=8)
        with local_home(simulator, tmp_path) as home:
            states(home, page)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE records SET body = X'7B22' WHERE key = ?", (page[0].lower(),))
        simulator.calls.clear()
        with local_home(simulator, tmp_path) as home:
            assert set(states(home, page).values()) == {"fresh"}
        assert simulator.calls.count("member/get") == 1
        with local_home(simulator, tmp_path) as home:
            assert home.store.records([page[0].lower()])


class TestDamagedDocuments:
    @pytest.mark.parametrize("damage", ["{not json", "[1, 2]", "null", "", '"text"', "NaN"])
    def test_it_is_set_aside_and_said(
        self,
        simulator: Simulator,
        tmp_path: Path,
        path: Path,
        damage: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        (name,) = names(simulator, 1, seed=6)
        with local_home(simulator, tmp_path) as home:
            states(home, [name])
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE documents SET value = ?", (damage,))
        with local_home(simulator, tmp_path) as home:
            states(home, names(simulator, 2, seed=7))
            assert home.tokens.status().valid
        assert {"TOKEN", "BUDGET"} == {
            word for word in ("TOKEN", "BUDGET") if f"the document {word} could not be read" in caplog.text
        }
        kept = dict(rows(path))
        assert kept["UNREADABLE:BUDGET"] == damage
        assert simulator.client.username.lower() not in caplog.text.lower()

    def test_serve_starts_without_a_traceback(self, simulator: Simulator, path: Path) -> None:
        SqliteStore(path).close()
        with closing(sqlite3.connect(path)) as db, db:
            key = f"TOKEN:{simulator.client.username.lower()}"
            db.executemany("INSERT INTO documents VALUES (?, '{', 1)", [(key,), ("BUDGET",)])
        with serving(simulator, path) as server:
            wait_until(server.has_token)
            assert server.ask("/health").status == 200
            server.stop()
            assert "Traceback" not in server.said
