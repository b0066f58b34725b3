"""What a web page learns from a local server: who is who, but not who was looked up, or when."""

from urllib.parse import quote

import pytest
import urllib3
from tests.support.clock import ShiftedClock
from tests.support.index_lists import GivenLists, refreshed, row
from tests.support.local_server import local_home
from tests.support.waiting import wait_until

from pitboard.local.server import listen, make_local_app, running
from pitboard.simulator import Simulator
from pitboard.telemetry import PrometheusTelemetry

WEB_PAGES = ["https://evil.example", "https://forums.iracing.com", "http://127.0.0.1:9999", "null"]
OURS = [None, "chrome-extension://abcdefgh", "moz-extension://1-2-3", "safari-web-extension://ABC"]
HALF_A_DAY = 43_200.0


@pytest.fixture
def simulator():
    with Simulator(latency=0.0, link_latency=0.0) as simulator:
        yield simulator


@pytest.fixture
def clock():
    return ShiftedClock()


@pytest.fixture
def home(simulator, tmp_path, clock):
    with local_home(simulator, tmp_path, clock) as home:
        yield home


@pytest.fixture
def server(home):
    with listen("127.0.0.1", 0) as door, running(make_local_app(home, PrometheusTelemetry()), [door]):
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


@pytest.fixture
def driver(simulator):
    (driver,) = simulator.population.sample(1, seed=5)
    return driver


def ask(server, target, origin=None, **headers):
    with urllib3.PoolManager() as pool:
        given = headers | ({"Origin": origin} if origin else {})
        return pool.request("GET", server + target, headers=given, timeout=20)


def looked_up(server, driver):
    """Somebody looks the driver up; the answer is there, however busy the machine is."""
    wait_until(lambda: drivers(server, driver, None)[1].get("_meta", {}).get("source") == "iracing", 30.0)


def drivers(server, driver, origin, more=""):
    answer = ask(server, f"/drivers?name={quote(driver.display_name)}{more}", origin)
    return answer, answer.json()[driver.display_name]


@pytest.mark.parametrize("origin", WEB_PAGES)
def test_a_web_page_learns_the_day_only(server, driver, clock, origin):
    _, exact = drivers(server, driver, None)
    answer, coarse = drivers(server, driver, origin)
    assert coarse["_meta"]["as_of"] == exact["_meta"]["as_of"][:10] + "T00:00:00Z"
    assert coarse["_meta"]["age"] >= exact["_meta"]["age"]
    assert coarse["member_info"] == exact["member_info"]
    assert "Origin" in answer.headers["Vary"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("origin", OURS)
def test_the_addon_and_programs_learn_the_second(server, driver, origin):
    drivers(server, driver, None)
    _, exact = drivers(server, driver, origin)
    assert exact["_meta"]["age"] < 3_600
    assert not exact["_meta"]["as_of"].endswith("T00:00:00Z")


def test_the_time_to_keep_and_the_tag_of_a_web_pages_answer_tell_no_time(server, driver, clock, home):
    first, _ = drivers(server, driver, WEB_PAGES[0])
    assert "max-age=300" in first.headers["Cache-Control"]
    home.service.renew([driver.display_name])
    again = ask(
        server, f"/drivers?name={quote(driver.display_name)}", WEB_PAGES[0],
        **{"If-None-Match": first.headers["ETag"]},
    )  # fmt: skip
    assert again.status == 304


@pytest.mark.parametrize("origin", WEB_PAGES)
def test_a_web_page_does_not_learn_that_a_name_was_looked_up(server, driver, origin):
    target = f"/custid?name={quote(driver.display_name)}"
    first = ask(server, target, origin).json()
    assert first["origin"] == "iRacing"
    assert ask(server, target).json()["origin"] == "store"
    assert ask(server, target, origin).json() == first


def test_a_web_page_learns_of_a_chart_the_day_only(server, driver):
    target = f"/drivers/{driver.cust_id}/history"
    exact, coarse = ask(server, target).json(), ask(server, target, WEB_PAGES[0]).json()
    assert coarse["points"] == exact["points"]
    assert coarse["_meta"]["as_of"] == exact["_meta"]["as_of"][:10] + "T00:00:00Z"


def test_the_look_up_page_in_the_hands_of_a_web_page_tells_the_day_only(server, driver, clock):
    looked_up(server, driver)
    clock.ahead = 5 * 86_400.0
    page = ask(server, f"/?names={quote(driver.display_name)}", WEB_PAGES[0]).data.decode()
    assert " 00:00 UTC" in page


def test_with_an_index_a_web_page_cannot_tell_who_was_looked_up(simulator, tmp_path, clock):
    first, second = simulator.population.sample(2, seed=5)
    rows = [row(driver.display_name, driver.cust_id) for driver in (first, second)]
    refreshed(tmp_path / "pitboard.sqlite3", GivenLists(rows), clock())
    with (
        local_home(simulator, tmp_path, clock) as home,
        listen("127.0.0.1", 0) as door,
        running(make_local_app(home, PrometheusTelemetry()), [door]),
    ):
        server = f"http://127.0.0.1:{door.getsockname()[1]}"
        looked_up(server, first)
        told = []
        for driver in (first, second):
            _, value = drivers(server, driver, WEB_PAGES[0], "&profile=0&wait=0")
            custid = ask(server, f"/custid?name={quote(driver.display_name)}", WEB_PAGES[0]).json()
            told.append((value["_meta"], sorted(value["member_info"]), custid["origin"]))
        assert told[0] == told[1]
        assert told[0][2] == "index"
        _, known = drivers(server, first, None, "&profile=0&wait=0")
        assert known["_meta"]["source"] == "iracing"


# --- the userscript over a network


def lan(server):
    """The Host header of a server in a local network."""
    return {"Host": "192.168.1.20:8765"}


def test_a_userscript_over_plain_http_from_another_machine_warns_where_it_is_installed(server):
    script = ask(server, "/pitboard.user.js", **lan(server)).data.decode()
    (description,) = [line for line in script.splitlines() if line.startswith("// @description")]
    assert "without encryption" in description
    assert "every author" in description
    page = ask(server, "/", **lan(server)).data.decode()
    assert "not encrypted" in page


@pytest.mark.parametrize("host", [{}, {"Host": "localhost:8765"}, {"Host": "[::1]:8765"}])
def test_a_userscript_from_this_machine_does_not_warn(server, host):
    assert "without encryption" not in ask(server, "/pitboard.user.js", **host).data.decode()
    assert "not encrypted" not in ask(server, "/", **host).data.decode()


def test_a_userscript_from_behind_a_proxy_with_tls_does_not_warn(server):
    proxy = lan(server) | {"X-Forwarded-Proto": "https"}
    script = ask(server, "/pitboard.user.js", **proxy).data.decode()
    assert "without encryption" not in script
    assert "// @updateURL    https://192.168.1.20:8765/" in script
    assert "not encrypted" not in ask(server, "/", **proxy).data.decode()
