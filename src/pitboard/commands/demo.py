"""`pitboard demo`."""

from typing import Annotated

import typer

from pitboard.commands.options import HOST, PORT, Host, Port, log_to_stderr

EXAMPLE = "Example: pitboard demo --no-browser --port 9000"


def demo(
    host: Host = HOST.default,
    port: Port = int(PORT.default),
    browser: Annotated[bool, typer.Option(help="Open the forum page in the browser.")] = True,
    once: Annotated[bool, typer.Option("--once", help="Exit after the table.")] = False,
) -> None:
    """Try Pitboard: invented drivers, a forum page with the addon, no credentials."""
    from rich.console import Console

    from pitboard.local.demo import demo as run

    log_to_stderr("WARNING")
    run(host, port, browser=browser, once=once, console=Console())
