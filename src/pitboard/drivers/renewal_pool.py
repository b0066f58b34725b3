"""Names that are due, gathered over pages and readers, popular ones first. Arithmetic only: no threads."""

from collections.abc import Sequence
from dataclasses import dataclass

from pitboard.drivers.plan import MEMBERS_A_CALL

MOST_WAITING = 5_000
"""Names that may wait. More than that is a crawl, and the next reader asks again anyway."""

GATHER = 60.0
"""Seconds that names wait for others to share a call. What waits is an hour old or more."""

GATHER_SOON = 1.0
"""The same for names of which only the index knows, whose ratings may be a day old."""


@dataclass(slots=True)
class Due:
    """How often a waiting name was asked for, since when it waits, and whether its profile is wanted."""

    since: float
    times: int = 0
    profile: bool = False


class RenewalPool:
    """The waiting names, each once. Not safe for threads."""

    def __init__(self) -> None:
        self._waiting: dict[str, Due] = {}
        self._end = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, names: Sequence[str], now: float, *, profiles: bool = False, soon: bool = False) -> None:
        """Adds names, or counts that they were asked for again. `now` is seconds of any clock."""
        end = now + (GATHER_SOON if soon else GATHER)
        self._end = min(self._end, end) if self._waiting else end
        for name in names:
            due = self._waiting.get(name)
            if due is None:
                if len(self._waiting) >= MOST_WAITING:
                    continue
                due = self._waiting[name] = Due(now)
            due.times += 1
            due.profile = due.profile or profiles

    def wait(self, now: float) -> float | None:
        """Seconds until a batch should go out: 0 when there are enough for a call; None while none wait."""
        if not self._waiting:
            return None
        return 0.0 if len(self._waiting) >= MEMBERS_A_CALL else max(0.0, self._end - now)

    def take(self, now: float) -> dict[str, Due]:
        """The names asked for most, as many as one call takes. The others' wait begins anew."""
        names = sorted(self._waiting, key=lambda name: -self._waiting[name].times)[:MEMBERS_A_CALL]
        self._end = now + GATHER
        return {name: self._waiting.pop(name) for name in names}

    def clear(self) -> None:
        """Forgets all names."""
        self._waiting.clear()
