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

from pitboard.local.credentials import find
from pitboard.local.demo_forum import forum_routes
from pitboard.local.home import LocalHome
from pitboard.local.server import listen, make_local_app, running, url
from pitboard.local.table import driver_table
from pitboard.settings import Settings
from pitboard.simulator import Simulator
from pitboard.telemetry import PrometheusTelemetry

AUTHORS = 20


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """What runs while the demo runs."""

    url: str
    simulator: Simulator
    authors: Sequence[str]


@contextmanager
def running_demo(host: str, port: int) -> Iterator[RunningDemo]:
    """Simulator and server on this machine, with an empty database that is gone afterwards.

    Raises `PortTakenError`. Port 0 takes any free one.
    """
    with listen(host, port) as socket, Simulator() as simulator, tempfile.TemporaryDirectory() as folder:
        environment = simulator.environment()
        settings = replace(Settings.read(environment), host=host, db=Path(folder) / "pitboard.sqlite3")
        authors = [driver.display_name for driver in simulator.population.sample(AUTHORS, seed=7)]
        telemetry = PrometheusTelemetry()
        with LocalHome(settings, find(environment), telemetry) as home:
            app = make_local_app(home, telemetry, forum_routes(authors))
            with running(app, [socket]):
                yield RunningDemo(url(socket), simulator, authors)


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
        answer, unknown = _timed(shown)
        calls = shown.simulator.calls.count(service="data")
        known = min(_timed(shown)[1] for _ in range(5))
    console.print(driver_table(answer, console.width, "The authors of a forum page (all invented)"))
    console.print(
        f"\n{len(answer)} drivers nobody had asked for: [bold]{unknown:.2f} s[/], {calls} calls to iRacing"
        f" (simulated: 120 ms each).\nThe same page again: [bold]{known * 1000:.1f} ms[/], no calls.\n",
        highlight=False,
    )


def _timed(shown: RunningDemo) -> tuple[dict[str, Any], float]:
    page = f"{shown.url}/drivers?names={','.join(quote(name, safe='') for name in shown.authors)}"
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
