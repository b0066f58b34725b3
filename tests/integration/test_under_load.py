"""A home that is asked too much, or stopped in the middle: who is served all the same, and how soon."""

import json
import time

import pytest

from houses import local_home
from pitboard.drivers import names, records
from pitboard.drivers.budget import Budget
from pitboard.drivers.ports import Errand, Record, UpstreamError
from pitboard.simulator import Simulator


@pytest.fixture
def simulator():
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        yield simulator


@pytest.fixture
def home(simulator, tmp_path):
    with local_home(simulator, tmp_path) as home:
        home.sign_in()
        yield home


def ask(home, asked, seconds=8.0):
    return json.loads(home.service.page(asked, seconds).body)


def states(answer):
    return [value["_meta"]["state"] if "_meta" in value else value["code"] for value in answer.values()]


def names_of(simulator, count, seed=1):
    return [driver.display_name for driver in simulator.population.sample(count, seed=seed)]


def leave_calls(home, level):
    """Makes the bucket hold so many calls."""
    kept = home.store.documents.get("BUDGET")
    budget = Budget(level=level, at=time.time()).document()
    assert home.store.documents.put("BUDGET", budget, expected=kept.version if kept else None)


def keep_due(home, drivers, *, licences=3600.0, profile=-1.0):
    """Keeps complete records of which licences or profile are due (seconds from now)."""
    now = time.time()
    home.store.keep(
        Record(
            names.parse(driver.display_name).key,
            driver.cust_id,
            records.body({"cust_id": driver.cust_id, "display_name": driver.display_name}, {}),
            now,
            now + licences,
            now + 86400,
            now + profile,
        )
        for driver in drivers
    )


def wait_until(condition, seconds=10.0):
    """Waits for something that another thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


# --- readers before renewals


def test_a_reader_does_not_queue_behind_renewals_that_wait_for_the_budget(home, simulator):
    drivers = simulator.population.sample(50, seed=4)
    keep_due(home, drivers)
    leave_calls(home, 12)
    home.refresher.refresh([driver.display_name for driver in drivers])
    wait_until(lambda: len(home._behind._threads) > 1 or len(home._callers._threads) > 30)
    began = time.monotonic()
    assert states(ask(home, names_of(simulator, 2), 4.0)) == ["fresh"] * 2
    assert time.monotonic() - began < 2.0


# --- an end in the middle


def test_a_home_that_waits_for_the_budget_is_closed_at_once(simulator, tmp_path):
    with local_home(simulator, tmp_path) as home:
        home.sign_in()
        drivers = simulator.population.sample(50, seed=4)
        keep_due(home, drivers)
        leave_calls(home, 0)
        home.refresher.refresh([driver.display_name for driver in drivers])
        assert states(ask(home, names_of(simulator, 40), 0.2)) == ["pending"] * 40
        began = time.monotonic()
    assert time.monotonic() - began < 2.0


def test_what_is_too_late_takes_nothing_from_the_budget(home, simulator):
    leave_calls(home, 30)
    before = home.meter.status().level
    with pytest.raises(UpstreamError):
        home.upstream.search("Ann Tester", Errand(time.monotonic() - 1))
    assert home.meter.status().level >= before
