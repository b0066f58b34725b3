"""`pitboard addon build`."""

import typer

addon = typer.Typer(help="The browser addon.", no_args_is_help=True)


@addon.command("build", epilog="Example: pitboard addon build")
def build() -> None:
    """Build the extension for Chromium and Firefox and the userscript (needs Node.js 22 and npm)."""
    from rich.console import Console

    from pitboard.ops.addon import build as run

    run(Console())
