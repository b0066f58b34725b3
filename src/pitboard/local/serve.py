"""`pitboard serve`: the local home until it is interrupted."""

import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

from rich.console import Console
from rich.text import Text

from pitboard.iracing.credentials import Credentials
from pitboard.local import members
from pitboard.local.credentials import find
from pitboard.local.files import tighten
from pitboard.local.home import LocalHome
from pitboard.local.index_schedule import schedule
from pitboard.local.repair import repair
from pitboard.local.server import listen, make_local_app, server, url
from pitboard.local.status import Day
from pitboard.local.status_page import status_routes
from pitboard.settings import SettingError, Settings
from pitboard.telemetry import PrometheusTelemetry, configure_logging, hide, spans
from pitboard.telemetry.files import log_file, log_file_handler

ENDING = 4.2
"""Seconds from the signal to the end of the process, whatever hangs."""

LEAVING = 0.8
"""Seconds from the end of the home to that of the process: traces go out, calls that hang are given up."""

BEYOND = (
    "PITBOARD_HOST is {host}, which other machines reach. Set PITBOARD_ALLOWED_HOSTS to the names by which "
    "readers ask for this server, such as pit.example.org. Without PITBOARD_HOST only this machine is served."
)

log = logging.getLogger(__name__)


def serve(settings: Settings, console: Console) -> None:
    """Serves until Ctrl+C or SIGTERM. Logs to standard error and to a file beside the database.

    What is known is served from the first moment on; a token is asked for behind that, and what keeps it away
    is said on `console`. Raises `CredentialsError` for missing credentials, `PortTakenError`, `StoreError`,
    and `SettingError` when other machines are to be served and no name is allowed.
    """
    if settings.listens_beyond and not settings.front.allowed_hosts:
        raise SettingError(BEYOND.format(host=settings.host))
    members.check_chosen(settings)
    closed = threading.Event()
    configure_logging("INFO")
    tighten(settings.db)
    repair(settings.db, lambda told: console.print(Text(told), soft_wrap=True))
    credentials = find()
    hide(*(getattr(credentials, field.name) for field in fields(Credentials)), settings.front.status_token)
    telemetry = PrometheusTelemetry(spans("pitboard"))
    with (
        listen(settings.host, settings.port) as socket,
        _told_to_end() as told,
        LocalHome(settings, credentials, telemetry) as home,
    ):
        logging.getLogger().addHandler(log_file_handler(log_file(settings.db)))
        threading.Thread(
            target=_end_in_time, args=(told, closed, home), daemon=True, name="pitboard-end"
        ).start()
        where = url(socket) if settings.socket_path else f"{url(socket)}/"
        answers = Text.assemble("Pitboard answers at ", (where, "bold"), ". Press Ctrl+C to stop.")
        console.print(answers, soft_wrap=True)
        home.members.watch()
        home.sign_in_behind(lambda sentence: console.print(Text(sentence), soft_wrap=True))
        with schedule(settings), Day(telemetry) as day:
            gc.freeze()  # what was imported stays; a collection that looks through all of it takes 20 ms
            routes = status_routes(home, day)
            app, proxies = make_local_app(home, telemetry, routes), settings.front.trusted_proxies
            server(app, home.stop, told, proxies).run(sockets=[socket])
    closed.set()


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Set by the first Ctrl+C or SIGTERM. Further ones change nothing: the end takes seconds at most, and cut
    short it could cost a login."""
    told = threading.Event()
    signals = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        signals.append(signal.SIGBREAK)
    before = {number: signal.signal(number, lambda *_: told.set()) for number in signals}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_in_time(told: threading.Event, closed: threading.Event, home: LocalHome) -> None:
    """Ends the process when it does not end by itself after the signal: threads that wait for an answer of
    iRacing's would keep it."""
    told.wait()
    if closed.wait(ENDING):
        time.sleep(LEAVING)
    else:
        log.warning("the end took too long; what hangs is given up")
        closing = threading.Thread(target=home.store.close, daemon=True)
        closing.start()
        closing.join(0.3)
    logging.shutdown()
    os._exit(0)
