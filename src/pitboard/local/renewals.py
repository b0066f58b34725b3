"""Renewals in the background: one thread renews what the pool gives, another purges the store."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from pitboard.drivers.ports import Telemetry
from pitboard.drivers.renewal_pool import Due, RenewalPool

EVERY_HOUR = 3600.0

AFTER_FAILURE = 0.5
"""Seconds before a thread goes on whose work failed."""

log = logging.getLogger(__name__)

Renew = Callable[[Sequence[str], AbstractSet[str]], None]
"""Renews names, the second ones with their profiles."""


class BackgroundRenewals:
    """`ports.RenewalQueue` on a pool of this process. `start` it once the service exists."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._pool = RenewalPool()
        self._changed = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def enqueue(self, names: Sequence[str], *, profiles: bool = False, soon: bool = False) -> None:
        """See `ports.RenewalQueue`."""
        with self._changed:
            self._pool.add(names, time.monotonic(), profiles=profiles, soon=soon)
            self._changed.notify_all()

    def start(self, renew: Renew, purge: Callable[[], object]) -> None:
        """Renews what comes in until `close`; purges the store at once and then every hour."""
        for work in (lambda: self._renewals(renew), lambda: self._purges(purge)):
            thread = threading.Thread(target=work, daemon=True, name="pitboard-background")
            thread.start()
            self._threads.append(thread)

    def close(self, seconds: float = 5.0) -> None:
        """Ends the threads and waits for them up to `seconds`; what still waits is forgotten."""
        end = time.monotonic() + seconds
        with self._changed:
            self._closed = True
            self._pool.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _renewals(self, renew: Renew) -> None:
        while not self._closed:
            if not quietly(lambda: self._renew_next(renew)):
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, timeout=AFTER_FAILURE)

    def _renew_next(self, renew: Renew) -> None:
        if batch := self._next():
            renew(list(batch), {name for name, due in batch.items() if due.profile})

    def _purges(self, purge: Callable[[], object]) -> None:
        while not self._closed:
            quietly(purge)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=EVERY_HOUR)

    def _next(self) -> dict[str, Due]:
        """The next batch, as soon as one should go out; empty at the end."""
        with self._changed:
            while not self._closed and (wait := self._pool.wait(time.monotonic())) != 0.0:
                self._changed.wait(wait)
            batch = self._pool.take(time.monotonic())
            self._telemetry.gauge("queue_length", len(self._pool))
            return batch


def quietly(work: Callable[[], object]) -> bool:
    """Does work that nobody waits for: what goes wrong is for the log. Gives whether it went well."""
    try:
        work()
    except Exception:
        log.exception("background work failed")
        return False
    return True
