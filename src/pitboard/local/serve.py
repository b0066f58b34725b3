"""`pitboard serve`: the local home until it is interrupted."""

import logging
from contextlib import suppress
from dataclasses import fields

from rich.console import Console

from pitboard.iracing.credentials import Credentials
from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.local.index_schedule import schedule
from pitboard.local.server import listen, make_local_app, server, url
from pitboard.settings import Settings
from pitboard.telemetry import PrometheusTelemetry, configure_logging, hide, spans
from pitboard.telemetry.files import log_file, log_file_handler


def serve(settings: Settings, console: Console) -> None:
    """Serves until Ctrl+C or SIGTERM. Logs to standard error and to a file beside the database.

    Raises `CredentialsError` for missing or refused credentials, `PortTakenError`, `StoreError`.
    """
    credentials = find()
    configure_logging("INFO")
    hide(*(getattr(credentials, field.name) for field in fields(Credentials)))
    telemetry = PrometheusTelemetry(spans("pitboard"))
    with listen(settings.host, settings.port) as socket, LocalHome(settings, credentials, telemetry) as home:
        logging.getLogger().addHandler(log_file_handler(log_file(settings.db)))
        with console.status("Asking iRacing for a token ..."):
            home.sign_in()
        shown = f"Pitboard answers at [bold]{url(socket)}/[/]. Press Ctrl+C to stop."
        with suppress(KeyboardInterrupt), schedule(settings):
            console.print(shown, highlight=False)
            server(make_local_app(home, telemetry)).run(sockets=[socket])
