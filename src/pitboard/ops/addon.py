"""`pitboard addon build`: builds the extension and the userscript from the sources in `addon/`."""

import shutil
import subprocess
from pathlib import Path

from rich.console import Console

from pitboard.ops.children import environment
from pitboard.settings import UsageError

SOURCES = Path(__file__).parents[3] / "addon"


def build(console: Console) -> None:
    """Runs the addon's own build. Raises `UsageError` if sources or npm are missing, or it fails."""
    npm = shutil.which("npm")
    if not (SOURCES / "package.json").exists():
        raise UsageError("The addon's sources are not here; run this in a clone of the repository.")
    if npm is None:
        raise UsageError("npm was not found; install Node.js 22 or newer, which includes it.")
    if not (SOURCES / "node_modules").exists():
        _run(console, "Installing the build dependencies ...", npm, "ci", "--no-audit", "--no-fund")
    _run(console, "Building ...", npm, "run", "build", "--silent")
    for built in sorted((SOURCES / "dist").iterdir()):
        console.print(f"  {built.relative_to(SOURCES.parent)}", highlight=False)


def _run(console: Console, what: str, *command: str) -> None:
    with console.status(what):
        done = subprocess.run(  # noqa: S603 - npm, found above
            command, cwd=SOURCES, capture_output=True, text=True, check=False, env=environment()
        )
    if done.returncode:
        raise UsageError(f"`npm {' '.join(command[1:])}` failed:\n{done.stdout}{done.stderr}".rstrip())
