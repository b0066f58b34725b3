"""The command line: its commands in the order of the help, and how errors are shown."""

import io
import math
import os
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from pitboard import __version__
from pitboard.commands import (
    addon,
    allow,
    backup,
    bench,
    bootstrap,
    demo,
    deploy,
    doctor,
    drivers,
    forget,
    index,
    login,
    logout,
    logs,
    rollback,
    serve,
    top,
    verify,
)
from pitboard.drivers.errors import CredentialsError, StoreError, UpstreamError
from pitboard.ops.errors import ChangeFailedError
from pitboard.settings import UsageError

app = typer.Typer(
    name="pitboard",
    help="Driver stats beside every post author in the iRacing forum.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=demo.EXAMPLE)(demo.demo)
app.command(epilog=serve.EXAMPLE)(serve.serve)
app.command(epilog=drivers.EXAMPLE)(drivers.drivers)
app.command(epilog=login.EXAMPLE)(login.login)
app.command(epilog=logout.EXAMPLE)(logout.logout)
app.command(epilog=forget.EXAMPLE)(forget.forget)
app.command(epilog=allow.EXAMPLE)(allow.allow)
app.command(epilog=backup.BACKUP_EXAMPLE)(backup.backup)
app.command(epilog=backup.RESTORE_EXAMPLE)(backup.restore)
app.command(epilog=backup.EXPORT_EXAMPLE)(backup.export)
app.command("import", epilog=backup.IMPORT_EXAMPLE)(backup.import_)
app.command(epilog=bench.EXAMPLE)(bench.bench)
app.command(epilog=doctor.EXAMPLE)(doctor.doctor)
app.command(epilog=logs.EXAMPLE)(logs.logs)
app.command(epilog=top.EXAMPLE)(top.top)
app.command(epilog=bootstrap.EXAMPLE)(bootstrap.bootstrap)
app.command(epilog=deploy.EXAMPLE)(deploy.deploy)
app.command(epilog=verify.EXAMPLE)(verify.verify)
app.command(epilog=rollback.EXAMPLE)(rollback.rollback)
app.add_typer(index.index, name="index")
app.add_typer(addon.addon, name="addon")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pitboard {__version__}")
        raise typer.Exit


@app.callback()
def version_option(
    _: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Driver stats beside every post author in the iRacing forum."""


def main() -> None:
    """Runs the command line. An expected error is one sentence on standard error, without a traceback.

    The exit code is then 1 for a change in AWS that failed, 2 for everything that could not begin.
    """
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # A pipe on Windows may not have every letter of a name.
            stream.reconfigure(errors="replace")
    try:
        _run()
    except OSError as error:  # of a path that somebody gave, or of the output, which has no name
        what = f"{error.filename} cannot be used" if error.filename else "The output cannot be written"
        _show(f"{what}: {error.strerror}.")
        _leave_unwritten(sys.stdout)
        sys.exit(2)


def _run() -> None:
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here, where an error of it can still be told
    except ChangeFailedError as error:
        _show(str(error))
        sys.exit(1)
    except (UsageError, StoreError, UpstreamError) as error:
        from pitboard.local.remedies import worded

        _show(worded(error) + _when(error))
        sys.exit(2)


def _when(error: Exception) -> str:
    """A sentence about when to try again, after a space; "" if nobody knows, or if something has to be mended
    first, which the remedy says."""
    later = getattr(error, "retry_after", None)
    if not later or isinstance(error, CredentialsError):
        return ""
    return f" Try again in {math.ceil(later)} s." if later <= 120 else f" Try again in {later / 60:.0f} min."


def _open_closed() -> None:
    """Gives a stream that the caller has closed to nobody, before a file takes its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - until the end


def _leave_unwritten(stream: TextIO) -> None:
    """Keeps Python from trying once more at its end, which would be a traceback."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def _show(sentence: str) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text.assemble(("pitboard: ", "bold red"), sentence), soft_wrap=True)
