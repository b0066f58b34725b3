"""`pitboard logout`: no credential and no token is left, and a limit is not escaped."""

import io
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from rich.console import Console
from tests.support.local_server import local_home

from pitboard.drivers.errors import CredentialsError
from pitboard.iracing.credentials import BrowserClient
from pitboard.iracing.oauth import Grant
from pitboard.local.credentials import default_file, find, save
from pitboard.local.home import LocalHome
from pitboard.local.logout import logout
from pitboard.settings import Settings
from pitboard.simulator import Simulator

LOGINS = "SELECT json_extract(value, '$.logins') FROM documents WHERE key LIKE 'TOKEN:%'"


@pytest.fixture(autouse=True)
def no_keyring():
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    yield
    keyring.set_keyring(before)


def said(settings):
    out = io.StringIO()
    logout(settings, Console(file=out, width=200))
    return out.getvalue()


def test_credentials_and_tokens_are_gone_and_logins_are_still_counted(tmp_path):
    with Simulator(latency=0.0, link_latency=0.0) as simulator:
        environment = simulator.environment()
        with local_home(simulator, tmp_path) as home:
            token = home.tokens.access_token(time.monotonic() + 20)
        save(find(environment))
        settings = replace(Settings.read(environment), db=tmp_path / "pitboard.sqlite3")
        told = said(settings)
        assert str(default_file()) in told
        assert "tokens" in told
        assert not default_file().exists()
        with pytest.raises(CredentialsError):
            find({})
        with closing(sqlite3.connect(settings.db)) as db:
            kept = "".join(str(row) for row in db.execute("SELECT * FROM documents"))
            logins = json.loads(db.execute(LOGINS).fetchone()[0])
        assert token not in kept
        assert len(logins) == 1


def test_without_credentials_it_says_so(tmp_path):
    assert "No credentials were stored" in said(replace(Settings.read({}), db=tmp_path / "none.sqlite3"))
    assert not (tmp_path / "none.sqlite3").exists()


def test_what_the_environment_still_gives_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PITBOARD_PASSWORD", "an-invented-password")
    told = said(replace(Settings.read({}), db=tmp_path / "none.sqlite3"))
    assert "PITBOARD_PASSWORD" in told
    assert "an-invented-password" not in told


def test_the_token_of_a_login_in_the_browser_is_gone_too(tmp_path):
    client = BrowserClient("invented-client")
    save(client)
    settings = replace(Settings.read({}), db=tmp_path / "pitboard.sqlite3")
    with LocalHome(settings, client) as home:
        grant = Grant("an-invented-access-token", 600.0, "an-invented-refresh-token", 6000.0)
        home.tokens.adopt(lambda _: grant, time.monotonic() + 5)
    assert "tokens" in said(settings)
    with closing(sqlite3.connect(settings.db)) as db:
        kept = "".join(str(row) for row in db.execute("SELECT * FROM documents"))
    assert "an-invented" not in kept.replace("invented-client", "")
