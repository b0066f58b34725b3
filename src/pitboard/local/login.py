"""`pitboard login`: asks for the credentials, proves them once, keeps them; or leaves asking to iRacing."""

import os
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import closing

import typer
from rich.console import Console
from rich.text import Text

from pitboard.iracing.credentials import BrowserClient, Credentials
from pitboard.iracing.oauth import Grant, OAuth
from pitboard.iracing.transport import Transport
from pitboard.local.browser_login import Attempt, redirect_uri
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


def login_in_browser(console: Console, open_browser: Callable[[str], object] = webbrowser.open) -> None:
    """Opens iRacing's login page and keeps the tokens that come of it, and the OAuth client.

    No password passes through here. Raises an `UpstreamError` if iRacing or the member refuses, `UsageError`
    for a redirect address that cannot be listened on; nothing is kept then.
    """
    settings = Settings.read()
    client_id = _part("PITBOARD_CLIENT_ID", "OAuth client id")
    client = BrowserClient(client_id, os.environ.get("PITBOARD_CLIENT_SECRET", ""))
    client.check()
    attempt = Attempt.begin(settings.upstream.oauth_url, client_id, redirect_uri())

    def show(url: str) -> None:
        console.print(
            Text(f"Log in to iRacing in your browser. If no page opens, open this one:\n{url}"),
            soft_wrap=True,
        )
        open_browser(url)

    code = attempt.code(show)
    with closing(Transport()) as transport, LocalHome(settings, client) as home:
        oauth = OAuth(settings.upstream.oauth_url, transport)

        def exchange(deadline: float) -> Grant:
            return oauth.exchange(client, code, attempt.verifier, attempt.redirect_uri, deadline)

        home.tokens.adopt(exchange, time.monotonic() + 30)
    console.print(Text(f"You are logged in. The OAuth client is kept in {save(client)}."))


def _part(variable: str, what: str, *, hidden: bool = False) -> str:
    if value := os.environ.get(variable):
        return value
    try:
        # From a pipe there is nothing to hide, and getpass would warn with a line of Python's.
        return str(typer.prompt(what, hide_input=hidden and sys.stdin.isatty()))
    except typer.Abort:
        raise UsageError(f"No {what} given; type it, or set {variable}.") from None
