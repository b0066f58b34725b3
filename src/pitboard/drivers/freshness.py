"""The two clocks of a kept answer: until when it is fresh, until when it may be shown at all."""

import random
from dataclasses import dataclass

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0

JITTER = 0.15
"""Share by which a fresh time varies, so that what was fetched together does not fall due together."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an answer is fresh and how long it may be shown, in seconds."""

    fresh: float
    stale: float

    def fresh_until(self, as_of: float, rng: random.Random) -> float:
        """The end of the fresh time of an answer taken at `as_of`, give or take `JITTER`."""
        return as_of + self.fresh * rng.uniform(1 - JITTER, 1 + JITTER)

    def stale_until(self, as_of: float) -> float:
        """The end of the time in which the answer may be shown."""
        return as_of + self.stale


LICENCES = Lifetime(fresh=1 * HOUR, stale=30 * DAY)
"""iRating and safety rating move with every race; one call renews fifty drivers."""

PROFILE = Lifetime(fresh=6 * HOUR, stale=30 * DAY)
"""Country, followers and recent races cost one call a driver."""

HISTORY = Lifetime(fresh=6 * HOUR, stale=30 * DAY)
"""The rating chart of one category."""

ID_KEPT = 90 * DAY
"""A name's id. It is checked against the display name at every renewal, so it can be kept long."""

NOT_FOUND_KEPT = 6 * HOUR
FAILURE_KEPT = 1 * MINUTE
