"""The driver index in DynamoDB, in the table of customer ids. See docs/adr/0025.

Its keys are in capitals, which no name key can be. `INDEX:<name key>` is a driver, and
`SHARED:<name key>:<customer id>` one of several drivers of that name. `INDEX` says when the index was made
and of what, and `RANKS:<generation>:<n>` are parts of its distribution.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pitboard.drivers.errors import StoreError
from pitboard.drivers.index import IndexedDriver, unpack
from pitboard.drivers.ranks import Ranks
from pitboard.stores import damage
from pitboard.stores.dynamodb import Item, Table

DRIVER = "INDEX:"
SHARED = "SHARED:"
HEAD = "INDEX"
RANKS = "RANKS:"

LOOK_SECONDS = 300.0
"""How often a reader looks for a newer distribution. There is one a day."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """What the item `INDEX` says. `made` is when the refresh ended, in Unix seconds; it names the generation.

    `lists` has for each category the fields of its `refresh.ListReport`, and the length of its distribution:
    the distributions lie one behind the other in `parts` items.
    """

    made: int
    drivers: int
    lists: Mapping[str, tuple[Mapping[str, Any], int]]
    parts: int

    @classmethod
    def parse(cls, item: Item) -> "Head":
        """The item as `Head`. Raises LookupError and ValueError for damage."""
        lists = {
            category: (report, size) for category, (report, size) in json.loads(item["lists"]["S"]).items()
        }
        return cls(int(item["made"]["N"]), int(item["drivers"]["N"]), lists, int(item["parts"]["N"]))

    @property
    def as_of(self) -> float:
        """When the oldest list was read, in Unix seconds."""
        return min((report["as_of"] for report, _ in self.lists.values()), default=0.0)

    @property
    def part_keys(self) -> list[str]:
        """The keys of the items with the distributions, in order."""
        return [f"{RANKS}{self.made}:{part}" for part in range(self.parts)]


def read_head(table: Table) -> Head | None:
    """The head of the index, None before the first refresh. Raises `StoreError`; LookupError and ValueError
    for damage."""
    return next((Head.parse(item) for item in table.read([HEAD])), None)


def read_ranks(table: Table, head: Head) -> dict[str, bytes]:
    """The distributions by category, as `Ranks.encoded` gave them. Raises `StoreError`; LookupError when a
    part is not there (any more)."""
    items = {item[table.key]["S"]: item["body"]["B"] for item in table.read(head.part_keys)}
    whole = b"".join(items[key] for key in head.part_keys)
    ranks, begin = {}, 0
    for category, (_, size) in head.lists.items():
        ranks[category] = whole[begin : begin + size]
        begin += size
    return ranks


class DynamoIndex:
    """`ports.DriverIndex` on a table. Safe for threads.

    `find` raises `StoreError`. `ranks` does not: without a newer distribution the present one stays. `clock`
    is monotonic seconds.
    """

    def __init__(self, client: Any, table: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = Table(client, table, "name")
        self._told = damage.Told()
        self._clock = clock
        self._lock = threading.Lock()
        self._look_at = float("-inf")
        self._made = 0
        self._ranks = Ranks()

    def find(self, keys: Sequence[str]) -> Mapping[str, IndexedDriver]:
        found: dict[str, IndexedDriver] = {}
        # An entry is up to a day old: one that lags by a second more is read at half the price.
        for item in self._table.read([DRIVER + key for key in keys], consistent=False):
            key = item["name"]["S"].removeprefix(DRIVER)
            try:
                found[key] = _driver(item)
            except (LookupError, TypeError, ValueError) as error:
                self._told("an entry of the driver index", key, error)
        return found

    def ranks(self) -> Ranks:
        # While one thread looks, the others go on with what there is.
        if self._clock() >= self._look_at and self._lock.acquire(blocking=not self._made):
            try:
                if self._clock() >= self._look_at:
                    self._look()
                    self._look_at = self._clock() + LOOK_SECONDS
            finally:
                self._lock.release()
        return self._ranks

    def _look(self) -> None:
        try:
            head = read_head(self._table)
            if head and head.made != self._made:
                encoded = {
                    category: ranks for category, ranks in read_ranks(self._table, head).items() if ranks
                }
                self._ranks = Ranks.decoded(head.as_of, encoded)
                self._made = head.made
        except (StoreError, LookupError, TypeError, ValueError) as error:
            log.warning("the ranks of the driver index cannot be read: %s", error)


def _driver(item: Item) -> IndexedDriver:
    return IndexedDriver(
        int(item["cust_id"]["N"]), item["shown"]["S"], item["country"]["S"], unpack(item["stats"]["B"])
    )
