"""Authors whom only the driver index knows: answered at once, ranked, then fresh after one call."""

import json
import time

import pytest
from tests.support.local_server import local_home

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.refresh import refresh
from pitboard.drivers.service import Asker
from pitboard.iracing.driver_lists import DriverLists
from pitboard.simulator import CATEGORIES as SIMULATED
from pitboard.simulator import Population, Simulator
from pitboard.stores.index_builder import IndexBuilder

PAGE = 20
LICENCES = Asker("192.0.2.1", profile=False)


@pytest.fixture(scope="module")
def population():
    return Population(size=2_000)


@pytest.fixture
def simulator(population):
    with Simulator(population, latency=0.002, link_latency=0.001) as simulator:
        yield simulator


@pytest.fixture
def home(simulator, tmp_path):
    """A home with an index of all invented drivers, refreshed out of the simulator's lists."""
    with local_home(simulator, tmp_path) as home:
        home.sign_in()
        with IndexBuilder(home.settings.db) as builder:
            refresh(DriverLists(home.upstream), builder)
        simulator.calls.clear()
        yield home


def raced(simulator, count, seed=1):
    """Drivers who are in at least one list."""
    listed = {cust_id for category in SIMULATED for cust_id in simulator.population.ranking(category)}
    return [d for d in simulator.population.sample(count * 3, seed=seed) if d.cust_id in listed][:count]


def names_of(drivers):
    return [driver.display_name for driver in drivers]


def begin(home, names, asker=LICENCES):
    return home.service.begin(names, 0.0, asker)


def ask(home, names, asker=LICENCES, seconds=8.0):
    return json.loads(home.service.soon(home.service.begin(names, seconds, asker), seconds).body)


def metas(answer):
    return [(value["_meta"]["state"], value["_meta"]["source"]) for value in answer.values()]


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def test_authors_never_asked_for_are_answered_without_a_call(home, simulator):
    begun = begin(home, names_of(raced(simulator, PAGE)))
    assert not begun.flights
    answer = json.loads(begun.answer().body)
    assert metas(answer) == [("partial", "index")] * PAGE
    assert simulator.calls.count(service="data") == 0


def test_they_are_fresh_after_one_call_and_no_profile_is_asked_for(home, simulator):
    names = names_of(raced(simulator, PAGE))
    begin(home, names).answer()
    wait_until(lambda: metas(json.loads(begin(home, names).answer().body)) == [("fresh", "iracing")] * PAGE)
    assert simulator.calls.count(service="data") == 1
    assert simulator.calls.count("member/get") == 1


def test_the_index_shows_what_the_list_says(home, simulator):
    (driver,) = raced(simulator, 1)
    (value,) = json.loads(begin(home, [driver.display_name]).answer().body).values()
    assert value["cust_id"] == driver.cust_id
    assert value["member_info"]["display_name"] == driver.display_name
    by_category = {licence["category"]: licence for licence in value["member_info"]["licenses"]}
    for category in SIMULATED:
        standing = simulator.population.standing(driver.cust_id, category)
        if driver.cust_id not in simulator.population.ranking(category):
            assert category.key not in by_category
            continue
        licence = by_category[category.key]
        assert licence["category_id"] == CATEGORIES[category.key]
        assert licence.get("irating") == standing.irating
        assert licence["safety_rating"] == standing.sr / 100
        assert (licence["starts"], licence["wins"]) == (standing.starts, standing.wins)


def test_the_rank_is_one_more_than_the_number_of_drivers_with_a_higher_irating(home, simulator):
    answer = json.loads(begin(home, names_of(raced(simulator, PAGE))).answer().body)
    checked = 0
    for value in answer.values():
        for licence in value["member_info"]["licenses"]:
            if "irating" not in licence:
                assert "rank" not in licence
                continue
            (category,) = (c for c in SIMULATED if c.key == licence["category"])
            ratings = [
                standing.irating
                for cust_id in simulator.population.ranking(category)
                if (standing := simulator.population.standing(cust_id, category)).irating is not None
            ]
            higher = sum(irating > licence["irating"] for irating in ratings)
            assert (licence["rank"]["world"], licence["rank"]["of"]) == (higher + 1, len(ratings))
            checked += 1
    assert checked


def test_a_live_irating_has_a_live_rank(home, simulator):
    (driver,) = raced(simulator, 1)
    (category,) = [c for c in SIMULATED if driver.cust_id in simulator.population.ranking(c)][:1]
    before = ask(home, [driver.display_name])
    simulator.population.race(driver.cust_id, category, time.time(), irating=9_000)
    home.store.forget([driver.display_name.lower()])
    home.renewals.enqueue([driver.display_name], soon=True)
    name = driver.display_name
    wait_until(lambda: metas(ask(home, [name])) == [("fresh", "iracing")])
    after = ask(home, [name])
    ranks = [
        next(x for x in answer[name]["member_info"]["licenses"] if x["category"] == category.key).get("rank")
        for answer in (before, after)
    ]
    assert ranks[1]["world"] == 1
    assert ranks[0] is None or ranks[0]["world"] >= 1


def test_a_fresh_driver_keeps_country_starts_and_wins_of_the_index(home, simulator):
    names = names_of(raced(simulator, PAGE))
    indexed = json.loads(begin(home, names).answer().body)
    wait_until(lambda: {s for s, _ in metas(json.loads(begin(home, names).answer().body))} == {"fresh"})
    fresh = json.loads(begin(home, names).answer().body)
    for name in names:
        was, now = indexed[name]["member_info"], fresh[name]["member_info"]
        assert now.get("country_code") == was.get("country_code")
        counts = {x["category"]: (x["starts"], x["wins"]) for x in now["licenses"] if "starts" in x}
        assert counts == {x["category"]: (x["starts"], x["wins"]) for x in was["licenses"]}


@pytest.mark.parametrize("trouble", ["hangs", "maintenance", "empty budget", "refused"])
def test_whatever_ails_iracing_the_index_answers(home, simulator, trouble):
    names = names_of(raced(simulator, PAGE))
    if trouble == "hangs":
        simulator.faults.add("hang", times=99)
    elif trouble == "maintenance":
        simulator.faults.maintenance = True
        home.meter.maintenance({})
    elif trouble == "empty budget":
        home.meter.rate_limited({"Retry-After": "60"})
    else:
        simulator.faults.add("status", times=99, status=403)
    begun = begin(home, names)
    assert not begun.flights
    assert metas(json.loads(begun.answer().body)) == [("partial", "index")] * PAGE


def test_with_profiles_wanted_an_indexed_author_is_complete_as_without_an_index(home, simulator):
    (name,) = names_of(raced(simulator, 1))
    answer = ask(home, [name], Asker("192.0.2.1"))
    assert metas(answer) == [("fresh", "iracing")]
    assert "recent_events" in answer[name]
    assert simulator.calls.count("lookup/drivers") == 0


def test_the_id_of_an_indexed_name_costs_no_call(home, simulator):
    (driver,) = raced(simulator, 1)
    assert home.service.customer_id(driver.display_name, 1.0) == (driver.cust_id, "index")
    assert simulator.calls.count(service="data") == 0
