"""Time in the simulator, and what is counted by it."""

import time


class Clock:
    """The simulator's wall clock: real time, which tests may put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Puts the clock forward, so that tokens, links and windows run out without waiting."""
        self._ahead += seconds


class Window:
    """A fixed window: so many calls in so many seconds. The first call opens it."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self.used = 0
        self.resets = 0.0
        """When the window ends, in Unix seconds."""

    def take(self, now: float, calls: int = 1) -> bool:
        """Counts calls; False when the window is full (the calls are counted all the same)."""
        self.look(now)
        self.used += calls
        return self.used <= self.limit

    def look(self, now: float) -> None:
        """Opens a new window if the last one is over."""
        if now >= self.resets:
            self.used, self.resets = 0, now + self.seconds

    @property
    def remaining(self) -> int:
        """Calls left, never below 0."""
        return max(0, self.limit - self.used)
