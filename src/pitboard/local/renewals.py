"""Renewals in the background, a page at a time, in one thread."""

import logging
import threading
from collections.abc import Callable, Sequence

from pitboard.drivers.ports import Telemetry

MOST_WAITING = 5_000
"""Names that may wait. More than that is a crawl, and the next reader asks again anyway."""

BATCH = 50
EVERY_HOUR = 3600.0

log = logging.getLogger(__name__)


class BackgroundRenewals:
    """`ports.RenewalQueue` with a queue without duplicates. `start` it once the service exists."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._waiting: dict[str, None] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def enqueue(self, names: Sequence[str]) -> None:
        with self._changed:
            room = MOST_WAITING - len(self._waiting)
            self._waiting |= dict.fromkeys(names[:room])
            self._changed.notify_all()

    def start(self, renew: Callable[[Sequence[str]], None], purge: Callable[[], object]) -> None:
        """Renews what comes in until `close`; purges the store at once and then every hour."""
        for work in (lambda: self._renewals(renew), lambda: self._purges(purge)):
            thread = threading.Thread(target=work, daemon=True, name="pitboard-background")
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Ends the threads; what still waits is forgotten."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    def _renewals(self, renew: Callable[[Sequence[str]], None]) -> None:
        while batch := self._next():
            _quietly(lambda: renew(batch))

    def _purges(self, purge: Callable[[], object]) -> None:
        while not self._closed:
            _quietly(purge)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=EVERY_HOUR)

    def _next(self) -> list[str]:
        """The next names, waiting for some; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._waiting))
            batch = list(self._waiting)[:BATCH]
            for name in batch:
                del self._waiting[name]
            self._telemetry.gauge("queue_length", len(self._waiting))
            return batch


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        log.exception("background work failed")
