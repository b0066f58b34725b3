"""Driver records: the shape that clients read, and when they expire."""

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers import freshness, page, records, views
from pitboard.drivers.freshness import Lifetime
from pitboard.drivers.misses import NOT_FOUND, PENDING
from pitboard.drivers.model import Record
from pitboard.drivers.ranks import Ranks

LICENCE = {"category": "oval", "group_id": 1, "safety_rating": 2.5}
MEMBER = {"cust_id": 7, "display_name": "Ann Tester", "flair_id": 1, "helmet": {}, "licenses": [LICENCE]}
PROFILE = {
    "member_info": {
        "cust_id": 7,
        "country": "Norway",
        "country_code": "NO",
        "licenses": [{**LICENCE, "irating": 1350}],
    },
    "follow_counts": {"followers": 3, "follows": 1},
    "recent_events": [{"event_type": "RACE"}],
    "activity": None,
    "recent_awards": [{"award_id": 1}],
    "image_url": "https://assets.example/x?X-Amz-Signature=secret",
    "license_history": [],
}


def record(**changes):
    fields: dict[str, Any] = {
        "key": "ann tester",
        "cust_id": 7,
        "body": records.body(MEMBER, PROFILE),
        "as_of": 1_000_000.0,
        "fresh_until": 1_003_600.0,
        "stale_until": 2_000_000.0,
        "profile_until": 1_020_000.0,
    }
    return Record(**fields | changes)


def test_a_partial_body_has_licences_and_no_fields_of_the_profile():
    body = json.loads(records.body(MEMBER))
    assert body["member_info"]["licenses"] == [LICENCE]
    assert not {"follow_counts", "recent_events", "activity"} & body.keys()
    assert "country" not in body["member_info"]


def test_an_unrated_driver_has_no_irating_although_the_profile_shows_1350():
    body = json.loads(records.body(MEMBER, PROFILE))
    assert "irating" not in body["member_info"]["licenses"][0]
    assert (
        "irating"
        not in json.loads(records.with_profile(records.body(MEMBER), PROFILE))["member_info"]["licenses"][0]
    )


def test_awards_images_and_licence_history_are_left_out():
    body = records.body(MEMBER, PROFILE)
    assert b"Signature" not in body
    assert not {"recent_awards", "image_url", "license_history"} & json.loads(body).keys()


def test_renewed_licences_keep_the_known_profile():
    newer = {**MEMBER, "licenses": [{**LICENCE, "irating": 1400}]}
    body = json.loads(records.body(newer, older=records.body(MEMBER, PROFILE)))
    assert body["member_info"]["licenses"][0]["irating"] == 1400
    assert body["member_info"]["country"] == "Norway"
    assert body["follow_counts"] == {"followers": 3, "follows": 1}


NO_RANKS = Ranks()


def view(kept, now, *, profile=True):
    return views.Views().of_record(kept, NO_RANKS, now, profile=profile)


def test_a_record_goes_out_with_its_state_age_and_source():
    shown = json.loads(view(record(), 1_000_090.0).encoded(1_000_090.0))
    assert shown["_meta"] == {
        "state": "fresh",
        "as_of": "1970-01-12T13:46:40Z",
        "age": 90,
        "source": "iracing",
    }
    assert shown["cust_id"] == 7


def test_the_state_depends_on_licences_and_profile():
    assert view(record(), 1_000_001.0).state == "fresh"
    assert view(record(), 1_003_600.0).state == "stale"
    assert view(record(profile_until=1_000_000.5), 1_000_001.0).state == "stale"
    assert view(record(profile_until=0.0), 1_000_001.0).state == "partial"


def test_without_profiles_the_state_is_that_of_the_licences_and_profile_fields_are_absent():
    kept = record(profile_until=1_000_000.5)
    assert view(kept, 1_000_001.0, profile=False).state == "fresh"
    assert view(record(profile_until=0.0), 1_000_001.0, profile=False).state == "fresh"
    assert view(kept, 1_003_600.0, profile=False).state == "stale"
    shown = json.loads(view(kept, 1_000_001.0, profile=False).encoded(1_000_001.0))
    assert shown.keys() == {"cust_id", "member_info", "_meta"}


def test_a_held_view_is_made_anew_when_its_state_changes():
    held = views.Views()
    states = [held.of_record(record(), NO_RANKS, now, profile=True).state for now in (1e6, 1_003_600.0, 1e6)]
    assert states == ["fresh", "stale", "fresh"]


def test_a_held_view_is_made_anew_when_the_record_changes():
    held = views.Views()
    held.of_record(record(), NO_RANKS, 1e6, profile=True)
    newer = record(as_of=1_000_010.0, body=records.body({**MEMBER, "display_name": "Ann Newer"}, PROFILE))
    assert b"Ann Newer" in held.of_record(newer, NO_RANKS, 1_000_010.0, profile=True).head


def test_after_a_failed_profile_the_record_is_partial_and_not_due_before_its_time():
    kept = record(profile_until=-1_000_060.0)
    assert kept.partial
    assert not kept.due(1_000_059.0)
    assert kept.due(1_000_060.0)


@given(st.floats(1, 1e6), st.floats(0, 2e9), st.integers())
def test_fresh_time_varies_by_no_more_than_the_jitter(seconds, as_of, seed):
    until = Lifetime(seconds, seconds * 10).fresh_until(as_of, random.Random(seed))
    lasts = until - as_of
    assert (1 - freshness.JITTER) * seconds - 1e-3 <= lasts <= (1 + freshness.JITTER) * seconds + 1e-3


def test_a_page_has_every_name_in_the_spelling_of_the_request():
    answer = page.compose(
        [("Ann  TESTER", "ann tester"), ('Bo "B" Demo', 'bo "b" demo'), ("Cy", "cy")],
        {"ann tester": view(record(), 1_000_001.0)},
        {'bo "b" demo': NOT_FOUND, "cy": PENDING},
        1_000_001.0,
    )
    body = json.loads(answer.body)
    assert list(body) == ["Ann  TESTER", 'Bo "B" Demo', "Cy"]
    assert body['Bo "B" Demo']["code"] == "not_found"
    assert body["Cy"] == {"error": PENDING.error, "code": "pending", "retry_after": 2}
    assert answer.states == ("fresh", "not_found", "pending")
    assert answer.max_age == 0


def test_the_etag_ignores_age_and_changes_with_content():
    def etag(kept, now):
        return page.compose([("A", kept.key)], {kept.key: view(kept, now)}, {}, now).etag

    assert etag(record(), 1_000_001.0) == etag(record(), 1_000_900.0)
    assert etag(record(), 1_000_001.0) != etag(record(as_of=1_000_000.5), 1_000_001.0)
    assert etag(record(), 1_000_001.0) != etag(record(), 1_003_700.0)


def test_max_age_ends_when_the_first_driver_of_the_page_becomes_stale():
    kept = record(fresh_until=1_000_100.0)
    shown = {kept.key: view(kept, 1_000_040.0)}
    assert page.compose([("A", kept.key)], shown, {}, 1_000_040.0).max_age == 60
    assert page.compose([("A", "a")], {}, {"a": NOT_FOUND}, 0.0).max_age == page.MAX_AGE
