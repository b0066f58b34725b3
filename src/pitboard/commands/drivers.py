"""`pitboard drivers`."""

import json
from typing import Annotated

import typer

from pitboard.commands.options import log_to_stderr

EXAMPLE = 'Example: pitboard drivers "Ann Tester" "Bo Demo2"'


def drivers(
    names: Annotated[list[str], typer.Argument(help="Names as the forum shows them.", metavar="NAME")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    wait: Annotated[float, typer.Option(min=0, max=60, help="Seconds to wait for iRacing.")] = 20.0,
) -> None:
    """Look drivers up. Exit code 1 if one of them was not found."""
    from rich.console import Console

    from pitboard.local.lookup import look_up

    log_to_stderr("ERROR")
    output = Console()
    answer = look_up(names, wait, Console(stderr=True))
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=not output.encoding.startswith("utf"), indent=2))
    else:
        from pitboard.local.table import driver_table

        output.print(driver_table(answer, output.width))
    if any("error" in value for value in answer.values()):
        raise typer.Exit(1)
