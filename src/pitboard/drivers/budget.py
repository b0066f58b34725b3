"""The call budget as arithmetic: a token bucket in a JSON document, no clock and no I/O of its own.

iRacing allows a number of calls a minute (240 at the time of writing) and tells it in headers. The bucket
holds a quarter of that and fills by half of it a minute, so no 60 seconds ever grant more than three
quarters: other programs on the same account, and calls that others made, have the rest.

Each client (a network address) has a share: an eighth of the limit at once, and an eighth a minute. Within
it a client may empty the bucket. A client that has used its share up, like a crawl of random names, gets
calls only while the bucket is more than five eighths full, and work that nobody waits for while it is
more than half full. So a crawl never takes what the next reader's page needs, and when nobody else asks,
every call is used.

All times are Unix seconds, all waits seconds.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pitboard.drivers.errors import MaintenanceError, OutageError, RateLimitedError, UpstreamError
from pitboard.drivers.model import Priority

LIMIT = 240
"""Calls a minute that iRacing allows, until its headers say otherwise. Source: recorded answers."""

LEAST_LIMIT, MOST_LIMIT = 4, 100_000
"""What a limit is believed to be. With fewer than four the bucket could not hold a whole call."""

WINDOW = 60.0
PROBE_PAUSE = 3.0
"""After a pause (iRacing is in maintenance, and gives no Retry-After then; it fails at everything; its rate
limit was reached) one call alone is let through every three seconds, if somebody wants one, until an answer
shows that it is over."""

_LONGEST_PAUSE = 3600.0

MOST_CLIENTS = 16
"""Clients whose use is remembered, those who used most. More would make the document large."""

LEFT_BY_BACKGROUND = 1 / 2
LEFT_BY_EXCESS = 5 / 8
"""Shares of the bucket that background work, and clients beyond their share, leave to others."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The bucket: `level` tokens at time `at`. The level is below 0 when others used up the window.

    Until `paused_until` nothing is granted; `paused_code` says why (`UpstreamError.code`, "" if nothing).
    `probing`: after a pause, one call is out to see whether it is over, and `back_at` is when one last found
    so. `clients` are the calls that clients have used of their shares, by a short hash, as of `at`.
    """

    limit: int = LIMIT
    level: float = LIMIT / 4
    at: float = 0.0
    paused_until: float = 0.0
    paused_code: str = ""
    probing: bool = False
    back_at: float = 0.0
    clients: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> "Budget":
        """Reads a document. Fields that are missing or have the wrong type are at their default; the level is
        one that the bucket can have."""
        known: dict[str, Any] = {}
        for part in fields(cls):
            got, default = value.get(part.name), part.default
            if isinstance(default, str) and isinstance(got, str):
                known[part.name] = got
            elif isinstance(default, int | float) and isinstance(got, int | float) and abs(got) < 1e15:
                known[part.name] = type(default)(got)
        clients = value.get("clients")
        if isinstance(clients, Mapping):
            known["clients"] = {str(k): float(v) for k, v in clients.items() if _is_use(v)}
        budget = cls(**known)
        limit = min(max(budget.limit, LEAST_LIMIT), MOST_LIMIT)
        return replace(budget, limit=limit, level=min(max(budget.level, -limit / 2), limit / 4))

    def document(self) -> dict[str, Any]:
        """The JSON object to keep."""
        return asdict(self)

    @property
    def capacity(self) -> float:
        """Most tokens the bucket holds."""
        return self.limit / 4

    @property
    def rate(self) -> float:
        """Tokens that flow in, a second."""
        return self.limit / 2 / WINDOW

    def filled(self, now: float) -> "Budget":
        """The bucket at `now`.

        A clock a little behind (another machine's) adds nothing and takes nothing back; one that was set
        back by more than a window starts afresh from `now`, and adds nothing either.
        """
        if now <= self.at:
            return replace(self, at=now) if now < self.at - WINDOW else self
        passed = now - self.at
        used = {
            client: left
            for client, use in self.clients.items()
            if (left := use - passed * self.share_rate) > 0
        }
        return replace(self, level=min(self.capacity, self.level + passed * self.rate), at=now, clients=used)

    @property
    def share(self) -> float:
        """Calls that a client may use at once."""
        return self.limit / 8

    @property
    def share_rate(self) -> float:
        """Calls by which a client's use shrinks, a second."""
        return self.limit / 8 / WINDOW

    def share_left(self, client: str) -> float:
        """What is left of a client's share as of `at`; without a client there is no limit."""
        return self.share - self.clients.get(hashed(client), 0.0) if client else float("inf")

    def needed(self, priority: Priority, client: str = "") -> float:
        """The level that must be there for one call."""
        if priority is Priority.BACKGROUND:
            return max(1.0, self.capacity * LEFT_BY_BACKGROUND)
        return 1.0 if self.share_left(client) >= 1 else max(1.0, self.capacity * LEFT_BY_EXCESS)

    def room(self, now: float, priority: Priority, client: str = "") -> int:
        """How many calls would be granted now, one after the other."""
        budget = self.filled(now)
        if budget.pause_left(now):
            return 0
        if budget._was_paused(now):  # noqa: SLF001 - its own
            return int(budget.level >= budget.needed(priority, client))
        if priority is Priority.BACKGROUND:
            return max(0, int(budget.level - budget.needed(priority) + 1))
        in_share = max(0, int(min(budget.level, budget.share_left(client))))
        beyond = int(budget.level - in_share - budget.capacity * LEFT_BY_EXCESS + 1) if client else 0
        return in_share + max(0, beyond)

    def is_first_after_pause(self, now: float) -> bool:
        """Whether the next call is the one that finds out whether a pause is over."""
        return self._was_paused(now) and not self.pause_left(now)

    def wait_for(self, now: float, calls: int, priority: Priority, client: str = "") -> float:
        """Seconds until about `calls` calls may be made, if nobody else makes any."""
        budget = self.filled(now)
        most = max(1.0, budget.capacity - budget.needed(priority, client) + 1)
        wanted = budget.needed(priority, client) - 1 + min(float(calls), most)
        return max(budget.pause_left(now), (wanted - budget.level) / budget.rate, 0.0)

    def take(self, now: float, priority: Priority, most: int = 1, client: str = "") -> "Taken":
        """Takes up to `most` tokens, as far as priority and the client's share allow."""
        budget = self.filled(now)
        pause = budget.pause_left(now)
        if pause:
            return Taken(budget, 0, pause)
        needed = budget.needed(priority, client)
        if budget.level < needed:
            return Taken(budget, 0, (needed - budget.level) / budget.rate)
        if budget._was_paused(now):  # noqa: SLF001 - its own
            probe = replace(budget, level=budget.level - 1, paused_until=now + PROBE_PAUSE, probing=True)
            return Taken(probe, 1, 0.0)
        taken = max(1, min(most, int(budget.level), int(min(budget.share_left(client), most))))
        budget = replace(budget, level=budget.level - taken, paused_code="")
        return Taken(budget._used(client, taken), taken, 0.0)  # noqa: SLF001 - its own

    def _used(self, client: str, calls: int) -> "Budget":
        if not client:
            return self
        key = hashed(client)
        used = {**self.clients, key: min(self.clients.get(key, 0.0) + calls, self.share)}
        if len(used) > MOST_CLIENTS:
            least = min((k for k in used if k != key), key=lambda k: used[k])
            del used[least]
        return replace(self, clients=used)

    def pause_left(self, now: float) -> float:
        """Seconds until the pause is over; 0 without one, or when the clock was set back since."""
        left = self.paused_until - now
        return left if self.paused_code and 0 < left <= _LONGEST_PAUSE else 0.0

    def _was_paused(self, now: float) -> bool:
        """Whether there was a pause that no answer has ended yet; not one by a clock that was ahead."""
        return bool(self.paused_code) and self.paused_until <= now + _LONGEST_PAUSE

    def refusal(self, now: float, wait: float) -> UpstreamError:
        """The error for a call that would have to wait too long."""
        if self.pause_left(now) and self.paused_code == MaintenanceError.code:
            return MaintenanceError("iRacing is in maintenance.", retry_after=wait)
        if self.pause_left(now) and self.paused_code == OutageError.code:
            return OutageError("iRacing has failed several times in a row.", retry_after=wait)
        if self.pause_left(now):
            return RateLimitedError("iRacing's rate limit was reached; calls are paused.", retry_after=wait)
        return RateLimitedError("The call budget is used up for the moment.", retry_after=wait)

    def reconciled(self, now: float, limit: int, remaining: int, reset: float) -> "Budget":
        """After an answer said `remaining` of `limit` calls for the next `reset` seconds.

        Only ever lowers the level: what is in the bucket and what flows in until the reset must leave a
        quarter of the limit over. When nobody else calls, that is already so.
        """
        limit = min(max(limit, LEAST_LIMIT), MOST_LIMIT)
        budget = replace(self.filled(now), limit=limit)
        seconds = min(max(reset, 0.0), WINDOW)
        spare = min(max(remaining, 0), MOST_LIMIT) - limit / 4 - seconds * budget.rate
        level = min(budget.level, budget.capacity, max(spare, -limit / 2))
        return replace(budget, level=level)

    def paused(self, now: float, seconds: float, code: str) -> "Budget":
        """With nothing granted for `seconds`. A pause that lasts longer already stays."""
        until = now + min(max(seconds, 0.0), _LONGEST_PAUSE)
        if self.pause_left(now) and self.paused_until >= until:
            return self
        return replace(self.filled(now), paused_until=until, paused_code=code, probing=False)

    def resumed(self, now: float) -> "Budget":
        """After a good answer. It ends the pause only if a probe was out: before that it is the late answer
        to a call from before. Every client has its whole share again: what it used has brought nothing."""
        if not self.probing:
            return self
        return replace(self, paused_until=0.0, paused_code="", probing=False, back_at=now, clients={})


def hashed(client: str) -> str:
    """A client's short name in the document, so that no address is kept."""
    return hashlib.blake2s(client.encode(), digest_size=4).hexdigest()


def _is_use(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e6


@dataclass(frozen=True, slots=True)
class Taken:
    """The bucket after `take`, how many tokens were granted, and if none, after how long there may be one."""

    budget: Budget
    granted: int
    wait: float
