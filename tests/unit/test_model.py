"""What the clocks of a kept record say, at their edges."""

from dataclasses import replace

import pytest

from pitboard.drivers.model import CallContext, Document, IdEntry, Priority, Record, Room
from pitboard.drivers.races import _race

NOW = 1_800_000_000.0
DAYS = 86400.0
RECORD = Record("ann tester", 7, b"{}", NOW, NOW + 100, NOW + 900, NOW + 50)


def test_licences_are_due_at_the_end_of_their_fresh_time():
    assert not RECORD.licences_due(NOW)
    assert not RECORD.licences_due(NOW + 99)
    assert RECORD.licences_due(NOW + 100)


def test_a_fresh_time_that_nobody_could_have_set_is_not_believed():
    assert not replace(RECORD, fresh_until=NOW + 2 * DAYS).licences_due(NOW)
    assert replace(RECORD, fresh_until=NOW + 2 * DAYS + 1).licences_due(NOW)
    assert not RECORD.profile_due(NOW)
    assert replace(RECORD, profile_until=NOW + 2 * DAYS + 1).profile_due(NOW)
    assert not replace(RECORD, profile_until=NOW + 2 * DAYS).profile_due(NOW)


def test_a_record_from_more_than_an_hour_ahead_is_due():
    assert not replace(RECORD, as_of=NOW + 3600).licences_due(NOW)
    assert replace(RECORD, as_of=NOW + 3601).licences_due(NOW)


def test_a_profile_is_due_when_its_time_has_passed_or_there_is_none():
    assert not RECORD.profile_due(NOW + 49)
    assert RECORD.profile_due(NOW + 50)
    assert not RECORD.due(NOW + 49)
    assert RECORD.due(NOW + 50)
    assert RECORD.due(NOW + 100)
    assert not RECORD.partial
    for partial in (0.0, -(NOW + 50)):
        assert replace(RECORD, profile_until=partial).partial
    assert replace(RECORD, profile_until=0.0).profile_due(NOW)
    failed = replace(RECORD, profile_until=-(NOW + 50))
    assert not failed.profile_due(NOW + 49)
    assert failed.profile_due(NOW + 50)


def test_values_are_compared_by_what_they_hold():
    assert Document({"a": 1}, 2) == Document({"a": 1}, 2) != Document({"a": 1}, 3)
    assert IdEntry("a", 7, "store", NOW) == IdEntry("a", 7, "store", NOW, "", 0.0, 0.0)
    assert Room(3) == Room(3, None)
    assert CallContext(1.0) == CallContext(1.0, Priority.READER, "", False)


def test_only_a_hurried_asker_s_deadline_cuts_a_call_off():
    assert CallContext(0.0).is_over
    assert not CallContext(0.0).cut_off
    assert CallContext(0.0, hurried=True).cut_off
    assert not CallContext(1e12, hurried=True).cut_off
    assert not CallContext(1e12).is_over


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [(1500, 1530, 30), (1500, 1480, -20), (-1, 1350, None), (1500, -1, None), (0, 1500, None), (1, 2, 1)],
)
def test_a_race_s_irating_change_is_told_when_both_are_known(before, after, change):
    assert _race({"oldi_rating": before, "newi_rating": after}, {})["irating_change"] == change


@pytest.mark.parametrize(
    ("before", "after", "change"), [(250, 266, 0.16), (266, 250, -0.16), (-1, 250, None), (0, 8, 0.08)]
)
def test_a_race_s_safety_rating_change_is_told_in_hundredths(before, after, change):
    told = _race({"old_sub_level": before, "new_sub_level": after, "car_id": 3}, {3: {"car_name": "Cup"}})
    assert told["safety_rating_change"] == change
    assert told["car_name"] == "Cup"
    assert "category" not in told
    assert _race({}, {0: {}})["safety_rating_change"] is None
