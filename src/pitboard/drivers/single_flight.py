"""One piece of work a key, whoever asks: the first does it, the others wait for what comes of it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from pitboard.drivers.errors import UnreachableError

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """The work that is under way, by key. Safe for threads."""

    def __init__(self) -> None:
        self._flights: dict[str, Future[T]] = {}
        self._lock = threading.Lock()

    def once(self, key: str, seconds: float, work: Callable[[], T]) -> T:
        """What `work` gives or raises, for all who ask for `key` while it runs.

        Those who join wait up to `seconds`, then `UnreachableError`.
        """
        with self._lock:
            flight = self._flights.get(key)
            if mine := flight is None:
                flight = self._flights[key] = Future()
        if not mine:
            try:
                return flight.result(timeout=seconds)
            except TimeoutError:
                raise UnreachableError("iRacing has not answered in time.", retry_after=5) from None
        try:
            flight.set_result(work())
        except BaseException as error:
            flight.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._flights[key]
        return flight.result()
