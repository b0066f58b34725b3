"""Asks again for what iRacing failed at, as soon as it is back."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from pitboard.drivers.again import Again
from pitboard.drivers.ports import FailedNames
from pitboard.local.renewals import quietly

LOOK = 0.5
"""Seconds after which it is looked again whether iRacing was seen to be back."""

Ask = Callable[[Mapping[str, bool], str | None], Sequence[str]]
"""Asks for names (and profiles) of a client now; gives those that iRacing failed at again."""


class AskingAgain(FailedNames):
    """`ports.FailedNames` with a thread of this process. `start` it once the service exists."""

    def __init__(self) -> None:
        self._again = Again()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, name: str, *, profile: bool, client: str | None) -> None:
        """See `ports.FailedNames`."""
        with self._changed:
            if not self._closed:
                first = not self._again
                self._again.add(name, time.monotonic(), profile=profile, client=client)
                # The thread waits for nothing else. Woken by each name, it would take turns with the server.
                if first:
                    self._changed.notify_all()

    def start(self, ask: Ask, pause: Callable[[], float], back_at: Callable[[], float]) -> None:
        """Asks with `ask` until `close`. `pause` gives the seconds for which iRacing may not be asked,
        `back_at` when it was last seen to be back."""
        self._ask, self._pause, self._back_at = ask, pause, back_at
        self._thread = threading.Thread(target=self._work, daemon=True, name="pitboard-again")
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Ends the thread and waits for it up to `seconds`."""
        with self._changed:
            self._closed = True
            self._again.clear()
            self._changed.notify_all()
        if self._thread:
            self._thread.join(max(0.0, seconds))

    def _work(self) -> None:
        while not self._closed:
            if not quietly(self._turn):  # the store may be away for a while: not at once again
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, LOOK)

    def _turn(self) -> None:
        if self._due():
            self._probe()

    def _due(self) -> bool:
        """Waits until there are names, and then until a probe is due or somebody else's was answered; False
        at the end."""
        seen: float | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or len(self._again))
                wait = self._again.wait(time.monotonic())
                if self._closed or wait == 0.0:
                    return not self._closed
            back_at = self._back_at()
            if seen is not None and back_at > seen:
                return True
            seen = back_at
            with self._changed:
                self._changed.wait_for(lambda: self._closed, min(wait or 0.0, LOOK))

    def _probe(self) -> None:
        """Asks for one name and, if it is answered, for all others. One that fails although others are
        answered is left to its readers: it is not iRacing then."""
        pause = self._pause()
        with self._changed:
            self._changed.wait_for(lambda: self._closed, pause)
            one, client = self._again.probe(time.monotonic())
        if not one:
            return
        if self._ask(one, client):
            away = self._pause() > 0
            with self._changed:
                self._again.failed(time.monotonic(), away=away)
            return
        with self._changed:
            self._again.answered(one)
            batches = self._again.rest()
        try:
            while batches and not self._closed:
                self._ask(*batches[0])
                del batches[0]
        finally:  # the store may have failed
            for names, client in batches:
                for name, profile in names.items():
                    self.add(name, profile=profile, client=client)
