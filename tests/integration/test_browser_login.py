"""`pitboard login --browser`: authorization code with PKCE, answered on loopback, against the simulator."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright
from rich.console import Console

from pitboard.drivers.errors import CredentialsError, Remedy
from pitboard.iracing.credentials import BrowserClient
from pitboard.iracing.oauth import DeniedError, OAuth
from pitboard.iracing.transport import Transport
from pitboard.local.browser_login import Attempt, redirect_uri
from pitboard.local.credentials import default_file, find
from pitboard.local.home import LocalHome
from pitboard.local.login import login_in_browser
from pitboard.local.remedies import worded
from pitboard.settings import SettingError, Settings, UsageError
from pitboard.simulator import Client, Population, Simulator

IN_30_S = 30.0


def free_port():
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(params=["demo-secret/not+real=", ""], ids=["confidential client", "public client"])
def simulator(request, monkeypatch, tmp_path):
    address = f"http://127.0.0.1:{free_port()}/callback"
    client = Client(secret=request.param, redirect_uri=address)
    with Simulator(Population(300), latency=0.002, link_latency=0.001, client=client) as simulator:
        for name, value in simulator.environment().items():
            if name not in ("PITBOARD_USERNAME", "PITBOARD_PASSWORD"):
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("PITBOARD_REDIRECT_URI", address)
        monkeypatch.setenv("PITBOARD_DB", str(tmp_path / "pitboard.sqlite3"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield simulator


def in_a_browser(url):
    """Opens a page as a browser does, following its redirects."""
    threading.Thread(target=visit, args=(url,), daemon=True).start()


def visit(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def attempt_for(simulator):
    return Attempt.begin(simulator.oauth_url, simulator.client.id, simulator.client.redirect_uri)


def token_document(home):
    return home.store.documents.get(f"TOKEN:browser:{home.tokens._credentials.client_id}").value


def test_a_login_in_the_browser_gives_drivers_and_is_renewed_without_another(simulator, capsys):
    login_in_browser(Console(), in_a_browser)
    said = capsys.readouterr().out
    assert "You are logged in." in said
    credentials = find()
    assert isinstance(credentials, BrowserClient)
    kept = json.loads(default_file().read_text())
    assert (kept["browser"], kept["username"], kept["password"]) == (True, "", "")
    name = simulator.population.sample(1, seed=3)[0].display_name
    with LocalHome(Settings.read(), credentials) as home:
        assert json.loads(home.service.page([name], 8.0).body)[name]["cust_id"]
        old = token_document(home)["access_token"]
        assert home.tokens.status().refusal is None
    simulator.clock.advance(700)
    with LocalHome(Settings.read(), credentials, clock=lambda: time.time() + 700) as home:
        assert home.tokens.access_token(time.monotonic() + 10) != old
        for secret in (old, token_document(home)["refresh_token"]):
            assert secret not in said
    grants = [call.parameters["grant_type"] for call in simulator.calls.select("token")]
    assert grants == ["authorization_code", "refresh_token"]


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_a_member_agrees_in_chromium_and_the_command_ends_with_a_token(simulator, chromium):
    """The command as a host types it; the browser that it opens is the one of the test."""
    environment = os.environ | {"BROWSER": "true"}
    command = [sys.executable, "-m", "pitboard", "login", "--browser"]
    ends = subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE
    with (
        subprocess.Popen(command, -1, None, *ends, env=environment, text=True) as process,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, headless=True) as browser,
    ):
        assert process.stdout
        url = next(line.strip() for line in process.stdout if line.startswith("http"))
        page = browser.new_page()
        page.goto(url)
        page.get_by_role("button", name="Agree").click()
        expect(page.get_by_text("You are logged in. You can close this page.")).to_be_visible()
        said, complaints = process.communicate(timeout=20)
    assert (process.returncode, complaints) == (0, "")
    assert "You are logged in. The OAuth client is kept in" in said
    (exchange,) = simulator.calls.select("token")
    assert exchange.parameters["grant_type"] == "authorization_code"
    with LocalHome(Settings.read(), find()) as home:
        assert home.tokens.access_token(time.monotonic() + 10)
    assert simulator.calls.count("token") == 1


def test_when_the_session_is_over_the_host_is_told_to_log_in_again_and_no_login_is_made(simulator):
    login_in_browser(Console(quiet=True), in_a_browser)
    simulator.revoke_sessions()
    with LocalHome(Settings.read(), find(), clock=lambda: time.time() + 700) as home:
        for _ in range(2):
            with pytest.raises(CredentialsError) as refused:
                home.tokens.access_token(time.monotonic() + 10)
            assert refused.value.remedy is Remedy.LOG_IN_BROWSER
            assert "`pitboard login --browser`" in worded(refused.value)
        assert "`pitboard login --browser`" in home.health().checks["token"]["detail"]
    grants = [call.parameters["grant_type"] for call in simulator.calls.select("token")]
    assert grants == ["authorization_code", "refresh_token"]


def test_a_member_who_says_no_leaves_nothing_behind(simulator):
    simulator.faults.login_declined = True
    with pytest.raises(CredentialsError, match="was refused"):
        login_in_browser(Console(quiet=True), in_a_browser)
    assert not default_file().exists()
    assert simulator.calls.count("token") == 0


def test_an_answer_to_another_login_is_not_believed(simulator):
    mine = attempt_for(simulator)
    seen: list[int] = []

    def show(url):
        def browse():
            forged = f"{mine.redirect_uri}?code=forged&state="
            seen.extend(visit(forged + more)[0] for more in ("", "wrong"))
            seen.append(visit(mine.redirect_uri.replace("/callback", "/") + f"?code=x&state={mine.state}")[0])
            seen.append(visit(url)[0])

        threading.Thread(target=browse, daemon=True).start()

    code = mine.code(show, IN_30_S)
    assert code != "forged"
    assert seen[:3] == [404, 404, 404]


def test_an_answer_with_hundreds_of_fields_is_not_believed_and_nothing_is_printed(simulator, capfd):
    mine = attempt_for(simulator)
    seen: list[int] = []

    def show(url):
        def browse():
            many = "&".join(f"field{n}=x" for n in range(300))
            seen.append(visit(f"{mine.redirect_uri}?{many}&state={mine.state}")[0])
            visit(url)

        threading.Thread(target=browse, daemon=True).start()

    assert mine.code(show, IN_30_S)
    assert seen == [404]
    assert capfd.readouterr().err == ""


def test_a_code_is_of_no_use_without_its_verifier_and_works_once(simulator):
    mine, other = attempt_for(simulator), attempt_for(simulator)
    client = BrowserClient(simulator.client.id, simulator.client.secret)
    with closing(Transport()) as transport:
        oauth = OAuth(simulator.oauth_url, transport)

        def exchange(code, verifier):
            return oauth.exchange(client, code, verifier, mine.redirect_uri, time.monotonic() + 10)

        with pytest.raises(DeniedError, match="refused the login"):
            exchange(mine.code(in_a_browser, IN_30_S), other.verifier)
        code = mine.code(in_a_browser, IN_30_S)
        assert exchange(code, mine.verifier).refresh_token
        with pytest.raises(DeniedError):
            exchange(code, mine.verifier)


def test_the_challenge_is_s256_and_the_verifier_does_not_leave(simulator):
    mine = attempt_for(simulator)
    query = parse_qs(urlsplit(mine.url).query)
    assert query["code_challenge_method"] == ["S256"]
    assert mine.verifier not in mine.url
    assert 43 <= len(mine.verifier) <= 128
    assert mine.verifier not in repr(mine)


def test_nobody_is_waited_for_for_ever(simulator):
    with pytest.raises(CredentialsError, match="Nobody has logged in"):
        attempt_for(simulator).code(lambda _: None, 0.6)


def test_a_port_that_is_taken_is_a_sentence(simulator):
    mine = attempt_for(simulator)
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", urlsplit(mine.redirect_uri).port))
        taken.listen()
        with pytest.raises(UsageError, match="Cannot listen on"):
            mine.code(in_a_browser, IN_30_S)


@pytest.mark.parametrize(
    "address",
    ["https://pit.example.org/callback", "http://127.0.0.1/callback", "http://[", "http://10.0.0.7:80/"],
)
def test_the_redirect_address_is_one_of_this_machine(monkeypatch, address):
    monkeypatch.setenv("PITBOARD_REDIRECT_URI", address)
    with pytest.raises(SettingError, match="PITBOARD_REDIRECT_URI"):
        redirect_uri()


def test_a_password_in_the_environment_is_used_rather_than_the_browsers_login(simulator, monkeypatch):
    login_in_browser(Console(quiet=True), in_a_browser)
    for name in ("USERNAME", "PASSWORD", "CLIENT_SECRET"):
        monkeypatch.setenv(f"PITBOARD_{name}", "demo-password")
    assert not find().interactive
