"""Which changes of a driver make another ETag, so that a browser does not keep what is old."""

from dataclasses import replace

import pytest

from pitboard.drivers.model import Record
from pitboard.drivers.page import compose
from pitboard.drivers.ranks import Ranks
from pitboard.drivers.views import Views

NOW = 1_800_000_000.0
BODY = b'{"cust_id":7,"member_info":{"cust_id":7,"display_name":"Ann Tester","licenses":[]}}'
RECORD = Record("ann tester", 7, BODY, NOW, NOW + 600, NOW + 9000, NOW + 600)


def etag(record: Record, *, profile: bool = True, now: float = NOW + 1) -> str:
    view = Views().of_record(record, Ranks(), now, profile=profile)
    return compose([("Ann Tester", "ann tester")], {"ann tester": view}, {}, now).etag


@pytest.mark.parametrize(
    "change",
    [{"as_of": NOW - 60}, {"profile_until": NOW + 700}, {"fresh_until": NOW}],
    ids=["newer licences", "a newer profile", "it has become stale"],
)
def test_what_has_changed_has_another_etag(change):
    assert etag(RECORD) != etag(replace(RECORD, **change))


def test_only_its_age_does_not_change_an_etag():
    assert etag(RECORD) == etag(RECORD, now=NOW + 300)


def test_without_profiles_a_newer_profile_changes_no_etag():
    assert etag(RECORD, profile=False) == etag(replace(RECORD, profile_until=NOW + 700), profile=False)
