"""`pitboard allow`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pitboard.commands.options import EnvironmentOrHere, Json, log_to_stderr
from pitboard.settings import UsageError

EXAMPLE = (
    'Examples: pitboard allow "Ann Tester" "Bo Demo2"; pitboard allow --file members.txt --only;'
    " pitboard allow --league 4711; pitboard allow --list"
)


def allow(
    names: Annotated[
        list[str] | None, typer.Argument(help="Members who have agreed to be shown.", metavar="NAME")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A text file with a name in each line.", dir_okay=False)
    ] = None,
    league: Annotated[
        int | None, typer.Option(min=1, help="All members of this league (one call to iRacing).")
    ] = None,
    only: Annotated[
        bool,
        typer.Option("--only", help="Take all others off the list; what is kept of them goes."),
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Print the list.")] = False,
    environment: EnvironmentOrHere = "",
    as_json: Json = False,
) -> None:
    """Put members on the host's list, which says with PITBOARD_AUDIENCE=listed who is shown.

    A name given here is no longer withheld if the member had asked for that; names of a file or a league stay
    withheld.
    """
    log_to_stderr("ERROR")
    if only and not (names or file or league):
        raise UsageError("--only goes with names, --file or --league.")
    if not (names or file or league or show):
        raise UsageError("Whom? Give names, --file or --league; --list prints the list.")
    from pitboard.ops.members import parsed, read_names
    from pitboard.ops.members_admin import members_admin

    agreed, others = parsed(names or []), read_names(file) if file else []
    with members_admin(environment) as members:
        if agreed or others or league:
            typer.echo(members.allow(agreed, others, league, only=only), err=show)
        if show:
            listed = members.listed()
            typer.echo(json.dumps(listed) if as_json else "\n".join(listed))
