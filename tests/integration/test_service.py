"""The service on a real store, the real client and the simulator: the plan, the clocks, what goes wrong."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
from tests.support.clock import ShiftedClock
from tests.support.local_server import local_home

from pitboard.drivers import freshness, renewal_pool
from pitboard.drivers.errors import RefusedError, StoreError, UnreachableError
from pitboard.simulator import Simulator
from pitboard.simulator.races import races


@pytest.fixture
def simulator():
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        yield simulator


@pytest.fixture
def clock():
    return ShiftedClock()


@pytest.fixture
def home(simulator, tmp_path, clock):
    with local_home(simulator, tmp_path, clock) as home:
        yield home


def ask(home, names, seconds=8.0):
    return json.loads(home.service.page(names, seconds).body)


def names_of(simulator, count, seed=1):
    return [driver.display_name for driver in simulator.population.sample(count, seed=seed)]


def states(answer):
    return [value["_meta"]["state"] if "_meta" in value else value["code"] for value in answer.values()]


def upstream(simulator):
    """Data API calls by endpoint."""
    counts: dict[str, int] = {}
    for call in simulator.calls.select(service="data"):
        counts[call.endpoint] = counts.get(call.endpoint, 0) + 1
    return counts


def wait_until(condition, seconds=10.0):
    """Waits for something that another thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def test_what_is_known_is_shown_although_the_store_fails_when_the_answer_goes_out(
    home, simulator, monkeypatch, caplog
):
    known, unknown = names_of(simulator, 2)
    ask(home, [known])
    begun = home.service.begin([known, unknown], 8.0)
    wait_until(lambda: not begun.waiting)

    def fail(_):
        raise StoreError("The database is busy.")

    monkeypatch.setattr(home.store, "records", fail)
    answer = json.loads(begun.answer().body)
    assert states(answer) == ["fresh", "pending"]
    assert "The database is busy." in caplog.text


def test_a_store_that_fails_before_anything_is_known_fails_the_page(home, simulator, monkeypatch):
    begun = home.service.begin(names_of(simulator, 1), 8.0)
    wait_until(lambda: not begun.waiting)

    def fail(_):
        raise StoreError("The database is busy.")

    monkeypatch.setattr(home.store, "records", fail)
    with pytest.raises(StoreError):
        begun.answer()


# --- the plan


def test_twenty_unknown_names_cost_one_search_each_one_call_for_all_licences_and_one_profile_each(
    home, simulator
):
    answer = ask(home, names_of(simulator, 20))
    assert states(answer) == ["fresh"] * 20
    assert upstream(simulator) == {
        "lookup/drivers": 20,
        "member/get": 1,
        "member/profile": 20,
    }


def test_licences_are_there_before_the_profiles_and_marked_partial(home, simulator):
    names = names_of(simulator, 3)
    simulator.faults.add("hang", "member/profile", times=99)
    wait_until(lambda: states(ask(home, names, 0.0)) == ["partial"] * 3)
    answer = ask(home, names, 0.0)
    assert all("recent_events" not in value for value in answer.values())


def test_at_the_deadline_what_is_missing_is_pending_and_comes_with_the_next_ask(home, simulator):
    names = names_of(simulator, 2)
    simulator.faults.latency = 0.2
    answer = ask(home, names, 0.05)
    assert states(answer) == ["pending"] * 2
    assert all(value["retry_after"] > 0 for value in answer.values())
    assert states(ask(home, names)) == ["fresh"] * 2
    assert upstream(simulator)["lookup/drivers"] == 2


def test_many_askers_of_one_name_make_one_search(home, simulator):
    (name,) = names_of(simulator, 1)
    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda _: ask(home, [name]), range(16)))
    assert all(states(answer) == ["fresh"] for answer in answers)
    assert set(upstream(simulator).values()) == {1}


def test_two_homes_on_one_database_make_one_search(home, simulator, tmp_path):
    names = names_of(simulator, 4)
    with local_home(simulator, tmp_path) as other:
        both = [threading.Thread(target=ask, args=(one, names)) for one in (home, other)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert states(ask(other, names)) == ["fresh"] * 4
    assert upstream(simulator)["lookup/drivers"] == 4


# --- the right person


def test_a_part_of_a_name_is_nobody_and_that_is_remembered_for_hours(home, simulator, clock):
    (name,) = names_of(simulator, 1)
    assert states(ask(home, [name[:-1]])) == ["not_found"]
    assert states(ask(home, [name[:-1]])) == ["not_found"]
    assert upstream(simulator) == {"lookup/drivers": 1}
    clock.ahead = freshness.NOT_FOUND_KEPT + 1
    ask(home, [name[:-1]])
    assert upstream(simulator) == {"lookup/drivers": 2}


def test_a_name_that_changed_hands_is_the_new_driver_at_the_next_renewal(home, simulator, clock):
    first, second = simulator.population.sample(2, seed=5)
    ask(home, [first.display_name])
    simulator.population.rename(first.cust_id, "Somebody Elsewhere")
    simulator.population.rename(second.cust_id, first.display_name)
    clock.ahead = 2 * freshness.LONGEST_LICENCES
    home.service.renew([first.display_name])
    answer = ask(home, [first.display_name])[first.display_name]
    assert answer["cust_id"] == second.cust_id


def test_a_driver_who_left_is_not_found_at_the_next_renewal(home, simulator, clock):
    (driver,) = simulator.population.sample(1, seed=5)
    ask(home, [driver.display_name])
    simulator.population.rename(driver.cust_id, "Somebody Elsewhere")
    clock.ahead = 2 * freshness.LONGEST_LICENCES
    home.service.renew([driver.display_name])
    assert states(ask(home, [driver.display_name])) == ["not_found"]


# --- the two clocks


def test_a_stale_driver_is_served_at_once_and_renewed_behind(home, simulator, clock, monkeypatch):
    monkeypatch.setattr(renewal_pool, "GATHER", 0.2)
    names = names_of(simulator, 3)
    ask(home, names)
    clock.ahead = 2 * freshness.LONGEST_LICENCES
    assert states(ask(home, names, 0)) == ["stale"] * 3
    wait_until(lambda: states(ask(home, names, 0)) == ["fresh"] * 3, seconds=30)
    assert upstream(simulator)["lookup/drivers"] == 3
    assert upstream(simulator)["member/get"] == 2


def test_the_licences_of_a_thousand_drivers_are_renewed_with_twenty_calls(home, simulator, clock):
    keep_a_thousand(home, simulator)
    clock.ahead = 2 * freshness.LONGEST_LICENCES
    simulator.calls.clear()
    home.service.renew(names_of(simulator, 1000))
    assert upstream(simulator) == {"member/get": 20}


def keep_a_thousand(home, simulator):
    """Puts complete records of a thousand drivers into the store, as earlier days would have."""
    from pitboard.drivers import names, records
    from pitboard.drivers.model import Record

    now = time.time()
    home.store.keep(
        Record(
            names.parse(driver.display_name).key,
            driver.cust_id,
            records.body({"cust_id": driver.cust_id, "display_name": driver.display_name}, {}),
            now,
            now + freshness.LICENCES.fresh,
            now + freshness.LICENCES.stale,
            now + freshness.PROFILE.fresh,
        )
        for driver in simulator.population.sample(1000, seed=1)
    )


# --- the upstream fails


def test_in_maintenance_known_drivers_are_served_stale_the_rest_is_unavailable_and_nobody_hammers(
    home, simulator, clock
):
    known, unknown = names_of(simulator, 3), names_of(simulator, 3, seed=99)
    ask(home, known)
    clock.ahead = 2 * freshness.LONGEST_LICENCES
    simulator.faults.maintenance = True
    simulator.calls.clear()
    for _ in range(5):
        answer = ask(home, known + unknown)
        assert states(answer) == ["stale"] * 3 + ["unavailable"] * 3
    assert len(simulator.calls) <= 8
    assert "maintenance" in answer[unknown[0]]["error"]


def test_a_fault_of_the_upstream_is_remembered_for_a_minute_only(home, simulator, clock):
    (name,) = names_of(simulator, 1)
    simulator.faults.add("html", "lookup/drivers", times=50, status=504)
    assert states(ask(home, [name])) == ["unavailable"]
    simulator.faults.clear()
    simulator.faults.latency = simulator.faults.link_latency = 0.0
    simulator.calls.clear()
    assert states(ask(home, [name])) == ["unavailable"]
    assert not simulator.calls
    clock.ahead = freshness.FAILURE_KEPT + 1
    assert states(ask(home, [name])) == ["fresh"]


def test_one_driver_whose_profile_fails_does_not_fail_the_others(home, simulator):
    names = names_of(simulator, 3)
    simulator.faults.add("status", "member/profile", times=9, status=500)
    answer = ask(home, names)
    assert set(states(answer)) <= {"fresh", "partial"}
    assert all(value["member_info"]["licenses"] for value in answer.values())


def test_wrong_credentials_are_tried_once_and_said(simulator, tmp_path):
    wrong = {"PITBOARD_PASSWORD": "not the password"}
    with local_home(simulator, tmp_path, **wrong) as home:
        for _ in range(3):
            answer = ask(home, names_of(simulator, 2))
            assert states(answer) == ["unavailable"] * 2
        assert "PITBOARD_PASSWORD" in answer[names_of(simulator, 2)[0]]["error"]
    assert simulator.calls.count(service="oauth") == 1


# --- history


def test_a_chart_is_asked_for_once_and_kept(home, simulator):
    (driver,) = simulator.population.sample(1, seed=1)
    first = json.loads(home.histories.history(driver.cust_id, "sports_car", "irating", 8.0))
    simulator.calls.clear()
    again = json.loads(home.histories.history(driver.cust_id, "sports_car", "irating", 8.0))
    assert first["points"] == again["points"]
    assert not simulator.calls


def test_a_chart_of_nobody_is_refused(home):
    with pytest.raises(RefusedError):
        home.histories.history(1, "sports_car", "irating", 8.0)


# --- races and cars


def test_races_say_what_they_did_to_the_ratings_and_in_which_car(home, simulator):
    driver = next(d for d in simulator.population.sample(20, seed=2) if any(races(simulator.population, d)))
    raced = list(islice(races(simulator.population, driver), 10))
    told = json.loads(home.races.races(driver.cust_id, 8.0))["races"]
    assert [race["subsession_id"] for race in told] == [race.subsession_id for race in raced]
    for said, race in zip(told, raced, strict=True):
        assert said["irating_change"] == race.new_irating - race.old_irating
        assert said["safety_rating_change"] == pytest.approx((race.new_sr - race.old_sr) / 100)
        assert (said["car_name"], said["category"]) == (race.car.name, race.category.key)
        assert said["strength_of_field"] == race.strength
        assert "winner_name" not in said


def test_races_cost_one_call_a_driver_and_cars_one_for_all(home, simulator):
    for driver in simulator.population.sample(3, seed=3):
        home.races.races(driver.cust_id, 8.0)
        home.races.races(driver.cust_id, 8.0)
    home.cars.cars(8.0)
    assert simulator.calls.count(endpoint="stats/member_recent_races") == 3
    assert simulator.calls.count(endpoint="car/get") == 1


def test_races_without_the_list_of_cars_are_told_without_their_names(home, simulator):
    simulator.faults.add("status", "car/get", times=10, status=500)
    driver = next(d for d in simulator.population.sample(20, seed=2) if any(races(simulator.population, d)))
    told = json.loads(home.races.races(driver.cust_id, 8.0))["races"]
    assert told
    assert not any("car_name" in race for race in told)


def test_races_of_nobody_are_refused(home):
    with pytest.raises(RefusedError):
        home.races.races(1, 8.0)


def test_kept_races_are_told_as_stale_while_iracing_is_away(home, simulator, clock):
    (driver,) = simulator.population.sample(1, seed=4)
    first = json.loads(home.races.races(driver.cust_id, 8.0))
    clock.ahead += 30 * freshness.HOUR
    simulator.faults.add("status", "stats/member_recent_races", times=10, status=500)
    later = json.loads(home.races.races(driver.cust_id, 8.0))
    assert (first["_meta"]["state"], later["_meta"]["state"]) == ("fresh", "stale")
    assert later["races"] == first["races"]


def test_a_refused_list_of_cars_is_no_unknown_driver_and_is_asked_for_again_soon(home, simulator, clock):
    simulator.faults.add("status", "car/get", times=1, status=404)
    with pytest.raises(UnreachableError):
        home.cars.cars(8.0)
    clock.ahead += freshness.FAILURE_KEPT + 1
    assert json.loads(home.cars.cars(8.0))["cars"]
