"""`pitboard index refresh`: the names and ids of all drivers, from five lists, for five calls."""

import time
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from pitboard.drivers import index
from pitboard.drivers.history import CATEGORIES
from pitboard.drivers.index import Index
from pitboard.drivers.model import CallContext, Priority
from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.settings import Settings

PATIENCE = 600.0
"""Seconds for one list. They are tens of megabytes each."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh brought: drivers now known by name, rows read, seconds taken."""

    drivers: int
    rows: int
    seconds: float

    def as_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return asdict(self)


def refresh_index(console: Console) -> Refreshed:
    """Reads the lists and keeps what they say, with progress on `console`.

    Nothing is written before all lists are read: an interrupted refresh leaves the old index as it was.
    Raises an `UpstreamError`, `StoreError` or `CredentialsError`.
    """
    began = time.monotonic()
    with LocalHome(Settings.read(), find()) as home, _progress(console) as progress:
        home.sign_in()
        found, rows = Index(), 0
        for category in CATEGORIES:
            task = progress.add_task(f"{category.replace('_', ' ').capitalize()}: reading", total=None)
            context = CallContext(time.monotonic() + PATIENCE, Priority.BACKGROUND)
            for row in home.upstream.csv(f"/data/driver_stats_by_category/{category}", context):
                rows += 1
                progress.advance(task)
                if row.get("CUSTID", "").isdecimal():
                    found.add(row.get("DRIVER", ""), int(row["CUSTID"]))
            read = progress.tasks[task].completed
            progress.update(task, description=f"{category.replace('_', ' ').capitalize()}: read", total=read)
        task = progress.add_task("Writing", total=len(found))
        for written in index.keep(home.store, found.entries(time.time())):
            progress.update(task, completed=written)
    return Refreshed(len(found), rows, round(time.monotonic() - began, 1))


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
    )
