"""The call budget, shared by every thread, process and Lambda through one document."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime

from pitboard.drivers.budget import PROBE_PAUSE, WINDOW, Budget
from pitboard.drivers.errors import (
    MaintenanceError,
    OutageError,
    RateLimitedError,
    UpstreamError,
)
from pitboard.drivers.health import LastCalls, Part
from pitboard.drivers.model import CallContext, Priority, Room
from pitboard.drivers.ports import Documents, Telemetry
from pitboard.iracing.pauses import retry_after

KEY = "BUDGET"

BLOCK_LIFE = 2.0
"""Seconds after which what is left of a block lapses; by so much it may carry calls into the next minute."""


ROOM_KNOWN = 0.05
"""Seconds for which the room told is not looked up again."""

LEAST_CALL = 0.2
"""Seconds that must be left for the call itself after waiting for it."""

LONGEST_READERS_WAIT = 1.0
"""Seconds that a reader's call waits for the budget in all, however often others were faster. With longer to
go, the reader is better told at once when to ask again. So long, too, one try goes on while others write."""

OUTAGE_AFTER = 5
"""So many failures in a row, with no answer between them, are an outage: one question that always fails is
tried three times."""

READ_AGAIN_AFTER = 1.0
"""Seconds for which an empty bucket is believed to be empty without reading it again: its level only rises
with time, which is known, and falls when others take from it. So one process reads it once a second,
however many of its threads want a call."""


class Meter:
    """Grants calls to the Data API. Safe for threads.

    `block` is how many calls are taken from the document at once, for stores that write slowly. With more
    than one, a page takes all that it has asked `room` for in one go: seven functions that took theirs in
    fives from one item of DynamoDB kept each other from writing for seconds.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        clock: Callable[[], float] = time.time,
        block: int = 1,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._block = block
        self._telemetry = telemetry or Telemetry()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._spare = 0
        self._spare_until = 0.0
        self._wanted, self._wanted_until = 1, 0.0
        self._last = Budget()
        self._read_at = 0.0
        self._failures = 0
        self._known_at = float("-inf")

    def spend(self, context: CallContext) -> None:
        """Takes one call, waiting for it if there will be one before the context's deadline.

        Raises at once `RateLimitedError` if there will be none by then (for a reader: none soon),
        `MaintenanceError` while iRacing is in maintenance, `OutageError` while it fails at everything, and
        `StoreError`.
        """
        if self.stopped:
            raise RateLimitedError("No more calls are made: the program is about to end.", retry_after=1)
        latest = context.deadline - LEAST_CALL
        if context.priority is Priority.READER:
            latest = min(latest, time.monotonic() + LONGEST_READERS_WAIT)
        while refusal := self._known_empty(context) or self._try(context):
            wait = refusal.retry_after or 0.0
            left = latest - time.monotonic()
            if wait > left or isinstance(refusal, MaintenanceError | OutageError):
                raise refusal
            wait = min(left, wait * random.uniform(1.0, 1.2))  # noqa: S311 - spreads, hides nothing
            if self._stopping.wait(wait):
                raise refusal

    def room(self, context: CallContext, wanted: int) -> Room:
        """How many of `wanted` calls may be made at once, and when the rest may. Raises `StoreError`."""
        with self._lock:
            if self._clock() - self._read_at >= ROOM_KNOWN or self._clock() < self._read_at:
                self._read()
            budget, now = self._last, self._clock()
            calls = budget.room(now, context.priority, context.client)
            if context.priority is Priority.READER and now < self._spare_until:
                calls += self._spare
            self._wanted, self._wanted_until = min(wanted, calls), now + BLOCK_LIFE
        if calls >= wanted:
            return Room(wanted)
        wait = budget.wait_for(now, wanted, context.priority, context.client)
        return Room(calls, budget.refusal(now, wait), calls > 0 and budget.is_first_after_pause(now))

    def stop(self) -> None:
        """Grants no more calls, and ends the waits of those who want one: the program is about to end."""
        self._stopping.set()

    @property
    def stopped(self) -> bool:
        """Whether no more calls are granted."""
        return self._stopping.is_set()

    def heard(self, headers: Mapping[str, str]) -> None:
        """Takes in what an answer says of the rate limit, unless it was refused for that.

        While nobody else uses the account its `X-RateLimit-*` headers say nothing new, and the document is
        neither read nor written.
        """
        if not (told := _rate_limit(headers)):
            return

        def change(budget: Budget, now: float) -> Budget:
            return budget.filled(now).reconciled(now, *told)

        now = self._clock()
        if not _alike(self._last.filled(now), change(self._last, now)):
            self._update(change)

    def answered(self) -> bool:
        """Notes a good answer, all of it. True if it was a probe's: the maintenance or outage is over."""
        with self._lock:
            self._failures, self._known_at = 0, time.monotonic()
        if not self._last.paused_code:
            return False
        ended = False

        def change(budget: Budget, now: float) -> Budget:
            nonlocal ended
            ended = budget.probing  # the newest says it: others read and write while a probe is out
            return budget.resumed(now)

        self._update(change)
        return ended

    def failed(self, begun: float, *, surely: bool = False) -> None:
        """Counts a failure of a call that was `begun` at that time (monotonic seconds); from `OUTAGE_AFTER`
        of them on nothing is asked but a probe every few seconds. `surely`: this one is enough.

        What was begun before the last good answer, or before the outage was seen, says nothing new.
        """
        with self._lock:
            if begun < self._known_at:
                return
            self._failures += OUTAGE_AFTER if surely else 1
            if self._failures < OUTAGE_AFTER:
                return
            self._known_at = time.monotonic()
        self._pause(PROBE_PAUSE, OutageError.code)

    def back_at(self) -> float:
        """When iRacing was last seen to be back after a pause of all calls (Unix seconds, 0: never).
        Raises `StoreError`."""
        with self._lock:
            if not 0 <= self._clock() - self._read_at < ROOM_KNOWN:
                self._read()
            return self._last.back_at

    def rate_limited(self, headers: Mapping[str, str]) -> float:
        """Pauses all calls after iRacing's rate limit was met; gives the pause in seconds."""
        told = _rate_limit(headers)
        pause = retry_after(headers)
        if pause is None:
            pause = (told[2] if told else WINDOW / 4) + 0.5
        self._pause(max(pause, 1.0), RateLimitedError.code)
        return max(pause, 1.0)

    def maintenance(self, headers: Mapping[str, str]) -> float:
        """Pauses all calls for maintenance; gives the pause in seconds."""
        pause = retry_after(headers) or PROBE_PAUSE
        self._pause(pause, MaintenanceError.code)
        return pause

    def status(self) -> Budget:
        """The budget as it is now."""
        return self._read()[0].filled(self._clock())

    def part(self, last_calls: LastCalls) -> Part:
        """How iRacing is, for GET /health: paused, without calls left, or as the last calls ended."""
        budget, now = self.status(), self._clock()
        more = {"budget_left": max(0, int(budget.level))}
        if paused := budget.pause_left(now):
            return Part(False, f"No calls for {paused:.0f} s: {budget.paused_code}.", more)
        part = last_calls.part()
        if part.ok and budget.level < 1:
            return Part(False, "The call budget is used up for the moment.", more)
        return replace(part, more=more)

    # --- taking

    def _known_empty(self, context: CallContext) -> UpstreamError | None:
        """The refusal that `_try` would give, while the bucket was read a moment ago."""
        with self._lock:
            now = self._clock()
            if self._spare or not 0 <= now - self._read_at < READ_AGAIN_AFTER:
                return None
            taken = self._last.take(now, context.priority, client=context.client)
            return None if taken.granted else taken.budget.refusal(now, taken.wait)

    def _try(self, context: CallContext) -> UpstreamError | None:
        """Takes one call; or says why there is none, and after how long there may be one."""
        reader = context.priority is Priority.READER
        end = time.monotonic() + LONGEST_READERS_WAIT
        with self._lock:
            if reader and self._spare and self._clock() < self._spare_until:
                self._spare -= 1
                return None
            most = self._at_once() if reader else 1
            for attempt in range(_ATTEMPTS):
                if time.monotonic() > end:  # others were faster, in this process or in others
                    break
                budget, version = self._read()
                now = self._clock()
                taken = budget.take(now, context.priority, most, context.client)
                self._last = taken.budget
                if not taken.granted:
                    return taken.budget.refusal(now, taken.wait)
                if self._documents.put(KEY, taken.budget.document(), expected=version):
                    if reader:
                        self._spare, self._spare_until = taken.granted - 1, now + BLOCK_LIFE
                    self._telemetry.gauge("budget_left", taken.budget.level)
                    return None
                _pause_after_conflict(attempt)
        return RateLimitedError("The call budget is contended; ask again shortly.", retry_after=1)

    def _at_once(self) -> int:
        """How many calls a reader takes: those that his page wants, if it has just asked for room."""
        wanted = self._wanted if self._block > 1 and self._clock() < self._wanted_until else 1
        self._wanted = 1
        return max(self._block, wanted)

    def _pause(self, seconds: float, code: str) -> None:
        self._update(lambda b, now: b.paused(now, seconds, code))
        with self._lock:
            self._spare = 0

    def _update(self, change: Callable[[Budget, float], Budget]) -> None:
        """Applies a change to the newest document, unless it makes no difference worth a write."""
        for attempt in range(_ATTEMPTS):
            budget, version = self._read()
            now = self._clock()
            after = self._last = change(budget, now)
            if _alike(budget.filled(now), after) or self._documents.put(
                KEY, after.document(), expected=version
            ):
                return
            _pause_after_conflict(attempt)

    def _read(self) -> tuple[Budget, int | None]:
        document = self._documents.get(KEY)
        self._last = Budget.parse(document.value) if document else Budget()
        self._read_at = self._clock()
        return self._last, document.version if document else None


_ATTEMPTS = 40


def _pause_after_conflict(attempt: int) -> None:
    time.sleep(random.uniform(0.0, min(0.001 * 2**attempt, 0.05)))  # noqa: S311 - spreads, hides nothing


def _alike(one: Budget, other: Budget) -> bool:
    same = (one.limit, one.paused_until, one.paused_code) == (
        other.limit,
        other.paused_until,
        other.paused_code,
    )
    return same and abs(one.level - other.level) < 1.0


def _rate_limit(headers: Mapping[str, str]) -> tuple[int, int, float] | None:
    """Limit, calls left and seconds until the reset, or None without readable headers.

    The reset is a time by iRacing's clock, so it is compared with the answer's Date where there is one.
    """
    try:
        limit = int(headers["X-RateLimit-Limit"])
        remaining = int(headers["X-RateLimit-Remaining"])
        reset = int(float(headers["X-RateLimit-Reset"]))
        sent = headers.get("Date", "")
        now = parsedate_to_datetime(sent).timestamp() if sent else time.time()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return limit, remaining, min(max(reset - now, 0.0), WINDOW)
