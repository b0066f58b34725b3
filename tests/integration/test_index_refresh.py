"""`pitboard index refresh` and the refreshes of `pitboard serve`, as processes, the simulator behind them."""

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import urllib3
from benchmarks import index as benchmark
from tests.support.local_server import local_home

from pitboard.drivers import names
from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.refresh import refresh
from pitboard.iracing.driver_lists import DriverLists
from pitboard.simulator import Kind, Population, Simulator
from pitboard.stores.index_builder import IndexBuilder
from pitboard.stores.index_file import IndexFile, generations

LIST = "driver_stats_by_category/oval"


@pytest.fixture
def simulator():
    with Simulator(Population(3_000), latency=0.002, link_latency=0.002) as simulator:
        yield simulator


@pytest.fixture
def environment(simulator, tmp_path):
    db = str(tmp_path / "p.sqlite3")
    return {**os.environ, **simulator.environment(), "PITBOARD_DB": db, "COLUMNS": "120"}


@pytest.fixture
def db(environment):
    return Path(environment["PITBOARD_DB"])


def pitboard(*arguments, env):
    command = [sys.executable, "-m", "pitboard", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def known(db, simulator, count=20):
    """How many of some drivers, who have raced, the index knows by their right id."""
    drivers = simulator.population.sample(count)
    with closing(IndexFile(db)) as index:
        found = index.find([names.parse(driver.display_name).key for driver in drivers])
    return len({driver.cust_id for driver in drivers} & {driver.cust_id for driver in found.values()})


@contextmanager
def served(environment):
    """`pitboard serve` and its log lines as they come. Ends it if the block has not."""
    with subprocess.Popen(
        [sys.executable, "-m", "pitboard", "serve", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def until(process, text):
    """The log lines up to the one that holds a text."""
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            return said
    raise AssertionError(said)


def children(process):
    threads = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(pid) for thread in threads for pid in thread.read_text().split()]


class TestTheCommand:
    def test_five_calls_make_everybody_known(self, environment, simulator, db):
        done = pitboard("index", "refresh", "--json", env=environment)
        assert done.returncode == 0, done.stderr
        assert simulator.calls.count(service="data") == 5
        told = json.loads(done.stdout)
        assert told["drivers"] > 2_000
        assert told["skipped"] == {"wrong number of columns": 5}
        assert known(db, simulator) == 20

    def test_the_summary_says_what_was_read_and_what_was_not_used(self, environment, db):
        done = pitboard("index", "refresh", env=environment)
        assert done.returncode == 0, done.stderr
        assert "drivers are known" in done.stdout
        assert "wrong number of columns: 5" in done.stdout
        assert "Sports car" in done.stderr

    def test_a_list_that_iracing_has_not_is_said_and_the_others_are_loaded(self, environment, simulator, db):
        simulator.faults.add(Kind.STATUS, LIST, status=404)
        done = pitboard("index", "refresh", env=environment)
        assert done.returncode == 1
        assert "Oval: no list." in done.stdout
        assert known(db, simulator) >= 15

    def test_in_maintenance_the_index_in_use_stays_and_running_again_goes_on(
        self, environment, simulator, db
    ):
        assert pitboard("index", "refresh", env=environment).returncode == 0
        before = generations(db)
        simulator.faults.maintenance = True
        done = pitboard("index", "refresh", env=environment)
        assert done.returncode == 2
        assert "maintenance" in done.stderr
        assert generations(db) == before

    def test_an_error_before_the_first_list_is_one_line_without_a_terminal(self, environment, simulator):
        simulator.faults.maintenance = True
        done = pitboard("index", "refresh", env=environment)
        assert (done.stdout, len(done.stderr.splitlines())) == ("", 1), done.stderr

    def test_a_second_one_says_that_one_is_running(self, environment, db):
        with IndexBuilder(db):
            done = pitboard("index", "refresh", env=environment)
        assert done.returncode == 1
        assert "Another refresh of the driver index is running." in " ".join(done.stderr.split())

    def test_no_secret_is_said(self, environment, simulator):
        simulator.faults.add(Kind.STATUS, "link", status=403, times=9)
        done = pitboard("index", "refresh", env=environment)
        said = done.stdout + done.stderr
        assert "X-Amz" not in said
        for part in ("CLIENT_SECRET", "PASSWORD"):
            assert environment[f"PITBOARD_{part}"] not in said


@pytest.mark.parametrize("kind", [Kind.CUT, Kind.RESET])
def test_a_download_that_breaks_half_way_is_begun_again(simulator, tmp_path, kind):
    simulator.faults.add(kind, f"link:{LIST}", times=2)
    with (
        local_home(simulator, tmp_path) as home,
        IndexBuilder(home.settings.db) as builder,
    ):
        done = refresh(DriverLists(home.upstream), builder, sleep=lambda _: None)
    assert done.whole
    assert known(home.settings.db, simulator) == 20


class TestWhileServing:
    def test_an_index_is_made_at_the_start_and_not_again_after_a_restart(self, environment, simulator, db):
        with served(environment) as process:
            lines = until(process, "the driver index is new")
        assert known(db, simulator) == 20
        for line in lines[-1:]:
            told = json.loads(line)
            assert (told["level"], told["logger"]) == ("INFO", "pitboard.drivers.refresh")
        assert "the driver index is new" in db.with_name("pitboard.log").read_text()
        simulator.calls.clear()
        with served(environment) as process:
            address = until(process, "Pitboard answers at")[-1].split()[3].rstrip("/")
            assert urllib3.request("GET", f"{address}/health").status == 200
        assert simulator.calls.count(LIST) == 0

    def test_the_child_ends_well_while_its_parent_lives(self, environment):
        command = [sys.executable, "-m", "pitboard.local.index_job"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, -1, None, pipe, pipe, pipe, env=environment, text=True) as child:
            assert child.stdout
            assert child.stderr
            brought, said = child.stdout.read(), child.stderr.read()
            assert child.wait(30) == 0  # its standard input is still open
        assert json.loads(brought)["drivers"] > 0
        assert [line for line in said.splitlines() if not line.startswith("{")] == []

    def test_zero_hours_switch_it_off(self, environment, simulator, db):
        with served({**environment, "PITBOARD_INDEX_HOURS": "0"}) as process:
            address = until(process, "Pitboard answers at")[-1].split()[3].rstrip("/")
            assert urllib3.request("GET", f"{address}/health").status == 200
            assert children(process) == []
        assert generations(db) == []

    def test_a_failure_is_logged_with_its_sentence_and_the_next_attempt(self, environment, simulator):
        simulator.faults.maintenance = True
        with served(environment) as process:
            line = json.loads(until(process, "could not be refreshed")[-1])
        assert "iRacing is in maintenance." in line["message"]
        assert "15 minutes" in line["message"]

    @pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    def test_the_child_has_a_lower_priority_no_secret_in_its_arguments_and_ends_with_the_server(
        self, environment, simulator, how
    ):
        simulator.faults.link_rate = 2_000
        with served(environment) as process:
            until(process, "a refresh of the driver index has begun")
            (child,) = children(process)
            ended = os.pidfd_open(child)
            assert os.getpriority(os.PRIO_PROCESS, child) > os.getpriority(os.PRIO_PROCESS, process.pid)
            arguments = Path(f"/proc/{child}/cmdline").read_text()
            for part in ("CLIENT_SECRET", "PASSWORD", "USERNAME"):
                assert environment[f"PITBOARD_{part}"] not in arguments
            process.send_signal(how)
            assert select.select([ended], [], [], 20)[0], "the child outlived the server"
            os.close(ended)
            said = process.stderr.read()
        assert "Traceback" not in said


def test_the_benchmark_finds_everybody_it_made(tmp_path):
    figures = benchmark.measure(20_000, tmp_path)
    assert (figures.answer["drivers"], figures.rows) == (20_000, 100_000)
    assert figures.answer["skipped"] == {}
    assert figures.found == len(figures.find_seconds)
    assert figures.file_bytes > 20_000 * 18 * len(CATEGORIES)
