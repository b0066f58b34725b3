"""One run of `pitboard doctor`: checks, report, and the fixes that the user agrees to."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from pitboard.ops.doctor import report
from pitboard.ops.doctor.check import Check
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.doctor.run import (
    AWS_SECONDS,
    LOCAL_SECONDS,
    Environment,
    Result,
    all_checks,
    available_fix,
    run,
)
from pitboard.ops.environment import AwsEnvironment
from pitboard.settings import Settings, UsageError


def examine(env: str, only: str) -> tuple[str, bool]:
    """Runs the checks; returns the report as JSON, and whether everything works.

    `env` is an AWS environment ("": this machine), `only` some checks' ids, separated by commas ("": all).
    Raises `UsageError` for an unknown id or environment.
    """
    chosen = choose(only)
    with _environment(env) as (environment, seconds):
        results = run(environment, chosen, seconds)
        return report.as_json(environment, results), not report.failed(results)


def examine_and_fix(env: str, only: str, console: Console, *, fix: bool) -> bool:
    """Runs the checks and prints the report; returns whether everything works. Otherwise like `examine`.

    With `fix` it asks before each change that would help, and runs the checks again after a change.
    """
    chosen = choose(only)
    with _environment(env) as (environment, seconds):
        results = run(environment, chosen, seconds)
        report.show(console, environment, results)
        if not fix or not _apply_fixes(console, environment, results):
            return not report.failed(results)
    with _environment(env) as (environment, seconds):
        results = run(environment, chosen, seconds)
        report.show(console, environment, results)
        return not report.failed(results)


def choose(only: str) -> list[Check]:
    """The checks with these ids, in that order; all of them for "". Raises `UsageError` for an unknown id."""
    ids = [part.strip() for part in only.split(",") if part.strip()]
    known = {check.id: check for check in all_checks()}
    if unknown := [name for name in ids if name not in known]:
        raise UsageError(f"There is no check {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in ids] if ids else list(known.values())


@contextmanager
def _environment(env: str) -> Iterator[tuple[Environment, float]]:
    """A new environment, which has not kept any look-up, and the seconds that its checks may take."""
    if env:
        yield AwsEnvironment(env), AWS_SECONDS
        return
    local = LocalEnvironment(Settings.read())
    try:
        yield local, LOCAL_SECONDS
    finally:
        local.close()


def _apply_fixes(console: Console, environment: Environment, results: Iterable[Result]) -> bool:
    """Asks about each change that would help. Returns whether one was made."""
    changed = False
    for result in results:
        if change := available_fix(environment, result):
            console.print(f"\n[bold]{result.check.id}[/]: {result.finding.summary}", highlight=False)
            if typer.confirm(result.check.fix.question):
                console.print(change(), highlight=False)
                changed = True
    return changed
