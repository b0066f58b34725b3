"""Renewals in the background: gathered over pages and readers, popular drivers first, fifty at a time."""

import logging
import threading
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pitboard.drivers.ports import Telemetry

MOST_WAITING = 5_000
"""Names that may wait. More than that is a crawl, and the next reader asks again anyway."""

BATCH = 50
"""Names renewed together: as many as one call takes."""

GATHER = 1.0
"""Seconds that names wait for others to share a call."""

EVERY_HOUR = 3600.0

log = logging.getLogger(__name__)

Renew = Callable[[Sequence[str], AbstractSet[str]], None]
"""Renews names, the second ones with their profiles."""


@dataclass(slots=True)
class _Due:
    """How often a waiting name was asked for, and whether with its profile."""

    times: int = 0
    profile: bool = False


class BackgroundRenewals:
    """`ports.RenewalQueue` without duplicates. `start` it once the service exists."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._waiting: dict[str, _Due] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def enqueue(self, names: Sequence[str], *, profiles: bool = False) -> None:
        """See `ports.RenewalQueue`."""
        with self._changed:
            for name in names:
                if name not in self._waiting and len(self._waiting) >= MOST_WAITING:
                    continue
                due = self._waiting.setdefault(name, _Due())
                due.times += 1
                due.profile = due.profile or profiles
            self._changed.notify_all()

    def start(self, renew: Renew, purge: Callable[[], object]) -> None:
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

    def _renewals(self, renew: Renew) -> None:
        while batch := self._next():
            profiles = {name for name, due in batch.items() if due.profile}
            _quietly(lambda: renew(list(batch), profiles))  # noqa: B023 - called at once

    def _purges(self, purge: Callable[[], object]) -> None:
        while not self._closed:
            _quietly(purge)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=EVERY_HOUR)

    def _next(self) -> dict[str, _Due]:
        """The names asked for most, once there are enough for a call or the first has waited; empty at the
        end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._waiting))
            self._changed.wait_for(lambda: self._closed or len(self._waiting) >= BATCH, timeout=GATHER)
            chosen = sorted(self._waiting.items(), key=lambda item: -item[1].times)[:BATCH]
            for name, _ in chosen:
                del self._waiting[name]
            self._telemetry.gauge("queue_length", len(self._waiting))
            return dict(chosen)


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        log.exception("background work failed")
