"""The two clocks of a kept answer: until when it is fresh, until when it may be shown at all."""

import random
from dataclasses import dataclass, replace
from datetime import datetime

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

LONGEST_LICENCES = 6 * HOUR
"""How long licences of drivers are fresh at most who were not on iRacing lately."""

PROFILE = Lifetime(fresh=1 * DAY, stale=30 * DAY)
"""Country, followers and recent races cost one call a driver. The profile is due sooner when the licences
have changed since: then there was a race."""

HISTORY = Lifetime(fresh=12 * HOUR, stale=30 * DAY)
"""The rating chart of one category."""

CAREER = Lifetime(fresh=36 * HOUR, stale=30 * DAY)
"""The numbers of a career, which one race hardly changes."""

RACES = Lifetime(fresh=24 * HOUR, stale=30 * DAY)
"""The last official races. A newer one stands in the profile, which is renewed after a race."""

CARS = Lifetime(fresh=1 * DAY, stale=30 * DAY)
"""The list of all cars. New ones come a few times a year."""


def licences(last_login: datetime | None, now: float) -> Lifetime:
    """How long licences stay fresh: an hour for a driver who was on iRacing in the last twelve, and a twelfth
    of the time away for others, six hours at most.

    Only a race changes them, and who has been away for a week is seldom back within the hour.
    """
    away = now - last_login.timestamp() if last_login else 0.0
    return replace(LICENCES, fresh=min(max(LICENCES.fresh, away / 12), LONGEST_LICENCES))


ID_KEPT = 30 * DAY
"""A name's id. It is checked against the display name at every renewal, so it can be kept long."""

NOT_FOUND_KEPT = 6 * HOUR
FAILURE_KEPT = 1 * MINUTE

DOUBT_KEPT = 1 * HOUR
"""Seconds between two times at which both search and licences must know nothing of a known driver, before he
is taken to be gone."""

DOUBT_PAUSE = 10 * MINUTE
"""Seconds in which a driver in doubt, who is still shown, is not asked for again."""
