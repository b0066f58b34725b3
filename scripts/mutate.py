"""Changes the code in small ways, one at a time, and counts which changes a test notices.

    uv run --all-groups --all-extras scripts/mutate.py ROOM [--sample 120] [--seed 0] [--minutes 60]
        [--resume]

ROOM is a folder of src/pitboard, such as `drivers`. Of all changes that cosmic-ray can make to its modules a
sample is tried, the same each time, in a copy of the checkout in build/, each with the tests that
scripts/mutate.toml names for its module. `--seed` draws another sample: tests that were written for the
survivors of one say nothing of the others. The sample's part of docs/MUTATION.md gets the result. `--resume`
goes on after a run that was broken off, or to which tests were added; then the first score stays beside the
new one, as long as it is of the same changes of the same code.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOC = ROOT / "docs" / "MUTATION.md"
ROOMS = ("aws", "drivers", "http", "iracing", "stores")
TOOL = ("uvx", "--quiet", "--python", sys.executable, "--from", "cosmic-ray==8.7.0", "cosmic-ray")
PLUGINS = ("xdist.plugin", "pytest_timeout", "_hypothesis_pytestplugin")
"""No others are loaded: those of schemathesis and its like take longer to import than most tests to run."""

PYTEST = (
    *(sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-m", "not long", "-p", "no:cacheprovider"),
    *(part for plugin in PLUGINS for part in ("-p", plugin)),
)
QUICKLY = ("--hypothesis-profile", "mutants")

NOT_CODE = "%BitOr%"
"""Operators that change `int | None`, a type and no behaviour."""

LOGGERS = ("log",)

AT_ONCE = 10
"""Changes that are tried between two savings of the results."""

CONFIG = """
[cosmic-ray]
module-path = "src/pitboard/{room}"
timeout = {seconds:.1f}
excluded-modules = []
test-command = {command}
[cosmic-ray.distributor]
name = "local"
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that cosmic-ray can make, and once it was tried what came of it."""

    job: str
    module: str
    operator: str
    occurrence: int
    row: int
    column: int
    diff: str = ""
    survived: bool | None = None

    def place(self, seed: int) -> str:
        """What stays the same between two runs on the same code, in an order that is as good as random."""
        text = f"{self.module} {self.operator} {self.occurrence}" + (f" {seed}" if seed else "")
        return hashlib.blake2s(text.encode()).hexdigest()


def main() -> int:
    """Tries the room that was asked for; 1 if its tests fail without a change."""
    parser = argparse.ArgumentParser(description="Changes the code, and counts which changes tests notice.")
    parser.add_argument("room", choices=ROOMS, metavar="ROOM", help=", ".join(ROOMS))
    parser.add_argument("--sample", type=int, default=120, help="changes of the room; 120 without")
    parser.add_argument("--seed", type=int, default=0, help="draws another sample; 0 without")
    parser.add_argument("--minutes", type=float, default=60.0, help="begins nothing later; 60 without")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="takes over what the last run saw noticed, in modules unchanged since",
    )
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    copy = ROOT / "build" / "mutation" / asked.room
    checkout(copy)
    possible = changes(copy, asked.room)
    places = {change: change.place(asked.seed) for change in possible}
    sample = sorted(possible, key=places.__getitem__)[: asked.sample]
    kept = copy / f"noticed-{asked.seed}.json"
    before = json.loads(kept.read_text("utf-8")) if asked.resume and kept.exists() else {}
    now = {change.job: (places[change], code(copy / change.module)) for change in sample}
    known = [one for one in sample if before.get(now[one.job][0]) == now[one.job][1]]
    results = [replace(one, survived=False) for one in known]
    for done in tried(copy, asked.room, [change for change in sample if change not in known], end):
        results += done
        kept.write_text(
            json.dumps(dict(now[change.job] for change in results if not change.survived)), "utf-8"
        )
    if len(results) < len(sample):
        print(f"{len(sample) - len(results)} changes were not tried; --resume goes on")
        return 1
    print(note(asked.room, asked.seed, len(possible), results, again=asked.resume, sample=mark(now)))
    return 0


def mark(sample: dict[str, tuple[str, str]]) -> str:
    """A short name of a sample: which changes of which code, by job."""
    return hashlib.blake2s(repr(sorted(sample.values())).encode(), digest_size=8).hexdigest()


def code(module: Path) -> str:
    """A short name of what stands in a module."""
    return hashlib.blake2s(module.read_bytes(), digest_size=8).hexdigest()


def tests_of() -> dict[str, list[str]]:
    """The tests that speak for each module, by `ROOM/MODULE.py`."""
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    return {module: list(tests) for module, tests in tomllib.loads(text).items()}


def checkout(copy: Path) -> None:
    """A fresh copy of what git knows, with today's changes."""
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for old in ("src", "tests", "scripts"):
        shutil.rmtree(copy / old, ignore_errors=True)
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def changes(copy: Path, room: str) -> list[Change]:
    """All changes of a room that could matter."""
    session = copy / "all.sqlite"
    session.unlink(missing_ok=True)
    (copy / "mutate.toml").write_text(CONFIG.format(room=room, seconds=60, command='"true"'), "utf-8")
    run(copy, *TOOL, "init", "mutate.toml", session.name, seconds=300)
    query = """SELECT job_id, module_path, operator_name, occurrence, start_pos_row, start_pos_col
        FROM mutation_specs WHERE operator_name NOT LIKE ?"""
    with closing(sqlite3.connect(session)) as db:
        found = [Change(*row) for row in db.execute(query, (NOT_CODE,))]
    quiet = {module: set(unpromised(copy / module)) for module in {change.module for change in found}}
    return [change for change in found if (change.row, change.column) not in quiet[change.module]]


def unpromised(path: Path) -> Iterator[tuple[int, int]]:
    """Where changes do not count: in what is logged, and in what `@dataclass` is told.

    Nobody is promised the words of a log line; mypy finds what `frozen` and `slots` guard against.
    """
    lines = path.read_text("utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        logged = isinstance(called, ast.Attribute) and getattr(called.value, "id", "") in LOGGERS
        if not logged and getattr(called, "id", "") != "dataclass":
            continue
        for row in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            first = node.col_offset if row == node.lineno else 0
            last = node.end_col_offset if row == node.end_lineno else len(lines[row - 1])
            yield from ((row, column) for column in range(first, (last or 0) + 1))


def tried(copy: Path, room: str, sample: list[Change], end: float) -> Iterator[list[Change]]:
    """The changes with what came of them, some of one module at a time."""
    tests = tests_of()
    for module in sorted({change.module for change in sample}):
        left = [change for change in sample if change.module == module]
        command = (*PYTEST, *QUICKLY, *tests[f"{room}/{Path(module).name}"])
        begun = time.monotonic()
        if begun > end or run(copy, *command, seconds=300):  # leaves compiled files: the next runs are quick
            print(f"{module}: no time left, or its tests fail without a change")
            continue
        seconds = 20 + 5 * (time.monotonic() - begun)
        config = CONFIG.format(room=room, seconds=seconds, command=json.dumps(shlex.join(command)))
        (copy / "mutate.toml").write_text(config, "utf-8")
        while left and time.monotonic() < end:
            some, left = left[:AT_ONCE], left[AT_ONCE:]
            begun = time.monotonic()
            done = list(executed(copy, some))
            alive = sum(change.survived is True for change in done)
            each = (time.monotonic() - begun) / len(some)
            print(f"{module}: {alive} of {len(done)} survived, {each:.1f} s each", flush=True)
            yield done


def executed(copy: Path, some: list[Change]) -> Iterator[Change]:
    """Tries changes of one module."""
    session = copy / "some.sqlite"
    shutil.copy2(copy / "all.sqlite", session)
    jobs = json.dumps([change.job for change in some])
    with closing(sqlite3.connect(session)) as db, db:
        db.execute("DELETE FROM mutation_specs WHERE job_id NOT IN (SELECT value FROM json_each(?))", (jobs,))
        db.execute("DELETE FROM work_items WHERE job_id NOT IN (SELECT value FROM json_each(?))", (jobs,))
    module = copy / some[0].module
    unchanged = module.read_bytes()
    run(copy, *TOOL, "exec", "mutate.toml", session.name, seconds=3600)
    module.write_bytes(unchanged)  # when it was broken off
    with closing(sqlite3.connect(session)) as db:
        rows = db.execute("SELECT job_id, test_outcome, diff FROM work_results WHERE test_outcome NOT NULL")
        outcomes = {job: (str(outcome).upper(), str(diff)) for job, outcome, diff in rows}
    for change in some:
        if change.job in outcomes:
            outcome, diff = outcomes[change.job]
            yield replace(change, diff=diff, survived=outcome.endswith("SURVIVED"))


def summary(room: str, possible: int, results: list[Change], first: str = "") -> str:
    """The result in one sentence; with the `first` one, which was had before tests were added."""
    noticed, tried_ = sum(not change.survived for change in results), len(results)
    share = f"{100 * noticed / tried_:.0f} %" if tried_ else "nothing"
    score, day = f"{noticed} of {tried_} noticed, {share}", datetime.now(UTC).date()
    score = f"{first} at first; with tests added since {score}" if first not in ("", score) else score
    return f"`{room}`: {score}, of {possible} possible, on {day}."


def survivor(change: Change) -> str:
    """A survivor in one line: what stood there and what was put in its place."""
    changed = {sign: re.search(rf"^\{sign}(?!\{sign}) *(\S.*)$", change.diff, re.M) for sign in "-+"}
    before, after = (found[1] if (found := changed[sign]) else "" for sign in "-+")
    return f"`{Path(change.module).name}`: `{before}` became `{after}`"


def note(room: str, seed: int, possible: int, results: list[Change], *, again: bool, sample: str = "") -> str:
    """Puts a result into the sample's part of the document; gives its sentence. What was written there about
    why a survivor stays (after an arrow) is kept, and the first score when this `sample` (its `mark`) was
    tried `again`."""
    text = DOC.read_text("utf-8")
    name = f"{room}, seed {seed}" if seed else room
    begin, finish = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, part, after = text.partition(begin)[0], text.partition(begin)[2], text.partition(finish)[2]
    part = part.partition(finish)[0]
    why = dict(re.findall(r"^- (.*) → (.*)$", part, re.M))
    marked = f"<!-- sample {sample} -->\n"
    if again and not part.endswith(marked):
        print("The score in the document is of another sample; this one stands alone.")
        again = False
    first = re.search(r"\d+ of \d+ noticed, \d+ %", part) if again else None
    said = summary(room, possible, results, first[0] if first else "")
    alive = sorted(survivor(change) for change in results if change.survived)
    lines = [f"- {line} → {why.get(line, 'not looked at')}\n" for line in alive]
    body = f"{said}\n" + ("\n" if lines else "") + "".join(lines) + marked
    DOC.write_text(before + begin + body + finish + after, "utf-8")
    return said


def run(folder: Path, *command: str, seconds: float) -> int:
    """Runs a program quietly in a copy of the code; its exit code. Its children end with it."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


if __name__ == "__main__":
    sys.exit(main())
