"""The report for people and as JSON."""

import json
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pitboard.ops.doctor.check import FAILURES, Status
from pitboard.ops.doctor.run import Environment, Result, available_fix, unhealthy
from pitboard.telemetry.logs import SECRETS

_MARKS = {
    Status.OK: ("✓", "green"),
    Status.SKIPPED: ("·", "dim"),
    Status.WARNING: ("!", "yellow"),
    Status.PROBLEM: ("✗", "bold red"),
    Status.HUNG: ("?", "bold red"),
    Status.FAILED: ("?", "bold red"),
}


def as_json(environment: Environment, results: Sequence[Result]) -> str:
    """A JSON object: `home`, `ok`, and for each check its finding and remedy."""
    found = [
        {
            "id": result.check.id,
            "title": result.check.title,
            "section": str(result.check.section),
            "guide": result.check.guide,
            "status": str(result.finding.status),
            "summary": SECRETS.text(result.finding.summary),
            "remedy": SECRETS.text(remedy(result)),
            "fixable": available_fix(environment, result) is not None,
            "seconds": round(result.seconds, 3),
        }
        for result in results
    ]
    return json.dumps({"home": environment.home, "ok": not failed(results), "checks": found}, indent=2)


def show(console: Console, environment: Environment, results: Sequence[Result]) -> None:
    """Prints the findings by section, then their number."""
    for section, group in groupby(results, key=lambda result: result.check.section):
        console.print(Text(str(section), style="bold"))
        for result in group:
            console.print(Padding(_line(result), (0, 0, 0, 2)))
    console.print(Text(_summary(environment, results)))


def remedy(result: Result) -> str:
    """The finding's remedy, else the check's; "" if nothing is wrong."""
    return (result.finding.remedy or result.check.remedy) if unhealthy([result]) else ""


def failed(results: Sequence[Result]) -> bool:
    """Whether something does not work."""
    return any(result.finding.status in FAILURES for result in results)


def _line(result: Result) -> RenderableType:
    mark, style = _MARKS[result.finding.status]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column()
    head = Text(f"{result.check.title} ", style=style if unhealthy([result]) else "")
    head.append(result.check.id, style="dim")
    grid.add_row(Text(mark, style=style), head)
    parts = [Text(SECRETS.text(result.finding.summary), style="dim" if not unhealthy([result]) else "")]
    if advice := remedy(result):
        parts.append(Text(f"→ {SECRETS.text(advice)}", style="cyan"))
    grid.add_row("", Group(*parts))
    return grid


def _summary(environment: Environment, results: Sequence[Result]) -> str:
    problems = sum(result.finding.status in FAILURES for result in results)
    warnings = sum(result.finding.status is Status.WARNING for result in results)
    fixable = sum(available_fix(environment, result) is not None for result in results)
    text = (
        f"{_number(len(results), 'check')}: {_number(problems, 'problem')}, {_number(warnings, 'warning')}."
    )
    return f"{text} `pitboard doctor --fix` can fix {fixable}." if fixable else text


def _number(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
