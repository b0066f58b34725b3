"""`pitboard index refresh`."""

import json
from typing import Annotated

import typer

from pitboard.commands.options import log_to_stderr

index = typer.Typer(
    help="The driver index: licences and ratings of everybody, so that unknown authors need no call.",
    no_args_is_help=True,
)


@index.command("refresh", epilog="Example: pitboard index refresh")
def refresh(
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Load the lists of all drivers, with five calls to iRacing.

    `pitboard serve` does so by itself every day. Run it again to continue one that was interrupted. Exit
    code 1 if a list could not be had.
    """
    from rich.console import Console
    from rich.text import Text

    from pitboard.drivers.refresh import IndexRefusedError
    from pitboard.local.index_refresh import refresh_with_progress, summary
    from pitboard.settings import Settings

    log_to_stderr("ERROR")
    errors = Console(stderr=True)
    try:
        done = refresh_with_progress(Settings.read(), errors)
    except IndexRefusedError as error:
        errors.print(Text.assemble(("pitboard: ", "bold red"), str(error)), soft_wrap=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(done.as_dict()))
    else:
        Console().print(summary(done), highlight=False)
    if not done.whole:
        raise typer.Exit(1)
