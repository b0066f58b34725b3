"""The simulator's drivers: the same for the same seed, found by exact name, with every known irregularity."""

import time
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.simulator import CATEGORIES, Population, Trait

NOW = 1_790_000_000.0
POPULATION = Population(now=NOW)
SPORTS_CAR = CATEGORIES[1]


@pytest.fixture
def population():
    return Population(3_000, seed=5, now=NOW)


def test_100_000_drivers_are_made_within_three_seconds_of_processor_time():
    began = time.process_time()
    population = Population()
    population.sample(20)
    assert len(population) >= 100_000
    assert time.process_time() - began < 3


def test_the_same_seed_gives_the_same_drivers_and_another_seed_others():
    one, same, other = (Population(1000, seed, NOW).sample(50) for seed in (1, 1, 2))
    assert one == same
    assert {driver.display_name for driver in one}.isdisjoint(driver.display_name for driver in other)


def test_customer_ids_are_unique_and_ascending_and_give_their_driver(population):
    ids = list(population)
    assert ids == sorted(set(ids))
    assert all(population.driver(cust_id).cust_id == cust_id for cust_id in ids)


@given(st.integers(-10, 2_000_000))
def test_a_number_gives_a_driver_only_if_it_is_a_customer_id(number):
    driver = POPULATION.driver(number)
    assert (driver is not None) == (number in POPULATION)
    assert driver is None or driver.cust_id == number


def test_every_driver_is_found_by_name_and_an_unknown_name_is_not(population):
    for cust_id in population:
        driver = population.driver(cust_id)
        assert population.find(driver.display_name.upper()) == driver
    assert population.find("Nobody Atall") is None


def test_a_search_for_a_whole_name_always_finds_its_driver():
    # "Ann ..." comes after "Adriann ..." and so would fall off the end of a short list.
    anns = [d for d in islice(POPULATION.having(), 20_000) if d.display_name.startswith("Ann ")]
    crowded_out = 0
    for ann in anns:
        assert POPULATION.search(ann.display_name.lower(), 1) == [ann]
        found = POPULATION.search(ann.display_name, 50)
        assert ann in found
        crowded_out += found[0] != ann
    assert crowded_out


@pytest.mark.parametrize("trait", Trait)
def test_drivers_with_every_trait_occur(trait):
    assert next(POPULATION.having(trait))


def test_a_homonym_has_the_name_of_another_driver_except_for_the_number(population):
    bases = [population.driver(cust_id).display_name.rstrip("0123456789") for cust_id in population]
    shared = {base for base in bases if bases.count(base) > 1}
    homonyms = {driver.display_name.rstrip("0123456789") for driver in population.having(Trait.HOMONYM)}
    assert homonyms == shared


def test_a_sample_has_different_drivers_who_have_raced(population):
    sample = population.sample(1000, seed=9)
    assert len({driver.cust_id for driver in sample}) == 1000
    for driver in sample:
        assert any(population.standing(driver.cust_id, c).starts for c in CATEGORIES)
    assert sample[:20] == population.sample(1000, seed=9)[:20]
    assert sample != population.sample(1000, seed=8)


def test_only_a_driver_who_has_raced_in_a_category_has_an_irating_there(population):
    for cust_id in population:
        for category in CATEGORIES:
            standing = population.standing(cust_id, category)
            assert (standing.irating is None) == (standing.starts == 0)
            assert 1 <= standing.group <= 7
            assert 100 <= standing.sr < 500
            assert standing.wins <= standing.starts


def test_members_joined_before_they_last_logged_in(population):
    for driver in population.having():
        last_login = time.strftime("%Y-%m-%d", time.gmtime(driver.last_login))
        assert driver.member_since.isoformat() < last_login
        assert driver.last_login <= NOW


def test_a_ranking_is_sorted_by_irating_and_ends_with_unrated_drivers(population):
    ranking = population.ranking(SPORTS_CAR)
    iratings = [population.standing(cust_id, SPORTS_CAR).irating or -1 for cust_id in ranking]
    assert iratings == sorted(iratings, reverse=True)
    assert iratings[-1] == -1
    everybody = {cust_id for cust_id in population if population.standing(cust_id, SPORTS_CAR).starts}
    assert everybody <= set(ranking)
    assert len(set(ranking)) == len(ranking)


def test_a_race_changes_its_driver_and_no_other(population):
    one, other = population.sample(2)
    before = {d.cust_id: population.standing(d.cust_id, SPORTS_CAR) for d in (one, other)}
    population.race(one.cust_id, SPORTS_CAR, NOW, irating=55, sr=3)
    after = population.standing(one.cust_id, SPORTS_CAR)
    assert after.irating == (before[one.cust_id].irating or 1350) + 55
    assert after.starts == before[one.cust_id].starts + 1
    assert population.standing(other.cust_id, SPORTS_CAR) == before[other.cust_id]
    assert after.irating in {
        population.standing(c, SPORTS_CAR).irating for c in population.ranking(SPORTS_CAR)
    }


@given(st.lists(st.tuples(st.integers(-5000, 5000), st.integers(-999, 999)), max_size=8))
def test_ratings_stay_within_their_bounds_after_any_races(changes):
    population = Population(50, now=NOW)
    (driver,) = population.sample(1)
    for irating, sr in changes:
        population.race(driver.cust_id, SPORTS_CAR, NOW, irating, sr)
        standing = population.standing(driver.cust_id, SPORTS_CAR)
        assert standing.irating is not None
        assert standing.irating >= 50
        assert 5 <= standing.sr <= 499


def test_a_name_can_pass_to_another_driver(population):
    old, new = population.sample(2)
    name = old.display_name
    with pytest.raises(ValueError, match=str(old.cust_id)):
        population.rename(new.cust_id, name.upper())
    population.rename(old.cust_id, "Former Holder")
    assert population.find(name) is None
    assert name not in [driver.display_name for driver in population.search(name)]
    population.rename(new.cust_id, name)
    assert population.find(name).cust_id == new.cust_id
    assert population.find("former holder").cust_id == old.cust_id
    assert [d.cust_id for d in population.search("Former")] == [old.cust_id]
    assert population.find(new.display_name) is None


def test_an_unknown_customer_id_is_a_key_error(population):
    with pytest.raises(KeyError):
        population.standing(1, SPORTS_CAR)
    with pytest.raises(KeyError):
        population.race(1, SPORTS_CAR, NOW)
    with pytest.raises(KeyError):
        population.rename(1, "Somebody Else")
