"""One odd answer of iRacing's deletes nothing that is known: real home, real sockets, altered answers."""

import json
from urllib.parse import quote

import pytest
import urllib3
from tests.support.clock import ShiftedClock
from tests.support.local_server import local_home
from tests.support.odd_upstream import odd_upstream

from pitboard.drivers import freshness, names
from pitboard.drivers.budget import Budget
from pitboard.local.server import listen, make_local_app, running
from pitboard.simulator import Simulator
from pitboard.telemetry import PrometheusTelemetry

HOUR = 3600.0


@pytest.fixture
def simulator():
    with Simulator(latency=0.0, link_latency=0.0) as simulator:
        yield simulator


@pytest.fixture
def odd(simulator):
    with odd_upstream(simulator) as odd:
        yield odd


@pytest.fixture
def clock():
    return ShiftedClock()


@pytest.fixture
def home(simulator, odd, tmp_path, clock):
    with local_home(simulator, tmp_path, clock, PITBOARD_DATA_URL=odd.url) as home:
        yield home


@pytest.fixture
def known(home, simulator, clock):
    """Ten drivers who are known, and due for renewal."""
    known = [driver.display_name for driver in simulator.population.sample(10, seed=3)]
    assert set(states(ask(home, known))) == {"fresh"}
    clock.ahead += 2 * freshness.DAY
    return known


def ask(home, asked):
    return json.loads(home.service.page(asked, 8.0).body)


def states(answer):
    return [value["_meta"]["state"] if "_meta" in value else value["code"] for value in answer.values()]


def renew(home, asked):
    home.service.renew(asked, frozenset(asked))


def nobody_is_there(odd):
    odd.changes["member/get"] = lambda data: {**data, "members": []}
    odd.changes["lookup/drivers"] = lambda _: []


def ids(home, asked):
    return home.store.ids([names.parse(name).key for name in asked])


NOBODY = {
    "member/get with nobody, search finds them": {"member/get": lambda data: {**data, "members": []}},
    "member/get without a name": {
        "member/get": lambda data: {
            **data, "members": [{**member, "display_name": None} for member in data["members"]]
        }
    },
    "member/get without licences": {
        "member/get": lambda data: {
            **data, "members": [{**member, "licenses": []} for member in data["members"]]
        }
    },
    "member/get is a list": {"member/get": lambda _: []},
    "both with nobody": {
        "member/get": lambda data: {**data, "members": []}, "lookup/drivers": lambda _: []
    },
    "all answers are empty": dict.fromkeys(
        ("member/get", "lookup/drivers", "member/profile"), lambda _: []
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOBODY)
def test_one_odd_answer_deletes_no_driver(home, odd, known, clock, kind):
    before = ask(home, known)
    odd.changes |= NOBODY[kind]
    renew(home, known)
    after = ask(home, known)
    assert states(after) == ["stale"] * 10
    assert [value["member_info"]["licenses"] for value in after.values()] == [
        value["member_info"]["licenses"] for value in before.values()
    ]
    odd.changes.clear()
    clock.ahead += 700
    renew(home, known)
    assert states(ask(home, known)) == ["fresh"] * 10


def test_a_driver_whom_two_sources_miss_twice_an_hour_apart_is_not_found(home, odd, known, clock):
    nobody_is_there(odd)
    renew(home, known)
    clock.ahead += HOUR - 60
    renew(home, known)
    assert states(ask(home, known)) == ["stale"] * 10
    clock.ahead += 700
    renew(home, known)
    assert states(ask(home, known)) == ["not_found"] * 10


def test_a_driver_who_was_seen_meanwhile_is_missed_for_the_first_time_again(home, odd, known, clock):
    nobody_is_there(odd)
    renew(home, known)
    changes, odd.changes = odd.changes, {}
    clock.ahead += 700
    renew(home, known)
    assert states(ask(home, known)) == ["fresh"] * 10
    odd.changes = changes
    clock.ahead += 2 * freshness.DAY
    renew(home, known)
    assert states(ask(home, known)) == ["stale"] * 10


def test_a_doubt_costs_few_calls(home, odd, known, clock):
    nobody_is_there(odd)
    odd.calls.clear()
    end = clock.ahead + HOUR - 60
    while clock.ahead < end:
        renew(home, known)
        clock.ahead += 60
    assert odd.calls["member/get"] <= 6


def test_a_failed_call_for_licences_forgets_no_id(home, odd, simulator, clock):
    (driver,) = simulator.population.sample(1, seed=9)
    name = driver.display_name
    assert home.service.customer_id(name, 8.0) == (driver.cust_id, "iRacing")
    until = next(iter(ids(home, [name]).values())).until
    odd.changes["member/get"] = lambda _: {"members": "none"}
    assert states(ask(home, [name])) == ["unavailable"]
    assert home.service.customer_id(name, 8.0) == (driver.cust_id, "store")
    (entry,) = ids(home, [name]).values()
    assert (entry.cust_id, entry.until) == (driver.cust_id, until)
    odd.changes.clear()
    odd.calls.clear()
    clock.ahead += freshness.FAILURE_KEPT + 1
    assert states(ask(home, [name])) == ["fresh"]
    assert odd.calls["lookup/drivers"] == 0


def test_an_id_that_one_answer_misses_stays_known(home, odd, simulator):
    (driver,) = simulator.population.sample(1, seed=9)
    home.service.customer_id(driver.display_name, 8.0)
    nobody_is_there(odd)
    assert states(ask(home, [driver.display_name])) == ["unavailable"]
    assert home.service.customer_id(driver.display_name, 8.0) == (driver.cust_id, "store")


def test_an_odd_profile_leaves_what_is_known(home, odd, known):
    before = ask(home, known[:1])[known[0]]
    odd.changes["member/profile"] = lambda data: {
        "cust_id": data["cust_id"],
        "member_info": {"cust_id": data["cust_id"]},
    }
    renew(home, known[:1])
    after = ask(home, known[:1])[known[0]]
    for field in ("recent_events", "follow_counts", "activity"):
        assert after[field] == before[field]
    assert after["member_info"]["country"] == before["member_info"]["country"]


def test_an_empty_chart_replaces_no_chart(home, odd, simulator, clock):
    (driver,) = simulator.population.sample(1, seed=9)
    chart = (driver.cust_id, "sports_car", "irating", 8.0)
    before = json.loads(home.histories.history(*chart))
    assert before["points"]
    clock.ahead += 2 * freshness.DAY
    odd.changes["member/chart_data"] = lambda data: {**data, "data": []}
    odd.changes["stats/member_career"] = lambda data: {**data, "stats": []}
    after = json.loads(home.histories.history(*chart))
    assert (after["points"], after["career"]) == (before["points"], before["career"])
    assert after["_meta"]["state"] == "stale"
    odd.changes.pop("member/chart_data")
    clock.ahead += 61
    after = json.loads(home.histories.history(*chart))
    assert (after["points"], after["career"]) == (before["points"], before["career"])


def test_a_name_that_is_another_drivers_by_now_is_not_kept_in_doubt(home, simulator, known):
    (driver,) = simulator.population.sample(1, seed=3)
    simulator.population.rename(driver.cust_id, "Somebody Else9")
    renew(home, known[:1])
    assert states(ask(home, known[:1])) == ["not_found"]


# --- numbers that are none, and wrong types


@pytest.fixture
def server(home):
    with listen("127.0.0.1", 0) as door, running(make_local_app(home, PrometheusTelemetry()), [door]):
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


def strict(answer):
    def refuse(constant):
        raise AssertionError(constant)

    assert answer.status == 200, answer.data
    return json.loads(answer.data, parse_constant=refuse)


def page(server, asked):
    names = ",".join(quote(name) for name in asked)
    return strict(urllib3.request("GET", f"{server}/drivers?names={names}"))


def spoil(data, text, odd):
    """The answer as bytes, with `odd` in the place of the JSON value `text`."""
    sent = json.dumps(data)
    assert text in sent
    return sent.replace(text, odd).encode()


NO_NUMBERS = ["1e999", "-1e999", "NaN", "Infinity", "9" * 25, "1" + "0" * 6_000, '"2.5"']


@pytest.mark.parametrize("number", NO_NUMBERS, ids=lambda number: number[:9])
@pytest.mark.parametrize("field", ["irating", "safety_rating", "cust_id"])
def test_a_number_that_is_none_spoils_one_driver_and_no_page(odd, server, simulator, field, number):
    drivers = simulator.population.sample(5, seed=11)
    asked = [driver.display_name for driver in drivers]
    mark = 123_454_321

    def change(data):
        for member in data["members"]:
            if member["cust_id"] == drivers[0].cust_id:
                (member if field == "cust_id" else member["licenses"][1])[field] = mark
        return spoil(data, str(mark), number) if str(mark) in json.dumps(data) else data

    odd.changes["member/get"] = change
    assert states(page(server, asked)) == ["unavailable"] + ["fresh"] * 4
    odd.changes.clear()
    assert states(page(server, asked[1:])) == ["fresh"] * 4


def test_an_id_that_is_too_large_fails_the_one_name_that_was_searched(odd, server, simulator):
    asked = [driver.display_name for driver in simulator.population.sample(5, seed=11)]
    odd.changes["lookup/drivers"] = lambda data: [
        {**row, "cust_id": 2**63} if row["display_name"] == asked[0] else row for row in data
    ]
    assert states(page(server, asked)) == ["unavailable"] + ["fresh"] * 4


def test_a_wrong_row_about_somebody_else_does_not_matter(odd, server, simulator):
    (driver,) = simulator.population.sample(1, seed=11)
    odd.changes["lookup/drivers"] = lambda data: [
        {"cust_id": None, "display_name": driver.display_name + "7"},
        *data,
    ]
    assert states(page(server, [driver.display_name])) == ["fresh"]


@pytest.mark.parametrize("number", NO_NUMBERS, ids=lambda number: number[:9])
@pytest.mark.parametrize("kind", ["irating", "safety_rating"])
def test_a_chart_with_a_number_that_is_none_has_its_other_points(odd, server, simulator, kind, number):
    (driver,) = simulator.population.sample(1, seed=9)
    url = f"{server}/drivers/{driver.cust_id}/history?kind={kind}"
    mark = 123_454_321

    def change(data):
        data["data"][0]["value"] = mark
        return spoil(data, str(mark), number)

    odd.changes["member/chart_data"] = change
    odd.changes["stats/member_career"] = lambda data: spoil(data, '"wins"', f'"starts": {number}, "wins"')
    assert len(strict(urllib3.request("GET", url))["points"]) > 1


@pytest.mark.parametrize("value", [None, [], {}, "text", 7, True, "NaN", "1e999"], ids=str)
def test_the_look_up_page_is_there_whatever_type_a_field_has(odd, server, simulator, value):
    (driver,) = simulator.population.sample(1, seed=11)

    def all_wrong(data):
        """Every value below the id and the name."""
        if isinstance(data, dict):
            keep = ("cust_id", "display_name", "member_info", "members", "licenses", "recent_events", "track")
            return {k: all_wrong(v) if k in keep[2:] else v if k in keep else value for k, v in data.items()}
        return [all_wrong(item) for item in data] if isinstance(data, list) else data

    odd.changes |= {"member/get": all_wrong, "member/profile": all_wrong}
    url = f"{server}/?names={quote(driver.display_name)}"
    assert urllib3.request("GET", url).status == 200
    odd.changes["member/profile"] = lambda data: {**all_wrong(data), "recent_events": value}
    odd.changes["member/get"] = lambda data: data
    home_page = urllib3.request("GET", url)
    assert home_page.status == 200


def test_a_header_with_a_number_of_400_digits_changes_no_budget():
    budget = Budget(level=10, at=1_000.0)
    assert budget.reconciled(1_000.0, 240, 10**400, 30.0).level <= 240
