"""The contract of `pitboard.drivers.ports.DriverIndex`, the same for every index, and of what a refresh makes
of it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.index_lists import GivenLists, crowd, row
from tests.support.indexes import NOW, dynamo_index_under_test, index_file_under_test
from tests.support.stores import dynalite_endpoint, dynamo_client, moto_endpoint

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import RefusedError
from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.refresh import KEEP_SECONDS, IndexRefusedError

DAY = 86400.0
GONE = RefusedError("It is not there.")


@pytest.fixture(scope="session")
def moto():
    with moto_endpoint() as endpoint:
        yield dynamo_client(endpoint)


@pytest.fixture(scope="session")
def dynalite():
    with dynalite_endpoint() as endpoint:
        yield dynamo_client(endpoint)


@pytest.fixture(params=["file", "moto", "dynalite"])
def index(request, tmp_path):
    if request.param == "file":
        with index_file_under_test(tmp_path) as made:
            yield made
    else:
        yield dynamo_index_under_test(request.getfixturevalue(request.param))


# --- find


def test_before_the_first_refresh_nobody_is_found_and_nobody_has_a_rank(index):
    reader = index.reader()
    assert reader.find(["ann tester"]) == {}
    assert reader.ranks().as_of == 0.0
    assert reader.ranks().rank("oval", "DE", 1500) is None


def test_a_driver_has_the_numbers_of_every_list_that_has_him(index):
    reader = index.given(
        GivenLists([], oval=[row("Zoë Ångström", 7, 2000)], sports_car=[row("Zoë Ångström", 7, -1, starts=3)])
    )
    driver = reader.find(["zoë ångström"])["zoë ångström"]
    assert (driver.cust_id, driver.name, driver.country) == (7, "Zoë Ångström", "DE")
    assert {category: stats.irating for category, stats in driver.stats.items()} == {
        "oval": 2000,
        "sports_car": None,
    }
    assert driver.stats["sports_car"].starts == 3
    assert driver.stats["oval"].safety_rating == 2.96


def test_a_driver_without_numbers_or_country_is_found_with_name_and_id(index):
    reader = index.given(GivenLists([row("Ann Tester", 7, 10**9, country="?")]))
    assert reader.find(["ann tester"]) == {"ann tester": IndexedDriver(7, "Ann Tester", "", {})}


def test_only_who_is_asked_for_and_known_is_found(index):
    reader = index.given(GivenLists(crowd(150)))
    keys = [f"driver {n}" for n in range(1, 161)]
    assert {key: d.cust_id for key, d in reader.find(keys).items()} == {
        f"driver {n}": n for n in range(1, 151)
    }
    assert reader.find([]) == {}


def test_a_name_of_several_drivers_is_nobodys(index):
    reader = index.given(GivenLists([row("Ann Tester", 7), row("ANN  Tester", 8), row("Bo Demo", 9)]))
    assert set(reader.find(["ann tester", "bo demo"])) == {"bo demo"}


# --- what the next refresh changes


def test_the_next_refresh_shows_new_numbers_new_drivers_and_none_who_left(index):
    reader = index.given(GivenLists([row("Ann", 1), row("Bo", 2), row("Cy", 3)]))
    assert set(reader.find(["ann", "bo", "cy"])) == {"ann", "bo", "cy"}
    index.refresh(GivenLists([row("Ann", 1), row("Bo", 2, 4000), row("Di", 4)]), NOW + DAY)
    found = reader.find(["ann", "bo", "cy", "di"])
    assert {key: driver.stats["oval"].irating for key, driver in found.items()} == {
        "ann": 1500,
        "bo": 4000,
        "di": 1500,
    }


def test_a_name_that_changed_hands_is_its_new_owners(index):
    reader = index.given(GivenLists([row("Ann", 1), row("Bo", 2), row("Cy", 3)]))
    index.refresh(GivenLists([row("Bo", 1), row("Ann", 2), row("Cy Other", 3)]), NOW + DAY)
    found = reader.find(["ann", "bo", "cy", "cy other"])
    assert {key: driver.cust_id for key, driver in found.items()} == {"ann": 2, "bo": 1, "cy other": 3}


def test_a_name_becomes_shared_and_somebodys_again(index):
    one, both = [row("Ann", 1), row("Bo", 2)], [row("Ann", 1), row("Ann", 3), row("Bo", 2)]
    reader = index.given(GivenLists(one))
    index.refresh(GivenLists(both), NOW + DAY)
    assert set(reader.find(["ann", "bo"])) == {"bo"}
    index.refresh(GivenLists([row("Ann", 3), row("Bo", 2)]), NOW + 2 * DAY)
    assert {key: driver.cust_id for key, driver in reader.find(["ann", "bo"]).items()} == {"ann": 3, "bo": 2}


def test_a_list_that_cannot_be_had_stays_as_it_was_for_a_week(index):
    twins = [row("Cy", 8), row("Cy", 9)]
    index.refresh(GivenLists([*crowd(10), *twins]), NOW)
    later = GivenLists(crowd(10, starts=20), oval=[GONE])
    done = index.refresh(later, NOW + DAY)
    assert set(done.kept) == {"oval"}
    reader = index.reader()
    driver = reader.find(["driver 1"])["driver 1"]
    assert (driver.stats["oval"].starts, driver.stats["sports_car"].starts) == (10, 20)
    assert reader.ranks().as_of == NOW
    assert reader.find(["cy"]) == {}, "the older list still has both of that name"
    done = index.refresh(later, NOW + KEEP_SECONDS + 1)
    assert set(done.missing) == {"oval"}
    assert set(index.reader().find(["driver 1"])["driver 1"].stats) == set(CATEGORIES) - {"oval"}


def test_an_index_that_cannot_be_right_is_not_taken(index):
    reader = index.given(GivenLists(crowd(100)))
    with pytest.raises(IndexRefusedError):
        index.refresh(GivenLists(crowd(10)), NOW + KEEP_SECONDS + 1)
    assert set(reader.find(["driver 1", "driver 99"])) == {"driver 1", "driver 99"}


# --- ranks


def test_ranks_count_the_world_and_the_country(index):
    reader = index.given(GivenLists([row("A", 1, 3000), row("B", 2, 2000, "ES"), row("C", 3, -1)]))
    ranks = reader.ranks()
    assert ranks.as_of == NOW
    assert ranks.rank("oval", "ES", 2000) == {"world": 2, "of": 2, "country": 1, "country_of": 1}
    assert ranks.rank("dirt_road", "DE", 9000) == {"world": 1, "of": 2, "country": 1, "country_of": 1}


def test_ranks_are_the_same_object_until_there_is_a_newer_refresh(index):
    reader = index.given(GivenLists([row("A", 1, 3000)]))
    ranks = reader.ranks()
    assert reader.ranks() is ranks
    index.refresh(GivenLists([row("A", 1, 3000), row("B", 2, 4000)]), NOW + DAY)
    newer = reader.ranks()
    assert newer.as_of == NOW + DAY
    assert newer.rank("oval", "", 3000) == {"world": 2, "of": 2}


def test_threads_get_the_same_ranks(index):
    reader = index.given(GivenLists(crowd(200)))
    together = threading.Barrier(8)

    def look(_: int) -> int:
        together.wait(10)
        return id(reader.ranks())

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(look, range(8)))) == 1
