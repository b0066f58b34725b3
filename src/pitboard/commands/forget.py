"""`pitboard forget`."""

from typing import Annotated

import typer

from pitboard.commands.options import EnvironmentOrHere, log_to_stderr
from pitboard.settings import UsageError

EXAMPLE = 'Examples: pitboard forget "Ann Tester"; pitboard forget "Ann Tester" --id 123456 --env prod'


def forget(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names as the forum shows them.", metavar="NAME")
    ] = None,
    ids: Annotated[
        list[int] | None,
        typer.Option("--id", min=1, help="A customer id of the same person; may be repeated."),
    ] = None,
    environment: EnvironmentOrHere = "",
) -> None:
    """Delete what is kept about a member, and never ask iRacing for the name again.

    The answer is then `withheld`, also after the next refresh of the driver index and after `pitboard
    restore`. Several names are several names of one person. `pitboard allow NAME` takes it back.
    """
    from rich.console import Console

    log_to_stderr("ERROR")
    if not names and not ids:
        raise UsageError("Whom? Give a name as the forum shows it, or a customer id with --id.")
    from pitboard.ops.members import parsed
    from pitboard.ops.members_admin import members_admin

    whom = parsed(names or [])
    with members_admin(environment) as members, Console(stderr=True).status("Deleting ..."):
        told = members.forget(whom, ids or [])
    typer.echo(told)
