"""Clocks that a test sets, for code that takes its clock as an argument."""

import time
from dataclasses import dataclass


@dataclass
class Clock:
    """Stands still at `now` (seconds since 1970) until the test changes it."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class ShiftedClock:
    """The real time plus `ahead` seconds: for homes whose threads also wait in real time."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead
