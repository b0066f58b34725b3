"""Which changes of a driver make another ETag, so that a browser does not keep what is old."""

import json
from dataclasses import replace

import pytest

from pitboard.drivers import page as page_module
from pitboard.drivers.index import CategoryStats, IndexedDriver
from pitboard.drivers.misses import PENDING, Miss
from pitboard.drivers.model import Record
from pitboard.drivers.page import Page, Pages, compose
from pitboard.drivers.ranks import Ranks, Tally
from pitboard.drivers.views import View, Views

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


def test_a_hundred_pages_are_held_and_no_more():
    pages = Pages()
    view = Views().of_record(RECORD, Ranks(), NOW + 1, profile=True)

    def put(number: int) -> Page:
        return pages.page(((f"Ann {number}", "ann tester"),), {"ann tester": view}, {}, NOW + 1)

    first = put(0)
    for number in range(1, 100):
        put(number)
    assert put(0) is first
    put(100)
    assert put(0) is not first


def shown(views: Views, record: Record, now: float, *, profile: bool = True) -> View:
    return views.of_record(record, Ranks(), now, profile=profile)


def test_a_view_is_held_until_what_it_says_ends():
    views, ranks = Views(), Ranks()
    record = replace(RECORD, fresh_until=NOW + 600, profile_until=NOW + 500)
    first = views.of_record(record, ranks, NOW, profile=True)
    assert (first.state, first.since, first.until) == ("fresh", NOW - 3600, NOW + 500)
    assert views.of_record(record, ranks, NOW + 499, profile=True) is first
    stale = views.of_record(record, ranks, NOW + 500, profile=True)
    assert (stale.state, stale.since, stale.until) == ("stale", NOW + 500, float("inf"))
    assert views.of_record(record, Ranks(), NOW + 500, profile=True) is not stale, "ranks are new"
    line = views.of_record(record, ranks, NOW, profile=False)
    assert (line.state, line.until) == ("fresh", NOW + 600)
    back = views.of_record(record, ranks, NOW - 3601, profile=True)
    assert (back.state, back.since, back.until) == ("stale", NOW - 3601, NOW - 3600)


def test_ten_thousand_views_are_held_and_no_more():
    views, ranks = Views(), Ranks()
    first, *others = [replace(RECORD, key=f"ann {number}") for number in range(10_001)]
    held = views.of_record(first, ranks, NOW, profile=True)
    for record in others[:-1]:
        views.of_record(record, ranks, NOW, profile=True)
    assert views.of_record(first, ranks, NOW, profile=True) is held
    views.of_record(others[-1], ranks, NOW, profile=True)
    assert views.of_record(first, ranks, NOW, profile=True) is not held


def test_who_shall_not_learn_when_gets_the_beginning_of_the_day():
    view = shown(Views(), RECORD, NOW).by_day()
    assert view.as_of == NOW - NOW % 86400 == 1_799_971_200
    assert b'"as_of":"2027-01-15T00:00:00Z"' in view.head
    assert view.version == view.head
    assert view.age(NOW) == 28_800
    assert view.age(0) == 0
    assert view.until == float("inf")


def test_a_driver_of_the_index_is_partial_and_held():
    driver = IndexedDriver(7, "Ann Tester", "DE", {"oval": CategoryStats("A", 2.96, 1500, None, 1, 0, 0.0)})
    tally = Tally()
    tally.add("oval", "DE", 1500)
    views, ranks = Views(), tally.ranks(NOW)
    view = views.of_index("ann tester", driver, ranks)
    assert views.of_index("ann tester", driver, ranks) is view
    answer = json.loads(view.encoded(NOW + 5))
    assert answer["_meta"] == {
        "state": "partial",
        "as_of": "2027-01-15T08:00:00Z",
        "age": 5,
        "source": "index",
    }
    (licence,) = answer["member_info"]["licenses"]
    assert licence["rank"] == {"world": 1, "of": 1, "country": 1, "country_of": 1}
    assert views.of_index("ann tester", replace(driver, country=""), ranks) is not view
    assert views.of_index("ann tester", driver, tally.ranks(NOW)) is not view


@pytest.mark.parametrize(
    ("irating", "ranked"), [(0, True), (1500, True), (-1, False), (True, False), ("9", False)]
)
def test_only_who_is_rated_has_a_rank(irating, ranked):
    tally = Tally()
    tally.add("oval", "", 1500)
    body = json.dumps(
        {"cust_id": 7, "member_info": {"licenses": [{"category": "oval", "irating": irating}, 5]}}
    )
    view = Views().of_record(replace(RECORD, body=body.encode()), tally.ranks(NOW), NOW, profile=True)
    licence = json.loads(view.encoded(NOW))["member_info"]["licenses"][0]
    assert ("rank" in licence) == ranked


@pytest.mark.parametrize(
    ("code", "lasts"),
    [("not_found", 300), ("invalid_name", 300), ("withheld", 300), ("pending", 0), ("unavailable", 0)],
)
def test_a_browser_keeps_an_answer_for_five_minutes_unless_something_is_to_come(code, lasts):
    page = compose((("A", "a"),), {}, {"a": Miss(code, "Why.")}, NOW)
    assert page.max_age == lasts
    assert json.loads(page.body) == {"A": {"error": "Why.", "code": code}}


def test_a_browser_keeps_a_page_as_long_as_its_first_driver_is_fresh():
    views = {
        key: shown(Views(), replace(RECORD, fresh_until=NOW + lasts), NOW)
        for key, lasts in (("a", 90), ("b", 30))
    }
    for asked, lasts in ((["a"], 90), (["a", "b"], 30), (["b", "a"], 30)):
        assert compose([(key, key) for key in asked], views, {}, NOW).max_age == lasts
    long = {"a": shown(Views(), replace(RECORD, fresh_until=NOW + 9000, profile_until=NOW + 9000), NOW)}
    assert compose([("a", "a")], long, {}, NOW).max_age == 300
    assert compose([("a", "a")], long, {}, NOW).etag != compose([("b", "a")], long, {}, NOW).etag
    stale = {"a": shown(Views(), replace(RECORD, fresh_until=NOW), NOW)}
    assert compose([("a", "a")], stale, {}, NOW).max_age == 0


def test_pages_are_put_together_anew_when_what_they_show_or_the_second_is_another():
    pages = Pages()
    first = page(pages)
    assert page(pages, now=NOW + 1.0) is first
    view = Views().of_record(RECORD, Ranks(), NOW + 1.2, profile=True)
    pages.page((("Ann", "ann tester"),), {"ann tester": view}, {}, NOW + 1.2)
    assert page(pages) is first, "both pages are held"
    assert page(pages, now=NOW + 0.9) is not first
    assert page(pages, replace(RECORD, as_of=NOW - 60), NOW + 0.9) is not first


def test_a_long_text_that_a_stranger_asks_for_is_not_remembered():
    before = page_module._name.cache_info().currsize
    compose([("a" * 5000, "key")], {}, {"key": Miss("invalid_name", "The name is too long.")}, NOW)
    assert page_module._name.cache_info().currsize == before


def test_a_kept_body_without_a_customer_id_is_shown_with_the_records():
    view = Views().of_record(replace(RECORD, body=b'{"member_info":{}}'), Ranks(), NOW, profile=False)
    assert json.loads(view.encoded(NOW))["cust_id"] == RECORD.cust_id
