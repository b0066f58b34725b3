"""The driver index: names and ids out of iRacing's lists of all drivers, so that no search is needed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from pitboard.drivers import freshness, names
from pitboard.drivers.model import IdEntry
from pitboard.drivers.names import InvalidNameError
from pitboard.drivers.ports import Store

BATCH = 2_000
"""Entries written at once: big enough to be quick, small enough to leave room for readers between."""


@dataclass(slots=True)
class Index:
    """Collects (name, id) from several lists. A name that two ids claim is left out: it is searched for."""

    _ids: dict[str, int] = field(default_factory=dict)
    _ambiguous: set[str] = field(default_factory=set)

    def add(self, name: str, cust_id: int) -> None:
        """Takes in one row. The same driver may come again; a text that is no name is passed over."""
        try:
            key = names.parse_once(name).key
        except InvalidNameError:
            return
        if self._ids.setdefault(key, cust_id) != cust_id:
            self._ambiguous.add(key)

    def __len__(self) -> int:
        return len(self._ids) - len(self._ambiguous)

    def entries(self, now: float) -> Iterator[IdEntry]:
        """The entries to keep, as of `now`."""
        until = now + freshness.INDEX_KEPT
        for key, cust_id in self._ids.items():
            if key not in self._ambiguous:
                yield IdEntry(key, cust_id, "index", until)


def keep(store: Store, entries: Iterable[IdEntry]) -> Iterator[int]:
    """Writes the entries in batches; gives the number written so far after each."""
    entries, written = iter(entries), 0
    while batch := list(islice(entries, BATCH)):
        store.keep_ids(batch)
        written += len(batch)
        yield written
