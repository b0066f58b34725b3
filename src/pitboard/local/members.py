"""What members have asked of a local home, and how it is done to its files.

`forget` deletes everything that is kept about a person from the database, its log and the index. What is left
is a fingerprint, by which the name stays away (`drivers.members`).
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pitboard.drivers.errors import StoreError
from pitboard.drivers.kept_members import KeptMembers
from pitboard.drivers.members import Audience, Gate, Members
from pitboard.drivers.names import Name
from pitboard.drivers.refresh import IndexRefusedError
from pitboard.settings import Settings, UsageError
from pitboard.stores.index_builder import strip
from pitboard.stores.index_file import IndexFile
from pitboard.stores.members_file import MembersFile
from pitboard.stores.sqlite import SqliteStore
from pitboard.stores.sqlite_copy import set_aside_before

SECONDS = 1.0
"""So often a running server looks whether somebody has asked for something."""

STRIP_SECONDS = 60.0
"""How long the end of a running refresh is awaited, before the index file is changed."""

AGAIN_SECONDS = 60.0
"""After so many seconds a deletion is tried again that could not be made."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was deleted: rows of the database, entries of the index. `index_busy`: a refresh of the index runs
    and takes its entry out at its end; until then nobody is shown it. `set_aside` are damaged databases of
    before, out of which nothing can be deleted."""

    rows: int
    indexed: int
    index_busy: bool
    set_aside: Sequence[Path] = ()


def check_chosen(settings: Settings) -> None:
    """Raises `UsageError` when others than the host will ask, and he has not chosen whom he shows."""
    if settings.is_public and not settings.audience:
        raise UsageError(
            "Others will see what this server shows. iRacing is reported to ask that members agree to that"
            " (docs/MEMBERS.md). Choose once: PITBOARD_AUDIENCE=listed shows only whom `pitboard allow` has"
            " put on the list; PITBOARD_AUDIENCE=everyone shows all who have not asked to be left out."
        )


class LocalMembers:
    """The members of a local home. Safe for threads.

    Without a store and an index (in the refresh, which has no business with records) only the document is
    read and written, and the index file is changed.
    """

    def __init__(
        self, settings: Settings, store: SqliteStore | None = None, index: IndexFile | None = None
    ) -> None:
        self._db = settings.db
        self._file = MembersFile(settings.db)
        self._store = store
        self._index = index
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._due: set[Callable[[Members], object]] = set()
        self._working = False
        audience = Audience(settings.audience or Audience.EVERYONE)
        self.kept = KeptMembers(lambda: self._file, audience, SECONDS)

    def forget(self, names: Collection[Name], cust_ids: Collection[int] = ()) -> Forgotten:
        """Deletes everything about the person of these names and customer ids, and never asks for it again.

        Raises `StoreError`, after which it can be repeated.
        """
        return self._delete(self._withhold(names, cust_ids))

    def forget_soon(self, names: Collection[Name]) -> None:
        """The same, with the deletion in a thread of its own. Raises `StoreError`."""
        self._withhold(names, ())
        self._behind(self._delete)

    def scrub_soon(self) -> None:
        """Leaves no byte of what was deleted of a member, in a thread of its own."""
        self._behind(self._delete)

    def _withhold(self, names: Collection[Name], cust_ids: Collection[int]) -> Members:
        keys = [name.key for name in names]
        known = {*cust_ids, *self._ids_of(keys)}
        keys += self._keys_by_id(known)  # further names of the same person
        return self.kept.change(lambda members: members.forgetting(keys, known))

    def _delete(self, members: Members) -> Forgotten:
        self._file.scrub()
        rows = self._store.sweep(members.keeps) if self._store else 0
        if self._store:
            self._store.file.scrub()  # what was deleted earlier may still lie between the rows
        stripped = self._strip(members.keeps, STRIP_SECONDS)
        return Forgotten(rows, stripped or 0, stripped is None, set_aside_before(self._db))

    def allow(self, names: Mapping[str, int], *, only: bool = False) -> int:
        """Puts name keys with their customer ids (0: not known) on the list; `only`: takes all others off it.

        Gives how many of them are withheld nevertheless, on their own wish. Raises `StoreError`.
        """
        members = self.kept.change(lambda members: members.listing(names, only=only))
        if only:
            self._file.scrub()
            self.clean_up(members)
        return sum(not members.permits(key) for key in names)

    def readmit(self, names: Collection[Name]) -> None:
        """The members of these names have agreed again: they are no longer withheld. Raises `StoreError`."""
        for name in names:
            self.kept.change(partial(Members.agreeing, key=name.key))

    def take_note(self, gate: Gate) -> None:
        """After a refresh: notes what it learnt, and takes those out of the index who asked meanwhile, or who
        came into it with an older list."""
        members = self.kept.current()
        if members.all_shown:
            return
        if gate.noted(members) != members:
            members = self.kept.change(gate.noted)
        self._strip(members.keeps, STRIP_SECONDS)

    def clean_up(self, members: Members) -> None:
        """Deletes what may not be kept (any more). Raises `StoreError`."""
        if members.all_shown:
            return
        if self._store:
            self._store.sweep(members.strictly_keeps)
        self._strip(members.keeps, STRIP_SECONDS)

    def watch(self) -> None:
        """From now on cleans up, in a thread of its own, whenever something was asked for; and once now."""
        self.kept.changed = self._clean_up_behind
        self._clean_up_behind(self.kept.current())

    def close(self) -> None:
        """Ends waiting for a refresh, and closes the file."""
        self._stopping.set()
        self._file.close()

    def _clean_up_behind(self, members: Members) -> None:
        if not members.all_shown:
            self._behind(self.clean_up)

    def _behind(self, work: Callable[[Members], object]) -> None:
        """Does a piece of work in the one thread for it: what is asked for meanwhile is done in one go."""
        with self._lock:
            self._due.add(work)
            if self._working:
                return
            self._working = True
        threading.Thread(target=self._work, daemon=True, name="pitboard-members").start()

    def _work(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                works, self._due = self._due, set()
                if not works:
                    self._working = False
                    return
            try:
                for work in works:
                    work(self.kept.current())
            except StoreError as error:
                problem = str(error)
            except Exception as error:
                log.exception("deleting failed")
                problem = type(error).__name__
            else:
                continue
            with self._lock:
                self._due |= works
            if not self._stopping.is_set():
                log.warning("what members asked to delete is not deleted yet: %s", problem)
            self._stopping.wait(AGAIN_SECONDS)

    def _ids_of(self, keys: Collection[str]) -> set[int]:
        """The customer ids that are known of these names."""
        found = {max(0, self.kept.current().listed.get(key, 0)) for key in keys}
        if self._store:
            found |= {record.cust_id for record in self._store.records(list(keys)).values()}
            found |= {entry.cust_id or 0 for entry in self._store.ids(list(keys)).values()}
        if self._index:
            found |= {driver.cust_id for driver in self._index.find(list(keys)).values()}
        return found - {0}

    def _keys_by_id(self, cust_ids: Collection[int]) -> set[str]:
        """The names under which drivers of these ids are kept or listed."""
        listed = {key for key, cust_id in self.kept.current().listed.items() if cust_id in cust_ids}
        kept = self._store.keys_of(list(cust_ids)) if self._store else []
        return {key for key in (*listed, *kept) if key == key.lower()}

    def _strip(self, keeps: Callable[[str, int], bool], seconds: float) -> int | None:
        """Takes them out of the index file; None when a refresh still runs after so many seconds."""
        end = time.monotonic() + seconds
        while not self._stopping.is_set():
            try:
                return strip(self._db, keeps)
            except IndexRefusedError:
                if time.monotonic() >= end:
                    break
                self._stopping.wait(0.25)
        return None
