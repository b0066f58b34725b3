"""How long licences and profiles stay fresh."""

import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers import freshness, records
from pitboard.drivers.freshness import HOUR

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
LICENCE = {"category": "oval", "irating": 1500, "safety_rating": 2.5, "license_level": 6}
MEMBER = {"cust_id": 7, "display_name": "Ann Tester", "licenses": [LICENCE]}


def fresh_for(hours_away):
    return freshness.licences(datetime.fromtimestamp(NOW - hours_away * HOUR, UTC), NOW).fresh


def test_licences_of_an_active_driver_are_fresh_for_an_hour():
    assert fresh_for(0) == fresh_for(12) == HOUR


def test_licences_of_a_driver_who_was_away_for_two_days_are_fresh_for_four_hours():
    assert fresh_for(48) == 4 * HOUR


def test_licences_are_fresh_for_six_hours_at_most():
    assert fresh_for(24 * 365) == 6 * HOUR


def test_licences_are_fresh_for_an_hour_when_the_last_login_is_not_known():
    assert freshness.licences(None, NOW).fresh == HOUR


@given(st.floats(-1e5, 1e6))
def test_fresh_time_is_between_one_and_six_hours_whatever_the_clock_says(hours):
    assert HOUR <= fresh_for(hours) <= 6 * HOUR


def test_the_last_login_is_read_with_nine_decimals_of_the_second():
    assert records.last_login({"last_login": "2025-12-30T14:42:17.88734704Z"}) == datetime(
        2025, 12, 30, 14, 42, 17, 887347, tzinfo=UTC
    )


def test_a_last_login_that_is_missing_or_unreadable_is_not_known():
    assert [records.last_login(m) for m in ({}, {"last_login": None}, {"last_login": "soon"})] == [None] * 3


def test_a_changed_rating_means_that_there_was_a_race():
    older = records.body(MEMBER)
    assert not records.has_raced(older, MEMBER)
    for change in ({"irating": 1501}, {"safety_rating": 2.51}, {"license_level": 7}):
        assert records.has_raced(older, {**MEMBER, "licenses": [{**LICENCE, **change}]})


def test_no_change_of_licences_that_cannot_be_read_means_a_race():
    assert not records.has_raced(json.dumps({"member_info": {}}).encode(), {"licenses": None})


LIFETIMES = {name: value for name, value in vars(freshness).items() if isinstance(value, freshness.Lifetime)}


@pytest.mark.parametrize("lifetime", LIFETIMES.values(), ids=LIFETIMES.keys())
def test_nothing_is_shown_for_longer_than_the_thirty_days_that_members_are_promised(lifetime):
    """docs/MEMBERS.md."""
    assert lifetime.stale_until(NOW) == NOW + 30 * 24 * HOUR


def test_fresh_time_varies_by_fifteen_percent_to_either_side():
    class Rng(random.Random):
        def uniform(self, a: float, b: float) -> float:
            self.bounds = (a, b)
            return b

    rng = Rng()
    assert freshness.LICENCES.fresh_until(NOW, rng) == NOW + 3600 * 1.15
    assert rng.bounds == (0.85, 1.15)


def test_licences_are_shown_for_thirty_days_however_long_they_are_fresh():
    assert freshness.licences(datetime.fromtimestamp(NOW - 48 * HOUR, UTC), NOW).stale == 720 * 3600
    assert HOUR < fresh_for(12.5) < 1.1 * HOUR
    assert 5.9 * HOUR < fresh_for(71) < fresh_for(72) == 6 * HOUR
