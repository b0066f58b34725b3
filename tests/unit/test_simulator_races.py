"""The simulator's different answers about one driver agree with each other."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from pitboard.simulator import CATEGORIES, Population, Trait, answers
from pitboard.simulator.races import irating_chart, races, sr_chart

NOW = 1_790_000_000.0
POPULATION = Population(5_000, seed=3, now=NOW)
SAMPLE = POPULATION.sample(150, seed=1)


def drivers_of_two_populations():
    """Drivers as they were made, and drivers to whom races were added."""
    moved = Population(5_000, seed=3, now=NOW)
    drivers = moved.sample(40, seed=2)
    for number, driver in enumerate(drivers):
        for step in range(number % 4):
            moved.race(driver.cust_id, CATEGORIES[(number + step) % 5], NOW + step * 3600, 30 - 20 * step, 9)
    return [(POPULATION, driver) for driver in SAMPLE] + [(moved, driver) for driver in drivers]


DRIVERS = drivers_of_two_populations()


def test_the_newest_race_of_a_category_ends_with_the_present_ratings():
    compared = 0
    for population, driver in DRIVERS:
        driven = list(races(population, driver))
        for category in CATEGORIES:
            standing = population.standing(driver.cust_id, category)
            newest = next((race for race in driven if race.category is category), None)
            if newest:
                assert (newest.new_irating, newest.new_sr) == (standing.irating, standing.sr)
                compared += 1
    assert compared > len(DRIVERS)


def test_each_race_starts_with_the_ratings_after_the_race_before():
    compared = 0
    for population, driver in DRIVERS:
        for category in CATEGORIES:
            driven = [race for race in races(population, driver) if race.category is category]
            for later, earlier in pairwise(driven):
                assert (later.old_irating, later.old_sr) == (earlier.new_irating, earlier.new_sr)
                compared += 1
    assert compared > len(DRIVERS)


def test_races_are_sorted_newest_first_and_none_is_before_the_member_joined():
    for population, driver in DRIVERS:
        starts = [race.start for race in races(population, driver)]
        assert starts == sorted(starts, reverse=True)
        assert datetime.fromtimestamp(starts[-1], UTC).date() > driver.member_since


@pytest.mark.parametrize("chart", [irating_chart, sr_chart])
def test_charts_have_at_most_one_point_a_day_in_order_and_end_with_the_present_value(chart):
    for population, driver in DRIVERS:
        for category in CATEGORIES:
            points = chart(population, driver, category)
            standing = population.standing(driver.cust_id, category)
            assert bool(points) == (standing.irating is not None)
            if points:
                days = [day for day, _ in points]
                assert days == sorted(set(days))
                assert days[0] > driver.member_since
                present = standing.irating if chart is irating_chart else standing.group * 1000 + standing.sr
                assert points[-1][1] == present


def test_positions_count_from_0_in_the_profile_and_from_1_in_the_recent_races():
    compared = 0
    for population, driver in DRIVERS:
        results = {r["subsession_id"]: r for r in answers.recent_races(population, driver)["races"]}
        for event in answers.profile(population, driver, "")["recent_events"]:
            result = results.get(event["subsession_id"])
            if event["event_type"] == "RACE" and result:
                assert event["starting_position"] == result["start_position"] - 1 >= 0
                assert event["finish_position"] == result["finish_position"] - 1 >= 0
                assert event["start_time"] == result["session_start_time"]
                compared += 1
    assert compared > 100


def test_a_profile_has_at_most_five_events_newest_first_of_several_kinds():
    kinds = set()
    for population, driver in DRIVERS:
        events = answers.profile(population, driver, "")["recent_events"]
        times = [event["start_time"] for event in events]
        assert len(events) <= 5
        assert times == sorted(times, reverse=True)
        kinds |= {event["event_type"] for event in events}
        assert all(e["starting_position"] == -1 for e in events if e["event_type"] == "PRACTICE")
    assert kinds >= {"RACE", "PRACTICE", "LEAGUE", "HOSTED"}


def test_an_unrated_category_has_no_irating_in_member_get_and_1350_in_the_profile():
    driver = next(POPULATION.having(Trait.UNRATED_CATEGORY))
    (member,) = answers.members(POPULATION, [driver.cust_id], licences=True)["members"]
    info = answers.profile(POPULATION, driver, "")["member_info"]
    unrated = [licence["category_id"] for licence in member["licenses"] if "irating" not in licence]
    assert unrated
    assert all(
        licence["irating"] == 1350 for licence in info["licenses"] if licence["category_id"] in unrated
    )


def test_traits_of_a_driver_show_in_the_profile():
    def profile(*traits):
        return answers.profile(POPULATION, next(POPULATION.having(*traits)), "")

    assert profile(Trait.NULL_ACTIVITY)["activity"] is None
    assert profile(Trait.NO_RECENT_EVENTS)["recent_events"] == []
    assert profile(Trait.PROFILE_DISABLED)["disabled"] is True
    scot = profile(Trait.SCOTTISH)["member_info"]
    assert (scot["country"], scot["country_code"], scot["flair_shortname"]) == ("", "SCT", "SCT")
    unaffiliated = profile(Trait.UNAFFILIATED)["member_info"]
    assert unaffiliated["country_code"]
    assert "flair_shortname" not in unaffiliated
    (pro_wc,) = [g for g in profile(Trait.PRO_WC)["member_info"]["licenses"] if g["group_id"] == 7][:1]
    assert (pro_wc["group_name"], pro_wc["color"]) == ("Pro/WC", "000000")
    assert 25 <= pro_wc["license_level"] <= 28


def test_a_driver_who_never_raced_has_empty_lists():
    driver = next(POPULATION.having(Trait.NEVER_RACED))
    assert answers.recent_races(POPULATION, driver)["races"] == []
    assert answers.chart(POPULATION, driver, 5, 1)["data"] == []
    assert {row["starts"] for row in answers.career(POPULATION, driver)["stats"]} == {0}


def test_licence_levels_follow_from_class_and_safety_rating():
    for population, driver in DRIVERS:
        (member,) = answers.members(population, [driver.cust_id], licences=True)["members"]
        assert [licence["seq"] for licence in member["licenses"]] == [1, 2, 3, 4, 5]
        for licence in member["licenses"]:
            step = min(max(int(licence["safety_rating"]), 1), 4)
            assert licence["license_level"] == (licence["group_id"] - 1) * 4 + step


def test_a_new_race_comes_first_and_updates_the_last_login():
    population = Population(500, now=NOW)
    (driver,) = population.sample(1)
    before = answers.recent_races(population, driver)["races"]
    population.race(driver.cust_id, CATEGORIES[1], NOW + 600, 33, 5)
    after = answers.recent_races(population, driver)["races"]
    assert after[1:] == before[: len(after) - 1]
    assert after[0]["newi_rating"] - after[0]["oldi_rating"] == 33
    (member,) = answers.members(population, [driver.cust_id], licences=False)["members"]
    assert member["last_login"] > answers.iso(NOW)
