"""A page does not wait for its slowest name, and no client takes what another needs."""

import json
import random
import threading
import time
from typing import Any
from urllib.parse import quote

import pytest
import urllib3
from tests.support.local_server import local_home, local_server

from pitboard.drivers import names, plan
from pitboard.drivers.budget import Budget
from pitboard.drivers.model import CallContext
from pitboard.drivers.plan import Plan, Target
from pitboard.drivers.service import Asker
from pitboard.simulator import Simulator

PAGE = 20
LICENCES = Asker("192.0.2.1", profile=False)
CRAWLER = Asker("198.51.100.7", profile=False)


@pytest.fixture
def simulator():
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        yield simulator


NOW = time.time()


@pytest.fixture
def home(simulator, tmp_path):
    """A home whose clock stands still: nothing flows into its budget."""
    with local_home(simulator, tmp_path, lambda: NOW) as home:
        home.sign_in()
        yield home


def names_of(simulator, count, seed=1):
    return [driver.display_name for driver in simulator.population.sample(count, seed=seed)]


def soon(home, authors, seconds=8.0, asker=LICENCES):
    return json.loads(home.service.soon(home.service.begin(authors, seconds, asker), seconds).body)


def states(answer):
    return [value["_meta"]["state"] if "_meta" in value else value["code"] for value in answer.values()]


def leave_calls(home, level):
    kept = home.store.documents.get("BUDGET")
    budget = Budget(level=level, at=NOW).document()
    assert home.store.documents.put("BUDGET", budget, expected=kept.version if kept else None)
    home.meter.status()  # reads it


# --- steps


def test_a_search_that_hangs_holds_back_its_own_name_only(home, simulator):
    simulator.faults.add("hang", "lookup/drivers")
    begun = time.monotonic()
    answer = soon(home, names_of(simulator, PAGE))
    assert time.monotonic() - begun < 8.0
    assert sorted(states(answer)) == ["fresh"] * (PAGE - 1) + ["pending"]
    assert simulator.calls.count("lookup/drivers") == PAGE


def test_what_hangs_until_the_look_up_ends_is_remembered_for_a_minute(home, simulator):
    simulator.faults.add("hang", "lookup/drivers", times=99)
    (name,) = names_of(simulator, 1)
    key = names.parse(name).key
    settled: dict[str, Any] = {}
    own = CallContext(time.monotonic() + 0.3)
    Plan(home.service._deps, {key: Target(names.parse(name))}, own, settled.__setitem__).run()
    assert settled[key].code == "unavailable"
    simulator.faults.clear()
    simulator.calls.clear()
    (value,) = soon(home, [name]).values()
    assert value["code"] == "unavailable"
    assert 0 < value["retry_after"] <= 60
    assert simulator.calls.count(service="data") == 0


def test_with_ten_calls_left_nine_of_twenty_names_have_licences_and_the_rest_is_told_when_to_come(
    home, simulator
):
    leave_calls(home, 10.0)
    answer = soon(home, names_of(simulator, PAGE))
    assert sorted(states(answer)) == ["fresh"] * 9 + ["pending"] * 11
    pending = [value for value in answer.values() if "error" in value]
    assert all(value["retry_after"] >= 5 for value in pending)  # eleven searches at two a second


def test_with_an_empty_budget_the_answer_asks_nothing_and_says_when_to_come_again(home, simulator):
    leave_calls(home, 0.0)
    simulator.calls.clear()
    answer = soon(home, names_of(simulator, PAGE))
    assert states(answer) == ["pending"] * PAGE
    assert {value["retry_after"] for value in answer.values()} <= set(range(9, 13))
    assert simulator.calls.count(service="data") == 0


def test_without_profiles_licences_are_fresh_after_one_call_and_no_profile_is_asked_for(
    home, simulator, monkeypatch
):
    monkeypatch.setattr(plan, "GATHERED", 5.0)  # a busy machine's searches end far apart
    answer = soon(home, names_of(simulator, PAGE))
    assert states(answer) == ["fresh"] * PAGE
    assert simulator.calls.count("member/get") == 1
    assert simulator.calls.count("member/profile") == 0
    assert all("recent_events" not in value for value in answer.values())


def test_a_profile_is_asked_for_when_it_is_wanted_after_licences_alone_were(home, simulator):
    (name,) = names_of(simulator, 1)
    soon(home, [name])
    answer = soon(home, [name], asker=Asker("192.0.2.1"))
    assert states(answer) == ["fresh"]
    assert answer[name]["recent_events"] is not None
    assert simulator.calls.count("member/profile") == 1
    assert simulator.calls.count("member/get") == 1


def test_readers_with_and_without_profiles_at_once_both_get_what_they_want(home, simulator):
    authors = names_of(simulator, PAGE)
    bare = home.service.begin(authors, 8.0, LICENCES)
    whole = home.service.begin(authors, 8.0, Asker("192.0.2.2"))
    assert states(json.loads(home.service.soon(bare, 8.0).body)) == ["fresh"] * PAGE
    whole_answer = json.loads(home.service.page(authors, 8.0, Asker("192.0.2.2")).body)
    assert states(whole_answer) == ["fresh"] * PAGE
    assert whole.asker.profile
    assert simulator.calls.count("lookup/drivers") == PAGE


# --- shares


def test_a_crawl_of_random_names_leaves_the_next_readers_page_its_calls(home, simulator):
    rng = random.Random(3)
    crawl = []
    while "pending" not in crawl:
        crawl = states(soon(home, [f"Nobody {rng.random()}" for _ in range(50)], asker=CRAWLER))
    answer = soon(home, names_of(simulator, PAGE))
    assert states(answer) == ["fresh"] * PAGE


def test_a_client_alone_may_use_what_others_leave(home, simulator):
    """A crawl is slowed down to what flows in, not stopped: nobody else wants the calls."""
    soon(home, [f"Nobody {n}" for n in range(45)], asker=CRAWLER)
    leave_calls(home, 60.0)
    assert states(soon(home, names_of(simulator, 10), asker=CRAWLER)) == ["fresh"] * 10


@pytest.mark.long
def test_a_minute_of_fifty_random_names_a_second_keeps_no_reader_waiting(simulator, tmp_path):
    with local_home(simulator, tmp_path) as home:
        home.sign_in()
        took = times_beside_a_crawl(home, simulator)
    assert all(seconds < 2.0 for seconds in took), took


def times_beside_a_crawl(home, simulator):
    """Seconds that four readers' pages of unknown authors took, within a minute of a crawl."""
    stop = threading.Event()

    def crawl():
        rng = random.Random(5)
        while not stop.wait(1.0):
            home.service.begin([f"Nobody {rng.random()}" for _ in range(50)], 0.0, CRAWLER)

    crawler = threading.Thread(target=crawl)
    crawler.start()
    try:
        took = []
        for page in range(4):
            time.sleep(14)
            authors, begun = names_of(simulator, PAGE, seed=50 + page), time.monotonic()
            reader = Asker(f"192.0.2.{page + 1}", profile=False)
            while "pending" in states(soon(home, authors, 1.0, reader)):
                assert time.monotonic() - begun < 10
            took.append(time.monotonic() - begun)
    finally:
        stop.set()
        crawler.join()
    return took


# --- look-ups that several share


def test_an_impatient_client_does_not_end_what_others_wait_for(simulator, tmp_path):
    with local_server(tmp_path, latency=0.4, link_latency=0.1) as backend:
        driver = backend.drivers(1)[0]
        backend.home.sign_in()
        history = f"{backend.base_url}/drivers/{driver.cust_id}/history?category=oval"
        custid = f"{backend.base_url}/custid?name={quote(driver.display_name)}"
        for target in (history, custid):
            patient: list[int] = []
            other = threading.Thread(
                target=lambda t=target, p=patient: p.append(urllib3.request("GET", t, retries=False).status)
            )
            hasty = urllib3.request("GET", f"{target}&wait=0.05", retries=False)
            other.start()
            other.join()
            assert hasty.status == 503
            assert patient == [200]


def test_look_ups_that_hang_do_not_keep_others_waiting(tmp_path):
    with local_server(tmp_path, latency=0.002, link_latency=0.001) as backend:
        backend.home.sign_in()
        backend.simulator.faults.add("hang", "lookup/drivers", times=999)
        pool = urllib3.PoolManager(maxsize=100)
        hanging = [
            threading.Thread(
                target=lambda n=n: pool.request(
                    "GET", f"{backend.base_url}/custid?name=Nobody%20{n}&wait=5", retries=False
                )
            )
            for n in range(90)
        ]
        for thread in hanging:
            thread.start()
        begun = time.monotonic()
        assert urllib3.request("POST", f"{backend.base_url}/auth").status == 200
        assert urllib3.request("GET", f"{backend.base_url}/health").status == 200
        assert time.monotonic() - begun < 5.0
        for thread in hanging:
            thread.join()
