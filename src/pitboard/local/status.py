"""How the server did in the last day, minute by minute: for `/status` and `pitboard top`."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pitboard import __version__
from pitboard.drivers import records
from pitboard.drivers.health import Health
from pitboard.local.renewals import quietly
from pitboard.telemetry import PrometheusTelemetry

MINUTE = 60.0
KEPT = 24 * 60
"""Minutes that are kept, in memory only: a day."""

_KNOWN = ("fresh", "stale", "partial")

LABELS = {
    "requests": "Requests",
    "failed": "… that failed here",
    "names": "Names asked for",
    "known": "… answered with a driver",
    "pending": "… still looked for",
    "unavailable": "… iRacing did not give",
    "calls": "Calls to iRacing",
    "calls_failed": "… that failed",
}
"""The fields of `Count`, as people read them."""


@dataclass(frozen=True, slots=True)
class Count:
    """What happened in a time. `names` are those asked for; `known` of them were answered with a driver,
    `pending` and `unavailable` were not. `calls` are those to iRacing. `failed` and `calls_failed` are parts
    of `requests` and `calls`."""

    requests: int = 0
    failed: int = 0
    names: int = 0
    known: int = 0
    pending: int = 0
    unavailable: int = 0
    calls: int = 0
    calls_failed: int = 0

    def __sub__(self, before: "Count") -> "Count":
        return Count(*(getattr(self, f.name) - getattr(before, f.name) for f in fields(Count)))


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute, or the part of it that has passed. `at` is its end in Unix seconds."""

    at: float
    count: Count
    budget_left: int


class Day:
    """Counts each minute of the last day out of the telemetry's totals. Safe for threads."""

    def __init__(self, telemetry: PrometheusTelemetry, clock: Callable[[], float] = time.time) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: deque[Minute] = deque(maxlen=KEPT)
        self._before = self._totals()
        self._ended = threading.Event()
        self.since = clock()

    def __enter__(self) -> "Day":
        threading.Thread(target=self._count, daemon=True, name="pitboard-status").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def minutes(self) -> list[Minute]:
        """The minutes that are over, the oldest first, and the one that has begun."""
        with self._lock:
            return [*self._minutes, self._now(self._totals())]

    def end_minute(self) -> None:
        """A minute is over."""
        with self._lock:
            totals = self._totals()
            self._minutes.append(self._now(totals))
            self._before = totals

    def _count(self) -> None:
        while not self._ended.wait(MINUTE):
            quietly(self.end_minute)

    def _now(self, totals: Count) -> Minute:
        left = int(sum(self._telemetry.values("budget_left").values()))
        return Minute(self._clock(), totals - self._before, left)

    def _totals(self) -> Count:
        requests = self._telemetry.values("requests")
        names = {state: number for (state,), number in self._telemetry.values("names").items()}
        calls = self._telemetry.values("upstream_calls")
        return Count(
            requests=int(sum(requests.values())),
            failed=int(sum(number for (_, status), number in requests.items() if status >= "5")),
            names=int(sum(names.values())),
            known=int(sum(names.get(state, 0) for state in _KNOWN)),
            pending=int(names.get("pending", 0)),
            unavailable=int(names.get("unavailable", 0)),
            calls=int(sum(calls.values())),
            calls_failed=int(sum(number for (_, outcome), number in calls.items() if outcome != "ok")),
        )


def summed(minutes: Iterable[Minute]) -> Count:
    """All of them together."""
    counts = [minute.count for minute in minutes]
    return Count(*(sum(getattr(count, f.name) for count in counts) for f in fields(Count)))


def report(day: Day, health: Health, now: float) -> dict[str, Any]:
    """What `/status` and `/status.json` show. Times are ISO 8601 in UTC; it holds no name and no address."""
    minutes = day.minutes()
    return {
        "version": __version__,
        "since": records.iso(day.since),
        "now": records.iso(now),
        "health": {"status": health.state, "checks": health.checks},
        "budget_left": minutes[-1].budget_left,
        "last_minute": asdict(summed(minutes[-2:])),
        "last_hour": asdict(summed(minutes[-61:])),
        "last_day": asdict(summed(minutes)),
        "minutes": [
            {"at": records.iso(minute.at), "budget_left": minute.budget_left, **asdict(minute.count)}
            for minute in minutes
        ],
    }


def columns(minutes: Sequence[Mapping[str, Any]], field: str, most: int) -> list[float]:
    """`field` a minute, averaged so that there are at most `most` columns; the newest is the last one."""
    size = -(-len(minutes) // most) or 1
    first = len(minutes) % size
    parts = [minutes[:first]] if first else []
    parts += [minutes[at : at + size] for at in range(first, len(minutes), size)]
    return [sum(minute[field] for minute in part) / len(part) for part in parts]
