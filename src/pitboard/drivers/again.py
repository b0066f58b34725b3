"""Names that iRacing failed at, until they are asked again. Arithmetic only: no threads."""

from collections.abc import Iterable
from dataclasses import dataclass

from pitboard.drivers.budget import PROBE_PAUSE
from pitboard.drivers.freshness import FAILURE_KEPT
from pitboard.drivers.plan import MEMBERS_A_CALL

WANTED = 600.0
"""Seconds after its last reader for which a name is asked again; with none left iRacing is not probed."""

MOST_FAILED = 5_000
"""Names that may wait. More than that is a crawl."""


@dataclass(slots=True)
class _Failed:
    until: float
    profile: bool
    client: str | None


Batch = tuple[dict[str, bool], str | None]
"""Names, each with whether its profile is wanted, and the client who wants them (None: nobody waits)."""


class Again:
    """The names that wait, each once, those first that were asked longest ago. Not safe for threads.

    One name at a time is asked, as a probe, until one is answered; then all others. When probes fail although
    iRacing is not known to be away, it is the names: the pauses between them grow to `FAILURE_KEPT`. `now` is
    seconds of any clock.
    """

    def __init__(self) -> None:
        self._names: dict[str, _Failed] = {}
        self._next_at = 0.0
        self._failed_alone = 0

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, now: float, *, profile: bool, client: str | None) -> None:
        """Adds a name, or notes that it is still wanted. See `ports.FailedNames`."""
        if name not in self._names:
            first = now + PROBE_PAUSE
            self._next_at = min(self._next_at, first) if self._names else first
            self._failed_alone = 0
        if failed := self._names.get(name):
            failed.until, failed.profile = now + WANTED, failed.profile or profile
            failed.client = failed.client if client is None else client
        elif len(self._names) < MOST_FAILED:
            self._names[name] = _Failed(now + WANTED, profile, client)

    def wait(self, now: float) -> float | None:
        """Seconds until a probe is due; None while nobody waits."""
        self._names = {name: failed for name, failed in self._names.items() if now < failed.until}
        return max(0.0, self._next_at - now) if self._names else None

    def probe(self, now: float) -> Batch:
        """The name to ask; it is the last one in the line from now on."""
        self._next_at = now + PROBE_PAUSE
        if not self._names:
            return {}, None
        name = next(iter(self._names))
        failed = self._names[name] = self._names.pop(name)
        return {name: failed.profile}, failed.client

    def failed(self, now: float, *, away: bool) -> None:
        """The probe failed. `away`: iRacing is known to fail at everything, or to be in maintenance."""
        self._failed_alone = 0 if away else self._failed_alone + 1
        self._next_at = now + min(PROBE_PAUSE * 2.0 ** min(self._failed_alone, 10), FAILURE_KEPT)

    def rest(self) -> list[Batch]:
        """All names, as many at a time as share a call, those that readers wait for first. Forgets them."""
        names, self._names = self._names, {}
        clients = dict.fromkeys(failed.client for failed in names.values())
        batches: list[Batch] = []
        for client in sorted(clients, key=lambda client: client is None):
            wanted = [(name, failed.profile) for name, failed in names.items() if failed.client == client]
            starts = range(0, len(wanted), MEMBERS_A_CALL)
            batches.extend((dict(wanted[start : start + MEMBERS_A_CALL]), client) for start in starts)
        return batches

    def answered(self, names: Iterable[str]) -> None:
        """Forgets names that were answered."""
        for name in names:
            self._names.pop(name, None)

    def clear(self) -> None:
        """Forgets all."""
        self._names.clear()
