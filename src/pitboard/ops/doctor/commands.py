"""The commands `pitboard doctor` and `pitboard logs`."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from pitboard.settings import Settings, UsageError

if TYPE_CHECKING:
    from pitboard.ops.doctor.check import Check
    from pitboard.ops.doctor.run import Context, Result
    from pitboard.ops.logs import Line, Log

Env = Annotated[
    str, typer.Option("--env", help="An AWS environment (dev, staging, prod); else this machine.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def app_commands(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command(epilog="Examples: pitboard doctor; pitboard doctor --env prod --only ttl,cors --fix")(doctor)
    app.command(epilog="Examples: pitboard logs --follow; pitboard logs --env prod --since 2h --count")(logs)


def doctor(
    env: Env = "",
    only: Annotated[str, typer.Option(help="Check these alone: ids, separated by commas.")] = "",
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what is safe to mend; asks before each change.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find, name and mend what is wrong. Exit code 1 if something does not work."""
    from pitboard.ops.doctor import report, run

    if fix and as_json:
        raise UsageError("--fix asks questions; it cannot be used with --json.")
    chosen = _chosen(only, run.all_checks())
    context, seconds = _context(env)
    results = run.run(context, chosen, seconds)
    if as_json:
        typer.echo(report.as_json(context, results))
    else:
        console = Console()
        report.show(console, context, results)
        if fix and _mended(console, context, results):
            context = _context(env)[0]
            results = run.run(context, chosen, seconds)
            report.show(console, context, results)
    if report.failed(results):
        raise typer.Exit(1)


def logs(
    env: Env = "",
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
    from pitboard.ops import logs as room

    if query:
        _insights(query, env, room.seconds(since))
        return
    wanted = room.Query(room.seconds(since), pattern, errors_only=errors or count)
    log = _log(env)
    if count:
        table = Table("times", "last (UTC)", "error")
        for kind, times, last in room.count(log.read(wanted)):
            table.add_row(str(times), room.clock(last), kind)
        Console().print(table)
        return
    _print(log.follow(wanted) if follow else log.read(wanted), as_json=as_json)


def _chosen(only: str, checks: tuple["Check", ...]) -> list["Check"]:
    ids = [part.strip() for part in only.split(",") if part.strip()]
    known = {check.id: check for check in checks}
    if unknown := [name for name in ids if name not in known]:
        raise UsageError(f"There is no check {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in ids] if ids else list(checks)


def _context(env: str) -> tuple["Context", float]:
    from pitboard.ops.doctor import run
    from pitboard.ops.doctor.local import Local
    from pitboard.ops.environment import AwsEnvironment

    return (AwsEnvironment(env), run.AWS_SECONDS) if env else (Local(Settings.read()), run.LOCAL_SECONDS)


def _mended(console: Console, context: "Context", results: Iterable["Result"]) -> bool:
    """Asks about each change that would help, and makes those that are wanted. True if one was made."""
    from pitboard.ops.doctor.run import mend

    made = False
    for result in results:
        if change := mend(context, result):
            console.print(f"\n[bold]{result.check.id}[/]: {result.finding.summary}", highlight=False)
            if typer.confirm(result.check.fix.question):
                console.print(change(), highlight=False)
                made = True
    return made


def _log(env: str) -> "Log":
    from pitboard.ops.environment import AwsEnvironment
    from pitboard.ops.logs import AwsLog, LocalLog
    from pitboard.telemetry import log_file

    if env:
        return AwsLog(AwsEnvironment(env))
    file = log_file(Settings.read().db)
    if not file.exists():
        raise UsageError(f"There is no log yet: `pitboard serve` writes {file}.")
    return LocalLog(file)


def _print(lines: Iterable["Line"] | Iterator["Line"], *, as_json: bool) -> None:
    from pitboard.ops.logs import clock

    try:
        for line in lines:
            text = line.text if as_json else f"{clock(line.time)} {line.level:<8} {line.message}"
            typer.echo(text)
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass


def _insights(name: str, env: str, since: float) -> None:
    from pitboard.ops.environment import AwsEnvironment
    from pitboard.ops.logs import QUERIES, AwsLog

    if name == "list":
        for key, (what, text) in QUERIES.items():
            typer.echo(f"{key}: {what}\n    {text}")
        return
    if name not in QUERIES:
        raise UsageError(f"There is no query {name!r}; there are {', '.join(QUERIES)}.")
    if not env:
        raise UsageError("Queries run in AWS; name the environment with --env.")
    rows = AwsLog(AwsEnvironment(env)).insights(name, since)
    table = Table(*(rows[0] if rows else ("nothing found",)))
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)
