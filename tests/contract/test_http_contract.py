"""The HTTP contract, asked of whatever answers at `base_url`: the local server, the Lambdas, a stage.

`backend` (see conftest.py) gives `base_url`, the simulator behind it, and drivers that it knows.
"""

import json
from urllib.parse import quote

import pytest
import urllib3

from pitboard.simulator.catalogue import CATEGORY_BY_KEY

HTTP = urllib3.PoolManager()


def ask(backend, target, method="GET", **kwargs):
    return HTTP.request(method, backend.base_url + target, retries=False, redirect=False, **kwargs)


def names_query(names):
    return ",".join(quote(name, safe="") for name in names)


def problem(answer, status):
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    body = answer.json()
    assert body["status"] == status
    assert body["detail"]
    return body["code"]


def test_every_name_is_answered_and_every_driver_is_the_right_one(backend):
    drivers = backend.drivers(20)
    answer = ask(backend, f"/drivers?names={names_query(d.display_name for d in drivers)}")
    assert answer.status == 200
    body = answer.json()
    assert list(body) == [d.display_name for d in drivers]
    for driver in drivers:
        found = body[driver.display_name]
        assert found["cust_id"] == driver.cust_id
        assert found["member_info"]["display_name"] == driver.display_name
        assert {licence["category"] for licence in found["member_info"]["licenses"]} == {
            "oval",
            "sports_car",
            "formula_car",
            "dirt_oval",
            "dirt_road",
        }
        assert found["_meta"]["state"] in ("fresh", "partial")


def test_a_complete_driver_has_what_existing_userscripts_read(backend):
    (driver,) = backend.drivers(1)
    found = ask(backend, f"/drivers?names={quote(driver.display_name)}").json()[driver.display_name]
    assert found["_meta"]["state"] == "fresh"
    assert {"followers", "follows"} <= found["follow_counts"].keys()
    assert isinstance(found["recent_events"], list)
    assert "activity" in found
    assert {"country", "country_code", "member_since", "last_login", "flair_id"} <= found[
        "member_info"
    ].keys()
    assert not {"recent_awards", "image_url", "license_history"} & found.keys()


def test_name_may_be_repeated_instead_of_names(backend):
    first, second = backend.drivers(2)
    answer = ask(backend, f"/drivers?name={quote(first.display_name)}&name={quote(second.display_name)}")
    assert set(answer.json()) == {first.display_name, second.display_name}


def test_names_are_compared_without_regard_to_case_and_spaces_and_answered_as_asked(backend):
    (driver,) = backend.drivers(1)
    asked = "  " + driver.display_name.upper().replace(" ", "  ")
    body = ask(backend, f"/drivers?names={quote(asked)}").json()
    assert body[asked]["cust_id"] == driver.cust_id


def test_a_comma_within_a_repeated_name_does_not_make_two(backend):
    body = ask(backend, "/drivers?name=Nobody%2C%20Jr.").json()
    assert list(body) == ["Nobody, Jr."]
    assert body["Nobody, Jr."]["code"] == "not_found"


def test_nobody_of_that_name_is_not_found_and_never_the_nearest(backend):
    (driver,) = backend.drivers(1)
    almost = driver.display_name[:-1]
    body = ask(backend, f"/drivers?names={quote(almost)}").json()
    assert body[almost]["code"] == "not_found"


def test_one_bad_name_among_good_ones_is_answered_in_its_place(backend):
    (driver,) = backend.drivers(1)
    body = ask(backend, f"/drivers?names={quote(driver.display_name)},{'x' * 1000},a%00b").json()
    assert body[driver.display_name]["cust_id"] == driver.cust_id
    assert body["x" * 1000]["code"] == "invalid_name"
    assert body["a\0b"]["code"] == "invalid_name"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/drivers", "no_names"),
        ("/drivers?names=", "no_names"),
        ("/drivers?names=,,", "no_names"),
        ("/drivers?names=" + ",".join(f"n{i}" for i in range(51)), "too_many_names"),
        ("/drivers?names=" + "x" * 1000, "invalid_name"),
        ("/drivers?names=%00%01", "invalid_name"),
        ("/drivers?names=Ann&wait=abc", "invalid_wait"),
        ("/drivers?names=Ann&wait=11", "invalid_wait"),
        ("/drivers?names=Ann&wait=-1", "invalid_wait"),
        ("/drivers?names=Ann&wait=nan", "invalid_wait"),
        ("/drivers/1/history?category=boats", "invalid_category"),
        ("/drivers/1/history?kind=height", "invalid_kind"),
        ("/custid", "no_names"),
    ],
)
def test_a_bad_request_is_a_problem_and_asks_iracing_nothing(backend, target, code):
    before = len(backend.simulator.calls)
    assert problem(ask(backend, target), 400) == code
    assert len(backend.simulator.calls) == before


def test_an_unknown_route_is_a_problem(backend):
    assert ask(backend, "/nothing-here").status in (403, 404)


def rated(backend):
    """A driver who has raced sports cars; the populations of the backends differ."""
    standing = backend.simulator.population.standing
    sports_car = CATEGORY_BY_KEY["sports_car"]
    drivers = backend.drivers(50)
    return next(one for one in drivers if standing(one.cust_id, sports_car).irating is not None)


def test_history_is_a_chart_with_the_career(backend):
    driver = rated(backend)
    for kind in ("irating", "safety_rating"):
        answer = ask(backend, f"/drivers/{driver.cust_id}/history?category=sports_car&kind={kind}")
        assert answer.status == 200
        body = answer.json()
        assert (body["cust_id"], body["category"], body["kind"]) == (driver.cust_id, "sports_car", kind)
        assert body["points"] == sorted(body["points"], key=lambda point: point["when"])
        assert body["points"]
        assert all(point.keys() >= {"when", "value"} for point in body["points"])
        assert body["_meta"]["state"] == "fresh"


def test_races_are_the_last_official_ones_with_changes_of_the_ratings(backend):
    (driver,) = backend.drivers(1)
    answer = ask(backend, f"/drivers/{driver.cust_id}/races")
    assert answer.status == 200
    body = answer.json()
    assert body["cust_id"] == driver.cust_id
    assert len(body["races"]) <= 10
    assert body["races"]
    for race in body["races"]:
        assert race.keys() >= {
            "subsession_id",
            "irating_change",
            "safety_rating_change",
            "car_name",
            "category",
        }
    assert body["_meta"]["state"] == "fresh"


def test_cars_have_names_and_categories(backend):
    answer = ask(backend, "/cars")
    assert answer.status == 200
    assert {"car_id": 67, "car_name": "Meridian Cup", "category": "sports_car"} in answer.json()["cars"]


def test_the_safety_rating_chart_speaks_of_classes_and_ratings(backend):
    driver = rated(backend)
    points = ask(backend, f"/drivers/{driver.cust_id}/history?kind=safety_rating").json()["points"]
    assert points
    assert all(0 <= point["value"] < 10 and point["class"] in "RDCBAPWC" for point in points)


def test_custid_is_a_text_with_its_origin(backend):
    (driver,) = backend.drivers(1)
    answer = ask(backend, f"/custid?name={quote(driver.display_name)}")
    assert answer.status == 200
    body = answer.json()
    assert body["custid"] == str(driver.cust_id)
    assert body["origin"] in ("index", "store", "iRacing")


def test_custid_of_nobody_is_404(backend):
    assert problem(ask(backend, "/custid?name=Nobody%20Whatsoever"), 404) == "not_found"


@pytest.mark.parametrize("body", [b"", b'{"test": true}'])
def test_auth_says_that_a_token_is_held_and_never_which(backend, body):
    ask(backend, f"/drivers?names={quote(backend.drivers(1)[0].display_name)}")
    answer = ask(backend, "/auth", "POST", body=body)
    assert answer.status == 200
    said = answer.json()
    assert set(said) == {"message", "token_type", "expires_in"}
    assert said["token_type"] == "Bearer"
    assert 0 < said["expires_in"] <= 600


def test_health_says_how_the_parts_are(backend):
    answer = ask(backend, "/health")
    assert answer.status == 200
    body = answer.json()
    assert body["status"] == "healthy"
    assert body["checks"]


def test_every_answer_may_be_read_from_any_page_and_never_with_credentials(backend):
    for target in ("/health", "/drivers", "/drivers?names=Nobody%20Whatsoever", "/nothing-here"):
        answer = ask(backend, target, headers={"Origin": "https://forums.iracing.com"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_preflight_is_answered(backend):
    headers = {"Origin": "https://forums.iracing.com", "Access-Control-Request-Method": "GET"}
    answer = ask(backend, "/drivers", "OPTIONS", headers=headers)
    assert answer.status in (200, 204)
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]


def test_what_has_not_changed_is_not_sent_again(backend):
    target = f"/drivers?names={quote(backend.drivers(1)[0].display_name)}"
    first = ask(backend, target)
    assert first.headers["ETag"].startswith('W/"')
    again = ask(backend, target, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    assert not again.data


def test_a_page_of_known_drivers_may_be_kept_for_a_while(backend):
    target = f"/drivers?names={quote(backend.drivers(1)[0].display_name)}"
    ask(backend, target)
    assert "max-age=" in ask(backend, target).headers["Cache-Control"]


def test_a_known_page_asks_iracing_nothing(backend):
    target = f"/drivers?names={names_query(d.display_name for d in backend.drivers(5))}"
    ask(backend, target)
    before = len(backend.simulator.calls)
    assert ask(backend, target).status == 200
    assert len(backend.simulator.calls) == before


def test_large_answers_are_compressed_for_those_who_can_read_it(backend):
    if "compression" in backend.lacks:
        pytest.skip("the emulator's gateway does not compress; tests/infra has the setting")
    target = f"/drivers?names={names_query(d.display_name for d in backend.drivers(5))}"
    plain = ask(backend, target, headers={"Accept-Encoding": "identity"})
    packed = ask(backend, target, headers={"Accept-Encoding": "gzip"}, preload_content=False)
    raw = packed.read(decode_content=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(raw) < len(plain.data) / 2


def test_no_answer_holds_a_secret(backend):
    answers = [
        ask(backend, "/health").data,
        ask(backend, "/auth", "POST").data,
        ask(backend, f"/drivers?names={quote(backend.drivers(1)[0].display_name)}").data,
    ]
    said = b" ".join(answers).decode()
    assert backend.secrets
    for secret in backend.secrets:
        assert secret
        assert secret not in said
    assert "Signature" not in said
    assert json.loads(answers[0])
