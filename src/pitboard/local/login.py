"""`pitboard login`: asks for the credentials, proves them once, keeps them."""

import os
import time

import typer
from rich.console import Console
from rich.text import Text

from pitboard.iracing.credentials import Credentials
from pitboard.local.credentials import save
from pitboard.local.home import LocalHome
from pitboard.settings import Settings, UsageError


def login(console: Console) -> None:
    """Asks for what the environment does not give. One password login is spent, whatever comes of it.

    Raises an `UpstreamError` if iRacing refuses; nothing is kept then.
    """
    credentials = Credentials(
        client_id=_part("PITBOARD_CLIENT_ID", "OAuth client id"),
        client_secret=_part("PITBOARD_CLIENT_SECRET", "OAuth client secret", hidden=True),
        username=_part("PITBOARD_USERNAME", "iRacing e-mail address"),
        password=_part("PITBOARD_PASSWORD", "iRacing password", hidden=True),
    )
    credentials.check()
    with LocalHome(Settings.read(), credentials) as home, console.status("Asking iRacing for a token ..."):
        home.tokens.prove(time.monotonic() + 30)
    console.print(Text(f"iRacing accepts the credentials. They are kept in {save(credentials)}."))


def _part(variable: str, what: str, *, hidden: bool = False) -> str:
    if value := os.environ.get(variable):
        return value
    try:
        return str(typer.prompt(what, hide_input=hidden))
    except typer.Abort:
        raise UsageError(f"No {what} given; type it, or set {variable}.") from None
