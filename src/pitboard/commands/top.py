"""`pitboard top`."""

from typing import Annotated

import typer

from pitboard.commands.options import HOST, PORT, Host, Json, Port

EXAMPLE = "Examples: pitboard top; pitboard top --once; pitboard top --port 9000 --json"


def top(
    host: Host = HOST.default,
    port: Port = int(PORT.default),
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    as_json: Json = False,
) -> None:
    """Watch the server that runs on this machine. Exit code 1 if it is not healthy."""
    from rich.console import Console

    from pitboard.local.top import show_json, watch

    well = show_json(host, port) if as_json else watch(host, port, Console(), once=once)
    if not well:
        raise typer.Exit(1)
