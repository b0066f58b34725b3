"""Load: 200 connections ask `pitboard serve` for pages while iRacing hangs, and a week passes in minutes.

    uv run --all-groups --all-extras python tests/faults/load.py [--seconds 120] [--days 7] [--write]

First the most pages a second are measured, then half as many are asked for. One page in twenty has an
author nobody has heard of. At the end the server is told to end (SIGTERM) under load. The week is virtual
time in one process, with faults at random. `--write` puts the tables into docs/FAULTS.md.
"""

import argparse
import asyncio
import logging
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from tests.faults import document  # noqa: E402 - it is in the checkout, not in a package
from tests.support.serving import Serving, serving  # noqa: E402

from pitboard.local.credentials import find  # noqa: E402
from pitboard.local.home import LocalHome  # noqa: E402
from pitboard.settings import Settings  # noqa: E402
from pitboard.simulator import Kind, Simulator  # noqa: E402

CONNECTIONS = 200
PAGE = 20
MISSES = 20
"""One page in so many has an unknown author."""

DAY = 86400.0


@dataclass(slots=True)
class Seen:
    """What the readers have seen. Times are seconds; `broken` answers began and did not end."""

    known: list[float] = field(default_factory=list)
    misses: int = 0
    refused: int = 0
    broken: int = 0
    ended: bool = False

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of the known pages was answered."""
        ordered = sorted(self.known)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """The figures of a run."""

    capacity: float
    rate: float
    seconds: float
    seen: Seen
    memory: tuple[float, float]
    threads: int
    files: int
    exit_seconds: float
    broken_at_the_end: int
    busy: float
    """The machine's load average over the last minute, of all its programs."""


async def _reader(
    url: str, names: Sequence[str], pause: float, until: float, seen: Seen, number: int
) -> None:
    """One connection: a page every `pause` seconds (0: at once) until then (monotonic seconds)."""
    parts = urlsplit(url)
    rng = random.Random(number)
    page = "&".join(f"name={quote(name)}" for name in names)
    count = rng.randrange(MISSES)
    await asyncio.sleep(rng.uniform(0.0, pause))
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    due = time.monotonic()
    try:
        while time.monotonic() < until and not seen.ended:
            count += 1
            miss = pause and count % MISSES == 0
            asked = page + (f"&name=Nobody%20{number}%20{count}" if miss else "")
            target = f"/drivers?profile=0&wait=2&{asked}"
            began = time.monotonic()
            writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            if not await _answered(reader, seen):
                return
            if miss:
                seen.misses += 1
            else:
                seen.known.append(time.monotonic() - began)
            due = max(due + pause, time.monotonic() - pause)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    except ConnectionError:
        seen.refused += not seen.ended
    finally:
        writer.close()


async def _answered(reader: asyncio.StreamReader, seen: Seen) -> bool:
    """Reads one answer; False when the connection has ended."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        seen.broken += bool(getattr(error, "partial", b""))
        seen.refused += not seen.ended
        return False
    length = re.search(rb"content-length: (\d+)", head.lower())
    assert length, head
    try:
        await reader.readexactly(int(length[1]))
    except (asyncio.IncompleteReadError, ConnectionError):
        seen.broken += 1
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        seen.refused += 1
    return True


async def _all_read(url: str, names: Sequence[str], rate: float, seconds: float, seen: Seen) -> None:
    """`CONNECTIONS` readers who together ask for `rate` pages a second (0: as many as they can)."""
    pause, until = CONNECTIONS / rate if rate else 0.0, time.monotonic() + seconds
    readers = [_reader(url, names, pause, until, seen, number) for number in range(CONNECTIONS)]
    ended = await asyncio.gather(*readers, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException) and not isinstance(one, OSError):
            raise one


def read(url: str, names: Sequence[str], rate: float, seconds: float, seen: Seen | None = None) -> Seen:
    """Runs the readers; what they saw."""
    seen = seen or Seen()
    asyncio.run(_all_read(url, names, rate, seconds, seen))
    return seen


def run(seconds: float, folder: Path) -> Load:
    """A server under load while iRacing hangs, until SIGTERM."""
    with (
        Simulator(latency=0.005, link_latency=0.002) as simulator,
        serving(simulator, folder / "pitboard.sqlite3") as server,
    ):
        names = [driver.display_name for driver in simulator.population.sample(PAGE, seed=3)]
        _know(server, names)
        measured = min(5.0, max(1.0, seconds / 10))
        capacity = len(read(server.base_url, names, 0.0, measured).known) / measured
        simulator.faults.add(Kind.HANG, "data", times=1_000_000)
        read(server.base_url, names, capacity / 2, measured)  # what is made once is made now
        before = _memory(server)
        seen = read(server.base_url, names, capacity / 2, seconds)
        after, threads, files = _memory(server), _count(server, "task"), _count(server, "fd")
        exit_seconds, broken = _end(server, names, capacity / 2)
    ended = (exit_seconds, broken, os.getloadavg()[0])
    return Load(capacity, capacity / 2, seconds, seen, (before, after), threads, files, *ended)


def _know(server: Serving, names: Sequence[str]) -> None:
    end = time.monotonic() + 30
    while True:
        said = server.ask("/drivers?" + "&".join(f"name={quote(name)}" for name in names)).json()
        if all("cust_id" in one for one in said.values()):
            return
        assert time.monotonic() < end, said
        time.sleep(0.2)


def _end(server: Serving, names: Sequence[str], rate: float) -> tuple[float, int]:
    """Tells the server to end while readers ask. Gives the seconds it took, and the answers cut short."""
    seen, took = Seen(), [0.0]

    def stop() -> None:
        time.sleep(0.5)
        seen.ended = True
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0
        took[0] = time.monotonic() - began

    stopping = threading.Thread(target=stop)
    stopping.start()
    read(server.base_url, names, rate, 5.0, seen)
    stopping.join()
    return took[0], seen.broken


def _memory(server: Serving) -> float:
    """Resident memory in MB, without what files share."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def _count(server: Serving, what: str) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/{what}").iterdir()))


# --- a week


@dataclass(frozen=True, slots=True)
class Size:
    """How large a home is at some time: rows by table, kB of the file, things in memory, threads."""

    rows: int
    file: float
    held: int
    threads: int


@contextmanager
def _home(simulator: Simulator, db: Path) -> Iterator[LocalHome]:
    environment = simulator.environment()
    settings = replace(Settings.read(environment), db=db)
    with LocalHome(settings, find(environment), clock=simulator.clock.now, lookup_seconds=0.3) as home:
        yield home


def pass_days(days: int, folder: Path, pages: int = 3, seed: int = 1) -> list[Size]:
    """The size of a home at the end of each virtual day, with faults at random. So many `pages` an hour ask
    for some of 200 drivers and for names that nobody has."""
    rng, sizes = random.Random(seed), []
    with (
        Simulator(latency=0.001, link_latency=0.001) as simulator,
        _home(simulator, folder / "pitboard.sqlite3") as home,
    ):
        known = [driver.display_name for driver in simulator.population.sample(200, seed=5)]
        for _ in range(days):
            for hour in range(24):
                _fault(simulator, rng)
                for page in range(pages):
                    nobody = [f"Nobody {hour} {page} {n}" for n in range(2)]
                    home.service.page(rng.sample(known, 10) + nobody, 0.1)
                    simulator.clock.advance(DAY / 24 / pages)
                home.store.purge(simulator.clock.now())
            simulator.faults.clear()
            home.service.page(known[:20], 2.0)
            sizes.append(_size(home))
    return sizes


def _fault(simulator: Simulator, rng: random.Random) -> None:
    simulator.faults.clear()
    simulator.faults.set("latency", 0.001)
    kind = rng.choice([None, None, *(kind for kind in Kind if kind not in (Kind.HANG, Kind.DRIP, Kind.BOMB))])
    if rng.random() < 0.1:
        simulator.faults.set("maintenance", True)
    elif rng.random() < 0.1:
        simulator.revoke_sessions()
    elif kind:
        simulator.faults.add(kind, rng.choice(("data", "link")), times=rng.randint(1, 40), status=500)


def _size(home: LocalHome) -> Size:
    tables = ("records", "ids", "leases", "documents")
    rows = sum(int(home.store._reader.rows(f"SELECT count(*) FROM {table}", ())[0][0]) for table in tables)
    held = len(home.service._flights) + len(home.service._plans) + len(home.renewals._pool)
    file = home.store.path.stat().st_size / 1024
    return Size(rows, file, held, threading.active_count())


# --- tables


def table(load: Load, sizes: Sequence[Size]) -> str:
    """The figures in Markdown."""
    seen, (before, after) = load.seen, load.memory
    rows = {
        "connections": f"{CONNECTIONS}",
        "pages a second, as many as possible": f"{load.capacity:,.0f}",
        "pages a second, then": f"{load.rate:,.0f} for {load.seconds:g} s",
        "pages of known drivers": f"{len(seen.known):,}",
        "median, 99th percentile, slowest": f"{seen.percentile(0.5):.1f}, {seen.percentile(0.99):.1f}, "
        f"{seen.percentile(1.0):.0f} ms",
        "pages with an unknown author": f"{seen.misses:,}",
        "answers other than 200, connections lost": f"{seen.refused}",
        "memory before and after": f"{before:.1f}, {after:.1f} MB",
        "threads, open files": f"{load.threads}, {load.files}",
        "SIGTERM under load: end after": f"{load.exit_seconds:.1f} s",
        "answers cut short by it": f"{load.broken_at_the_end}",
        "the machine's load average, cores": f"{load.busy:.1f}, {os.cpu_count()}",
    }
    lines = [f"| {name} | {value} |\n" for name, value in rows.items()]
    lines.append("\n| end of day | rows | file | held in memory | threads |\n")
    lines.append("| ---: | ---: | ---: | ---: | ---: |\n")
    lines += [
        f"| {day} | {size.rows:,} | {size.file:,.0f} kB | {size.held} | {size.threads} |\n"
        for day, size in enumerate(sizes, 1)
    ]
    return "| what | figure |\n| --- | ---: |\n" + "".join(lines)


def main() -> None:
    """Reads the options, runs and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="puts the tables into docs/FAULTS.md")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        load = run(given.seconds, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        sizes = pass_days(given.days, Path(folder))
    print(table(load, sizes))
    if given.write:
        document.write("load", table(load, sizes))


if __name__ == "__main__":
    main()
