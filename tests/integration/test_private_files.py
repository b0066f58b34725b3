"""No other user of the machine reads what Pitboard keeps, and no other program sees its secrets."""

import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console
from tests.support.serve_process import serve_process
from tests.support.waiting import wait_until

from pitboard.local.files import tighten
from pitboard.ops import addon, cdk, children
from pitboard.settings import SETTINGS
from pitboard.simulator import Simulator

OPEN = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture(scope="module")
def simulator():
    with Simulator(latency=0.0, link_latency=0.0) as simulator:
        yield simulator


def opened(folder):
    """What others may look into, below a folder."""
    return [path.name for path in folder.rglob("*") if path.stat().st_mode & OPEN]


def test_files_that_others_could_read_are_private_after_a_start_and_the_log_says_so(simulator, tmp_path):
    with serve_process(simulator, tmp_path):
        pass
    for name in ("pitboard.sqlite3-wal", "pitboard.log.1", "pitboard.index-1700000000.sqlite3"):
        (tmp_path / name).touch()
    for path in tmp_path.iterdir():
        path.chmod(0o666)
    with serve_process(simulator, tmp_path) as server:
        assert opened(tmp_path) == []
        said = "".join(server.lines)
    for name in ("pitboard.sqlite3 ", "pitboard.log", "pitboard.log.1", "pitboard.index-1700000000.sqlite3"):
        assert f"{name.strip()};" in said
    assert "change the iRacing password" in said


def other_programs_database(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")


def a_text(path):
    path.write_text("root:x:0:0:root:/root:/bin/bash\n")


@pytest.mark.parametrize("make", [other_programs_database, a_text])
def test_a_file_of_another_program_keeps_its_rights_when_somebody_names_it_as_the_database(make, tmp_path):
    other = tmp_path / "theirs"
    make(other)
    other.chmod(0o644)
    told: list[str] = []
    tighten(other, told.append)
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
    assert told == []


def test_a_credentials_file_that_others_could_read_is_private_after_a_start(simulator, tmp_path):
    file = tmp_path / "config" / "pitboard" / "credentials.json"
    file.parent.mkdir(parents=True)
    given = simulator.environment()
    names = [setting.env for setting in SETTINGS if setting.env in given and "URL" not in setting.env]
    file.write_text(json.dumps({n.removeprefix("PITBOARD_").lower(): given[n] for n in names}))
    file.chmod(0o644)
    empty = dict.fromkeys(names, "")
    with serve_process(simulator, tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"), **empty) as server:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert str(file) in "".join(server.lines)


def no_umask():
    os.umask(0)


def test_with_umask_000_nothing_is_open(simulator, tmp_path):
    (tmp_path / "new").mkdir(mode=0o700)
    folder = tmp_path / "new" / "deep" / "er"
    with serve_process(simulator, folder, no_umask) as server:
        wait_until(lambda: (folder / "pitboard.log").exists())
        assert (folder / "pitboard.sqlite3").exists()
        assert opened(tmp_path / "new") == []
        assert server.lines


# --- children


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """The environment that npm and npx saw."""
    file = tmp_path / "environment"
    for program in ("npm", "npx"):
        script = tmp_path / "bin" / program
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\nenv > {file}\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for setting in SETTINGS:
        monkeypatch.setenv(setting.env, "hush")
    for name in ("GITHUB_TOKEN", "SOME_PASSWORD"):
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("AWS_PROFILE", "league")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", "/ca.pem")
    return file


def test_npm_sees_no_secret(seen, tmp_path, monkeypatch):
    monkeypatch.setattr(addon, "SOURCES", tmp_path / "addon")
    (tmp_path / "addon" / "dist").mkdir(parents=True)
    (tmp_path / "addon" / "package.json").touch()
    addon.build(Console())
    told = seen.read_text()
    assert "hush" not in told
    assert "AWS_PROFILE" not in told
    assert "NODE_EXTRA_CA_CERTS=/ca.pem" in told


def test_cdk_sees_awss_variables_and_no_secret(seen):
    cdk.run(("diff", "x"), region="us-east-1", cwd=Path.cwd())
    told = seen.read_text()
    assert "hush" not in told
    assert "AWS_PROFILE=league" in told
    assert "AWS_REGION=us-east-1" in told


def test_names_of_variables_are_compared_as_windows_does():
    given = {"Path": "x", "SystemRoot": "y", "npm_config_cache": "z", "Pitboard_Password": "hush"}
    assert set(children.environment(given=given)) == {"Path", "SystemRoot", "npm_config_cache"}
