"""The command line as a user meets it: real processes, the simulator behind them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import urllib3
from typer.testing import CliRunner

from pitboard import cli
from pitboard.settings import SETTINGS
from pitboard.simulator import Simulator
from pitboard.stores.sqlite import SqliteStore


@pytest.fixture(scope="module")
def simulator():
    with Simulator(latency=0.005, link_latency=0.005) as simulator:
        yield simulator


@pytest.fixture
def environment(simulator, tmp_path):
    simulator.calls.clear()
    return {
        **os.environ,
        **simulator.environment(),
        "PITBOARD_DB": str(tmp_path / "p.sqlite3"),
        "PITBOARD_INDEX_HOURS": "0",  # the simulator's 120,000 drivers would be loaded by every server
        "COLUMNS": "100",
    }


def pitboard(*arguments, env, **kwargs):
    command = [sys.executable, "-m", "pitboard", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, **kwargs)


def sentence(done):
    """What went to standard error, as one line."""
    return " ".join(done.stderr.split())


def without(environment, *names):
    return {name: value for name, value in environment.items() if name not in names}


def test_help_of_every_command_has_an_example():
    listed = pitboard("--help", env=os.environ).stdout
    commands = re.findall(r"^│ (\w+) ", listed, re.MULTILINE)
    assert {"demo", "serve", "drivers", "login", "addon", "bench", "doctor", "logs"} <= set(commands)
    for command in set(commands) - {"addon", "index"}:
        assert f": pitboard {command}" in CliRunner().invoke(cli.app, [command, "--help"]).output


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_error(environment, tmp_path, closed):
    SqliteStore(tmp_path / "p.sqlite3").close()
    command = ["sh", "-c", f'exec "$@" {closed}', "-", sys.executable, "-m", "pitboard", "export"]
    command.append(str(tmp_path / "x.jsonl"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.jsonl").read_text().startswith('{"pitboard_export"')


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        (
            {"PITBOARD_HOST": "unix:/nowhere/pit.sock"},
            "No such file or directory. PITBOARD_HOST is an address",
        ),
        ({"PITBOARD_HOST": f"unix:/tmp/{'x' * 150}"}, "AF_UNIX path too long. PITBOARD_HOST is an address"),
        ({"PITBOARD_HOST": "192.0.2.7"}, "Cannot assign requested address. PITBOARD_HOST is an address"),
        ({"PITBOARD_DB": "/"}, "a folder; it must be the path of a file."),
        ({"PITBOARD_DB": "/dev/null"}, "which is no file; it must be the path of one."),
    ],
)
def test_a_place_where_serve_cannot_be_is_a_sentence_with_its_remedy(environment, settings, remedy):
    more = {"PITBOARD_ALLOWED_HOSTS": "pit.example.org", "PITBOARD_AUDIENCE": "listed"}
    done = pitboard("serve", env=environment | more | settings)
    assert done.returncode == 2
    assert remedy in sentence(done)


@pytest.mark.parametrize("command", [["drivers", "Ann Tester"], ["allow", "--list"], ["backup", "x.sqlite3"]])
def test_a_path_that_the_system_refuses_is_named_and_not_taken_for_the_output(environment, command, tmp_path):
    done = pitboard(*command, env=environment | {"PITBOARD_DB": str(tmp_path / ("x" * 300))})
    assert done.returncode == 2
    assert "x" * 300 in sentence(done)
    assert "output" not in sentence(done)


def test_a_restore_asks_first_and_says_so_where_nobody_can_answer(environment, tmp_path):
    SqliteStore(tmp_path / "p.sqlite3").close()
    copy = tmp_path / "copy.sqlite3"
    assert pitboard("backup", str(copy), env=environment).returncode == 0

    def restore(file, **more):
        return pitboard("restore", str(file), env=environment, **more)

    silent = restore(copy, stdin=subprocess.DEVNULL)
    assert (silent.returncode, sentence(silent)) == (2, "pitboard: Nobody is there to answer; add --yes.")
    declined = restore(copy, input="n\n")
    assert (declined.returncode, declined.stderr) == (1, "Aborted.\n")
    assert restore(copy, input="y\n").returncode == 0
    missing = restore(tmp_path / "none", stdin=subprocess.DEVNULL)
    assert sentence(missing) == f"pitboard: There is no file {tmp_path / 'none'}."


def test_demo_once_prints_a_table_of_twenty_drivers_and_ends():
    done = pitboard("demo", "--once", "--port", "0", env={**os.environ, "COLUMNS": "120"})
    assert done.returncode == 0, done.stderr
    assert "20 drivers nobody had asked for" in done.stdout
    assert len(re.findall(r"^ .* (?:19|20)\d\d ", done.stdout, re.MULTILINE)) == 20


def test_drivers_prints_a_table(environment, simulator):
    (driver,) = simulator.population.sample(1, seed=3)
    done = pitboard("drivers", driver.display_name, env=environment)
    assert done.returncode == 0, done.stderr
    assert driver.display_name in done.stdout


def test_drivers_as_json_and_exit_one_when_somebody_is_not_found(environment, simulator):
    (driver,) = simulator.population.sample(1, seed=3)
    done = pitboard("drivers", driver.display_name, "Nobody Here", "--json", env=environment)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer[driver.display_name]["cust_id"] == driver.cust_id
    assert answer["Nobody Here"]["code"] == "not_found"


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["drivers", "Ann Tester"]])
def test_missing_credentials_are_named_and_nothing_is_asked(environment, simulator, command):
    done = pitboard(*command, env=without(environment, "PITBOARD_PASSWORD", "PITBOARD_CLIENT_ID"))
    assert done.returncode == 2
    assert (
        "are missing: PITBOARD_CLIENT_ID, PITBOARD_PASSWORD. Set these variables, or run `pitboard login`."
        in sentence(done)
    )
    assert len(simulator.calls) == 0


def test_wrong_credentials_cost_one_login_however_often_they_are_tried(environment, simulator):
    wrong = {**environment, "PITBOARD_PASSWORD": "not-the-password"}
    for _ in range(3):
        done = pitboard("drivers", "Ann Tester", env=wrong)
        assert done.returncode == 2
        assert "PITBOARD_PASSWORD" in sentence(done)
        assert "not-the-password" not in done.stdout + done.stderr
    assert simulator.calls.count(service="oauth") == 1


def test_a_port_in_use_is_named(environment):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = pitboard("serve", "--port", port, env=environment)
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in sentence(done)
    assert "PITBOARD_PORT" in sentence(done)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PITBOARD_DATA_URL", "http://example.org"),
        ("PITBOARD_OAUTH_URL", "http://127.0.0.1.example.org/"),
        ("PITBOARD_DATA_URL", "nonsense"),
    ],
)
def test_an_address_that_would_send_secrets_in_the_clear_is_refused(environment, name, value):
    done = pitboard("drivers", "Ann Tester", env={**environment, name: value})
    assert done.returncode == 2
    assert name in sentence(done)


def test_a_database_that_cannot_be_used_is_named(environment, tmp_path):
    (tmp_path / "p.sqlite3").write_text("not a database")
    done = pitboard("drivers", "Ann Tester", env=environment)
    assert done.returncode == 2
    assert "p.sqlite3" in sentence(done)
    assert (tmp_path / "p.sqlite3").read_text() == "not a database"


def test_while_iracing_does_not_answer_it_is_said_when_to_try_again(environment):
    down = environment | {"PITBOARD_DATA_URL": "http://127.0.0.1:1"}
    assert pitboard("drivers", "Ann Tester", env=down).returncode == 1
    done = pitboard("index", "refresh", env=down)
    assert done.returncode == 2
    assert re.search(r"iRacing has failed several times in a row\. Try again in \d+ s\.$", sentence(done))


def test_login_proves_the_credentials_once_and_keeps_them_in_a_private_file(environment, simulator, tmp_path):
    asked = "".join(
        environment[f"PITBOARD_{part}"] + "\n"
        for part in ("CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD")
    )
    bare = without(
        environment, *(s.env for s in SETTINGS if s.env.endswith(("_ID", "_SECRET", "NAME", "WORD")))
    )
    bare["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    done = pitboard("login", env=bare, input=asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert simulator.calls.count(service="oauth") == 1
    kept = tmp_path / "config" / "pitboard" / "credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert environment["PITBOARD_PASSWORD"] not in done.stdout + done.stderr
    (driver,) = simulator.population.sample(1, seed=3)
    assert pitboard("drivers", driver.display_name, env=bare).returncode == 0


def test_a_file_of_credentials_that_others_could_read_is_made_private_and_that_is_said(environment, tmp_path):
    kept = tmp_path / "config" / "pitboard" / "credentials.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    kept.chmod(0o644)
    bare = without(environment, "PITBOARD_PASSWORD") | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = pitboard("drivers", "Ann Tester", env=bare)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "change the iRacing password" in sentence(done)


def test_serve_answers_until_it_is_told_to_stop_and_logs_no_secret(environment, simulator, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "pitboard", "serve", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    assert process.stderr
    while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
        line = process.stderr.readline()
        assert line, said
        said += line
    (driver,) = simulator.population.sample(1, seed=3)
    answer = urllib3.request("GET", f"{found[0]}/drivers", fields={"name": driver.display_name})
    assert answer.json()[driver.display_name]["cust_id"] == driver.cust_id
    process.send_signal(signal.SIGTERM)
    said += process.communicate(timeout=20)[1]
    assert process.returncode == 0
    written = said + (tmp_path / "pitboard.log").read_text()
    for part in ("CLIENT_SECRET", "PASSWORD"):
        assert environment[f"PITBOARD_{part}"] not in written
