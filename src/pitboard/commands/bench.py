"""`pitboard bench`."""

import typer

from pitboard.commands.options import log_to_stderr

EXAMPLE = "Example: pitboard bench"


def bench() -> None:
    """Measure the speed of this machine's Pitboard against its targets. Exit code 1 if one is missed."""
    from rich.console import Console

    from pitboard.ops.bench import bench as run

    log_to_stderr("ERROR")
    if not run(Console()):
        raise typer.Exit(1)
