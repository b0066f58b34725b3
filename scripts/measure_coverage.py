"""Measures which branches the tests take, by room.

    uv run scripts/measure_coverage.py [TEST ...]

Without a TEST (a file or folder) it runs the unit, fuzz, contract and integration tests; that takes minutes.
Code that runs in other processes, such as `pitboard serve` and the functions, counts. Exit code 1 if a room
with a target has less.
"""

import json
import os
import subprocess
import sys
from collections import Counter
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

CONFIG = """
[run]
branch = true
source = pitboard
parallel = true
patch = subprocess
sigterm = true
data_file = {data}
[report]
exclude_also =
    if TYPE_CHECKING:
    \\.\\.\\.$
"""


def main() -> int:
    """Runs the tests and prints the table."""
    BUILT.mkdir(parents=True, exist_ok=True)
    config, report = BUILT / "coveragerc", BUILT / "coverage.json"
    config.write_text(CONFIG.format(data=BUILT / "data"), "utf-8")
    report.unlink(missing_ok=True)
    command = ("uv", "run", "--locked", *TOOLS, "--all-groups", "--all-extras", "pytest", "-q", "-n", "2")
    measured = ("--cov", f"--cov-config={config}", f"--cov-report=json:{report}", "-m", "not long")
    tests = sys.argv[1:] or TESTS
    done = subprocess.run([*command, *measured, *tests], cwd=ROOT, env=dict(os.environ), check=False)
    if not report.exists():
        print("The tests could not be measured.")
        return 1
    below = show(json.loads(report.read_text("utf-8")))
    return 1 if below or done.returncode else 0


def show(report: dict[str, Any]) -> list[str]:
    """Prints a line for each room; gives those that have less than the target."""
    all_, taken = Counter[str](), Counter[str]()
    for path, file in report["files"].items():
        room = Path(path).relative_to("src/pitboard").parts[0] if "src/pitboard" in path else ""
        all_[room] += file["summary"]["num_branches"]
        taken[room] += file["summary"]["covered_branches"]
    below = []
    print(f"\n{'room':<12} {'branches':>8} {'taken':>8} {'percent':>8}")
    for room in sorted(all_):
        if all_[room]:
            percent = 100 * taken[room] / all_[room]
            print(f"{room:<12} {all_[room]:>8} {taken[room]:>8} {percent:>7.1f}%")
            below += [room] if room in HELD and percent < TARGET else []
    if below:
        print(f"\nBelow {TARGET:.0f} %: {', '.join(below)}.")
    return below


if __name__ == "__main__":
    sys.exit(main())
