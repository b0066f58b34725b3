"""`pitboard bench`: how fast it is, each figure beside a floor that is measured in the same run.

The upstream is the simulator at 120 ms a call and 40 ms a link. The floors: one search, one member/get
and one profile made one after another on a warm connection; for the known page, the same server sending
the same bytes without looking anything up.
"""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

import urllib3
from rich.console import Console
from rich.table import Table

from pitboard.drivers import freshness, names, records
from pitboard.drivers.index import COLUMNS
from pitboard.drivers.model import CallContext, Record
from pitboard.drivers.refresh import refresh
from pitboard.drivers.service import HOST, LONGEST_QUIET, Asker
from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.settings import Settings
from pitboard.simulator import CATEGORIES, Population, Simulator
from pitboard.simulator.answers import driver_stats
from pitboard.stores.index_builder import IndexBuilder

PAGE = 20
CONNECTIONS = 16
ROUNDS = 5
PAGES = 300


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `fine` says whether the target is met; `ratio` is to the floor."""

    what: str
    measured: str
    floor: str
    ratio: float
    target: str
    fine: bool


def bench(console: Console) -> bool:
    """Runs all of it, prints a table; whether every target was met. Takes about half a minute.

    Without wrk the pages a second are left out, and it says so.
    """
    figures: list[Figure] = []
    population = Population()
    steps: list[Callable[[Population], list[Figure]]] = [unknown_pages, indexed_pages, slow_name, renewals]
    if wrk := shutil.which("wrk"):
        steps.append(partial(known_pages, wrk))
    for step in steps:
        with console.status(f"Measuring, {len(figures)} figures so far ..."):
            figures += step(population)
    table = Table(title="Pitboard against its floors", title_justify="left")
    for heading in ("What", "Measured", "Floor", "Ratio", "Target", ""):
        table.add_column(heading, justify="left" if heading in ("What", "") else "right")
    for f in figures:
        table.add_row(
            f.what, f.measured, f.floor, f"{f.ratio:.2f}", f.target, "met" if f.fine else "[red]missed[/]"
        )
    console.print(table)
    if not wrk:
        console.print("Pages a second were not measured: that needs wrk (Debian: apt-get install wrk).")
    return all(figure.fine for figure in figures)


# --- a page of unknown authors


def unknown_pages(population: Population) -> list[Figure]:
    """Twenty authors nobody has asked for, without an index: until all licences are there, and all else."""
    licences, complete, floors, calls = [], [], [], []
    for number in range(ROUNDS):
        authors = _authors(population, seed=100 + number)
        # A simulator a round: iRacing's limit of 240 calls a minute would end the fourth.
        with Simulator(population) as simulator, _home(simulator) as home:
            floors.append(_floor(home, authors))
            _refill(home)
            simulator.calls.clear()
            licences.append(_until_fresh(home, authors, LICENCES))
            calls.append(simulator.calls.count(service="data"))
        with Simulator(population) as simulator, _home(simulator) as home:
            home.sign_in()
            complete.append(_until_fresh(home, authors, HOST))
    floor = [_median(column) for column in zip(*floors, strict=True)]
    return [
        _seconds("20 unknown authors, licences of all", _median(licences), floor[0] + floor[1], 0.45),
        _count("  calls to iRacing until then", max(calls), PAGE + 1),
        _seconds("20 unknown authors, complete", _median(complete), sum(floor), 0.70),
    ]


LICENCES = Asker("192.0.2.1", profile=False)


def _until_fresh(home: LocalHome, authors: Sequence[str], asker: Asker) -> float:
    """Seconds until an answer has all of the authors fresh."""
    began = time.perf_counter()
    begun = home.service.begin(authors, 10.0, asker)
    states = home.service.soon(begun, 10.0).states
    if set(states) != {"fresh"}:
        raise RuntimeError(f"the page did not become fresh: {Counter(states)}")
    return time.perf_counter() - began


def indexed_pages(population: Population) -> list[Figure]:
    """Authors nobody has asked for, with the index loaded: the answer, its calls, its ranks."""
    with Simulator(population) as simulator, _home(simulator) as home:
        _load_index(home, population)
        home.sign_in()
        simulator.calls.clear()
        took, states = [], Counter[str]()
        everybody = [driver.display_name for driver in population.sample(PAGE * PAGES, seed=500)]
        for number in range(PAGES):
            authors = everybody[number * PAGE : (number + 1) * PAGE]
            began = time.perf_counter()
            page = home.service.begin(authors, 0.0, LICENCES).answer()
            took.append(time.perf_counter() - began)
            states.update(page.states)
            if not number:
                calls = simulator.calls.count(service="data")
        ranked, rated = _ranked(page.body)
        reading = _reading_floor(home, authors)
    with Simulator(population) as simulator, _home(simulator) as home:
        _load_index(home, population)
        home.sign_in()
        renewed = _calls_until_fresh(home, simulator, authors)
    p99 = sorted(took)[len(took) * 99 // 100] * 1000
    return [
        Figure(
            "20 authors never asked for, index loaded: p99",
            f"{p99:.1f} ms",
            f"{reading * 1000:.1f} ms",
            p99 / 1000 / reading,
            "<= 10 ms",
            p99 <= 10 and set(states) == {"partial"},
        ),
        _count("  calls to iRacing until then", calls, 0),
        _count("  calls until all are fresh", renewed, 1),
        Figure(
            "  rated licences with a rank",
            str(ranked),
            str(rated),
            ranked / max(1, rated),
            "all",
            ranked == rated,
        ),
    ]


def _load_index(home: LocalHome, population: Population) -> None:
    """Builds the index out of the invented drivers, as a refresh does out of iRacing's lists."""
    with IndexBuilder(home.settings.db) as builder:
        refresh(InventedLists(population), builder)


class InventedLists:
    """`refresh.Lists` of the simulator's drivers, without a download."""

    def __init__(self, population: Population) -> None:
        self._population = population

    def rows(
        self, category: str, _: CallContext, __: Callable[[int, int | None], object]
    ) -> Iterator[Sequence[str]]:
        """See `refresh.Lists`."""
        (wanted,) = (known for known in CATEGORIES if known.key == category)
        lines = b"".join(driver_stats(self._population, wanted, self._population.ranking(wanted)))
        rows = csv.DictReader(io.StringIO(lines.decode("utf-8-sig")))
        for row in rows:
            yield [row.get(column) or "" for column in COLUMNS]


def _ranked(body: bytes) -> tuple[int, int]:
    """How many rated licences of an answer have a rank, and how many rated licences there are."""
    licences = [
        licence
        for driver in json.loads(body).values()
        for licence in driver["member_info"]["licenses"]
        if "irating" in licence
    ]
    return sum("rank" in licence for licence in licences), len(licences)


def _reading_floor(home: LocalHome, authors: Sequence[str]) -> float:
    """Seconds of the two reads from disk alone."""
    keys = [names.parse(author).key for author in authors]
    took = []
    for _ in range(PAGES):
        began = time.perf_counter()
        home.store.records(keys)
        home.index.find(keys)
        took.append(time.perf_counter() - began)
    return _median(took)


def _calls_until_fresh(home: LocalHome, simulator: Simulator, authors: Sequence[str]) -> int:
    simulator.calls.clear()
    home.service.begin(authors, 0.0, LICENCES)
    end = time.monotonic() + 30
    while set(home.service.begin(authors, 0.0, LICENCES).answer().states) != {"fresh"}:
        if time.monotonic() > end:
            raise RuntimeError("the page did not become fresh within 30 s")
        time.sleep(0.02)
    return simulator.calls.count(service="data")


def slow_name(population: Population) -> list[Figure]:
    """Nineteen known authors and one whose search hangs: until the answer goes out."""
    authors = _authors(population, seed=41)
    with Simulator(population) as simulator, _home(simulator) as home:
        _until_fresh(home, authors[1:], LICENCES)
        simulator.faults.add("hang", "lookup/drivers", times=9)
        began = time.perf_counter()
        states = home.service.soon(home.service.begin(authors, 8.0, LICENCES), 8.0).states
        took = time.perf_counter() - began
        simulator.faults.clear()
    fine = took <= 2.0 and Counter(states) == {"fresh": PAGE - 1, "pending": 1}
    floor = LONGEST_QUIET
    return [
        Figure(
            "19 known authors beside one that hangs",
            f"{took:.2f} s",
            f"{floor:.2f} s",
            took / floor,
            "<= 2 s",
            fine,
        )
    ]


def _floor(home: LocalHome, authors: Sequence[str]) -> tuple[float, float, float]:
    """Seconds of one search, one member/get and one profile, alone, on a warm connection."""
    context = CallContext(time.monotonic() + 30)
    ((cust_id, _), *_) = home.upstream.search(authors[0], context)
    began = time.perf_counter()
    home.upstream.search(authors[0], context)
    searched = time.perf_counter()
    home.upstream.members([cust_id], context)
    got = time.perf_counter()
    home.upstream.profile(cust_id, context)
    return searched - began, got - searched, time.perf_counter() - got


def _refill(home: LocalHome) -> None:
    """The floor has taken calls from the budget; a page starts with all of it."""
    document = home.store.documents.get("BUDGET")
    if document:
        home.store.documents.put("BUDGET", {}, expected=document.version)


# --- renewals


def renewals(population: Population) -> list[Figure]:
    """The licences of a thousand known drivers: how many calls."""
    drivers = population.sample(1000, seed=1)
    with Simulator(population) as simulator, _home(simulator) as home:
        past = time.time() - 2 * freshness.LICENCES.fresh
        home.store.keep(
            Record(
                names.parse(driver.display_name).key,
                driver.cust_id,
                records.body({"cust_id": driver.cust_id, "display_name": driver.display_name}, {}),
                past,
                past + freshness.LICENCES.fresh,
                past + freshness.LICENCES.stale,
                time.time() + freshness.PROFILE.fresh,
            )
            for driver in drivers
        )
        simulator.calls.clear()
        home.service.renew([driver.display_name for driver in drivers])
        calls = simulator.calls.count(service="data")
    return [_count("Licences of 1,000 drivers renewed, calls", calls, 20)]


# --- a page of known authors


def known_pages(wrk: str, population: Population) -> list[Figure]:
    """Pages a second and p99 of the server with one worker, beside the same bytes from a bare server.

    `wrk` is the path of that program.
    """
    authors = _authors(population, seed=7)
    target = f"/drivers?names={','.join(quote(author, safe='') for author in authors)}"
    figures = []
    with tempfile.TemporaryDirectory() as folder, Simulator(population) as simulator:
        environment = simulator.environment() | {
            "PITBOARD_DB": str(Path(folder) / "x.sqlite3"),
            "PITBOARD_INDEX_HOURS": "0",
        }
        for what, query, least, longest in KNOWN:
            with _program([sys.executable, "-m", "pitboard", "serve", "--port", "0"], environment) as url:
                body = urllib3.request("GET", url + target + query).data
                if any("error" in value for value in json.loads(body).values()):
                    raise RuntimeError("the page was not complete")
                rate, p99 = _load(wrk, url + target + query)
            (Path(folder) / "body").write_bytes(body)
            with _program([sys.executable, "-c", _BARE, str(Path(folder) / "body")], {}) as url:
                bare, bare_p99 = _load(wrk, url + target + query)
            shown = (f"{rate:,.0f}", f"{bare:,.0f}", rate / bare)
            figures += [
                Figure(f"20 known authors, {what}, pages a second", *shown, f">= {least:,}", rate >= least),
                Figure(
                    f"  p99 at {CONNECTIONS} connections",
                    f"{p99:.1f} ms",
                    f"{bare_p99:.1f} ms",
                    p99 / bare_p99,
                    f"<= {longest} ms",
                    p99 <= longest,
                ),
            ]
    return figures


KNOWN = (("licences", "&profile=0", 6_000, 5), ("with profiles", "", 2_000, 10))
"""The known page: what is asked for, its query, least pages a second, longest p99 in ms."""


_BARE = """
import sys, uvicorn
from pitboard.local.server import listen
body = open(sys.argv[1], "rb").read()
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
door = listen("127.0.0.1", 0)
print(f"http://127.0.0.1:{door.getsockname()[1]}/", file=sys.stderr, flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[door])
"""


def _load(wrk: str, url: str) -> tuple[float, float]:
    """Requests a second and p99 in ms, one wrk thread, five seconds after one to warm up."""
    command = [wrk, "-t1", f"-c{CONNECTIONS}", "--latency"]
    subprocess.run([*command, "-d1", url], check=True, capture_output=True)  # noqa: S603 - our own arguments
    said = subprocess.run([*command, "-d5", url], check=True, capture_output=True, text=True).stdout  # noqa: S603
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()  # type: ignore[union-attr]
    return rate, float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


@contextmanager
def _program(command: list[str], environment: dict[str, str]) -> Iterator[str]:
    """Runs a server that prints its address; gives the address without the last slash."""
    import os

    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in process.stderr or ():
            if found := re.search(r"http://[\w.]+:\d+", line):
                yield found[0]
                break
        else:
            raise RuntimeError("the server did not start")
    finally:
        process.terminate()
        process.wait(10)
        if process.stderr:
            process.stderr.close()


# --- small parts


@contextmanager
def _home(simulator: Simulator) -> Iterator[LocalHome]:
    environment = simulator.environment()
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(Settings.read(environment), db=Path(folder) / "pitboard.sqlite3")
        with LocalHome(settings, find(environment)) as home:
            yield home


def _authors(population: Population, seed: int) -> list[str]:
    return [driver.display_name for driver in population.sample(PAGE, seed=seed)]


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _seconds(what: str, measured: float, floor: float, target: float) -> Figure:
    return Figure(
        what,
        f"{measured:.2f} s",
        f"{floor:.2f} s",
        measured / floor,
        f"<= {target:.2f} s",
        measured <= target,
    )


def _count(what: str, measured: int, target: int) -> Figure:
    ratio = measured / max(1, target)
    return Figure(what, str(measured), str(target), ratio, f"<= {target}", measured <= target)
