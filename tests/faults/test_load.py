"""Load in its short form: nothing is asserted about speed. tests/faults/load.py makes the docs' tables."""

import re
import sys
from pathlib import Path

import pytest
from tests.faults import document
from tests.faults.load import run
from tests.faults.week import pass_days

GROWTH = 10.0
"""MB by which the memory may grow."""

SLOWEST = 25.0
"""Milliseconds within which 99 of 100 pages of known drivers are there at half of the most."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_while_iracing_hangs_known_drivers_are_served_and_nothing_grows(tmp_path: Path) -> None:
    load = run(4.0, tmp_path)
    assert load.seen.known
    assert (load.seen.refused, load.seen.broken) == (0, 0)
    before, after = load.memory
    assert after - before <= GROWTH
    assert load.threads < 100
    assert load.exit_seconds < 5.0 + 5.0, "the second five for a busy machine"
    assert load.broken_at_the_end == 0


def test_days_with_faults_leave_no_more_than_the_first_one(tmp_path: Path) -> None:
    *_, last = pass_days(3, tmp_path, pages=1)
    assert last.rows <= 200 + 48 + 10, "200 drivers, the names nobody has of a day, documents"
    assert last.threads <= 100
    assert last.held <= 200 + 48


def test_the_documented_figures_are_within_the_bounds() -> None:
    text = document.read("load")
    said = dict(re.findall(r"^\| (.*?) \| (.*?) \|$", text, re.MULTILINE))
    before, after = map(float, re.findall(r"[\d.]+", said["memory before and after"]))
    assert after - before <= GROWTH
    late = float(said["median, 99th percentile, slowest"].split(", ")[1])
    assert late <= SLOWEST, "this is the table's: what a test run measures is not asserted"
    assert said["answers other than 200, connections lost"] == "0"
    assert said["answers cut short by it"] == "0"
    assert float(said["SIGTERM under load: end after"].removesuffix(" s")) <= 5.0
    days = re.findall(r"^\| (\d+) \| ([\d,]+) \| ", text, re.MULTILINE)
    assert len(days) >= 7
