"""How soon all is well again when iRacing is back, and how little is asked until then. Real sockets."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.local_server import local_home
from tests.support.waiting import wait_until

from pitboard.drivers import freshness
from pitboard.drivers.budget import PROBE_PAUSE
from pitboard.drivers.errors import UpstreamError
from pitboard.local.home import LocalHome
from pitboard.simulator import Simulator

HEALED = 5.0
"""Seconds after iRacing is back by which what failed has been asked again; noticing takes PROBE_PAUSE of
them at most."""

SLACK = 10.0
"""Seconds that a busy machine may add."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        yield simulator


@pytest.fixture
def home(simulator: Simulator, tmp_path: Path) -> Iterator[LocalHome]:
    with local_home(simulator, tmp_path) as home:
        home.sign_in()
        yield home


def ask(home: LocalHome, asked: list[str], seconds: float = 8.0) -> list[str]:
    answer = json.loads(home.service.page(asked, seconds).body)
    return [value["_meta"]["state"] if "_meta" in value else value["code"] for value in answer.values()]


def names_of(simulator: Simulator, count: int, seed: int = 1) -> list[str]:
    return [driver.display_name for driver in simulator.population.sample(count, seed=seed)]


def kept(home: LocalHome, asked: list[str]) -> int:
    """How many drivers are in the store. Asks iRacing nothing."""
    return len(home.store.records([name.lower() for name in asked]))


FAULTS: dict[str, Callable[[Any], object]] = {
    "500": lambda faults: faults.add("status", "*", times=10_000, status=500),
    "403": lambda faults: faults.add("status", "*", times=10_000, status=403),
    "html": lambda faults: faults.add("html", "*", times=10_000),
    "reset": lambda faults: faults.add("reset", "*", times=10_000),
    "dead links": lambda faults: faults.add("status", "link", times=10_000, status=403),
    "half a JSON": lambda faults: faults.add("bad_json", "link", times=10_000),
    "maintenance": lambda faults: setattr(faults, "maintenance", True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_failed_is_asked_again_by_itself_once_iracing_is_back(
    home: LocalHome, simulator: Simulator, fault: str
) -> None:
    asked = names_of(simulator, 20)
    FAULTS[fault](simulator.faults)
    assert set(ask(home, asked)) <= {"unavailable", "pending"}
    time.sleep(PROBE_PAUSE + 0.5)  # so that a probe has failed
    simulator.faults.clear()
    wait_until(lambda: kept(home, asked) == 20, HEALED + SLACK)
    assert set(ask(home, asked, 0.0)) <= {"partial", "fresh"}


@pytest.mark.parametrize("fault", ["401", "403"])
def test_when_everything_is_refused_little_is_asked(
    home: LocalHome, simulator: Simulator, fault: str
) -> None:
    asked = names_of(simulator, 20)
    simulator.faults.add("status", "*", times=10_000, status=int(fault))
    began = time.monotonic()
    while time.monotonic() < began + 2 * PROBE_PAUSE:
        assert set(ask(home, asked)) <= {"unavailable", "pending"}
        time.sleep(0.1)
    probes = (time.monotonic() - began) / PROBE_PAUSE + 1
    # those that were out when the fifth failed
    assert simulator.calls.count(service="data") <= 20 + 5 + probes
    logins = [c for c in simulator.calls.select("token") if c.parameters["grant_type"] == "password_limited"]
    assert len(logins) == 1


def test_stale_drivers_are_renewed_once_iracing_is_back(home: LocalHome, simulator: Simulator) -> None:
    asked = names_of(simulator, 5)
    assert ask(home, asked) == ["fresh"] * 5
    now = time.time()
    older = home.store.records([name.lower() for name in asked]).values()
    home.store.keep([replace(record, as_of=now + 1, fresh_until=now - 1) for record in older])
    simulator.faults.add("status", "*", times=10_000, status=500)
    home.service.renew(asked)
    assert ask(home, asked) == ["stale"] * 5
    simulator.faults.clear()
    wait_until(lambda: ask(home, asked) == ["fresh"] * 5, HEALED + SLACK)


def test_a_name_that_alone_fails_is_left_alone_for_a_minute(home: LocalHome, simulator: Simulator) -> None:
    poison, fine = names_of(simulator, 2)
    simulator.faults.add("status", "lookup/drivers", times=3, status=500)
    assert ask(home, [poison]) == ["unavailable"]
    assert ask(home, [fine]) == ["fresh"], "one name's failures are no outage"
    assert ask(home, [poison], 0.0) == ["unavailable"]
    left = home.store.ids([poison.lower()])[poison.lower()].failed_until - time.time()
    assert 0 < left <= freshness.FAILURE_KEPT


def test_charts_that_failed_are_asked_for_again_once_iracing_is_back(
    home: LocalHome, simulator: Simulator
) -> None:
    (driver,) = simulator.population.sample(1)
    simulator.faults.add("status", "*", times=10_000, status=500)
    for _ in range(2):
        with pytest.raises(UpstreamError):
            home.histories.history(driver.cust_id, "oval", "irating", 8.0)
    assert ask(home, names_of(simulator, 3, seed=9)) == ["unavailable"] * 3
    simulator.faults.clear()
    wait_until(lambda: kept(home, names_of(simulator, 3, seed=9)) == 3, HEALED + SLACK)
    assert home.histories.history(driver.cust_id, "oval", "irating", 8.0)


def test_a_403_for_a_profile_or_a_chart_is_not_taken_for_an_answer(
    home: LocalHome, simulator: Simulator
) -> None:
    (driver,) = simulator.population.sample(1)
    simulator.faults.add("status", "member/profile", times=1, status=403)
    simulator.faults.add("status", "member/chart_data", times=1, status=403)
    assert ask(home, [driver.display_name]) == ["partial"]
    record = home.store.records([driver.display_name.lower()])[driver.display_name.lower()]
    assert abs(record.profile_until) <= time.time() + freshness.FAILURE_KEPT
    with pytest.raises(UpstreamError):
        home.histories.history(driver.cust_id, "oval", "irating", 8.0)
    (entry,) = home.store.ids([f"HISTORY:{driver.cust_id}:oval:irating"]).values()
    assert entry.reason != "not_found"
