"""`pitboard bench`: Pitboard's speed. Each figure has a floor, the least that is possible, of the same run.

The upstream is the simulator at 120 ms a call and 40 ms a link. The floor of a page of unknown authors is
one search, one member/get and one profile, one after another on a warm connection. The floor of a page of
known authors is the same server when it sends the same bytes without a look-up.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import urllib3
from rich.console import Console
from rich.table import Table

from pitboard.drivers import freshness, names, records
from pitboard.drivers.model import CallContext, IdEntry, Record
from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.settings import Settings
from pitboard.simulator import Population, Simulator

PAGE = 20
CONNECTIONS = 16
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `met` says whether the target is met; `ratio` is to the floor."""

    what: str
    measured: str
    floor: str
    ratio: float
    target: str
    met: bool


def bench(console: Console) -> bool:
    """Runs all measurements and prints a table; returns whether every target is met. Takes half a minute."""
    figures: list[Figure] = []
    population = Population()
    for step in (unknown_pages, renewals, known_pages):
        with console.status(f"{step.__name__.replace('_', ' ').capitalize()} ..."):
            figures += step(population)
    table = Table(title="Pitboard against its floors", title_justify="left")
    for heading in ("What", "Measured", "Floor", "Ratio", "Target", ""):
        table.add_column(heading, justify="left" if heading in ("What", "") else "right")
    for f in figures:
        table.add_row(
            f.what, f.measured, f.floor, f"{f.ratio:.2f}", f.target, "met" if f.met else "[red]missed[/]"
        )
    console.print(table)
    return all(figure.met for figure in figures)


# --- a page of unknown authors


def unknown_pages(population: Population) -> list[Figure]:
    """Twenty unknown authors: the time until all licences are there, and until all records are complete."""
    licences, complete, floors, calls, indexed, indexed_calls = [], [], [], [], [], []
    for number in range(ROUNDS):
        authors = _authors(population, seed=100 + number)
        # Each round has a new simulator: the limit of 240 calls a minute would stop the fourth round.
        with Simulator(population) as simulator, _home(simulator) as home:
            floors.append(_floor(home, authors))
            _refill(home)
            first, all_of_it, count = _one_page(home, simulator, authors)
        with Simulator(population) as simulator, _home(simulator) as home:
            home.sign_in()
            rows = [(author, simulator.population.find(author)) for author in authors]
            until = time.time() + freshness.INDEX_KEPT
            home.store.keep_ids(
                IdEntry(names.parse(author).key, driver.cust_id, "index", until)
                for author, driver in rows
                if driver
            )
            quick, _, quick_count = _one_page(home, simulator, authors)
        indexed.append(quick)
        indexed_calls.append(quick_count)
        licences.append(first)
        complete.append(all_of_it)
        calls.append(count)
    floor = [_median(column) for column in zip(*floors, strict=True)]
    ids_and_licences, everything = floor[0] + floor[1], sum(floor)
    return [
        _seconds("20 unknown authors, licences of all", _median(licences), ids_and_licences, 0.45),
        _count("  calls to iRacing until then", max(calls), PAGE + 1),
        _seconds("  with the driver index loaded", _median(indexed), floor[1], 0.25),
        _count("  calls to iRacing until then", max(indexed_calls), 1),
        _seconds("20 unknown authors, complete", _median(complete), everything, 0.70),
    ]


def _one_page(home: LocalHome, simulator: Simulator, authors: Sequence[str]) -> tuple[float, float, int]:
    """Seconds until the licences are there, seconds until all is there, and the calls that licences cost."""
    began = time.perf_counter()
    simulator.calls.clear()
    home.service.begin(authors, 0)
    first = _until(lambda: _have(home, authors, ("partial", "fresh")), began)
    complete = _until(lambda: _have(home, authors, ("fresh",)), began)
    calls = simulator.calls.count(service="data") - simulator.calls.count("member/profile")
    return first, complete, calls


def _have(home: LocalHome, authors: Sequence[str], wanted: tuple[str, ...]) -> bool:
    kept = home.store.records([names.parse(author).key for author in authors])
    now = time.time()
    return len(kept) == len(authors) and all(records.state(record, now) in wanted for record in kept.values())


def _floor(home: LocalHome, authors: Sequence[str]) -> tuple[float, float, float]:
    """Seconds of one search, one member/get and one profile, each alone on a warm connection."""
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
    """Fills the budget again, from which the floor has taken calls."""
    document = home.store.documents.get("BUDGET")
    if document:
        home.store.documents.put("BUDGET", {}, expected=document.version)


# --- renewals


def renewals(population: Population) -> list[Figure]:
    """The number of calls that renew the licences of a thousand known drivers."""
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


def known_pages(population: Population) -> list[Figure]:
    """Pages a second and p99 of the server with one worker, and of a bare server with the same bytes."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return [
            Figure("20 known authors (needs wrk; apt-get install wrk)", "-", "-", 0, "2,000/s", met=False)
        ]
    authors = _authors(population, seed=7)
    target = f"/drivers?names={','.join(quote(author, safe='') for author in authors)}"
    with tempfile.TemporaryDirectory() as folder, Simulator(population) as simulator:
        environment = simulator.environment() | {"PITBOARD_DB": str(Path(folder) / "x.sqlite3")}
        with _program([sys.executable, "-m", "pitboard", "serve", "--port", "0"], environment) as url:
            body = urllib3.request("GET", url + target).data
            if any("error" in value for value in json.loads(body).values()):
                raise RuntimeError("the page was not complete")
            rate, p99 = _load(wrk, url + target)
        (Path(folder) / "body").write_bytes(body)
        with _program([sys.executable, "-c", _BARE, str(Path(folder) / "body")], {}) as url:
            bare, bare_p99 = _load(wrk, url + target)
    return [
        Figure(
            "20 known authors, pages a second",
            f"{rate:,.0f}",
            f"{bare:,.0f}",
            rate / bare,
            ">= 2,000",
            rate >= 2000,
        ),
        Figure(
            "  p99 at 16 connections",
            f"{p99:.1f} ms",
            f"{bare_p99:.1f} ms",
            p99 / bare_p99,
            "<= 10 ms",
            p99 <= 10,
        ),
    ]


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
    """Requests a second and p99 in ms: one wrk thread, one second to warm up, then five seconds."""
    command = [wrk, "-t1", f"-c{CONNECTIONS}", "--latency"]
    subprocess.run([*command, "-d1", url], check=True, capture_output=True)  # noqa: S603 - our own arguments
    output = subprocess.run([*command, "-d5", url], check=True, capture_output=True, text=True).stdout  # noqa: S603
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()  # type: ignore[union-attr]
    return rate, float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


@contextmanager
def _program(command: list[str], environment: dict[str, str]) -> Iterator[str]:
    """Runs a server that prints its address; yields the address without the last slash."""
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


def _until(condition: Callable[[], bool], began: float) -> float:
    while not condition():
        if time.perf_counter() - began > 30:
            raise RuntimeError("the page did not become complete within 30 s")
        time.sleep(0.005)
    return time.perf_counter() - began


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
    return Figure(what, str(measured), str(target), measured / target, f"<= {target}", measured <= target)
