"""`pitboard login`."""

from typing import Annotated

import typer

from pitboard.commands.options import log_to_stderr

EXAMPLE = "Examples: pitboard login; pitboard login --browser"


def login(
    browser: Annotated[
        bool,
        typer.Option("--browser", help="Log in on iRacing's own page, for a client registered for that."),
    ] = False,
) -> None:
    """Log in to iRacing once, then store the credentials in the keyring (else in a private file)."""
    from rich.console import Console

    from pitboard.local.login import login as run
    from pitboard.local.login import login_in_browser

    log_to_stderr("ERROR")
    if browser:
        login_in_browser(Console())
    else:
        run(Console())
