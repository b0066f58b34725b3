"""What comes in from iRacing: whatever it is, what goes out is valid and true, or not there."""

import json
import math
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers import records
from pitboard.drivers.index import MOST_CUST_ID, MOST_RATING
from pitboard.drivers.model import Record
from pitboard.drivers.ranks import Ranks
from pitboard.drivers.views import Views
from pitboard.iracing import shapes
from pitboard.iracing.shapes import Wrong, WrongError

LICENCE = {
    "category_id": 5,
    "category": "sports_car",
    "category_name": "Sports Car",
    "license_level": 18,
    "safety_rating": 2.59,
    "cpi": 19.5,
    "irating": 1719,
    "tt_rating": 1350,
    "mpr_num_races": 2,
    "color": "feec04",
    "group_name": "Class A",
    "group_id": 5,
    "pro_promotable": False,
    "seq": 1,
}
MEMBER = {
    "cust_id": 900010,
    "display_name": "Billie Sample",
    "last_login": "2025-12-30T14:42:17.887393846Z",
    "member_since": "2020-04-10",
    "flair_id": 77,
    "flair_name": "Germany",
    "flair_shortname": "DEU",
    "ai": False,
    "licenses": [LICENCE, {**LICENCE, "category": "oval"}],
}
EVENT = {
    "event_type": "RACE",
    "subsession_id": 80000012,
    "start_time": "2025-09-03T20:00:00Z",
    "event_id": 519,
    "event_name": "Cup",
    "starting_position": 4,
    "finish_position": -1,
    "percent_rank": -1,
    "car_id": 162,
    "car_name": None,
    "logo_url": None,
    "track": {"config_name": "Long", "track_id": 9, "track_name": "Summit"},
}
PROFILE = {
    "cust_id": 900010,
    "member_info": {"cust_id": 900010, "country": "Germany", "country_code": "DE"},
    "activity": {"recent_30days_count": 7, "prev_30days_count": 9},
    "recent_events": [EVENT, EVENT],
    "follow_counts": {"followers": 8, "follows": 8},
}

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(2**63), 10**400, 0, -1]),
    st.floats(),
    st.sampled_from([math.inf, -math.inf, math.nan, 1e308]),
    st.text(max_size=20),
    st.sampled_from(["\ud800", "x" * 5_000, "1e999", "\x00"]),
    st.just([]),
    st.just({}),
    st.just([[[]]]),
)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def spoiled(value, path, odd):
    if not path:
        return odd
    value = deepcopy(value)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = odd
    return value


def shown(body):
    """What goes out of a kept body."""
    record = Record("ann tester", 7, body, as_of=1.0, fresh_until=3.0, stale_until=4.0, profile_until=3.0)
    return Views().of_record(record, Ranks(), 2.0, profile=True).encoded(2.0)


def strict(body):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(body, parse_constant=refuse)


@given(st.data())
def test_what_goes_out_is_valid_json_whatever_came_in(data):
    member, profile = MEMBER, PROFILE
    for _ in range(data.draw(st.integers(1, 3))):
        member = spoiled(member, data.draw(st.sampled_from(list(places(member)))), data.draw(ODD))
        profile = spoiled(profile, data.draw(st.sampled_from(list(places(profile)))), data.draw(ODD))
    members = shapes.rows(shapes.MEMBER)([member], Wrong())
    try:
        checked = shapes.PROFILE(profile, Wrong())
    except WrongError:
        checked = None
    for good in members:
        out = strict(shown(records.body(good, checked)))
        assert out["cust_id"] == out["member_info"]["cust_id"]
        for licence in out["member_info"]["licenses"]:
            assert 0 <= licence["safety_rating"] <= 10
            assert isinstance(licence.get("irating", 0), int)


@pytest.mark.parametrize("path", [p for p in places(MEMBER) if p and p[0] != "licenses"])
@pytest.mark.parametrize("odd", [math.inf, math.nan, 2**63, [], {}, "x" * 300, None])
def test_a_wrong_field_of_a_driver_is_left_out_or_the_driver_is(path, odd):
    found = shapes.rows(shapes.MEMBER)([spoiled(MEMBER, path, odd), MEMBER], Wrong())
    assert found[-1] == MEMBER
    if path[0] in ("cust_id", "display_name"):
        assert len(found) == 1
    else:
        assert path[0] not in found[0]


@pytest.mark.parametrize("field", ["irating", "safety_rating", "group_id", "license_level", "category"])
@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan, 1e308, 2**63, True, "5", []])
def test_a_driver_with_a_wrong_rating_is_left_out_not_shown_without_it(field, odd):
    wrong = Wrong()
    member = spoiled(MEMBER, ("licenses", 0, field), odd)
    assert shapes.rows(shapes.MEMBER)([member, MEMBER], wrong) == [MEMBER]
    assert wrong == [f"[].licenses.{field}"]


RACE = {"subsession_id": 8, "session_start_time": "2025-09-03T20:00:00Z", "track": {"track_id": 9}}
CHART = {"cust_id": 7, "category_id": 5, "chart_type": 1, "data": [{"when": "2025-01-01", "value": 1350}]}
CAREER = {"cust_id": 7, "stats": [{"category": "Oval", "starts": 1, "avg_finish_position": 2.5}]}
FAR = 10**12
EDGES = [
    (shapes.MEMBER, MEMBER, "cust_id", 1, MOST_CUST_ID),
    (shapes.MEMBER, MEMBER, "flair_id", -FAR, FAR),
    (shapes.MEMBER, MEMBER, "licenses.0.group_id", 0, 100),
    (shapes.MEMBER, MEMBER, "licenses.0.safety_rating", 0, 10),
    (shapes.MEMBER, MEMBER, "licenses.0.irating", -1, MOST_RATING),
    (shapes.MEMBER, MEMBER, "licenses.0.license_level", 0, 1_000),
    (shapes.MEMBER, MEMBER, "licenses.0.category_id", 0, 1_000),
    (shapes.MEMBER, MEMBER, "licenses.0.cpi", 0, 10**9),
    (shapes.MEMBER, MEMBER, "licenses.0.mpr_num_races", 0, 10**9),
    (shapes.MEMBER, MEMBER, "licenses.0.seq", 0, 1_000),
    (shapes.PROFILE, PROFILE, "recent_events.0.simsession_type", -1, 1_000),
    (shapes.PROFILE, PROFILE, "recent_events.0.starting_position", -1, 10_000),
    (shapes.PROFILE, PROFILE, "recent_events.0.best_lap_time", -1, FAR),
    (shapes.PROFILE, PROFILE, "recent_events.0.percent_rank", -1, 1_000),
    (shapes.PROFILE, PROFILE, "follow_counts.followers", 0, 10**9),
    (shapes.PROFILE, PROFILE, "activity.consecutive_weeks", 0, 10**9),
    (shapes.CHART, CHART, "category_id", 0, 1_000),
    (shapes.CHART, CHART, "chart_type", 0, 1_000),
    (shapes.CHART, CHART, "data.0.value", -1, 100_000),
    (shapes.CAREER, CAREER, "stats.0.wins", 0, 10**9),
    (shapes.CAREER, CAREER, "stats.0.avg_incidents", 0, 10_000),
    (shapes.RACES, {"cust_id": 7, "races": [RACE]}, "races.0.subsession_id", 1, FAR),
    *(
        (shapes.RACES, {"cust_id": 7, "races": [RACE]}, f"races.0.{field}", least, most)
        for field, least, most in (
            ("newi_rating", -1, MOST_RATING),
            ("old_sub_level", -1, 1_000),
            ("new_sub_level", -1, 1_000),
            ("finish_position", -1, 10_000),
            ("season_year", 0, 10_000),
            ("season_quarter", 0, 10),
            ("race_week_num", -1, 1_000),
            ("license_level", 0, 1_000),
            ("laps", 0, 10**9),
            ("points", -(10**6), 10**6),
            ("strength_of_field", 0, MOST_RATING),
        )
    ),
    (shapes.CARS, [{"car_id": 1, "car_name": "A"}], "0.car_id", 1, 10**6),
]


@pytest.mark.parametrize(("shape", "answer", "path", "least", "most"), EDGES, ids=[edge[2] for edge in EDGES])
def test_a_number_is_taken_from_its_least_to_its_most(shape, answer, path, least, most):
    steps = tuple(int(step) if step.isdigit() else step for step in path.split("."))

    def taken(value):
        """Whether an answer with this value in this place comes through as it is."""
        given = spoiled(answer, steps, value)
        try:
            return shape(given, Wrong()) == given
        except WrongError:
            return False

    assert [taken(value) for value in (least - 1, least, most, most + 1)] == [False, True, True, False]


def test_a_text_is_as_long_as_its_field_allows():
    for field, longest in {"display_name": 200, "flair_name": 80, "member_since": 10}.items():
        for length in (longest, longest + 1):
            value = "x" * length if field != "member_since" else "2020-04-10"[: length - 10] + "2020-04-10"
            found = shapes.rows(shapes.MEMBER)([{**MEMBER, field: value}], Wrong())
            assert (found == [{**MEMBER, field: value}]) == (length == longest), field


def test_a_list_is_looked_at_up_to_100000_items():
    cars = [{"car_id": 1, "car_name": "A"}] * 100_000
    assert len(shapes.CARS(cars, Wrong())) == 100_000
    with pytest.raises(WrongError):
        shapes.CARS([*cars, cars[0]], Wrong())


def test_an_unrated_licence_is_kept():
    unrated = {key: value for key, value in LICENCE.items() if key != "irating"}
    for licence in (unrated, {**LICENCE, "irating": None}):
        (member,) = shapes.rows(shapes.MEMBER)([{**MEMBER, "licenses": [licence]}], Wrong())
        assert member["licenses"] == [unrated]


def test_fields_that_nobody_knows_do_not_go_out():
    member = {**MEMBER, "email": "a@example.invalid", "licenses": [{**LICENCE, "secret": 1}]}
    (checked,) = shapes.rows(shapes.MEMBER)([member], Wrong())
    assert checked == {**MEMBER, "licenses": [LICENCE]}


def test_a_signed_link_does_not_go_out():
    event = {**EVENT, "logo_url": "https://a.example.invalid/logo.png?X-Amz-Signature=hush"}
    checked = shapes.PROFILE({**PROFILE, "recent_events": [event]}, Wrong())
    assert "logo_url" not in checked["recent_events"][0]


def test_a_wrong_race_or_point_leaves_the_others():
    assert len(shapes.PROFILE({**PROFILE, "recent_events": [5, EVENT, None]}, Wrong())["recent_events"]) == 1
    point = {"when": "2025-01-01", "value": 1350}
    rows = [point, {"when": "2025-01-02", "value": math.inf}, {"when": "soon", "value": 1}, {}, 7]
    chart = shapes.CHART({"cust_id": 7, "category_id": 5, "chart_type": 1, "data": rows}, Wrong())
    assert chart["data"] == [point]


def test_what_an_older_version_kept_with_infinity_goes_out_as_null():
    kept = b'{"cust_id":7,"member_info":{"display_name":"A","licenses":[{"cpi":Infinity,"irating":NaN}]}}'
    out = strict(shown(kept))
    assert out["member_info"]["licenses"] == [{"cpi": None, "irating": None}]
