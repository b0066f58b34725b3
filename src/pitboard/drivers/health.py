"""How a home is: the one rule for GET /health, and what is known of the last calls to iRacing.

A home gives what it knows of its parts. Unhealthy: known drivers cannot be served. Degraded: they are, and
iRacing cannot be asked, or what it answers cannot be kept.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pitboard.drivers.errors import RateLimitedError, RefusedError, StoreError, UpstreamError
from pitboard.drivers.model import CallContext

log = logging.getLogger(__name__)


class State(StrEnum):
    """The contract's three words."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a home. `detail` is a sentence for people, `more` are numbers for programs.

    `vital`: without it known drivers cannot be served.
    """

    ok: bool
    detail: str
    more: Mapping[str, Any] = field(default_factory=dict)
    vital: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What GET /health says."""

    state: State
    checks: Mapping[str, Mapping[str, Any]]


Look = Callable[[], Part]


def looked(parts: Mapping[str, Look]) -> Health:
    """Looks at every part, whatever becomes of the others. Never raises: a look that fails is a part that is
    not well."""
    return judged({name: _looked(name, look) for name, look in parts.items()})


def judged(parts: Mapping[str, Part]) -> Health:
    """The rule."""
    ill = [part for part in parts.values() if not part.ok]
    state = State.HEALTHY
    if ill:
        state = State.UNHEALTHY if any(part.vital for part in ill) else State.DEGRADED
    checks = {name: {"ok": part.ok, "detail": part.detail, **part.more} for name, part in parts.items()}
    return Health(state, checks)


def _looked(name: str, look: Look) -> Part:
    try:
        return look()
    except StoreError as error:
        return Part(False, str(error))
    except Exception:
        log.exception("the %s could not be looked at", name)
        return Part(False, "It could not be looked at; the log says why.")


HANGS_AFTER = 5.0
"""Seconds without any answer after which a call that is out counts as one that failed."""

FAILURES = 3
"""So many failures in a row are trouble, however recent the last answer is: single ones happen."""

RECENT = 60.0
"""Seconds for which one answer outweighs a failure or two."""


class LastCalls:
    """How the last calls to iRacing ended, and how long those under way have been out. Safe for threads.

    `clock` is monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._out: dict[object, float] = {}
        self._answered_at = float("-inf")
        self._failures = 0
        self._failed_at = float("-inf")
        self._why = ""

    @contextmanager
    def one(self, context: CallContext) -> Iterator[None]:
        """Round one call, or the fetching of what its answer points to."""
        call = object()
        with self._lock:
            self._out[call] = self._clock()
        try:
            yield
        except UpstreamError as error:
            self._ended(call, error, context)
            raise
        except BaseException:
            with self._lock:
                del self._out[call]
            raise
        self._ended(call, None, context)

    def _ended(self, call: object, error: UpstreamError | None, context: CallContext) -> None:
        with self._lock:
            del self._out[call]
            if error is None or isinstance(error, RefusedError):
                self._answered_at, self._failures = self._clock(), 0
            elif not isinstance(error, RateLimitedError) and not context.cut_off:
                self._failures += 1
                self._failed_at, self._why = self._clock(), str(error)

    def part(self) -> Part:
        """Whether iRacing answers, as far as it was asked."""
        with self._lock:
            now = self._clock()
            answered = now - self._answered_at
            waiting = max((now - begun for begun in self._out.values()), default=0.0)
            if waiting >= HANGS_AFTER and answered >= waiting:
                return Part(False, f"iRacing has not answered a call for {waiting:.0f} s.")
            if self._failures >= FAILURES or (
                self._failures and self._failed_at > self._answered_at + RECENT
            ):
                ago = f"{now - self._failed_at:.0f} s ago"
                return Part(False, f"The last {self._failures} call(s) to iRacing failed, {ago}: {self._why}")
            if answered == float("inf"):
                return Part(True, "iRacing has not been asked yet.")
            return Part(True, f"iRacing answered {answered:.0f} s ago.")
