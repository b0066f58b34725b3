"""Changes the code in small ways, one at a time, and counts which changes a test notices.

    uv run scripts/mutate.py [MODULE ...] [--sample 40] [--minutes 10]

MODULE is one of scripts/mutate.toml, such as `iracing/links.py`; all without one. Of each module's possible
changes (cosmic-ray makes them) a sample is tried, the same each time, in a copy of the checkout in build/. No
new change is begun after the minutes. docs/MUTATION.md gets the results; those of other modules stay.
"""

import argparse
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutation"
DOC = ROOT / "docs" / "MUTATION.md"
COSMIC_RAY = "cosmic-ray==8.7.0"
TARGET = 85
"""Percent of the changes that tests shall notice."""

NOT_CODE = "%BitOr%"
"""Operators that change `int | None`, a type and no behaviour."""

CONFIG = """
[cosmic-ray]
module-path = "src/pitboard/{module}"
timeout = 90.0
excluded-modules = []
test-command = "python -m pytest -x -q -n 0 -p no:cacheprovider {tests}"
[cosmic-ray.distributor]
name = "local"
"""

HEAD = f"""# Mutation testing

`uv run scripts/mutate.py` changes the code in small ways, one at a time, and runs the tests that
`scripts/mutate.toml` names for the module. A change that no test notices has survived. It may be one that
changes nothing that matters; else a test is missing. The target is {TARGET} % of a sample. This file is
written by the command; modules without a row were not run yet.

| module | possible | tried | noticed | score | day |
| --- | ---: | ---: | ---: | ---: | --- |
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a module: a row of the table, and a line for each survivor."""

    row: str
    survivors: tuple[str, ...]


def main() -> int:
    """Tries the modules that were asked for; 1 if one cannot be tried."""
    tests: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    parser = argparse.ArgumentParser(description="Changes the code, and counts which changes tests notice.")
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help="of scripts/mutate.toml; all without one"
    )
    parser.add_argument("--sample", type=int, default=40, help="most changes of a module; 40 without")
    parser.add_argument("--minutes", type=float, default=10.0, help="in all; 10 without")
    asked = parser.parse_args()
    if unknown := set(asked.modules) - tests.keys():
        parser.error(f"scripts/mutate.toml does not name {', '.join(sorted(unknown))}")
    end = time.monotonic() + 60 * asked.minutes
    copy()
    for module in asked.modules or list(tests):
        if time.monotonic() >= end:
            print(f"{module}: no time left")
            continue
        result = tried(module, tests[module], asked.sample, end)
        if result is None:
            return 1
        note(module, result)
        print(result.row)
    return 0


def copy() -> None:
    """A fresh copy of what git knows, with today's changes; its environment stays."""
    files = output("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for old in ("src", "tests", "scripts"):
        shutil.rmtree(COPY / old, ignore_errors=True)
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


def tried(module: str, tests: list[str], sample: int, end: float) -> Result | None:
    """Tries a sample of a module's changes; None if its tests fail without any."""
    config, session = COPY / "mutate.toml", COPY / "mutate.sqlite"
    config.write_text(CONFIG.format(module=module, tests=" ".join(tests)), "utf-8")
    session.unlink(missing_ok=True)
    if not cosmic_ray("baseline", config.name) or not cosmic_ray("init", config.name, session.name):
        print(f"{module}: its tests fail without a change")
        return None
    possible = keep_sample(session, module, sample)
    left = max(1.0, end - time.monotonic())
    cosmic_ray("exec", config.name, session.name, seconds=left)
    shutil.copy2(ROOT / "src" / "pitboard" / module, COPY / "src" / "pitboard" / module)
    return read(session, module, possible)


def keep_sample(session: Path, module: str, sample: int) -> int:
    """Leaves a sample of the changes in the session; gives how many were possible."""
    with closing(sqlite3.connect(session)) as db, db:
        db.execute("DELETE FROM mutation_specs WHERE operator_name LIKE ?", (NOT_CODE,))
        jobs = [job for (job,) in db.execute("SELECT job_id FROM mutation_specs ORDER BY rowid")]
        kept = set(random.Random(module).sample(jobs, min(sample, len(jobs))))  # noqa: S311 - a sample
        db.executemany("DELETE FROM mutation_specs WHERE job_id = ?", [(j,) for j in jobs if j not in kept])
        db.execute("DELETE FROM work_items WHERE job_id NOT IN (SELECT job_id FROM mutation_specs)")
    return len(jobs)


def read(session: Path, module: str, possible: int) -> Result:
    """The row and the survivors of a session."""
    with closing(sqlite3.connect(session)) as db:
        done = db.execute(
            "SELECT test_outcome, diff FROM work_results WHERE test_outcome IS NOT NULL"
        ).fetchall()
    alive = [str(diff) for outcome, diff in done if str(outcome).upper().endswith("SURVIVED")]
    noticed = len(done) - len(alive)
    score = f"{100 * noticed / len(done):.0f} %" if done else "-"
    day = datetime.now(UTC).date()
    row = f"| `{module}` | {possible} | {len(done)} | {noticed} | {score} | {day} |"
    return Result(row, tuple(sorted(map(survivor, alive))))


def survivor(diff: str) -> str:
    """A survivor in one line: what stood there and what was put in its place."""
    changed = {sign: re.search(rf"^\{sign}(?!\{sign}) *(.*)$", diff, re.M) for sign in "-+"}
    before, after = (found[1] if (found := changed[sign]) else "" for sign in "-+")
    line = re.search(r"^@@ -(\d+)", diff, re.M)
    return f"- near line {int(line[1]) + 3 if line else 0}: `{before}` became `{after}`"


def note(module: str, result: Result) -> None:
    """Puts a result into the document, in place of an older one."""
    text = DOC.read_text("utf-8") if DOC.exists() else HEAD
    rows = {found[1]: found[0] for found in re.finditer(r"^\| `(.+?)` \|.*$", text, re.M)}
    parts = {
        found[1]: found[2] for found in re.finditer(r"^## Survivors of `(.+?)`\n\n((?:- .*\n)+)", text, re.M)
    }
    rows[module] = result.row
    parts.pop(module, None)
    if result.survivors:
        parts[module] = "".join(f"{line}\n" for line in result.survivors)
    table = "".join(f"{rows[name]}\n" for name in sorted(rows))
    lists = "".join(f"\n## Survivors of `{name}`\n\n{parts[name]}" for name in sorted(parts))
    DOC.write_text(HEAD + table + lists, "utf-8")


def cosmic_ray(*arguments: str, seconds: float = 300.0) -> bool:
    """Runs cosmic-ray in the copy; whether it ended well and in time."""
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(COPY / ".venv"), "VIRTUAL_ENV": ""}
    command = ("uv", "run", "--quiet", "--with", COSMIC_RAY, "cosmic-ray", *arguments)
    process = subprocess.Popen(
        command, cwd=COPY, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # uv alone would leave cosmic-ray and its tests behind
        process.wait()
        return False


def output(*command: str) -> str:
    """What a program prints."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
