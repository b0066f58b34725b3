"""Measures which branches the tests take, by room.

    uv run scripts/measure_coverage.py [TEST ...] [--note ROOM]

Without a TEST (a file or folder) it runs the unit, fuzz, contract and integration tests; that takes many
minutes. What runs in other processes counts, too, such as `pitboard serve` and functions. docs/COVERAGE.md
gets the figures of the rooms that are to be noted; without a TEST these are all with a target. Exit code 1 if
one of them has less.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "build" / "coverage"
TESTS = ("tests/unit", "tests/fuzz", "tests/contract", "tests/integration")
TOOLS = ("--with", "coverage==7.17.3", "--with", "pytest-cov==7.1.0")
TARGET = 95.0
"""Percent of the branches."""

HELD = ("aws", "drivers", "http", "iracing", "stores")
"""The rooms with that target."""

DOC = ROOT / "docs" / "COVERAGE.md"

CONFIG = """
[run]
branch = true
source = pitboard
parallel = true
patch = subprocess
sigterm = true
data_file = {data}
[paths]
source =
    src/pitboard
    */build/lambda/*/pitboard
[report]
exclude_also =
    if TYPE_CHECKING:
    \\.\\.\\.$
"""


def main() -> int:
    """Runs the tests and prints the table."""
    parser = argparse.ArgumentParser(description="Measures which branches the tests take, by room.")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="a file or folder; all without one")
    parser.add_argument("--note", action="append", choices=HELD, metavar="ROOM", help=", ".join(HELD))
    asked = parser.parse_args()
    noted = asked.note or (() if asked.tests else HELD)
    report = BUILT / "coverage.json"
    failed = measure(report, asked.tests or TESTS)
    if not report.exists():
        print("The tests could not be measured.")
        return 1
    shares = show(json.loads(report.read_text("utf-8")))
    if failed:
        return 1
    if noted:
        note({room: shares[room] for room in noted})
    below = [room for room in noted if percent(*shares[room]) < TARGET]
    if below:
        print(f"\nBelow {TARGET:.0f} %: {', '.join(below)}.")
    return 1 if below else 0


def measure(report: Path, tests: Sequence[str]) -> int:
    """Runs the tests; their exit code. `report` gets coverage's report in JSON."""
    BUILT.mkdir(parents=True, exist_ok=True)
    config = BUILT / "coveragerc"
    config.write_text(CONFIG.format(data=BUILT / "data"), "utf-8")
    report.unlink(missing_ok=True)
    command = ("uv", "run", "--locked", *TOOLS, "--all-groups", "--all-extras", "pytest", "-q", "-n", "2")
    measured = ("--cov", f"--cov-config={config}", f"--cov-report=json:{report}", "-m", "not long")
    done = subprocess.run([*command, *measured, *tests], cwd=ROOT, env=dict(os.environ), check=False)
    return done.returncode


def show(report: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Prints a line for each room; gives how many branches it has and how many of them were taken."""
    all_, taken = Counter[str](), Counter[str]()
    for path, file in report["files"].items():
        room = Path(path).relative_to("src/pitboard").parts[0] if "src/pitboard" in path else ""
        all_[room] += file["summary"]["num_branches"]
        taken[room] += file["summary"]["covered_branches"]
    print(f"\n{'room':<12} {'branches':>8} {'taken':>8} {'percent':>8}")
    for room in sorted(all_):
        if all_[room]:
            print(f"{room:<12} {all_[room]:>8} {taken[room]:>8} {percent(all_[room], taken[room]):>7.1f}%")
    return {room: (all_[room], taken[room]) for room in all_}


def percent(branches: int, taken: int) -> float:
    """The share that was taken."""
    return 100 * taken / branches


def note(shares: dict[str, tuple[int, int]]) -> None:
    """Puts the rooms' rows into the document, in place of older ones."""
    text = DOC.read_text("utf-8")
    for room, (branches, taken) in shares.items():
        share, day = percent(branches, taken), datetime.now(UTC).date()
        row = f"| `{room}` | {branches} | {taken} | {share:.1f} % | {day} |"
        text = re.sub(rf"^\| `{room}` \|.*$", row, text, flags=re.M)
    DOC.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
