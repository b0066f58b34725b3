"""Crash safety in its short form; tests/faults/crashes.py has the long one and makes the docs' table."""

import os
import random
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults import document
from tests.faults.crashes import run
from tests.faults.power import PAGE, compiled, lose_power

KILLS = 200

pytestmark = [
    pytest.mark.xdist_group("crashes"),
    pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows"),
]


@pytest.mark.timeout(300)
def test_killed_processes_and_power_losses_leave_no_half_record_and_cost_few_logins(tmp_path: Path) -> None:
    count = run(KILLS, tmp_path)
    assert count.kills >= KILLS
    assert count.refreshes > 10, "the token was hardly ever renewed"
    assert count.records > 0, "no record was ever written"
    assert count.logins <= 1 + count.lost, "a login that no lost refresh explains"
    assert count.most_logins <= 4


WRITE = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE t (x)")
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
db.execute(f"PRAGMA synchronous = {sys.argv[2]}")
db.execute("INSERT INTO t VALUES (1)")
os._exit(0)
"""


@pytest.mark.parametrize(("synchronous", "rows"), [("FULL", 1), ("OFF", 0)])
def test_the_simulated_power_loss_keeps_what_was_synced_and_nothing_else(
    tmp_path: Path, synchronous: str, rows: int
) -> None:
    if (library := compiled(tmp_path)) is None:
        pytest.skip("no C compiler; on Debian: apt-get install gcc libc6-dev")
    durable = tmp_path / "durable"
    durable.mkdir()
    environment = {**os.environ, "LD_PRELOAD": str(library), "DURABLE": str(durable)}
    subprocess.run(
        [sys.executable, "-c", WRITE, tmp_path / "a.sqlite3", synchronous], env=environment, check=True
    )
    with closing(sqlite3.connect(durable / "a.sqlite3")) as db:
        assert len(db.execute("SELECT x FROM t").fetchall()) == rows


def test_the_simulated_power_loss_keeps_a_log_that_was_begun_anew_or_the_one_before_it_and_never_mixes_them(
    tmp_path: Path,
) -> None:
    """The last process to close a database deletes its log. Parts of the deleted one, played over what came
    later, would damage it; on a disk they cannot come back."""
    db, durable = tmp_path / "a.sqlite3", tmp_path / "durable"
    durable.mkdir()
    before, anew, seen = b"a" * 3 * PAGE, b"b" * 32, set()
    for seed in range(40):
        for folder, log in ((durable, before), (tmp_path, anew)):
            (folder / db.name).write_bytes(b"")
            (folder / f"{db.name}-wal").write_bytes(log)
        lose_power(db, durable, random.Random(seed))
        seen.add((tmp_path / f"{db.name}-wal").read_bytes())
    assert seen == {before, anew}


def test_the_documented_figures_are_within_the_bounds() -> None:
    said = dict(re.findall(r"^\| (.*?) \| ([\d,]+) \|$", document.read("crashes"), re.MULTILINE))
    number = {what: int(value.replace(",", "")) for what, value in said.items()}
    assert number["processes killed"] >= 2000
    assert number["most password logins within an hour"] <= 4
    lost = number["ends that left no good refresh token"]
    assert number["password logins, with the first one"] <= 1 + lost
