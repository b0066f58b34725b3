"""`pitboard verify`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from pitboard.commands.options import Environment, Json

EXAMPLE = 'Example: pitboard verify --env prod --name "Ann Tester"'

_MARKS = {True: "[green]ok[/]  ", False: "[red]bad[/] ", None: "[yellow]--[/]  "}


def verify(
    environment: Environment,
    name: Annotated[str, typer.Option(help="A driver to look up; else one that is known already.")] = "",
    url: Annotated[str, typer.Option(help="Use this address instead of the stack's own.")] = "",
    as_json: Json = False,
) -> None:
    """Check a deployed environment: stack, functions, tables, secret, routes, a real look-up. Exit code 1
    if something is wrong."""
    from rich.console import Console

    from pitboard.ops.environment import AwsEnvironment

    aws = AwsEnvironment(environment)  # first: it says in a sentence if AWS' library is missing
    from pitboard.ops.verify import verify

    results, console = [], Console()
    for result in verify(aws, url, name):
        results.append(result)
        if not as_json:
            line = f"{_MARKS[result.ok]} {result.what:<20} {result.detail}"
            console.print(line, highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2))
    if any(result.ok is False for result in results):
        raise typer.Exit(1)
