"""Which changes of a driver make another ETag, so that a browser does not keep what is old."""

from dataclasses import replace

import pytest

from pitboard.drivers.misses import PENDING
from pitboard.drivers.model import Record
from pitboard.drivers.page import MOST_PAGES, Page, Pages, compose
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


ASKED = (("Ann Tester", "ann tester"),)


def page(pages: Pages, record: Record = RECORD, now: float = NOW + 1.2) -> Page:
    return pages.page(ASKED, {"ann tester": Views().of_record(record, Ranks(), now, profile=True)}, {}, now)


def test_a_page_is_put_together_once_in_a_second():
    pages = Pages()
    assert page(pages) is page(pages, now=NOW + 1.9)
    assert b'"age":2' in page(pages, now=NOW + 2).body


def test_a_change_of_a_driver_is_in_the_page_at_once():
    pages = Pages()
    assert page(pages).etag != page(pages, replace(RECORD, as_of=NOW - 60)).etag


def test_a_page_with_a_miss_is_always_put_together_anew():
    pages = Pages()
    later = replace(PENDING, retry_after=7)
    first, second = (pages.page(ASKED, {}, {"ann tester": miss}, NOW).body for miss in (PENDING, later))
    assert b'"retry_after":7' in second
    assert b'"retry_after":7' not in first


def test_pages_are_held_up_to_a_number():
    pages = Pages()
    view = Views().of_record(RECORD, Ranks(), NOW + 1, profile=True)
    for number in range(MOST_PAGES + 2):
        pages.page(((f"Ann {number}", "ann tester"),), {"ann tester": view}, {}, NOW + 1)
    assert len(pages._held) <= MOST_PAGES
