"""The members' document of a home, as its services see it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pitboard.drivers.errors import StoreError
from pitboard.drivers.members import (
    DOCUMENT,
    MOST_LISTED,
    MOST_WITHHELD,
    NOBODY_ASKED,
    Audience,
    Gate,
    Members,
)
from pitboard.drivers.ports import Documents

ATTEMPTS = 20

log = logging.getLogger(__name__)


class KeptMembers:
    """The members' document of a home, read again every `seconds`. Safe for threads and several processes.

    `audience` is the host's setting; None: it is in the document. `changed` is called, by whoever notices,
    with the new state when it is another one than before. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        documents: Callable[[], Documents],
        audience: Audience | None,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents = documents
        self._audience = audience
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._held: Members | None = None
        self._look_at = float("-inf")
        self.changed: Callable[[Members], object] = lambda _: None

    def current(self) -> Members:
        """What holds now. Raises `StoreError` as long as it was never read: nobody is shown by mistake."""
        held = self._held
        # While one thread looks, the others go on with what there is.
        if self._clock() >= self._look_at and self._lock.acquire(blocking=held is None):
            try:
                if self._clock() >= self._look_at:
                    self._look()
            finally:
                self._lock.release()
            if held is not None and self._held is not held:
                self.changed(self._held or held)
        return self._held or NOBODY_ASKED

    def _look(self) -> None:
        try:
            self._hold(self._read()[0])
        except StoreError:
            if self._held is None:
                raise
            log.exception("what members have asked for could not be read; what was read last holds")
        self._look_at = self._clock() + self._seconds

    def _read(self) -> tuple[Members, int | None]:
        documents, held = self._documents(), self._held
        document = documents.get(DOCUMENT)
        if document is None and held is not None and (held.withheld or held.listed):
            log.error("what members have asked for was deleted; it is written again")
            documents.put(DOCUMENT, held.as_document(), expected=None)
            document = documents.get(DOCUMENT)  # somebody else may have been faster
        if document is None:
            found, version = Members(), None
        else:
            found, version = Members.of_document(document.value), document.version
        return replace(found, audience=self._audience or found.audience), version

    def _hold(self, found: Members) -> None:
        if found != self._held:
            self._held = found

    def change(self, edit: Callable[[Members], Members]) -> Members:
        """Makes a change that holds at once here, and elsewhere within `seconds`; gives the new state.

        Raises `StoreError`.
        """
        for _ in range(ATTEMPTS):
            with self._lock:
                before, version = self._read()
                after = edit(before)
                if after == before and version is not None:
                    self._hold(after)
                    return after
                _check_size(after)
                if not self._documents().put(DOCUMENT, after.as_document(), expected=version):
                    continue
                self._hold(after)
            self.changed(after)
            return after
        raise StoreError("What members have asked for is being changed by somebody else; try again.")


Keeps = Callable[[str, int | None], bool]


def sweep_foreign(kept: KeptMembers, sweep: Callable[[Keeps], int]) -> int:
    """Deletes what may not be kept out of a store that was filled elsewhere or earlier; gives the number of
    rows. `sweep` deletes what its argument says no to.

    The store may know the customer id of a member of whom only the name was known when he asked. It is
    noted, and what lies under it is deleted, too. Raises `StoreError`.
    """
    gone = 0
    while True:
        members = kept.current()
        gate = Gate(members)
        gone += sweep(partial(_judged, gate, members))
        if gate.noted(members) == members:
            return gone
        kept.change(gate.noted)


def _judged(gate: Gate, members: Members, key: str, cust_id: int | None) -> bool:
    if cust_id:
        gate.takes(key, cust_id)
    return members.strictly_keeps(key, cust_id)


def _check_size(members: Members) -> None:
    if len(members.listed) > MOST_LISTED or len(members.withheld) > MOST_WITHHELD:
        raise StoreError(
            f"At most {MOST_LISTED:,} members can be listed, and {MOST_WITHHELD:,} names and ids withheld."
        )


class Everybody:
    """The source of a home in which nobody is ever withheld."""

    def current(self) -> Members:
        """Nobody has asked for anything."""
        return NOBODY_ASKED

    def change(self, edit: Callable[[Members], Members]) -> Members:
        """Cannot be changed."""
        return edit(NOBODY_ASKED)
