"""`/status` and `pitboard top` against a real server."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3
from playwright.sync_api import sync_playwright
from tests.support.serve_process import serve_process

from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.local.server import listen, make_local_app, running, url
from pitboard.local.status import Day
from pitboard.local.status_page import status_routes
from pitboard.settings import FrontSettings, Settings
from pitboard.simulator import Simulator
from pitboard.telemetry import PrometheusTelemetry

TOKEN = "a-token-of-the-host-only"


@contextmanager
def serving(tmp_path, *allowed):
    """The address of a server with a status page; with allowed hosts it is a public one."""
    telemetry = PrometheusTelemetry()
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        environment = simulator.environment()
        front = FrontSettings(allowed, status_token=TOKEN)
        settings = replace(Settings.read(environment), db=tmp_path / "pitboard.sqlite3", front=front)
        with (
            LocalHome(settings, find(environment), telemetry) as home,
            Day(telemetry) as day,
            listen("127.0.0.1", 0) as door,
            running(make_local_app(home, telemetry, status_routes(home, day)), [door]),
        ):
            yield url(door)


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path) as address:
        yield address


@pytest.fixture
def public(tmp_path):
    with serving(tmp_path, "pit.example.org") as address:
        yield address


def told(address, **headers):
    return urllib3.request("GET", f"{address}/status.json", headers=headers)


def top(address, *more, token=""):
    port = address.rsplit(":", 1)[1]
    return subprocess.run(
        [sys.executable, "-m", "pitboard", "top", "--port", port, *more],
        env={"COLUMNS": "80", "PITBOARD_STATUS_TOKEN": token} if token else {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_page_counts_what_was_asked_and_names_nobody(server):
    urllib3.request("GET", f"{server}/drivers?names=Ann%20Testerova&wait=5")
    answer = told(server).json()
    assert answer["last_minute"]["names"] == 1
    page = urllib3.request("GET", f"{server}/status")
    assert page.status == 200
    assert "script" not in page.headers["Content-Security-Policy"].replace("default-src 'none'", "")
    assert b"Testerova" not in page.data
    assert "Testerova" not in json.dumps(answer)


def test_on_a_public_server_only_the_host_sees_it(public):
    assert told(public).status == 401
    assert "Basic" in told(public).headers["WWW-Authenticate"]
    assert told(public, Authorization="Bearer wrong-token-of-nobody").status == 401
    assert told(public, Authorization=f"Bearer {TOKEN}").status == 200
    password = base64.b64encode(f"host:{TOKEN}".encode()).decode()
    assert told(public, Authorization=f"Basic {password}").status == 200
    assert told(public, Authorization="Basic !!!").status == 401


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_a_browser_takes_the_password_and_shows_the_page(public, chromium):
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium) as browser:
        page = browser.new_context(http_credentials={"username": "host", "password": TOKEN}).new_page()
        page.goto(f"{public}/status")
        assert "Calls to iRacing" in page.inner_text("body")


def test_top_shows_the_server_and_its_state_is_the_exit_code(server):
    done = top(server, "--once")
    assert "Pitboard" in done.stdout
    assert "The database answers." in done.stdout
    assert done.returncode == int("healthy" not in done.stdout)
    assert json.loads(top(server, "--json").stdout)["health"]["checks"]["store"]["ok"]


def test_top_sends_the_token_and_says_when_it_is_missing(public):
    done = top(public, "--once")
    assert done.returncode == 2
    assert "PITBOARD_STATUS_TOKEN" in done.stderr
    assert "Pitboard" in top(public, "--once", token=TOKEN).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets here")
def test_top_asks_over_a_unix_socket_as_the_unit_has_one():
    with (
        Simulator(latency=0.0, link_latency=0.0) as simulator,
        tempfile.TemporaryDirectory() as folder,
    ):  # a socket's path has a hundred letters at most
        host = {"PITBOARD_HOST": f"unix:{folder}/pit.sock", "PITBOARD_STATUS_TOKEN": TOKEN}
        command = [sys.executable, "-m", "pitboard", "top", "--json"]
        with serve_process(simulator, Path(folder), PITBOARD_ALLOWED_HOSTS="pit.example.org", **host):
            done = subprocess.run(command, env=os.environ | host, capture_output=True, text=True, check=False)
            assert json.loads(done.stdout)["health"]["checks"]["store"]["ok"], done.stderr
        done = subprocess.run(command, env=os.environ | host, capture_output=True, text=True, check=False)
        assert f"No Pitboard answers at unix:{folder}/pit.sock." in " ".join(done.stderr.split())


def test_top_says_what_to_do_when_nothing_answers():
    with listen("127.0.0.1", 0) as door:
        free = url(door)
    done = top(free, "--once")
    assert done.returncode == 2
    assert "pitboard serve" in done.stderr
    assert "Traceback" not in done.stderr
