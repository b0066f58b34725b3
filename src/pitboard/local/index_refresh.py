"""The driver index of the local home: `pitboard index refresh`, and the same without a terminal."""

from collections.abc import Callable
from contextlib import closing

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from pitboard.drivers import refresh
from pitboard.drivers.members import Gate
from pitboard.drivers.refresh import Refreshed
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.data_api import DataApi
from pitboard.iracing.driver_lists import DriverLists
from pitboard.iracing.meter import Meter
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import Transport
from pitboard.local.credentials import find
from pitboard.local.files import tighten
from pitboard.local.members import LocalMembers
from pitboard.settings import Settings
from pitboard.stores import processes
from pitboard.stores.index_builder import IndexBuilder
from pitboard.stores.sqlite import SqliteStore

MEGABYTE = 1e6


def refresh_index(
    settings: Settings,
    credentials: Credentials,
    progress: Callable[[refresh.Progress], object] = lambda _: None,
) -> Refreshed:
    """Reads the lists and puts the index they make in the place of the old one.

    Raises as `refresh.refresh`; `CredentialsError`, `StoreError`.
    """
    with (
        IndexBuilder(settings.db) as builder,
        closing(SqliteStore(settings.db)) as store,
        closing(Transport()) as transport,
        closing(LocalMembers(settings)) as members,
    ):
        gate = Gate(members.kept.current())
        oauth = OAuth(settings.upstream.oauth_url, transport)
        tokens = TokenKeeper(
            store.documents, oauth, credentials, worker=processes.mark, is_dead=processes.is_dead
        )
        api = DataApi(
            settings.upstream.data_url,
            transport,
            tokens,
            Meter(store.documents),
            link_hosts=settings.upstream.link_hosts,
        )
        done = refresh.refresh(DriverLists(api), builder, progress=progress, gate=gate)
    with closing(LocalMembers(settings)) as members:  # the builder's lock is given up
        members.take_note(gate)
    return done


def refresh_with_progress(settings: Settings, console: Console) -> Refreshed:
    """The same with one bar a list on `console`."""
    tighten(settings.db, lambda told: console.print(Text(told)))
    tasks: dict[str, TaskID] = {}
    bars = _bars(console)

    def show(now: refresh.Progress) -> None:
        bars.start()
        if now.category not in tasks:
            tasks[now.category] = bars.add_task(_title(now.category), total=None, told="")
        total = completed = float(now.received)
        if not now.finished:
            total, completed = _share(now)
        bars.update(tasks[now.category], total=total or None, completed=completed, told=_told(now))

    try:
        return refresh_index(settings, find(), show)
    finally:
        if tasks:  # without any bar it would print an empty line
            bars.stop()


def _share(now: refresh.Progress) -> tuple[float, float]:
    """What a bar is drawn from: bytes where their number is known, else rows by those of the last time."""
    if now.size:
        return float(now.size), float(now.received)
    if now.rows_before and now.rows < now.rows_before:
        return float(now.rows_before), float(now.rows)
    return 0.0, 0.0


def _told(now: refresh.Progress) -> str:
    of = f" of {now.size / MEGABYTE:.1f}" if now.size and not now.finished else ""
    return f"{now.rows:,} rows, {now.received / MEGABYTE:.1f}{of} MB"


def _title(category: str) -> str:
    return category.replace("_", " ").capitalize()


def _bars(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        console=console,
    )


def summary(done: Refreshed) -> str:
    """What a refresh brought, in lines for a person."""
    lines = [f"{done.drivers:,} drivers are known ({done.rows:,} rows, {done.seconds:g} s)."]
    if done.resumed:
        lines.append(f"Read before and gone on with: {', '.join(map(_title, done.resumed))}.")
    lines += [f"Rows not used, {reason}: {count:,}." for reason, count in sorted(done.skipped.items())]
    if done.shared_names:
        lines.append(f"Names that several drivers have, and that are searched for: {done.shared_names:,}.")
    lines += [
        f"{_title(category)}: the older list stays in use. {reason}" for category, reason in done.kept.items()
    ]
    lines += [f"{_title(category)}: no list. {reason}" for category, reason in done.missing.items()]
    return "\n".join(lines)
