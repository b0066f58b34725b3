"""The simulator's faults, set from Python and over HTTP, and its start and end."""

import gc
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest
import urllib3
from tests.support.simulator_client import plain_client

from pitboard.simulator import Population, Simulator


@pytest.fixture
def client():
    with plain_client(population=Population(300)) as client:
        yield client


@pytest.fixture
def faults(client):
    return client.simulator.faults


# --- single calls


def test_a_fault_applies_to_the_given_number_of_calls_of_its_endpoint_only(client, faults):
    faults.add("status", "member/get", times=2, status=500)
    assert client.api("constants/categories").status == 200
    assert [client.api("member/get", cust_ids=1).status for _ in range(3)] == [500, 500, 200]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "Bad Request"}),
        (401, {"error": "Unauthorized"}),
        (403, {"error": "Forbidden"}),
        (404, {"error": "Not Found"}),
        (500, {"error": "Internal Server Error"}),
    ],
)
def test_a_status_fault_has_the_body_recorded_from_iracing(client, faults, status, body):
    faults.add("status", "constants/categories", status=status)
    answer = client.api("constants/categories")
    assert (answer.status, answer.json()) == (status, body)
    assert "X-RateLimit-Remaining" in answer.headers


def test_a_redirect_leads_to_a_login_page(client, faults):
    faults.add("redirect", "data")
    answer = client.api("constants/categories")
    assert (answer.status, answer.headers["Location"]) == (302, "https://members-login.invalid/login")


def test_a_foreign_link_is_none_of_the_asset_host(client, faults):
    faults.add("foreign_link", "data")
    assert client.link("lookup/flairs") == "https://elsewhere.invalid/a.json"


def test_wrong_types_keep_the_shape_of_an_answer(client, faults):
    faults.add("wrong_types", "link")
    (group, *_) = client.get("lookup/licenses")
    assert isinstance(group["license_group"], str)
    assert isinstance(group["group_name"], int)


def test_a_bomb_of_gzip_is_small_on_the_wire(client, faults):
    faults.add("gzip_bomb", "link")
    answer = client.request("GET", client.link("lookup/flairs"), decode_content=False)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) < 300_000


def test_an_answer_can_drip(client, faults):
    faults.add("drip", "data")
    began = time.monotonic()
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        client.request("GET", f"{client.simulator.data_url}/data/x", timeout=0.05)
    assert time.monotonic() - began < 5


def test_it_can_be_unreachable_for_a_while(client):
    assert client.api("constants/categories").status == 200
    client.simulator.set_reachable(False)
    with pytest.raises(urllib3.exceptions.HTTPError):
        client.api("constants/categories")
    client.simulator.set_reachable(True)
    assert client.api("constants/categories").status == 200


def test_the_end_of_the_minute_can_be_shown_wrong_or_not_at_all(client, faults):
    faults.set("reset_shift", -3600.0)
    shown = float(client.api("constants/categories").headers["X-RateLimit-Reset"])
    assert shown < time.time() - 3000
    faults.set("limits_hidden", True)
    assert "X-RateLimit-Reset" not in client.api("constants/categories").headers


def test_a_429_may_have_retry_after(client, faults):
    faults.add("status", "constants/categories", status=429, retry_after=7)
    answer = client.api("constants/categories")
    assert (answer.status, answer.data, answer.headers["Retry-After"]) == (429, b"Rate limit exceeded", "7")


def test_an_html_fault_applies_to_data_calls_and_token_calls(client, faults):
    client.bearer()
    faults.add("html", times=2)
    answer = client.api("constants/categories")
    assert answer.status == 504
    assert answer.data.startswith(b"<!DOCTYPE HTML")
    assert client.token_call({}).status == 504


def test_the_text_of_the_rate_limit_can_come_with_status_200(client, faults):
    faults.add("limited_text", "lookup/flairs")
    answer = client.api("lookup/flairs")
    assert (answer.status, answer.data) == (200, b"Rate limit exceeded")


def test_json_can_be_truncated_in_an_envelope_and_behind_a_link(client, faults):
    faults.add("bad_json", "lookup/flairs")
    faults.add("bad_json", "link:lookup/flairs")
    with pytest.raises(json.JSONDecodeError):
        client.api("lookup/flairs").json()
    answer = client.request("GET", client.link("lookup/flairs"))
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("endpoint", ["lookup/flairs", "driver_stats_by_category/oval"])
def test_a_download_can_break_off_before_its_end(client, faults, endpoint):
    faults.add("cut", "link")
    link = client.link(endpoint)
    with pytest.raises(urllib3.exceptions.HTTPError):
        client.request("GET", link)
    assert client.request("GET", link).status == 200


def test_a_connection_can_be_reset_or_hang(client, faults):
    client.bearer()
    client.simulator.calls.clear()
    faults.add("reset", "lookup/flairs")
    with pytest.raises(urllib3.exceptions.ProtocolError) as caught:
        client.api("lookup/flairs")
    assert isinstance(caught.value.args[1], ConnectionResetError)
    faults.add("hang", "lookup/flairs")
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        client.request(
            "GET", f"{client.simulator.data_url}/data/lookup/flairs", headers=client.bearer(), timeout=0.2
        )
    assert client.api("lookup/flairs").status == 200
    assert [call.status for call in client.simulator.calls] == [0, 0, 200]


def test_a_lost_token_answer_has_spent_the_refresh_token(client, faults):
    refresh_token = client.login().json()["refresh_token"]
    faults.add("reset", "token")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        client.refresh(refresh_token)
    assert client.refresh(refresh_token).json()["error"] == "invalid_grant"


def test_a_500_of_the_token_endpoint_does_not_spend_the_refresh_token(client, faults):
    refresh_token = client.login().json()["refresh_token"]
    faults.add("status", "token", status=500)
    assert client.refresh(refresh_token).status == 500
    assert client.refresh(refresh_token).status == 200


# --- lasting conditions


def test_maintenance_has_two_shapes_and_no_retry_after(client, faults):
    faults.maintenance = True
    answer = client.api("constants/categories")
    assert (answer.status, answer.json()["error"]) == (503, "Site Maintenance")
    assert "Retry-After" not in answer.headers
    faults.maintenance_old_shape = True
    assert client.api("constants/categories").json()["errorCode"] == "Site Maintenance"
    faults.maintenance = False
    assert client.api("constants/categories").headers["X-RateLimit-Remaining"] == "239"


def test_a_skewed_clock_changes_all_times_and_no_duration(client, faults):
    faults.clock_skew = 3600.0
    answer = client.api("lookup/flairs")
    date = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert 3595 <= date - time.time() <= 3600
    assert 58 <= int(answer.headers["X-RateLimit-Reset"]) - date <= 61
    assert client.request("GET", answer.json()["link"]).status == 200


def test_the_rate_of_a_download_can_be_limited(client, faults):
    link = client.link("lookup/countries")
    size = len(client.request("GET", link).data)
    faults.link_rate = size * 5.0
    began = time.perf_counter()
    assert len(client.request("GET", link).data) == size
    assert 0.1 < time.perf_counter() - began < 20


def test_clear_restores_the_initial_settings():
    with plain_client(population=Population(50), latency=0.001, link_latency=0.002) as client:
        faults = client.simulator.faults
        faults.latency, faults.maintenance = 9.0, True
        faults.add("hang")
        faults.clear()
        assert (faults.latency, faults.link_latency, faults.maintenance) == (0.001, 0.002, False)
        assert client.api("constants/categories").status == 200


def test_parallel_calls_get_exactly_the_given_number_of_faults(client, faults):
    client.simulator.set_calls_left(1000)
    client.bearer()
    faults.add("status", "constants/categories", times=30, status=500)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: client.api("constants/categories").status, range(80)))
    assert statuses.count(500) == 30


def test_an_unknown_fault_is_a_value_error(faults):
    with pytest.raises(ValueError, match="explode"):
        faults.add("explode")
    with pytest.raises(ValueError, match="no_such_error"):
        faults.add("status", error="no_such_error")


# --- over HTTP


def control(client, method="POST", headers=None, **wish):
    url = f"{client.simulator.data_url}/_control"
    return client.request(method, url, body=json.dumps(wish), headers=headers or {})


def test_everything_can_be_set_over_http(client):
    (one,) = client.simulator.population.sample(1)
    state = control(
        client,
        latency=0,
        other_calls=2,
        maintenance=True,
        logins_left=3,
        calls_left=9,
        rename={"cust_id": one.cust_id, "name": "Renamed Overhttp"},
        race={"cust_id": one.cust_id, "category": "oval", "irating": 12},
        add=[{"kind": "status", "endpoint": "token", "error": "access_denied", "times": 2}],
    ).json()
    assert (state["maintenance"], state["logins_left"], state["calls_left"]) == (True, 3, 9)
    assert client.simulator.population.find("renamed overhttp").cust_id == one.cust_id
    assert client.simulator.population.outings(one.cust_id)[0].irating_change == 12
    assert [client.login().status for _ in range(3)] == [401, 401, 200]
    assert control(client, "GET").json()["calls"] == {"token": 3}
    assert control(client, clear_calls=True).json()["calls"] == {}
    assert control(client, "DELETE").json()["maintenance"] is False
    before = client.simulator.clock.now()
    control(client, advance=100)
    assert client.simulator.clock.now() - before >= 100


@pytest.mark.parametrize(
    "wish",
    [
        {"no_such": 1},
        {"maintenance": "yes"},
        {"latency": None},
        {"add": [{"kind": "explode"}]},
        {"add": 5},
        {"rename": {"cust_id": 1, "name": "Nobody"}},
        {"race": {"cust_id": 1, "category": "boats"}},
    ],
)
def test_an_invalid_setting_over_http_is_a_400(client, wish):
    assert control(client, **wish).status == 400
    url = f"{client.simulator.data_url}/_control"
    assert client.request("POST", url, body=b"not json").status == 400
    assert client.request("POST", url, body=b"[]").status == 400


def test_a_web_page_cannot_use_the_control_route(client):
    answer = control(client, headers={"Origin": "https://example.invalid"}, maintenance=True)
    assert answer.status == 403
    assert client.simulator.faults.maintenance is False


# --- start and end


def test_the_simulator_listens_on_loopback_only_and_gives_the_environment(client):
    environment = client.simulator.environment()
    assert environment["PITBOARD_OAUTH_URL"] == client.simulator.oauth_url
    assert environment["PITBOARD_DATA_URL"] == client.simulator.data_url
    assert all(url.startswith("http://127.0.0.1:") for name, url in environment.items() if "URL" in name)
    assert {"CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"} <= {
        name.removeprefix("PITBOARD_") for name in environment
    }
    assert environment["PITBOARD_PASSWORD"] not in repr(client.simulator.client)


def test_stopping_ends_calls_in_progress_and_frees_the_ports():
    threads = threading.active_count()
    with plain_client(population=Population(50)) as client:
        client.bearer()
        client.simulator.faults.add("hang", times=5)
        ports = [client.simulator.data_url, client.simulator.assets_url]
        with ThreadPoolExecutor(5) as pool:
            calls = [pool.submit(client.api, "lookup/flairs") for _ in range(5)]
            while client.simulator.calls.count("lookup/flairs") < 5:
                time.sleep(0.005)
            client.simulator.stop()
            for call in calls:
                with pytest.raises(urllib3.exceptions.ProtocolError):
                    call.result()
        client.simulator.stop()
    assert threading.active_count() == threads
    for url in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0
    gc.collect()


def test_a_simulator_that_was_never_started_leaves_nothing_open():
    Simulator(Population(50)).stop()
    gc.collect()


def test_a_port_in_use_is_an_error_and_the_other_ports_are_closed():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            Simulator(Population(50), port=port - 2)
    gc.collect()


def test_a_client_that_does_not_speak_http_is_disconnected_and_others_are_served(client):
    port = int(client.simulator.data_url.rpartition(":")[2])
    for nonsense in (b"\r\n\r\n", b"\0" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"x" * 70_000):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            try:
                while connection.recv(1000):
                    pass
            except ConnectionResetError:
                pass
    assert client.api("constants/categories").status == 200


def test_the_program_prints_the_environment_and_ends_on_interrupt():
    program = [sys.executable, "-m", "pitboard.simulator", "--drivers", "100", "--latency", "1"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        lines = [process.stdout.readline() for _ in range(7)]
        pairs = [shlex.split(line)[1].partition("=") for line in lines if line.startswith("export ")]
        environment = {name: value for name, _, value in pairs}
        assert len(environment) == 6
        url = f"{environment['PITBOARD_DATA_URL']}/_control"
        assert urllib3.request("GET", url, retries=False).json()["latency"] == 0.001
    finally:
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
