"""`pitboard serve`."""

import os

from pitboard.commands.options import HOST, PORT, Host, Port
from pitboard.settings import Settings

EXAMPLE = "Example: pitboard serve --port 9000"


def serve(host: Host = HOST.default, port: Port = int(PORT.default)) -> None:
    """Run the backend on this machine."""
    from rich.console import Console

    from pitboard.local.serve import serve as run

    run(Settings.read({**os.environ, HOST.env: host, PORT.env: str(port)}), Console(stderr=True))
