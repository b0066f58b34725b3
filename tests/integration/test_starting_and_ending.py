"""How `pitboard serve` starts and ends: real processes, real files, the simulator as iRacing."""

import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.serving import Serving, serving
from tests.support.waiting import wait_until

from pitboard.iracing.token_state import LEASE
from pitboard.simulator import Simulator

EXIT_SECONDS = 5.0
"""How long an end may take. An idle machine needs a fraction of it when nothing hangs."""


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
def db(tmp_path: Path) -> Path:
    return tmp_path / "pitboard.sqlite3"


def rows(db: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(statement).fetchall()


def name(simulator: Simulator, seed: int) -> str:
    (driver,) = simulator.population.sample(1, seed=seed)
    return str(driver.display_name)


def token(db: Path) -> dict[str, Any]:
    ((value,),) = rows(db, "SELECT value FROM documents WHERE key LIKE 'TOKEN:%'")
    document: dict[str, Any] = json.loads(value)
    return document


def expire_token(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection, connection:
        ended = json.dumps({**token(db), "access_until": time.time() - 1})
        connection.execute("UPDATE documents SET value = ? WHERE key LIKE 'TOKEN:%'", (ended,))


def know(simulator: Simulator, db: Path, *names: str) -> None:
    """Lets a server look the names up, so that they and a token are in the database."""
    with serving(simulator, db) as server:
        for one in names:
            assert "cust_id" in server.driver(one)
        server.stop()
    simulator.calls.clear()


def grants(simulator: Simulator) -> list[str]:
    return [call.parameters["grant_type"] for call in simulator.calls.select("token")]


def seconds_to_stop(server: Serving) -> float:
    began = time.monotonic()
    code = server.stop()
    assert code == 0
    return time.monotonic() - began


class TestEnding:
    def test_sigterm_leaves_everything_in_the_database_itself(self, simulator: Simulator, db: Path) -> None:
        with serving(simulator, db) as server:
            server.driver(name(simulator, 1))
            assert server.stop() == 0
            assert "Traceback" not in server.said
        assert [path.name for path in db.parent.glob("*.sqlite3*")] == [db.name]
        assert rows(db, "SELECT count(*) FROM records") == [(1,)]

    def test_no_lease_is_left_by_look_ups_that_hang(self, simulator: Simulator, db: Path) -> None:
        know(simulator, db, name(simulator, 1))
        simulator.faults.add("hang", "lookup/drivers", times=100)
        asked = [name(simulator, seed) for seed in range(10, 20)]
        with serving(simulator, db) as server:
            for one in asked:
                assert server.driver(one, wait=0)["code"] == "pending"
            wait_until(lambda: simulator.calls.count("lookup/drivers") >= 3)
            assert rows(db, "SELECT count(*) FROM leases") != [(0,)]
            assert seconds_to_stop(server) < EXIT_SECONDS
        assert rows(db, "SELECT count(*) FROM leases") == [(0,)]

    def test_answers_under_way_are_given_before_the_end(self, simulator: Simulator, db: Path) -> None:
        known = name(simulator, 1)
        know(simulator, db, known)
        for endpoint in ("lookup/drivers", "member/chart_data", "stats/member_career"):
            simulator.faults.add("hang", endpoint, times=100)
        with serving(simulator, db) as server, ThreadPoolExecutor(3) as pool:
            both = f"/drivers?profile=0&wait=10&name={quote(known)}&name=Ann%20Tester"
            page = pool.submit(server.ask, both)
            custid = pool.submit(server.ask, "/custid", name="Bob Tester", wait="10")
            chart = pool.submit(server.ask, "/drivers/123456/history", wait="10")
            wait_until(lambda: simulator.calls.count("lookup/drivers") >= 2)
            wait_until(lambda: simulator.calls.count("member/chart_data") >= 1)
            assert seconds_to_stop(server) < EXIT_SECONDS
            answer = page.result().json()
            assert "cust_id" in answer[known]
            assert answer["Ann Tester"]["code"] == "pending"
            for other in (custid, chart):
                assert other.result().status == 503
                assert other.result().json()["code"] in ("unavailable", "pending")

    def test_a_refresh_under_way_is_awaited_and_kept(self, simulator: Simulator, db: Path) -> None:
        know(simulator, db, name(simulator, 1))
        spent = token(db)["refresh_token"]
        expire_token(db)
        simulator.faults.latency = 1.5
        with serving(simulator, db) as server:
            wait_until(lambda: simulator.calls.count("token"))
            assert server.stop() == 0
        assert token(db)["refresh_token"] != spent
        assert token(db)["lease_owner"] == ""
        simulator.faults.latency = 0.005
        with serving(simulator, db) as server:
            assert server.has_token()
        assert grants(simulator) == ["refresh_token"]

    def test_a_refresh_that_hangs_does_not_keep_the_server_from_ending(
        self, simulator: Simulator, db: Path
    ) -> None:
        know(simulator, db, name(simulator, 1))
        expire_token(db)
        simulator.faults.add("hang", "token", times=100)
        with serving(simulator, db) as server:
            wait_until(lambda: simulator.calls.count("token"))
            assert seconds_to_stop(server) < EXIT_SECONDS + 1
        assert [path.name for path in db.parent.glob("*.sqlite3*")] == [db.name]

    def test_a_second_signal_does_not_cut_the_end_short(self, simulator: Simulator, db: Path) -> None:
        know(simulator, db, name(simulator, 1))
        expire_token(db)
        simulator.faults.latency = 1.5
        with serving(simulator, db) as server:
            wait_until(lambda: simulator.calls.count("token"))
            server.process.terminate()
            assert server.stop() == 0
        assert token(db)["lease_owner"] == ""
        assert [path.name for path in db.parent.glob("*.sqlite3*")] == [db.name]


class TestStarting:
    def test_known_drivers_are_served_while_the_token_hangs(self, simulator: Simulator, db: Path) -> None:
        known = name(simulator, 1)
        know(simulator, db, known)
        expire_token(db)
        simulator.faults.add("hang", "token", times=100)
        with serving(simulator, db) as server:  # returns once the server has said where it listens
            assert "cust_id" in server.driver(known)
            wait_until(lambda: simulator.calls.count("token"))
            assert token(db)["lease_owner"], "the refresh is over, so the server has waited for it"

    def test_after_a_kill_in_a_refresh_the_lease_does_not_have_to_run_out(
        self, simulator: Simulator, db: Path
    ) -> None:
        known = name(simulator, 1)
        know(simulator, db, known)
        expire_token(db)
        simulator.faults.add("hang", "token")
        with serving(simulator, db) as server:
            wait_until(lambda: simulator.calls.count("token"))
            server.kill()
        assert token(db)["lease_until"] > time.time() + LEASE / 2
        with serving(simulator, db) as server:
            assert "cust_id" in server.driver(known)
            wait_until(server.has_token, LEASE / 4)
        assert grants(simulator) == ["refresh_token", "refresh_token", "password_limited"]

    def test_names_that_were_looked_up_by_a_killed_server_are_looked_up_at_once(
        self, simulator: Simulator, db: Path
    ) -> None:
        know(simulator, db, name(simulator, 1))
        simulator.faults.add("hang", "lookup/drivers", times=3)
        asked = name(simulator, 2)
        with serving(simulator, db) as server:
            assert server.driver(asked, wait=0)["code"] == "pending"
            wait_until(lambda: simulator.calls.count("lookup/drivers"))
            server.kill()
        simulator.faults.clear()
        assert rows(db, "SELECT count(*) FROM leases") == [(1,)]
        with serving(simulator, db) as server:
            assert "cust_id" in server.driver(asked)

    def test_refused_credentials_do_not_stop_the_server(self, simulator: Simulator, db: Path) -> None:
        known = name(simulator, 1)
        know(simulator, db, known)
        with closing(sqlite3.connect(db)) as connection, connection:
            connection.execute("DELETE FROM documents")
        for _ in range(3):
            with serving(simulator, db, PITBOARD_PASSWORD="not-the-password") as server:
                wait_until(lambda: server.told("Check PITBOARD_USERNAME and PITBOARD_PASSWORD"))
                assert "cust_id" in server.driver(known)
                assert server.driver(name(simulator, 2))["code"] == "unavailable"
                assert server.stop() == 0
                assert "not-the-password" not in server.said
        assert grants(simulator) == ["password_limited"]

    def test_a_denied_login_names_the_password(self, simulator: Simulator, db: Path) -> None:
        simulator.faults.add("status", "token", status=401, error="access_denied")
        with serving(simulator, db) as server:
            wait_until(lambda: server.told("PITBOARD_PASSWORD"))

    def test_an_outage_at_the_start_is_said_and_over_when_the_token_is_had(
        self, simulator: Simulator, db: Path
    ) -> None:
        simulator.faults.add("status", "token", times=2, status=503)
        with serving(simulator, db) as server:
            wait_until(lambda: server.told("no token yet"))
            wait_until(server.has_token, 60)
        assert grants(simulator)[-1] == "password_limited"
