"""`pitboard demo`: the whole of it on this machine, with invented drivers and no credentials."""

import json
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from rich.console import Console

from pitboard.drivers.refresh import refresh
from pitboard.iracing.driver_lists import DriverLists
from pitboard.local.credentials import find
from pitboard.local.demo_forum import forum_routes
from pitboard.local.home import LocalHome
from pitboard.local.server import listen, make_local_app, running, url
from pitboard.local.status import Day
from pitboard.local.status_page import status_routes
from pitboard.local.table import driver_table
from pitboard.settings import Settings
from pitboard.simulator import CATEGORIES, Population, Simulator
from pitboard.stores.index_builder import IndexBuilder
from pitboard.stores.index_file import LOOK_SECONDS
from pitboard.telemetry import PrometheusTelemetry

AUTHORS = 20
DRIVERS = 5_000
"""Invented drivers: enough for a rank, and few enough for their lists to load at once."""


PAGES = 5
"""Pages that are timed for each figure; the best one is told."""


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """What runs while the demo runs."""

    url: str
    simulator: Simulator
    home: LocalHome
    authors: Sequence[str]


@contextmanager
def running_demo(host: str, port: int) -> Iterator[RunningDemo]:
    """Simulator and server on this machine, with an empty database that is gone afterwards.

    Raises `PortTakenError`. Port 0 takes any free one.
    """
    with (
        listen(host, port) as socket,
        Simulator(Population(DRIVERS)) as simulator,
        tempfile.TemporaryDirectory() as folder,
    ):
        environment = simulator.environment()
        settings = replace(Settings.read(environment), host=host, db=Path(folder) / "pitboard.sqlite3")
        authors = [driver.display_name for driver in simulator.population.sample(AUTHORS, seed=7)]
        telemetry = PrometheusTelemetry()
        with LocalHome(settings, find(environment), telemetry) as home, Day(telemetry) as day:
            routes = [*forum_routes(authors), *status_routes(home, day)]
            app = make_local_app(home, telemetry, routes)
            with running(app, [socket], home.stop):
                yield RunningDemo(url(socket), simulator, home, authors)


def demo(host: str, port: int, *, browser: bool, once: bool, console: Console) -> None:
    """Shows a table of drivers with timings, then serves the forum page until it is interrupted."""
    with console.status("Inventing drivers and starting the server ..."):
        starting = running_demo(host, port)
        shown = starting.__enter__()
    try:
        _table(shown, console)
        if not once:
            _serve(shown, browser, console)
    finally:
        with console.status("Stopping ..."):
            starting.__exit__(None, None, None)


def _table(shown: RunningDemo, console: Console) -> None:
    with console.status("Looking up the twenty authors of a forum page ..."):
        answer, unknown = _timed(shown, shown.authors)
        calls = shown.simulator.calls.count(service="data")
        known = min(_timed(shown, shown.authors)[1] for _ in range(PAGES))
    console.print(driver_table(answer, console.width, "The authors of a forum page (all invented)"))
    with console.status("Loading the lists of all drivers (5 calls) ..."):
        indexed = _indexed_page(shown)
    console.print(
        f"\n{len(answer)} drivers nobody had asked for: [bold]{unknown:.2f} s[/], {calls} calls to iRacing"
        f" (simulated: 120 ms each).\nThe same page again: [bold]{known * 1000:.1f} ms[/], no calls.\n"
        f"20 others, with the driver index loaded: [bold]{indexed * 1000:.1f} ms[/], no calls.\n",
        highlight=False,
    )


def _indexed_page(shown: RunningDemo) -> float:
    """Loads the driver index; seconds of a page of authors nobody has asked for, the best of some pages: the
    simulator is in the same process, and renews those of the page before."""
    with IndexBuilder(shown.home.settings.db) as builder:
        refresh(DriverLists(shown.home.upstream), builder)
    ranking = shown.simulator.population.ranking(CATEGORIES[0])
    found = (shown.simulator.population.driver(cust_id) for cust_id in ranking[100:])
    others = [d.display_name for d in found if d and d.display_name not in shown.authors]
    end = time.monotonic() + 2 * LOOK_SECONDS
    while shown.home.index.ranks().as_of == 0.0 and time.monotonic() < end:
        time.sleep(0.05)
    pages = (others[first : first + AUTHORS] for first in range(0, PAGES * AUTHORS, AUTHORS))
    return min(_timed(shown, page)[1] for page in pages)


def _timed(shown: RunningDemo, authors: Sequence[str]) -> tuple[dict[str, Any], float]:
    page = f"{shown.url}/drivers?profile=0&names={','.join(quote(name, safe='') for name in authors)}"
    began = time.perf_counter()
    answer = _pool.request("GET", page)
    return json.loads(answer.data), time.perf_counter() - began


_pool = urllib3.PoolManager()


def _serve(shown: RunningDemo, browser: bool, console: Console) -> None:
    try:
        console.print(
            f"A forum page with the addon at work:  [bold link]{shown.url}/demo[/]", highlight=False
        )
        console.print(f"A page to look drivers up:            [bold]{shown.url}/[/]", highlight=False)
        console.print("Press Ctrl+C to stop.", style="dim")
        if browser:
            webbrowser.open(f"{shown.url}/demo")
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print()
