"""Load: 200 connections ask `pitboard serve` for pages while iRacing hangs, and a week passes in minutes.

    uv run --all-groups --all-extras python tests/faults/load.py [--seconds 120] [--days 7] [--write]

First the most pages a second are measured, then half as many are asked for. One page in twenty has an
author nobody has heard of. In turn a bare server gives the same bytes to the same readers, so that the times
have a floor. At the end the server is told to end (SIGTERM) under load. The week is virtual time in one
process, with faults at random. `--write` puts the tables into docs/FAULTS.md.
"""

import argparse
import logging
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from tests.faults import document  # noqa: E402 - it is in the checkout, not in a package
from tests.faults.bare import bare_server  # noqa: E402
from tests.faults.readers import CONNECTIONS, Reading, Seen, target  # noqa: E402
from tests.faults.week import Size, pass_days  # noqa: E402
from tests.support.serving import Serving, serving  # noqa: E402

from pitboard.simulator import Kind, Simulator  # noqa: E402

PAGE = 20

TURN = 10.0
"""Seconds for which one server is asked before it is the other one's turn: what else the machine has to do
meets both."""


@dataclass(frozen=True, slots=True)
class Load:
    """The figures of a run."""

    capacity: float
    rate: float
    seconds: float
    seen: Seen
    floor: Seen
    """What the same readers saw of the bare server."""
    memory: tuple[float, float]
    threads: int
    files: int
    exit_seconds: float
    broken_at_the_end: int
    busy: float
    """The machine's load average over the last minute, of all its programs."""
    first: bool
    """Whether server and readers had the cores before all other programs."""


def run(seconds: float, folder: Path) -> Load:
    """A server under load while iRacing hangs, until SIGTERM."""
    with (
        Simulator(latency=0.005, link_latency=0.002) as simulator,
        serving(simulator, folder / "pitboard.sqlite3") as server,
    ):
        names = [driver.display_name for driver in simulator.population.sample(PAGE, seed=3)]
        _know(server, names)
        measured = min(5.0, max(1.0, seconds / 10))
        capacity = len(Reading(server.base_url, names, 0.0, measured).seen().known) / measured
        simulator.faults.add(Kind.HANG, "data", times=1_000_000)
        rate = capacity / 2
        Reading(server.base_url, names, rate, measured).seen()  # what is made once is made now
        before = _memory(server)
        with bare_server(server.ask(target(names)).data) as bare:
            seen, floor = _in_turn([server.base_url, bare], names, rate, seconds)
        after, threads, files = _memory(server), _count(server, "task"), _count(server, "fd")
        exit_seconds, broken = _end(server, names, rate)
    ended = (exit_seconds, broken, os.getloadavg()[0], os.sched_getscheduler(0) == os.SCHED_RR)
    return Load(capacity, rate, seconds, seen, floor, (before, after), threads, files, *ended)


def _in_turn(urls: Sequence[str], names: Sequence[str], rate: float, seconds: float) -> list[Seen]:
    """What the readers saw of each server in so many seconds."""
    turns = max(1, round(seconds / TURN))
    seen = [Seen() for _ in urls]
    for _ in range(turns):
        for url, one in zip(urls, seen, strict=True):
            one.add(Reading(url, names, rate, seconds / turns).seen())
    return seen


def _know(server: Serving, names: Sequence[str]) -> None:
    end = time.monotonic() + 30
    while True:
        said = server.ask(target(names)).json()
        if all("cust_id" in one for one in said.values()):
            return
        assert time.monotonic() < end, said
        time.sleep(0.2)


def _end(server: Serving, names: Sequence[str], rate: float) -> tuple[float, int]:
    """Tells the server to end while readers ask. Gives the seconds it took, and the answers cut short."""
    reading = Reading(server.base_url, names, rate, 5.0)
    time.sleep(0.5)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=30) == 0
    return time.monotonic() - began, reading.seen().broken


def _memory(server: Serving) -> float:
    """Resident memory in MB, without what files share."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def _count(server: Serving, what: str) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/{what}").iterdir()))


def table(load: Load, sizes: Sequence[Size]) -> str:
    """The figures in Markdown."""
    seen, floor, (before, after) = load.seen, load.floor, load.memory
    others = "; other programs waited" if load.first else ""
    rows = {
        "connections": f"{CONNECTIONS}",
        "pages a second, as many as possible": f"{load.capacity:,.0f}",
        "pages a second, then": f"{load.rate:,.0f} for {load.seconds:g} s",
        "pages of known drivers": f"{len(seen.known):,}",
        "median, 99th percentile, slowest": _times(seen),
        "the same of a bare server": _times(floor),
        "99th percentile beyond it": f"{seen.percentile(0.99) - floor.percentile(0.99):.1f} ms",
        "pages with an unknown author": f"{seen.misses:,}",
        "answers other than 200, connections lost": f"{seen.refused}",
        "memory before and after": f"{before:.1f}, {after:.1f} MB",
        "threads, open files": f"{load.threads}, {load.files}",
        "SIGTERM under load: end after": f"{load.exit_seconds:.1f} s",
        "answers cut short by it": f"{load.broken_at_the_end}",
        "the machine's load average, cores": f"{load.busy:.1f}, {os.cpu_count()}{others}",
    }
    lines = [f"| {name} | {value} |\n" for name, value in rows.items()]
    lines.append("\n| end of day | rows | file | held in memory | objects | threads |\n")
    lines.append("| ---: | ---: | ---: | ---: | ---: | ---: |\n")
    lines += [
        f"| {day} | {size.rows:,} | {size.file:,.0f} kB | {size.held} | {size.objects:,} | {size.threads} |\n"
        for day, size in enumerate(sizes, 1)
    ]
    return "| what | figure |\n| --- | ---: |\n" + "".join(lines)


def _times(seen: Seen) -> str:
    middle, late, last = (seen.percentile(share) for share in (0.5, 0.99, 1.0))
    return f"{middle:.1f}, {late:.1f}, {last:.0f} ms"


@contextmanager
def precedence(*, wanted: bool) -> Iterator[None]:
    """This program and those it starts have the cores before all others. Only root may do so."""
    if wanted:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        if wanted:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def main() -> None:
    """Reads the options, runs and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--first", action="store_true", help="other programs of the machine wait; for root")
    parser.add_argument("--write", action="store_true", help="puts the tables into docs/FAULTS.md")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, precedence(wanted=given.first):
        load = run(given.seconds, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        sizes = pass_days(given.days, Path(folder))
    print(table(load, sizes))
    if given.write:
        document.write("load", table(load, sizes))


if __name__ == "__main__":
    main()
