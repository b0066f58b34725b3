"""The values that the core, the stores and the upstream exchange.

Every time in here is Unix seconds (float, UTC) unless it is called `deadline`, which is
`time.monotonic()` seconds.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pitboard.drivers.errors import UpstreamError


class Priority(StrEnum):
    """Who is waiting: a reader in front of a page, or nobody."""

    READER = "reader"
    BACKGROUND = "background"


CLOCK_DOUBT = 3600.0
"""A record that was made so many seconds in the future was made before the clock was set back."""


LONGEST_LEASE = 120.0
LONGEST_FRESH = 2 * 86400.0
"""Seconds that no lease and no fresh time exceeds. One that ends later was written by a clock that was ahead,
and is not believed."""


@dataclass(frozen=True, slots=True)
class Record:
    """One kept answer with its clocks, as a store holds it.

    `body` is a JSON object in UTF-8, ready to be spliced into an answer. `fresh_until` says until when
    it needs no renewal; `stale_until` until when it may be shown at all, and is the store's TTL.
    `profile_until` is the profile's own `fresh_until`. While the body has licences only it is 0, or, when
    the profile could not be had, the negative of the time before which it is not asked for again.
    """

    key: str
    cust_id: int
    body: bytes
    as_of: float
    fresh_until: float
    stale_until: float
    profile_until: float = 0.0

    @property
    def partial(self) -> bool:
        """Whether the body has licences only."""
        return self.profile_until <= 0

    def profile_due(self, now: float) -> bool:
        """Whether the profile should be asked for."""
        return not now < abs(self.profile_until) <= now + LONGEST_FRESH

    def licences_due(self, now: float) -> bool:
        """Whether the licences should be renewed."""
        return not now < self.fresh_until <= now + LONGEST_FRESH or now < self.as_of - CLOCK_DOUBT

    def due(self, now: float) -> bool:
        """Whether licences or profile should be renewed."""
        return self.licences_due(now) or self.profile_due(now)


@dataclass(frozen=True, slots=True)
class IdEntry:
    """What is known of a name's customer id.

    `reason` is `not_found` when nobody has the name. `until` is the TTL; no store hands
    out entries past it. `failed_until`: iRacing could not say more of this name lately, and is not asked
    before that. `doubted_at`: when iRacing's answers knew nothing of a known driver any more; 0: never.
    """

    key: str
    cust_id: int | None
    origin: str
    until: float
    reason: str = ""
    failed_until: float = 0.0
    doubted_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Document:
    """A small JSON value under a name, with a version that grows by one at each write."""

    value: Mapping[str, Any]
    version: int


@dataclass(frozen=True, slots=True)
class CallContext:
    """What an upstream call is for: until when it is worth having, who waits, and which client asked.

    `client` is the network address that a share of the budget belongs to; "" for the host's own work.
    `hurried`: the deadline is that of a caller who wants an answer soon, not the look-up's own.
    """

    deadline: float
    priority: Priority = Priority.READER
    client: str = ""
    hurried: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    @property
    def cut_off(self) -> bool:
        """Whether a caller's hurry has ended it: what fails then says nothing about iRacing."""
        return self.hurried and self.is_over


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls may be made at once. `refusal` is why no more, with a `retry_after` for the others that
    were wanted. `alone`: this one call finds out whether iRacing is back, and there may be others then."""

    calls: int
    refusal: UpstreamError | None = None
    alone: bool = False
