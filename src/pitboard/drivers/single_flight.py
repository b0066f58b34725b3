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
        self._stopped = False

    def once(self, key: str, seconds: float, work: Callable[[], T]) -> T:
        """What `work` gives or raises, for all who ask for `key` while it runs, each waiting up to his own
        `seconds`; then `UnreachableError`."""
        with self._lock:
            if self._stopped:
                raise _ending()
            flight, first = self._flights.get(key), False
            if flight is None:
                if len(self._flights) >= MOST:
                    raise UnreachableError("Too much is being looked up; ask again shortly.", retry_after=5)
                flight, first = Future(), True
                self._flights[key] = flight
        if first:  # outside of the lock: an executor may run it at once
            self._begin(key, flight, work)
        try:
            return flight.result(timeout=seconds)
        except TimeoutError:
            raise UnreachableError("iRacing has not answered in time.", retry_after=2) from None

    def _begin(self, key: str, flight: Future[T], work: Callable[[], T]) -> None:
        try:
            self._executor.submit(contextvars.copy_context().run, self._fly, key, flight, work)
        except RuntimeError:  # no thread can be started, or the program ends: nobody else may wait for it
            if self._landed(key, flight):
                flight.set_exception(UnreachableError("The look-up could not be begun.", retry_after=5))

    def stop(self) -> None:
        """Begins nothing more, and answers all who wait that the program is about to end."""
        with self._lock:
            self._stopped = True
            flights, self._flights = self._flights, {}
        for flight in flights.values():
            flight.set_exception(_ending())

    def _fly(self, key: str, flight: Future[T], work: Callable[[], T]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is the askers'
            if self._landed(key, flight):
                flight.set_exception(error)
        else:
            if self._landed(key, flight):
                flight.set_result(result)

    def _landed(self, key: str, flight: Future[T]) -> bool:
        """Takes a flight off the list; False if `stop` has done so."""
        with self._lock:
            if self._flights.get(key) is not flight:
                return False
            del self._flights[key]
            return True


def _ending() -> UnreachableError:
    return UnreachableError("The program is about to end.", retry_after=1)
