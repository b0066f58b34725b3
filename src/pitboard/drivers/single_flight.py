"""One piece of work a key, whoever asks: all who ask while it runs share what comes of it."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from pitboard.drivers.errors import UnreachableError

T = TypeVar("T")

MOST = 200
"""Pieces of work at a time. What is asked beyond is told to come back."""


class SingleFlight(Generic[T]):
    """The work that is under way, by key, in the threads of `executor`. Safe for threads.

    The work has its own deadline: an asker who waits less gives up alone.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._flights: dict[str, Future[T]] = {}
        self._lock = threading.Lock()

    def once(self, key: str, seconds: float, work: Callable[[], T]) -> T:
        """What `work` gives or raises, for all who ask for `key` while it runs, each waiting up to his own
        `seconds`; then `UnreachableError`."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is None:
                if len(self._flights) >= MOST:
                    raise UnreachableError("Too much is being looked up; ask again shortly.", retry_after=5)
                flight = self._flights[key] = self._begin(work)
                mine = flight
            else:
                mine = None
        if mine is not None:
            mine.add_done_callback(lambda _: self._ended(key))
        try:
            return flight.result(timeout=seconds)
        except TimeoutError:
            raise UnreachableError("iRacing has not answered in time.", retry_after=2) from None

    def _begin(self, work: Callable[[], T]) -> Future[T]:
        try:
            return self._executor.submit(contextvars.copy_context().run, work)
        except RuntimeError:
            raise UnreachableError("The program is about to end.", retry_after=1) from None

    def _ended(self, key: str) -> None:
        with self._lock:
            del self._flights[key]
