"""Why a name has no driver in the answer, what is said of it, and for how long that is remembered.

The one place for this rule. Not found is remembered for hours, since names are rarely new. A failure of
iRacing's is remembered for a minute at most, and forgotten once iRacing is seen to be back. A refusal for our
credentials or our rate, what was not asked in an outage, and a call that its reader's hurry cut off, are not
remembered: they say nothing about the driver.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from pitboard.drivers import freshness
from pitboard.drivers.errors import RateLimitedError, RefusedError, UnreachableError, UpstreamError
from pitboard.drivers.model import CallContext, IdEntry


@dataclass(frozen=True, slots=True)
class Miss:
    """Why there is no driver. `code` is one of the contract's; `retry_after` in seconds."""

    code: str
    error: str
    retry_after: int | None = None

    def after(self, seconds: float) -> "Miss":
        """The same, with another `retry_after`, at least 1."""
        return replace(self, retry_after=max(1, math.ceil(seconds)))


_ROUNDING = 60.0
"""Seconds by which the clocks of two processes may differ."""

NOT_FOUND = Miss("not_found", "iRacing has no driver of this name.")
PENDING = Miss("pending", "Not known yet; ask again in a moment.", 2)
UNAVAILABLE = Miss("unavailable", "iRacing cannot be asked at the moment.", 60)
WITHHELD = Miss("withheld", "This member is not shown here: on the member's own wish, or the host's.")
TOO_MANY = PENDING.after(30)
"""A name that was not begun, because too many are looked up already."""


def invalid(reason: str) -> Miss:
    """A text that cannot be a name."""
    return Miss("invalid_name", reason)


def for_error(error: UpstreamError, worded: Callable[[Exception], str]) -> Miss:
    """What is said of a name when the upstream failed, in the home's words. A spent budget only means
    later."""
    miss = PENDING if isinstance(error, RateLimitedError) else Miss("unavailable", worded(error), 60)
    return miss if error.retry_after is None else miss.after(error.retry_after)


def for_entry(entry: IdEntry, now: float, back_at: float) -> Miss | None:
    """What is said of a name of which this was remembered; None if iRacing may be asked about it. `back_at`
    is when iRacing was last seen to be back (Unix seconds, 0: never): what failed before says nothing now.

    What would be remembered for longer than it can be is not believed: the clock was ahead then.
    """
    if entry.reason == NOT_FOUND.code:
        return NOT_FOUND if entry.until <= now + freshness.NOT_FOUND_KEPT + _ROUNDING else None
    left = entry.failed_until - now
    if entry.failed_until - freshness.FAILURE_KEPT < back_at <= now + _ROUNDING:
        return None
    return UNAVAILABLE.after(left) if 0 < left <= freshness.DOUBT_PAUSE else None


def remembered(
    key: str, error: UpstreamError | None, context: CallContext, now: float, known: IdEntry | None = None
) -> IdEntry | None:
    """The entry by which a miss is remembered; None if it is not. `error` None: nobody has the name.

    What is `known` of the name stays beside a failure.
    """
    if error is None:
        return IdEntry(key, None, "iRacing", now + freshness.NOT_FOUND_KEPT, NOT_FOUND.code)
    if isinstance(error, UnreachableError | RefusedError) and not context.cut_off:
        until = now + freshness.FAILURE_KEPT
        return replace(known or IdEntry(key, None, "iRacing", until), failed_until=until)
    return None


def is_confirmed(doubted_at: float, seen_at: float, now: float) -> bool:
    """Whether a driver of whom iRacing's answers know nothing is gone: they knew nothing long enough ago, too
    (at `doubted_at`), and he was not seen since (`seen_at`; Unix seconds, 0: never)."""
    return seen_at < doubted_at <= now - freshness.DOUBT_KEPT
