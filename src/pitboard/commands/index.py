"""`pitboard index refresh`."""

import json
from typing import Annotated

import typer

from pitboard.commands.options import log_to_stderr

index = typer.Typer(
    help="The driver index: all names and ids, so that unknown authors need no search.", no_args_is_help=True
)


@index.command("refresh", epilog="Example: pitboard index refresh")
def refresh(
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Load the names and ids of all drivers, with five calls to iRacing. Once a week is enough."""
    from rich.console import Console

    from pitboard.local.index_refresh import refresh_index

    log_to_stderr("ERROR")
    done = refresh_index(Console(stderr=True))
    if as_json:
        typer.echo(json.dumps(done.as_dict()))
    else:
        Console().print(
            f"{done.drivers:,} drivers are known by name ({done.rows:,} rows, {done.seconds:g} s).",
            highlight=False,
        )
