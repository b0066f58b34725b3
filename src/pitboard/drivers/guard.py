"""A store and an index that neither take in nor give out anything about members who are withheld.

Every read and write of the services goes through these, so that no path is forgotten; the services
themselves only have to say `withheld` where a driver would stand.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from pitboard.drivers.errors import StoreError
from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.members import Audience
from pitboard.drivers.model import IdEntry, Record
from pitboard.drivers.ports import Documents, DriverIndex, MembersSource, Store

log = logging.getLogger(__name__)


class GuardedStore:
    """`ports.Store` over another one. `taken_out` is called when something had to be deleted that was written
    of a member in the moment in which he asked."""

    def __init__(
        self, store: Store, members: MembersSource, taken_out: Callable[[], object] = lambda: None
    ) -> None:
        self._store = store
        self._members = members
        self._taken_out = taken_out
        # What has no driver in it is passed on as it is.
        self.forget = store.forget
        self.claim = store.claim
        self.release = store.release
        self.sweep = store.sweep
        self.purge = store.purge
        self.ping = store.ping
        self.close = store.close

    @property
    def documents(self) -> Documents:
        return self._store.documents

    def records(self, keys: Sequence[str]) -> dict[str, Record]:
        found, members = self._store.records(keys), self._members.current()
        if members.all_shown:
            return found
        kept = {key: record for key, record in found.items() if members.keeps(key, record.cust_id)}
        _identify(self._members, kept)
        return kept

    def keep(self, records: Iterable[Record]) -> None:
        members = self._members.current()
        kept = [record for record in records if members.keeps(record.key, record.cust_id)]
        self._store.keep(kept)
        self._look_again(kept)
        _identify(self._members, {record.key: record for record in kept})

    def ids(self, keys: Sequence[str]) -> dict[str, IdEntry]:
        found, members = self._store.ids(keys), self._members.current()
        if members.all_shown:
            return found
        return {key: entry for key, entry in found.items() if members.keeps(key, entry.cust_id)}

    def keep_ids(self, entries: Iterable[IdEntry]) -> None:
        members = self._members.current()
        kept = [entry for entry in entries if members.keeps(entry.key, entry.cust_id)]
        self._store.keep_ids(kept)
        self._look_again(kept)

    def _look_again(self, written: Sequence[Record | IdEntry]) -> None:
        """Takes out what was written of a member who asked at that moment: the deletion was before it."""
        members = self._members.current()
        if gone := [one.key for one in written if not members.keeps(one.key, one.cust_id)]:
            self._store.forget(gone)
            self._taken_out()


class GuardedIndex:
    """`ports.DriverIndex` over another one."""

    def __init__(self, index: DriverIndex, members: MembersSource) -> None:
        self._index = index
        self._members = members
        self.ranks = index.ranks

    def find(self, keys: Sequence[str]) -> Mapping[str, IndexedDriver]:
        found, members = self._index.find(keys), self._members.current()
        if members.all_shown:
            return found
        shown = {key: driver for key, driver in found.items() if members.keeps(key, driver.cust_id)}
        _identify(self._members, shown)
        return shown


def _identify(source: MembersSource, found: Mapping[str, Record] | Mapping[str, IndexedDriver]) -> None:
    """Notes the customer ids of members who are listed by name alone: charts are asked for by id. Once for
    each of them; that it cannot be noted now must not spoil a page."""
    members = source.current()
    if members.audience is Audience.EVERYONE:
        return
    ids = {key: found[key].cust_id for key in found if members.listed.get(key) == 0}
    if ids:
        try:
            source.change(lambda now: now.identifying(ids))
        except StoreError as error:
            log.warning("the customer ids of listed members could not be noted: %s", error)
