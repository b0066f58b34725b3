"""Options that several commands have, and options that mirror a setting."""

import sys
from typing import Annotated, Any

import typer

from pitboard.settings import SETTINGS, Setting, UsageError

_BY_NAME = {setting.env: setting for setting in SETTINGS}
HOST, PORT = _BY_NAME["PITBOARD_HOST"], _BY_NAME["PITBOARD_PORT"]


def _option(setting: Setting, **limits: Any) -> Any:
    """An option with the setting's variable and help."""
    return typer.Option(envvar=setting.env, help=setting.help, **limits)


Host = Annotated[str, _option(HOST)]
Port = Annotated[int, _option(PORT, min=0, max=65535)]

Environment = Annotated[str, typer.Option("--env", help="The environment: dev, staging or prod.")]
EnvironmentOrHere = Annotated[
    str, typer.Option("--env", help="An AWS environment (dev, staging, prod); else this machine.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show all that CDK says.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]


def confirm(environment: str, question: str, *, yes: bool) -> None:
    """Asks before production is changed, unless `yes`. Ends the command if the answer is no."""
    if environment == "prod":
        ask(question, yes=yes)


def ask(question: str, *, yes: bool) -> None:
    """Asks, unless `yes`. Ends the command if the answer is no; raises `UsageError` if nobody can answer."""
    if yes:
        return
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        typer.echo(err=True)
        raise UsageError("Nobody is there to answer; add --yes.") from None
    if not agreed:
        raise typer.Abort


def log_to_stderr(level: str) -> None:
    """Sends log lines from this level on to standard error."""
    from pitboard.telemetry import configure_logging

    configure_logging(level)
