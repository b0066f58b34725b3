"""A home under overload, during shutdown, and while iRacing fails: who is still served, and how soon."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from tests.support.clock import ShiftedClock
from tests.support.local_server import local_home
from tests.support.waiting import wait_until

from pitboard.drivers import names, records, renewal_pool
from pitboard.drivers.budget import Budget
from pitboard.drivers.errors import RefusedError, UpstreamError
from pitboard.drivers.misses import PENDING, Miss
from pitboard.drivers.model import CallContext, Record
from pitboard.drivers.plan import Plan, Target
from pitboard.drivers.service import MOST_FLIGHTS
from pitboard.iracing.data_api import ATTEMPTS
from pitboard.simulator import Simulator


@dataclass
class KnownDriver:
    """A driver as `keep_due` needs one."""

    cust_id: int
    display_name: str


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
    """Sets the number of calls in the bucket."""
    kept = home.store.documents.get("BUDGET")
    budget = Budget(level=level, at=time.time()).document()
    assert home.store.documents.put("BUDGET", budget, expected=kept.version if kept else None)


def keep_due(home, drivers, *, licences=3600.0, profile=-1.0):
    """Stores records whose licences and profile are due in that many seconds (None: no profile yet)."""
    now = time.time()
    home.store.keep(
        Record(
            names.parse(driver.display_name).key,
            driver.cust_id,
            records.body({"cust_id": driver.cust_id, "display_name": driver.display_name}, {}),
            now,
            now + licences,
            now + 86400,
            0.0 if profile is None else now + profile,
        )
        for driver in drivers
    )


# --- readers before renewals


def test_a_reader_does_not_wait_behind_renewals(home, simulator):
    drivers = simulator.population.sample(50, seed=4)
    keep_due(home, drivers)
    leave_calls(home, 12)
    home.renewals.enqueue([driver.display_name for driver in drivers], profiles=True, soon=True)
    wait_until(lambda: len(home._behind._threads) > 1 or len(home._callers._threads) > 30)
    began = time.monotonic()
    assert states(ask(home, names_of(simulator, 2), 4.0)) == ["fresh"] * 2
    assert time.monotonic() - began < 6.0


# --- closing while calls wait


def test_closing_does_not_wait_for_the_budget(simulator, tmp_path):
    with local_home(simulator, tmp_path) as home:
        home.sign_in()
        drivers = simulator.population.sample(50, seed=4)
        keep_due(home, drivers)
        leave_calls(home, 0)
        home.renewals.enqueue([driver.display_name for driver in drivers], profiles=True, soon=True)
        assert states(ask(home, names_of(simulator, 40), 0.2)) == ["pending"] * 40
        began = time.monotonic()
    assert time.monotonic() - began < 6.0


def test_a_call_after_its_deadline_costs_no_budget(home, simulator):
    leave_calls(home, 30)
    before = home.meter.status().level
    with pytest.raises(UpstreamError):
        home.upstream.search("Ann Tester", CallContext(time.monotonic() - 1))
    assert home.meter.status().level >= before


# --- many requests at once


def test_a_crawl_of_unknown_names_is_bounded_and_known_drivers_stay_fast(home, simulator):
    known = names_of(simulator, 20)
    assert states(ask(home, known)) == ["fresh"] * 20
    leave_calls(home, 0)
    took = []
    for page in range(200):
        crawl = home.service.begin([f"Nobody {page} {n}" for n in range(50)], 0.0)
        assert set(states(json.loads(crawl.answer().body))) == {"pending"}
        began = time.monotonic()
        assert states(ask(home, known)) == ["fresh"] * 20
        took.append(time.monotonic() - began)
    assert len(home.service._flights) <= MOST_FLIGHTS
    assert sorted(took)[len(took) // 2] < 0.1
    assert ask(home, ["One More"], 0.0)["One More"]["retry_after"] >= 1


def test_a_plan_that_starts_after_its_deadline_makes_no_call(home, simulator):
    settled: list[tuple[str, object]] = []
    plan = Plan(
        home.service._deps,
        {"ann tester": Target(names.parse("Ann Tester"))},
        CallContext(time.monotonic() - 1),
        lambda key, outcome: settled.append((key, outcome)),
    )
    simulator.calls.clear()
    plan.run()
    assert settled == [("ann tester", PENDING)]
    assert len(simulator.calls) == 0


def test_closing_settles_every_name_in_flight(simulator, tmp_path):
    with local_home(simulator, tmp_path) as home:
        home.sign_in()
        leave_calls(home, 0)
        pages = [home.service.begin([f"Nobody {n}"], 8.0) for n in range(40)]
    assert all(flight.done() for page in pages for flight in page.waiting)


def test_a_name_requested_during_closing_is_pending(home):
    home._planners.shutdown()
    assert states(ask(home, ["Too Late"])) == ["pending"]


def test_16_requests_at_once_for_one_id_make_one_search(home, simulator):
    (driver,) = simulator.population.sample(1)
    simulator.faults.latency = 0.1
    with ThreadPoolExecutor(16) as crowd:
        said = crowd.map(lambda _: home.service.customer_id(driver.display_name, 8.0), range(16))
    assert {cust_id for cust_id, _ in said} == {driver.cust_id}
    assert simulator.calls.count("lookup/drivers") == 1


def test_a_name_fetched_during_the_read_of_the_store_is_not_fetched_again(home, simulator, monkeypatch):
    (name,) = names_of(simulator, 1)
    look = home.store.records

    def late(keys):
        monkeypatch.undo()
        seen = look(keys)
        ask(home, [name])  # another reader's page, between this read of the store and its use
        return seen

    monkeypatch.setattr(home.store, "records", late)
    assert states(ask(home, [name])) == ["fresh"]
    assert [simulator.calls.count(call) for call in ("lookup/drivers", "member/get", "member/profile")] == [
        1
    ] * 3


def test_16_requests_at_once_for_one_chart_make_one_call(home, simulator):
    (driver,) = simulator.population.sample(1)
    simulator.faults.latency = 0.1
    chart = (driver.cust_id, "oval", "irating", 8.0)
    with ThreadPoolExecutor(16) as crowd:
        said = list(crowd.map(lambda _: home.histories.history(*chart), range(16)))
    assert {json.loads(body)["cust_id"] for body in said} == {driver.cust_id}
    assert simulator.calls.count("member/chart_data") == 1


# --- iRacing fails


@pytest.mark.parametrize("state", ["stale", "partial"])
def test_known_drivers_are_not_renewed_for_a_minute_after_a_failure(home, simulator, state):
    drivers = simulator.population.sample(5)
    keep_due(home, drivers, licences=-10.0, profile=-5.0 if state == "stale" else None)
    asked = [driver.display_name for driver in drivers]
    simulator.faults.add("status", "*", times=1000, status=500)
    simulator.calls.clear()
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        assert states(ask(home, asked, 1.5)) == [state] * 5
        time.sleep(0.02)
    assert simulator.calls.count(service="data") <= 2 * ATTEMPTS


def test_a_request_with_a_short_deadline_makes_no_driver_unavailable(home, simulator):
    (driver,) = simulator.population.sample(1)
    simulator.faults.latency = 0.3
    assert isinstance(home.service.customer_id(driver.display_name, 0.1), Miss)
    with pytest.raises(UpstreamError):
        home.histories.history(driver.cust_id, "oval", "irating", 0.1)
    assert home.service.customer_id(driver.display_name, 8.0) == (driver.cust_id, "iRacing")
    assert home.histories.history(driver.cust_id, "oval", "irating", 8.0)


def test_a_plan_that_ends_at_its_deadline_makes_no_name_unavailable(home, simulator):
    (text,) = names_of(simulator, 1)
    name = names.parse(text)
    settled: dict[str, object] = {}
    simulator.faults.latency = 0.5
    wanted = {name.key: Target(name)}
    Plan(
        home.service._deps, wanted, CallContext(time.monotonic() + 0.2, hurried=True), settled.__setitem__
    ).run()
    assert settled == {name.key: PENDING}
    simulator.faults.latency = 0.0
    assert states(ask(home, [text])) == ["fresh"]


def test_failures_of_ids_and_charts_are_remembered(home, simulator):
    (driver,) = simulator.population.sample(1)
    simulator.faults.add("status", "*", times=1000, status=500)
    for _ in range(3):
        assert home.service.customer_id(driver.display_name, 8.0).code == "unavailable"
        with pytest.raises(UpstreamError):
            home.histories.history(driver.cust_id, "oval", "irating", 8.0)
    assert simulator.calls.count("lookup/drivers") == ATTEMPTS
    assert simulator.calls.count("member/chart_data") <= ATTEMPTS


def test_the_chart_of_an_unknown_id_is_requested_once(home, simulator):
    for _ in range(3):
        with pytest.raises(RefusedError):
            home.histories.history(1, "oval", "irating", 8.0)
    assert simulator.calls.count("member/chart_data") == 1


def test_a_known_driver_missing_from_one_answer_is_kept_while_the_search_fails(home, simulator):
    (driver,) = simulator.population.sample(1)
    keep_due(home, [KnownDriver(1, driver.display_name)], licences=-10.0)
    simulator.faults.add("status", "lookup/drivers", times=50, status=500)
    home.service.renew([driver.display_name])
    assert states(ask(home, [driver.display_name], 0.0)) == ["stale"]


def test_a_page_is_answered_early_when_no_call_is_possible_for_long(home, simulator):
    known, unknown = names_of(simulator, 2), names_of(simulator, 2, seed=9)
    assert states(ask(home, known)) == ["fresh"] * 2
    home.meter.rate_limited({"Retry-After": "20"})
    began = time.monotonic()
    answer = ask(home, known + unknown)
    assert time.monotonic() - began < 4.0
    assert states(answer) == ["fresh"] * 2 + ["pending"] * 2
    assert 15 <= answer[unknown[0]]["retry_after"] <= 20


# --- the clock


def test_after_the_clock_was_set_back_drivers_are_renewed_once(simulator, tmp_path, monkeypatch):
    monkeypatch.setattr(renewal_pool, "GATHER", 0.2)
    (name,) = names_of(simulator, 1)
    clock = ShiftedClock()
    with local_home(simulator, tmp_path, clock) as home:
        home.sign_in()
        clock.ahead = 30 * 86400.0
        assert states(ask(home, [name])) == ["fresh"]
        clock.ahead = 0.0
        assert states(ask(home, [name])) == ["stale"]
        wait_until(lambda: states(ask(home, [name])) == ["fresh"], seconds=30)
        assert 0 <= ask(home, [name])[name]["_meta"]["age"] < 60
        simulator.calls.clear()
        home.service.renew([name])
        assert len(simulator.calls) == 0
