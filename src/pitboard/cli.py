"""The command line. Each command is a few lines over the room that does the work."""

import io
import json
import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from pitboard import __version__
from pitboard.drivers.errors import StoreError, UpstreamError
from pitboard.ops.commands import app_commands as aws_commands
from pitboard.ops.doctor.commands import app_commands as doctor_commands
from pitboard.settings import Settings, UsageError

app = typer.Typer(
    name="pitboard",
    help="Driver stats beside every post author in the iRacing forum.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
output = Console()
errors = Console(stderr=True)

Host = Annotated[str, typer.Option(envvar="PITBOARD_HOST", help="Address to listen on.")]
Port = Annotated[
    int,
    typer.Option(envvar="PITBOARD_PORT", min=0, max=65535, help="Port to listen on; 0 takes any free one."),
]


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


@app.command(epilog="Example: pitboard demo --no-browser --port 9000")
def demo(
    host: Host = "127.0.0.1",
    port: Port = 8765,
    browser: Annotated[bool, typer.Option(help="Open the forum page in the browser.")] = True,
    once: Annotated[bool, typer.Option("--once", help="Exit after the table.")] = False,
) -> None:
    """Try it: invented drivers, a forum page with the addon, no credentials."""
    from pitboard.local.demo import demo as show

    _log_to_stderr("WARNING")
    show(host, port, browser=browser, once=once, console=output)


@app.command(epilog="Example: pitboard serve --port 9000")
def serve(host: Host = "127.0.0.1", port: Port = 8765) -> None:
    """Run the backend on this machine."""
    from pitboard.local.serve import serve as run

    run(Settings.read({**os.environ, "PITBOARD_HOST": host, "PITBOARD_PORT": str(port)}), errors)


@app.command(epilog='Example: pitboard drivers "Ann Tester" "Bo Demo2"')
def drivers(
    names: Annotated[list[str], typer.Argument(help="Names as the forum shows them.", metavar="NAME...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    wait: Annotated[float, typer.Option(min=0, max=60, help="Seconds to wait for iRacing.")] = 20.0,
) -> None:
    """Look drivers up. Exit code 1 if one of them was not found."""
    from pitboard.local.lookup import look_up

    _log_to_stderr("ERROR")
    answer = look_up(names, wait, errors)
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=not output.encoding.startswith("utf"), indent=2))
    else:
        from pitboard.local.table import driver_table

        output.print(driver_table(answer, output.width))
    if any("error" in value for value in answer.values()):
        raise typer.Exit(1)


@app.command(epilog="Example: pitboard login")
def login() -> None:
    """Store iRacing credentials in the keyring (else in a private file), after proving them once."""
    from pitboard.local.login import login as run

    _log_to_stderr("ERROR")
    run(output)


@app.command(epilog="Example: pitboard bench")
def bench() -> None:
    """Measure the speed of this machine's Pitboard against its floors. Exit code 1 if a target is missed."""
    from pitboard.ops.bench import bench as run

    _log_to_stderr("ERROR")
    if not run(output):
        raise typer.Exit(1)


index = typer.Typer(
    help="The driver index: licences and ratings of everybody, so that unknown authors need no call.",
    no_args_is_help=True,
)
app.add_typer(index, name="index")


@index.command("refresh", epilog="Example: pitboard index refresh")
def index_refresh(
    as_json: Annotated[bool, typer.Option("--json", help="Print what it brought as JSON.")] = False,
) -> None:
    """Load the lists of all drivers; five calls to iRacing. `pitboard serve` does so by itself every day.

    Run it again to go on with one that was interrupted. Exit code 1 if a list could not be had.
    """
    from pitboard.drivers.refresh import IndexRefusedError
    from pitboard.local.index_refresh import refresh_with_progress, summary

    _log_to_stderr("ERROR")
    try:
        brought = refresh_with_progress(Settings.read(), errors)
    except IndexRefusedError as error:
        errors.print(Text.assemble(("pitboard: ", "bold red"), str(error)), soft_wrap=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(brought.as_dict()))
    else:
        output.print(summary(brought), highlight=False)
    if not brought.whole:
        raise typer.Exit(1)


addon = typer.Typer(help="The browser addon.", no_args_is_help=True)
app.add_typer(addon, name="addon")


@addon.command("build", epilog="Example: pitboard addon build")
def addon_build() -> None:
    """Build the extension for Chromium and Firefox and the userscript (needs Node.js 20 and npm)."""
    from pitboard.ops.addon import build

    build(output)


doctor_commands(app)
aws_commands(app)


def _log_to_stderr(level: str) -> None:
    from pitboard.telemetry import configure_logging

    configure_logging(level)


def main() -> None:
    """Runs the command line. Foreseen errors are one sentence on standard error and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # Piped on Windows, it may not be able to write every name.
            stream.reconfigure(errors="replace")
    try:
        app()
    except (UsageError, StoreError, UpstreamError) as error:
        errors.print(Text.assemble(("pitboard: ", "bold red"), str(error)), soft_wrap=True)
        sys.exit(2)
