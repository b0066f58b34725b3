"""`pitboard logs`."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from pitboard.commands.options import EnvironmentOrHere, Json

if TYPE_CHECKING:
    from pitboard.ops.logs import Line

EXAMPLE = "Examples: pitboard logs --follow; pitboard logs --env prod --since 2h --count"


def logs(
    environment: EnvironmentOrHere = "",
    since: Annotated[str, typer.Option(help="How far back: 90s, 15m, 2h, 1d.")] = "1h",
    pattern: Annotated[str, typer.Option(help="Only lines with this text.")] = "",
    errors: Annotated[bool, typer.Option("--errors", help="Only errors.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Count errors by kind.")] = False,
    query: Annotated[
        str, typer.Option(help="Run a ready Logs Insights query (with --env); `list` shows them.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show the log lines of this machine's server, or of an AWS environment."""
    from pitboard.ops.logs import Query, open_log, parse_duration

    seconds = parse_duration(since)
    if query:
        _print_query(query, environment, seconds)
        return
    wanted = Query(seconds, pattern, errors_only=errors or count)
    log = open_log(environment)
    if count:
        _print_counts(log.read(wanted))
        return
    shown = False
    with suppress(KeyboardInterrupt):
        for line in log.follow(wanted) if follow else log.read(wanted):
            typer.echo(line.text if as_json else line.short)
            sys.stdout.flush()
            shown = True
    if not shown and not follow:
        typer.echo(f"No such lines in the last {since}; --since looks further back.", err=True)


def _print_query(name: str, environment: str, seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from pitboard.ops.logs import QUERIES, run_query

    if name == "list":
        for key, (what, text) in QUERIES.items():
            typer.echo(f"{key}: {what}\n    {text}")
        return
    rows = run_query(name, environment, seconds)
    table = Table(*(rows[0] if rows else ("nothing found",)))
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)


def _print_counts(lines: "list[Line]") -> None:
    from rich.console import Console
    from rich.table import Table

    from pitboard.ops.logs import count, utc_time

    if not lines:
        typer.echo("No errors in this time; --since looks further back.", err=True)
        return
    table = Table("times", "last (UTC)", "error")
    for kind, times, last in count(lines):
        table.add_row(str(times), utc_time(last), kind)
    Console().print(table)
