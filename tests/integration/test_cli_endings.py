"""How commands end, and pipes that are not as usual: real processes, the simulator behind them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

import keyring
import pytest
import urllib3
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from pitboard.iracing.credentials import Credentials
from pitboard.local import credentials
from pitboard.local.server import listen, url
from pitboard.settings import UsageError
from pitboard.simulator import Simulator


@pytest.fixture(scope="module")
def simulator():
    with Simulator(latency=0.005, link_latency=0.005) as simulator:
        yield simulator


@pytest.fixture
def environment(simulator, tmp_path):
    db = str(tmp_path / "p.sqlite3")
    simulator.set_logins_left(12)  # the tests of a process share them
    # The simulator's 120,000 drivers would be loaded by every server that starts.
    yield {**os.environ, **simulator.environment(), "PITBOARD_DB": db, "PITBOARD_INDEX_HOURS": "0"}
    simulator.faults.clear()


def start(*arguments, env):
    return subprocess.Popen(
        [sys.executable, "-m", "pitboard", *arguments],
        env={**env, "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding=env.get("PYTHONIOENCODING", "utf-8"),
    )


def end(process, seconds=30):
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert "Traceback" not in err
    return out, " ".join(err.split())


def run(*arguments, env):
    process = start(*arguments, env=env)
    return process, *end(process)


def address_in(stream):
    said = ""
    while not (found := re.search(r"http://\S+:\d+", said)):
        line = stream.readline()
        assert line, said
        said += line
    return found[0]


# --- the end


@pytest.mark.parametrize(
    ("command", "says_so"),
    [(("serve", "--port", "0"), "stderr"), (("demo", "--port", "0", "--no-browser"), "stdout")],
)
def test_ctrl_c_is_the_usual_end_of_a_server(environment, command, says_so):
    process = start(*command, env=environment)
    address_in(getattr(process, says_so))
    process.send_signal(signal.SIGINT)
    end(process, 10)
    assert process.returncode == 0


def test_ctrl_c_ends_a_look_up_without_a_traceback(environment, simulator):
    simulator.faults.latency = 2.0
    process = start("drivers", "Ann Tester", env=environment)
    simulator.calls.clear()
    while not len(simulator.calls):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    end(process, 10)
    assert process.returncode not in (0, 1, 2)


def test_a_look_up_takes_no_longer_than_it_was_told_to_wait(environment, simulator):
    (driver,) = simulator.population.sample(1, seed=3)
    began = time.monotonic()
    assert run("drivers", driver.display_name, "--json", env=environment)[0].returncode == 0
    whole = time.monotonic() - began
    simulator.faults.add("hang", "lookup/drivers", times=50)
    began = time.monotonic()
    process, out, _ = run("drivers", "Ann Tester", "--json", "--wait", "0.5", env=environment)
    assert time.monotonic() - began < whole + 8, "a busy machine takes seconds to start a program"
    assert process.returncode == 1
    assert json.loads(out)["Ann Tester"]["code"] == "pending"


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_a_closed_output_is_no_error(environment, how):
    with start("drivers", "Ann Tester", *how, env=environment) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "Exception" not in said
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    "command", [["drivers", "Ann Tester"], ["drivers", "Ann Tester", "--json"], ["--help"]]
)
def test_a_full_device_is_one_sentence(environment, command):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pitboard", *command],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert said == "pitboard: The output cannot be written: No space left on device."


# --- what is written


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_names_go_into_pipes_that_cannot_hold_them(environment, encoding):
    env = {**environment, "PYTHONIOENCODING": encoding}
    process, out, _ = run("drivers", "Jiří Čestný", env=env)
    assert process.returncode == 1
    assert re.search(r"Ji\?. .estn", out)
    process, out, _ = run("drivers", "Jiří Čestný", "--json", env=env)
    assert list(json.loads(out)) == ["Jiří Čestný"]


def test_no_colours_in_a_pipe(environment):
    _, out, _ = run("drivers", "Ann Tester", env=environment)
    assert "\x1b" not in out


def on_a_terminal(environment, *arguments):
    """What a command writes to a terminal."""
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pitboard", *arguments],
        env={**environment, "COLUMNS": "120", "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    said = b""
    with suppress(OSError):  # EIO on Linux when the process is gone
        while some := os.read(master, 4096):
            said += some
    os.close(master)
    process.wait(30)
    return said.decode()


def test_a_terminal_shows_colours_unless_no_color_is_set(environment):
    """See no-color.org: any value that is not empty."""
    plain = {name: value for name, value in environment.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    coloured = re.compile(r"\x1b\[[\d;]*3\d")
    shown = on_a_terminal(plain, "drivers", "--help")
    assert coloured.search(shown)
    for value in ("1", "yes"):
        assert not coloured.search(on_a_terminal({**plain, "NO_COLOR": value}, "drivers", "--help"))
        assert not coloured.search(on_a_terminal({**plain, "NO_COLOR": value}, "drivers", "Ann Tester"))


def test_an_error_may_hold_brackets(environment):
    process, _, err = run("drivers", "Ann", env={**environment, "PITBOARD_DATA_URL": "[/oops]"})
    assert process.returncode == 2
    assert "'[/oops]'" in err


# --- where it listens


@pytest.mark.parametrize(
    ("host", "shown"),
    [("::1", "http://[::1]:"), ("0.0.0.0", "http://127.0.0.1:"), ("::", "http://[::1]:")],  # noqa: S104
)
def test_the_address_that_is_shown_can_be_opened(host, shown):
    try:
        door = listen(host, 0)
    except UsageError:
        pytest.skip(f"this machine has no {host}")
    with door:
        assert url(door).startswith(shown)
        socket.create_connection((url(door)[7:].rsplit(":", 1)[0].strip("[]"), door.getsockname()[1])).close()


def test_serve_answers_on_ipv6(environment):
    try:
        listen("::1", 0).close()
    except UsageError:
        pytest.skip("this machine has no ::1")
    process = start("serve", "--host", "::1", "--port", "0", env=environment)
    try:
        assert urllib3.request("GET", f"{address_in(process.stderr)}/health").status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        end(process)


# --- credentials


def test_credentials_that_cannot_be_stored_are_an_error_with_a_remedy(environment):
    process, _, err = run("login", env={**environment, "XDG_CONFIG_HOME": "/proc/nowhere"})
    assert process.returncode == 2
    assert "cannot be kept in /proc/nowhere" in err
    assert "PITBOARD_ variables" in err


class Keyring(KeyringBackend):
    """A keyring in memory; `locked` refuses to be read."""

    priority = 1
    locked = False

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        if self.locked:
            raise KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        self.kept.pop((service, username), None)


@pytest.fixture
def ring():
    before = keyring.get_keyring()
    ring = Keyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


MINE = Credentials("client", "secret", "user@example.org", "password")


def test_credentials_are_in_one_place_only(ring, tmp_path):
    file = tmp_path / "credentials.json"
    file.write_text("{}")
    assert "keyring" in credentials.save(MINE, file)
    assert not file.exists()
    assert astuple(credentials.find({}, file)) == astuple(MINE)


def test_a_keyring_that_cannot_be_read_is_not_used(ring, tmp_path):
    file = tmp_path / "credentials.json"
    ring.locked = True
    assert credentials.save(MINE, file).startswith(f"{file}, in clear text")
    assert not ring.kept
    assert astuple(credentials.find({}, file)) == astuple(MINE)


class PlaintextKeyring(Keyring):
    """Called as the one of the package keyrings.alt, which writes clear text."""


@pytest.mark.parametrize("chained", [False, True])
def test_a_keyring_of_clear_text_is_not_used_and_not_called_safe(ring, tmp_path, chained):
    plain = PlaintextKeyring()
    before = json.dumps({"client_id": "old"})
    plain.set_password("pitboard", "iracing", before)
    keyring.set_keyring(Chain([plain]) if chained else plain)
    file = tmp_path / "credentials.json"
    said = credentials.save(MINE, file)
    assert said == f"{file}, in clear text, readable by your user alone"
    assert not plain.kept
    assert file.stat().st_mode & 0o077 == 0
    assert astuple(credentials.find({}, file)) == astuple(MINE)


def test_a_keyring_that_nobody_knows_is_named(ring, tmp_path):
    said = credentials.save(MINE, tmp_path / "credentials.json")
    assert said == "the keyring Keyring; Pitboard does not know whether it encrypts"


class Chain(Keyring):
    """Several keyrings behind one another, as keyring's own ChainerBackend."""

    def __init__(self, backends):
        super().__init__()
        self.backends = backends

    def get_password(self, service, username):
        return next(iter(self.backends)).get_password(service, username)

    def delete_password(self, service, username):
        for backend in self.backends:
            backend.delete_password(service, username)
