"""The fault matrix: each fault meets a home that knows some drivers. What do readers get, what does it cost,
and how soon is all well again?

    uv run --all-groups --all-extras python tests/faults/matrix.py [--seconds 20] [--only TEXT] [--write]

`--seconds` is how long each fault lasts. `--write` puts the table into docs/FAULTS.md.
"""

import argparse
import gc
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from tests.faults import document  # noqa: E402 - it is in the checkout, not in a package
from tests.faults.bench import FRESH, STALE, UNKNOWN, Bench, aws_bench, local_bench, names_of  # noqa: E402
from tests.faults.faults import FAULTS, Fault  # noqa: E402

from pitboard.drivers import renewal_pool  # noqa: E402
from pitboard.simulator import Population  # noqa: E402

COMMAND = "uv run --all-groups --all-extras python tests/faults/matrix.py --seconds 20 --write"

PATIENCE = 90.0
"""Seconds after which it is given up that all gets well again."""

TOKEN = 600.0
"""Seconds that a token lives."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one fault in one home. `unknown`, `fresh`, `stale`: what the reader got at the end of it,
    `slowest` seconds for known drivers; `logins` are password logins. `well` seconds after its end everybody
    was known and the home healthy, and `fresh_again` seconds after it nobody stale; None: not within
    `PATIENCE`. `acted`: after the host had done something."""

    fault: Fault
    home: str
    unknown: Counter[str]
    fresh: Counter[str]
    stale: Counter[str]
    slowest: float
    health: str
    calls: int
    logins: int
    well: float | None
    fresh_again: float | None
    acted: bool


def meet(fault: Fault, bench: Bench, seconds: float) -> Row:
    """Puts a fault to a home for so many seconds, while a reader looks in twice a second."""
    bench.know()
    if fault.late:
        bench.time_passes(TOKEN)
    bench.simulator.calls.clear()
    fault.put(bench)
    began = time.monotonic()
    slowest = 0.0
    while True:
        asked = time.monotonic()
        known = bench.states([*bench.fresh, *bench.stale])
        slowest = max(slowest, time.monotonic() - asked)
        unknown = bench.states(bench.unknown, bench.wait)
        if time.monotonic() - began >= seconds:
            break
        time.sleep(0.5)
    health, calls = bench.health(), bench.simulator.calls.count(service="data")
    fault.end(bench)
    ended = time.monotonic()
    logins = bench.logins()
    if fault.act:
        fault.act(bench)
    known_at, fresh_at = _well(bench, ended)
    if not fault.act:
        logins = bench.logins()
    states = (Counter(unknown), Counter(known[:FRESH]), Counter(known[FRESH:]))
    acted = fault.act is not None
    well = (known_at, fresh_at)
    return Row(fault, bench.home_name, *states, slowest, health, calls, logins, *well, acted)


def _well(bench: Bench, ended: float) -> tuple[float | None, float | None]:
    """After how many seconds everybody was known, and nobody stale."""
    known_at = None
    while (now := time.monotonic() - ended) < PATIENCE:
        known, fresh = bench.well()
        if known and known_at is None:
            known_at = now
        if fresh:
            return known_at, now
        time.sleep(0.1)
    return known_at, None


def local_rows(faults: Sequence[Fault], seconds: float, side_by_side: int) -> list[Row]:
    """The rows of the local home, each fault with a home and a simulator of its own."""
    renewal_pool.GATHER = 0.5  # stale drivers wait a minute for others to share a call; not here
    population = Population()

    def one(numbered: tuple[int, Fault]) -> Row:
        number, fault = numbered
        with (
            tempfile.TemporaryDirectory() as folder,
            small_disk(Path(folder)) if fault.small_disk else nullcontext(),
            local_bench(Path(folder), population, number) as bench,
        ):
            return meet(fault, bench, seconds)

    with ThreadPoolExecutor(side_by_side) as pool:
        return list(pool.map(one, enumerate(faults, 1)))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Puts a disk of 3 MB into a folder. Only root may do so."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def may_mount() -> bool:
    """Whether `small_disk` works here."""
    return sys.platform == "linux" and os.geteuid() == 0


def aws_rows(faults: Iterable[Fault], seconds: float) -> list[Row]:
    """The rows of the AWS home, one after the other in the same functions."""
    population = Population()
    rows = []
    with aws_bench(population) as bench:
        for number, fault in enumerate(faults, 500):
            bench.names = names_of(population, number)
            bench.__post_init__()
            rows.append(meet(fault, bench, seconds))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    head = (
        "fault",
        "home",
        "unknown driver",
        "fresh driver",
        "stale driver",
        "`/health`",
        "calls",
        "logins",
        "well again after",
        "all fresh after",
    )
    lines = [" | ".join(head), " | ".join(["---"] * 6 + ["---:"] * 4)]
    for row in rows:
        cells = (
            row.fault.name,
            row.home,
            _said(row.unknown),
            _said(row.fresh),
            _said(row.stale),
            row.health,
            str(row.calls),
            str(row.logins),
            f"{_after(row.well)}{', by `pitboard login`' if row.acted else ''}",
            _after(row.fresh_again),
        )
        lines.append(" | ".join(cells))
    return "".join(f"| {line} |\n" for line in lines)


def _said(states: Counter[str]) -> str:
    return ", ".join(
        state if count == states.total() else f"{count} {state}" for state, count in states.items()
    )


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def main() -> None:
    """Reads the options, runs and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each fault lasts")
    parser.add_argument("--only", default="", help="faults with this text in their name")
    parser.add_argument("--home", choices=("local", "aws", "both"), default="both")
    parser.add_argument("--side-by-side", type=int, default=10)
    parser.add_argument("--write", action="store_true", help="puts the table into docs/FAULTS.md")
    given = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s"
    ) if given.only else logging.disable(logging.CRITICAL)
    faults = [fault for fault in FAULTS if given.only in fault.name]
    if not may_mount():
        faults = [fault for fault in faults if not fault.small_disk]
        print("A full disk is left out: only root can mount a small one.", file=sys.stderr)
    rows = local_rows(faults, given.seconds, given.side_by_side) if given.home != "aws" else []
    if given.home != "local":
        rows += aws_rows([fault for fault in faults if fault.aws], given.seconds)
    print(table(rows))
    if given.write:
        note = f"Each fault lasted {given.seconds:g} s. A reader asked twice a second for {UNKNOWN} unknown, "
        document.write("matrix", f"{note}{FRESH} fresh and {STALE} stale drivers.\n\n{table(rows)}")
    gc.collect()


if __name__ == "__main__":
    main()
