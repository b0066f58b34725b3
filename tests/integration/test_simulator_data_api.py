"""The simulated Data API and its links, checked against iRacing's documentation and recorded answers."""

import csv
import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from xml.etree import ElementTree as ET

import pytest
from tests.support.simulator_client import plain_client

from pitboard.simulator import CATEGORIES, Population, Trait


@pytest.fixture(scope="module")
def population():
    return Population(4_000, seed=2)


@pytest.fixture
def client(population):
    with plain_client(population=population) as client:
        yield client


# --- who may call, and how often


def test_a_call_needs_a_valid_bearer_token(client):
    nothing = client.api("constants/categories", {})
    assert (nothing.status, nothing.json()) == (401, {"error": "Unauthorized"})
    for header in ("Bearer wrong", "Basic abc", "Bearer", client.bearer()["Authorization"] + "x"):
        answer = client.api("constants/categories", {"Authorization": header})
        assert (answer.status, answer.json()["error"]) == (401, "access_denied")
    assert client.api("constants/categories").status == 200
    lower = {"Authorization": client.bearer()["Authorization"].replace("Bearer", "bearer")}
    assert client.api("constants/categories", lower).status == 200


def test_240_calls_a_minute_then_429_as_text_until_the_window_is_over(client):
    first = client.api("constants/categories")
    assert first.headers["X-RateLimit-Limit"] == "240"
    assert first.headers["X-RateLimit-Remaining"] == "239"
    assert 58 <= int(first.headers["X-RateLimit-Reset"]) - time.time() <= 60
    for _ in range(238):
        client.api("constants/categories")
    assert client.api("constants/categories").headers["X-RateLimit-Remaining"] == "0"
    limited = client.api("constants/categories")
    assert (limited.status, limited.data) == (429, b"Rate limit exceeded")
    assert limited.headers["X-RateLimit-Remaining"] == "0"
    assert not limited.headers["Content-Type"].startswith("application/json")
    client.simulator.clock.advance(61)
    assert client.api("constants/categories").headers["X-RateLimit-Remaining"] == "239"


def test_refused_calls_count_against_the_limit_and_links_do_not(client):
    client.api("constants/categories", {})
    client.api("no/such")
    link = client.link("lookup/flairs")
    client.request("GET", link)
    assert client.api("constants/categories").headers["X-RateLimit-Remaining"] == "236"


def test_calls_of_other_programs_count_against_the_limit(client):
    client.simulator.faults.other_calls = 4
    assert client.api("constants/categories").headers["X-RateLimit-Remaining"] == "235"
    assert client.api("constants/categories").headers["X-RateLimit-Remaining"] == "230"


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        ("lookup/drivers", {}),
        ("lookup/drivers", {"search_term": ""}),
        ("member/get", {}),
        ("member/get", {"cust_ids": ""}),
        ("member/get", {"cust_ids": "1,two"}),
        ("member/get", {"cust_ids": "1,"}),
        ("member/get", {"cust_ids": "1", "include_licenses": "1"}),
        ("member/profile", {"cust_id": "1"}),
        ("member/profile", {"cust_id": "x"}),
        ("member/chart_data", {"chart_type": 1}),
        ("member/chart_data", {"category_id": 5}),
        ("member/chart_data", {"category_id": 7, "chart_type": 1}),
        ("member/chart_data", {"category_id": 5, "chart_type": 4}),
        ("stats/member_career", {"cust_id": "-1"}),
        ("league/roster", {}),
        ("results/search_series", {}),
    ],
)
def test_a_missing_or_wrong_argument_is_a_bad_request(client, endpoint, arguments):
    answer = client.api(endpoint, **arguments)
    assert (answer.status, answer.json()["error"]) == (400, "Bad Request")


def test_an_unknown_address_is_not_found(client):
    for endpoint in ("member/nothing", "nothing", "", "member/get/more"):
        assert client.api(endpoint).status == 404
    assert client.request("GET", client.simulator.data_url + "/", headers=client.bearer()).status == 404
    assert client.request("POST", client.simulator.data_url + "/auth", headers=client.bearer()).status == 404


# --- links


def test_a_link_expires_long_before_the_time_in_its_envelope(client):
    envelope = client.api("lookup/flairs").json()
    assert set(envelope) == {"link", "expires"}
    expires = datetime.fromisoformat(envelope["expires"]).timestamp()
    assert 895 <= expires - time.time() <= 900
    assert client.request("GET", envelope["link"]).status == 200
    client.simulator.clock.advance(59)
    assert client.request("GET", envelope["link"]).status == 200
    client.simulator.clock.advance(1)
    refused_as_xml(client.request("GET", envelope["link"]))


def test_a_link_refuses_a_bearer_token_and_a_changed_signature(client):
    link = client.link("lookup/flairs")
    refused_as_xml(client.request("GET", link, headers=client.bearer()))
    refused_as_xml(client.request("GET", link[:-1]))
    refused_as_xml(client.request("GET", link.partition("?")[0]))
    assert [call.bearer for call in client.simulator.calls.select(service="assets")] == [True, False, False]


def refused_as_xml(answer):
    assert answer.status == 403
    assert ET.fromstring(answer.data).tag == "Error"  # noqa: S314 (our own simulator's)


def test_the_asset_host_has_its_own_origin(client):
    sim = client.simulator
    assert client.link("lookup/flairs").startswith(f"{sim.assets_url}/")
    assert len({sim.data_url, sim.assets_url, sim.oauth_url.removesuffix("/oauth2/token")}) == 3


def test_json_behind_a_link_has_varying_content_types(client):
    types = {client.request("GET", client.link("lookup/flairs")).headers["Content-Type"] for _ in range(4)}
    assert types == {"application/octet-stream", "text/plain", "binary/octet-stream", "application/json"}


# --- methods


def test_lookup_drivers_finds_names_with_the_text_in_order(client, population):
    rows = client.get("lookup/drivers", search_term="kerb")
    names = [row["display_name"].casefold() for row in rows]
    assert len(rows) == 50
    assert names == sorted(names)
    assert all("kerb" in name for name in names)
    assert set(rows[0]) == {"cust_id", "display_name", "helmet", "profile_disabled"}


def test_lookup_drivers_finds_by_whole_name_and_by_customer_id(client, population):
    for driver in population.sample(20):
        rows = client.get("lookup/drivers", search_term=driver.display_name)
        assert driver.cust_id in {row["cust_id"] for row in rows}
        rows = client.get("lookup/drivers", search_term=driver.cust_id)
        assert [row["cust_id"] for row in rows] == [driver.cust_id]
    assert client.get("lookup/drivers", search_term="nobody at all") == []
    assert client.get("lookup/drivers", search_term="1") == []
    assert client.api("lookup/drivers", search_term="kerb", league_id=1).status == 403


def test_member_get_repeats_all_ids_and_leaves_out_unknown_members(client, population):
    ids = [driver.cust_id for driver in population.sample(50)]
    answer = client.get("member/get", cust_ids=",".join(map(str, [*ids, 5, ids[0]])), include_licenses="true")
    assert answer["cust_ids"] == [*ids, 5, ids[0]]
    assert sorted(member["cust_id"] for member in answer["members"]) == sorted(ids)
    assert [member["cust_id"] for member in answer["members"]] != ids
    licences = [licence for member in answer["members"] for licence in member["licenses"]]
    assert len(licences) == 250
    assert any("irating" not in licence for licence in licences)
    assert not any(licence.get("irating", 0) is None for licence in licences)
    assert not any("country" in member or "country_code" in member for member in answer["members"])


def test_member_get_gives_licences_only_when_asked(client, population):
    (driver,) = population.sample(1)
    for arguments in ({}, {"include_licenses": "false"}):
        (member,) = client.get("member/get", cust_ids=driver.cust_id, **arguments)["members"]
        assert "licenses" not in member


def test_member_profile_is_of_the_given_or_else_of_the_authenticated_member(client, population):
    (driver,) = population.sample(1)
    profile = client.get("member/profile", cust_id=driver.cust_id)
    assert profile["cust_id"] == profile["member_info"]["cust_id"] == driver.cust_id
    assert [entry["category_id"] for entry in profile["license_history"]] == [1, 5, 6, 3, 4, 2]
    assert client.get("member/profile")["cust_id"] == client.get("member/info")["cust_id"]


def test_charts_careers_races_and_summaries_agree_with_the_licences(client, population):
    driver = next(d for d in population.sample(50) if population.standing(d.cust_id, CATEGORIES[1]).irating)
    standing = population.standing(driver.cust_id, CATEGORIES[1])
    about = {"cust_id": driver.cust_id}
    irating = client.get("member/chart_data", **about, category_id=5, chart_type=1)
    assert irating["data"][-1]["value"] == standing.irating
    licence = client.get("member/chart_data", **about, category_id=5, chart_type=3)
    assert licence["data"][-1]["value"] == standing.group * 1000 + standing.sr
    assert client.get("member/chart_data", **about, category_id=5, chart_type=2)["data"]
    assert client.get("member/chart_data", **about, category_id=2, chart_type=1)["data"] == []
    career = client.get("stats/member_career", **about)["stats"]
    assert {row["category_id"]: row["starts"] for row in career}[5] == standing.starts
    assert len(career) == 6
    assert 1 <= len(client.get("stats/member_recent_races", **about)["races"]) <= 10
    assert set(client.get("stats/member_summary", **about)) == {"this_year", "cust_id"}


def test_constants_come_without_a_link_and_lookups_with_one(client):
    categories = client.api("constants/categories").json()
    assert {row["value"]: row["label"] for row in categories}[5] == "Sports Car"
    assert {row["value"] for row in client.api("constants/event_types").json()} == {2, 3, 4, 5}
    flairs = {row["flair_id"]: row for row in client.get("lookup/flairs")["flairs"]}
    assert not {"country_code", "flair_shortname"} & {*flairs[1], *flairs[2]}
    assert [flairs[number]["country_code"] for number in (236, 237, 238, 239)] == ["ENG", "SCT", "WLS", "NIR"]
    assert [group["group_name"] for group in client.get("lookup/licenses")][-2:] == ["Pro", "Pro/WC"]
    assert all(len(row["country_code"]) == 2 for row in client.get("lookup/countries"))


def test_a_roster_comes_by_data_url_and_a_search_in_chunks(client):
    envelope = client.api("league/roster", league_id=7001).json()
    assert set(envelope) == {"type", "data", "data_url"}
    assert len(client.request("GET", envelope["data_url"]).json()["roster"]) == 30
    chunks = client.api("results/search_series", season_year=2026).json()["data"]["chunk_info"]
    rows = [
        row
        for name in chunks["chunk_file_names"]
        for row in client.request("GET", chunks["base_download_url"] + name).json()
    ]
    assert len(rows) == chunks["rows"] > chunks["chunk_size"] == 500
    assert len(chunks["chunk_file_names"]) == chunks["num_chunks"] > 1


def test_a_search_without_rows_has_no_chunks(client, population):
    idle = next(population.having(Trait.NEVER_RACED))
    answer = client.api("results/search_series", season_year=2026, cust_id=idle.cust_id).json()
    assert answer["data"]["chunk_info"] is None


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.key)
def test_a_statistics_file_has_every_driver_of_its_category_best_first(client, population, category):
    answer = client.request("GET", client.link(f"driver_stats_by_category/{category.key}"))
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.headers["Content-Disposition"].endswith('_driver_stats.csv"')
    assert answer.data.startswith(b"\xef\xbb\xbfDRIVER,CUSTID,")
    header, *rows = csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))
    whole = [dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)]
    assert len(whole) == len(rows) - 1, "one row is broken on purpose"
    iratings = [int(row["IRATING"]) for row in whole]
    assert iratings == sorted(iratings, reverse=True)
    assert iratings[-1] == -1
    for row in whole[:: len(whole) // 40]:
        driver = population.driver(int(row["CUSTID"]))
        standing = population.standing(driver.cust_id, category)
        assert row["DRIVER"] == driver.display_name
        assert int(row["IRATING"]) == (-1 if standing.irating is None else standing.irating)
        assert row["CLASS"].split()[1] == f"{standing.sr / 100:.2f}"
    assert any(row["LOCATION"] == "" for row in whole)


def test_every_driver_of_a_sample_is_in_a_statistics_file(client, population):
    listed = {cust_id for category in CATEGORIES for cust_id in population.ranking(category)}
    assert {driver.cust_id for driver in population.sample(500)} <= listed


def test_a_statistics_file_shows_new_races_and_new_names():
    with plain_client(population=Population(200)) as client:
        (driver,) = client.simulator.population.sample(1)
        client.request("GET", client.link("driver_stats_by_category/oval"))
        client.simulator.race(driver.cust_id, "oval", irating=9000)
        client.simulator.population.rename(driver.cust_id, "Zoë Newname")
        answer = client.request("GET", client.link("driver_stats_by_category/oval"))
        _, _, best, *_ = answer.data.decode("utf-8-sig").splitlines()
        assert best.startswith(f"Zoë Newname,{driver.cust_id},")


# --- time


def test_calls_take_the_set_latency_and_run_in_parallel(population):
    with plain_client(population=population, latency=0.12, link_latency=0.04) as client:
        ids = [driver.cust_id for driver in population.sample(40)]
        client.api("constants/categories")
        with ThreadPoolExecutor(40) as pool:
            began = time.perf_counter()
            answers = list(pool.map(lambda cust_id: client.api("member/profile", cust_id=cust_id), ids))
            took = time.perf_counter() - began
        assert {answer.status for answer in answers} == {200}
        assert 0.12 <= took < 2.4, "40 calls, one after the other, would take 4.8 s"
        began = time.perf_counter()
        client.request("GET", answers[0].json()["link"])
        assert time.perf_counter() - began >= 0.04
