"""`pitboard doctor`."""

from typing import Annotated

import typer

from pitboard.commands.options import EnvironmentOrHere, Json
from pitboard.settings import UsageError

EXAMPLE = "Examples: pitboard doctor; pitboard doctor --env prod --only ttl,cors --fix"


def doctor(
    environment: EnvironmentOrHere = "",
    only: Annotated[str, typer.Option(help="Run these checks only: ids, separated by commas.")] = "",
    fix: Annotated[
        bool, typer.Option("--fix", help="Fix what is safe to fix; asks before each change.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check for problems, and say how to fix them. Exit code 1 if something does not work."""
    from rich.console import Console

    from pitboard.ops.doctor.session import examine, examine_and_fix

    if fix and as_json:
        raise UsageError("--fix asks questions; it cannot be used with --json.")
    if as_json:
        report, healthy = examine(environment, only)
        typer.echo(report)
    else:
        healthy = examine_and_fix(environment, only, Console(), fix=fix)
    if not healthy:
        raise typer.Exit(1)
