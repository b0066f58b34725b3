"""Unusual requests and hostile clients, against the local server."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit

import pytest
import urllib3
from tests.support.local_server import local_server
from tests.support.waiting import wait_until

from pitboard.drivers.budget import Budget
from pitboard.local.home import LOOKUPS

HTTP = urllib3.PoolManager(maxsize=64, timeout=20)


@pytest.fixture(scope="module")
def shared_backend(tmp_path_factory):
    with local_server(tmp_path_factory.mktemp("edges"), latency=0.005, link_latency=0.002) as backend:
        get(backend, f"/drivers?names={quote(backend.drivers(1)[0].display_name)}")
        yield backend


@pytest.fixture
def backend(shared_backend):
    fill_bucket(shared_backend.home)
    yield shared_backend
    shared_backend.simulator.faults.clear()


def fill_bucket(home):
    kept = home.store.documents.get("BUDGET")
    home.store.documents.put("BUDGET", Budget(level=60, at=time.time()).document(), expected=kept.version)


def get(backend, target, method="GET", **headers):
    return HTTP.request(method, backend.base_url + target, headers=headers, redirect=False, retries=False)


@pytest.fixture
def own_backend(tmp_path):
    """For tests that leave calls hanging, which would delay the tests after them."""
    with local_server(tmp_path, latency=0.005, link_latency=0.002) as backend:
        yield backend


@pytest.fixture
def known(backend):
    """The address of a page of five known drivers."""
    names = ",".join(quote(driver.display_name) for driver in backend.drivers(5))
    target = f"/drivers?names={names}"
    assert '"fresh"' in get(backend, target).data.decode()
    return target


# --- caching


@pytest.mark.parametrize("form", ["{}", '"other", {}', '{},W/"other"', "*"])
def test_any_valid_form_of_a_matching_if_none_match_gives_304(backend, known, form):
    etag = get(backend, known).headers["ETag"]
    for tag in (etag, etag.removeprefix("W/")):
        answer = get(backend, known, **{"If-None-Match": form.format(tag), "Accept-Encoding": "gzip"})
        assert answer.status == 304
        assert not answer.data
        assert answer.headers["ETag"] == etag
        assert "max-age" in answer.headers["Cache-Control"]
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("form", ['"other"', 'W/"other"', "", "nonsense", '""'])
def test_an_if_none_match_that_does_not_match_gives_the_whole_answer(backend, known, form):
    assert get(backend, known, **{"If-None-Match": form}).status == 200


def test_a_page_with_pending_names_may_not_be_cached(backend):
    answer = get(backend, "/drivers?names=Not%20Asked%20Before&wait=0")
    assert answer.json()["Not Asked Before"]["code"] == "pending"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_head_is_get_without_the_body(backend, known):
    answer = get(backend, known, "HEAD")
    assert answer.status == 200
    assert not answer.data
    assert answer.headers["ETag"] == get(backend, known).headers["ETag"]


# --- odd requests


def test_names_that_differ_only_in_case_are_each_answered(backend):
    name = backend.drivers(1)[0].display_name
    body = get(backend, f"/drivers?names={quote(name)},{quote(name.upper())},{quote(name.lower())}").json()
    assert list(body) == [name, name.upper(), name.lower()]
    assert {value["cust_id"] for value in body.values()} == {backend.drivers(1)[0].cust_id}


def test_50_names_of_the_longest_kind_get_414_with_advice(backend):
    names = ",".join(quote("\U0001f3ce" * 98 + f"{n:02}") for n in range(50))
    answer = get(backend, f"/drivers?names={names}")
    assert answer.status == 414
    assert "fewer names" in answer.json()["detail"]
    fitting = ",".join(quote(f"Maximilian Ümläutsson von Vierzig Zeichen{n}") for n in range(50))
    assert get(backend, f"/drivers?names={fitting}&wait=0").status == 200


@pytest.mark.parametrize("cust_id", ["0", "00", "9" * 11, "9" * 5000, "-1", "٣", "1.0"])
def test_an_invalid_customer_id_is_an_unknown_route(backend, cust_id):
    before = backend.simulator.calls.count("member/chart_data")
    answer = get(backend, f"/drivers/{quote(cust_id)}/history")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert backend.simulator.calls.count("member/chart_data") == before


def test_unknown_addresses_add_no_labels_to_the_metrics(backend):
    for n in range(5):
        get(backend, f"/static/nothing{n}")
        get(backend, f"/nothing{n}")
        get(backend, f"/drivers/{n}")
        get(backend, f"/drivers/{n}1/history?category=boats")
        get(backend, f"/drivers/{n}1/races?wait=never")
    text = get(backend, "/metrics").data.decode()
    assert "nothing" not in text
    labels = set(re.findall(r'requests_total\{route="(/drivers/[^"]*)"', text))
    assert labels == {"/drivers/{cust_id}/history", "/drivers/{cust_id}/races"}


# --- slow calls and clients that disconnect


def test_health_is_answered_while_60_look_ups_wait(own_backend):
    backend = own_backend
    get(backend, f"/drivers?names={quote(backend.drivers(1)[0].display_name)}")
    backend.simulator.faults.add("hang", "lookup/drivers", times=1000)
    with ThreadPoolExecutor(60) as crowd:
        waiting = [
            crowd.submit(get, backend, f"/custid?name={quote(f'Slow Driver{n}')}&wait=2") for n in range(60)
        ]
        try:
            wait_until(lambda: backend.simulator.calls.count("lookup/drivers") >= LOOKUPS)
            began = time.monotonic()
            assert get(backend, "/health").status == 200
            assert get(backend, "/drivers?names=Another%20Name&wait=0").status == 200
            assert time.monotonic() - began < 1.9
        finally:
            assert {answer.result().status for answer in waiting} == {503}


def test_the_look_up_of_a_client_that_disconnected_serves_the_next_request(backend):
    backend.simulator.faults.latency = 0.1
    (driver,) = backend.drivers(1, seed=77)
    address = urlsplit(backend.base_url)
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(
            f"GET /drivers?name={quote(driver.display_name)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        wait_until(lambda: searches(backend, driver))
    assert get(backend, f"/drivers?name={quote(driver.display_name)}").json()[driver.display_name]["cust_id"]
    assert searches(backend, driver) == 1


def searches(backend, driver):
    calls = backend.simulator.calls.select("lookup/drivers")
    return sum(call.parameters.get("search_term") == driver.display_name for call in calls)
