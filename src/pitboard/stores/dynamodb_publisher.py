"""A refresh of the driver index in DynamoDB: what the table holds becomes an index file, and what a new
index file changes goes back. The table itself is what is compared with, so a run that was cut off is simply
repeated. See docs/adr/0025."""

import heapq
import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby, repeat
from mmap import mmap
from pathlib import Path
from typing import Any

from pitboard.drivers.index import MOST_CUST_ID, split
from pitboard.drivers.refresh import ListReport
from pitboard.stores import index_builder
from pitboard.stores.dynamodb import Item, Table, number, string, ttl
from pitboard.stores.dynamodb_index import DRIVER, HEAD, SHARED, Head, read_head, read_ranks
from pitboard.stores.index_file import PackedDriver, all_drivers, all_lists

PART = 350_000
"""Bytes of one item of the distributions. DynamoDB allows 409,600 with names."""

PARTS_KEPT = 30 * 86400.0
"""Seconds after which DynamoDB deletes the parts of a distribution, so that nobody else has to. Older ranks
are not shown."""

ATTEMPTS = 60
"""Two minutes at most for one request: a table that grows by 500,000 items is throttled at times."""


log = logging.getLogger(__name__)


@dataclass(slots=True)
class Published:
    """What a refresh changed in the table, in numbers of items."""

    written: int = 0
    deleted: int = 0
    unchanged: int = 0

    def add(self, later: "Published") -> None:
        """Adds what was published after that."""
        self.written += later.written
        self.deleted += later.deleted
        self.unchanged = later.unchanged


class IndexTable:
    """The table of the index, for the one who refreshes it. Raises `StoreError`."""

    def __init__(self, client: Any, table: str) -> None:
        self._table = Table(client, table, "name", attempts=ATTEMPTS)

    def restore(self, db: Path) -> Path | None:
        """Writes what the table holds into an index file of the database `db`, as the one in use; None when
        it holds nothing. Every item is read, so the whole table is paid for.

        Deletes items that cannot be read, and of a customer id with two items one: a run that is cut off
        between a new name and the old one leaves both. What is missing then is written by `publish`.
        """
        bad: list[str] = []
        path = index_builder.write(db, 0, _sound(self._table.scan(DRIVER, SHARED), bad), self._lists())
        self._table.change(bad)
        if next(all_drivers(path), None) is None:
            path.unlink()
            return None
        return path

    def _lists(self) -> dict[str, tuple[ListReport, bytes]]:
        """What was read the last time; nothing when that is too long ago to be used in a new index."""
        try:
            if (head := read_head(self._table)) is None:
                return {}
            ranks = read_ranks(self._table, head)
            return {
                category: (ListReport(**report), ranks[category])
                for category, (report, _) in head.lists.items()
            }
        except (LookupError, ValueError, TypeError) as error:
            log.warning("the lists of the driver index cannot be read: %s", error)
            return {}

    def publish(self, new: Path, before: Path | None, now: float) -> Published:
        """Writes the drivers of the file `new` that are not in `before` as they are, deletes those who are in
        `before` alone, and then writes the distributions and the head. `now` is Unix seconds."""
        done = Published()
        self._table.change(_changes(all_drivers(new), all_drivers(before) if before else (), done))
        lists = all_lists(new)
        drivers = done.written + done.unchanged
        head = _head(int(now), drivers, lists)
        whole = b"".join(ranks for _, ranks in lists.values())
        parts = (whole[begin : begin + PART] for begin in range(0, len(whole), PART))
        self._table.change(
            {"name": string(key), "body": {"B": part}, "ttl": ttl(now + PARTS_KEPT)}
            for key, part in zip(head.part_keys, parts, strict=True)
        )
        self._table.change([_head_item(head)])
        return done


def _changes(
    new: Iterable[PackedDriver], before: Iterable[PackedDriver], done: Published
) -> Iterator[Item | str]:
    """The items to put and the keys to delete, both streams by rising name key. Counts in `done`."""
    merged = heapq.merge(zip(repeat(0), before), zip(repeat(1), new), key=_name_key)
    for _, group in groupby(merged, key=_name_key):
        ages: tuple[list[PackedDriver], list[PackedDriver]] = ([], [])
        for age, driver in group:
            ages[age].append(driver)
        older, newer = map(_by_item_key, ages)
        for key, driver in newer.items():
            if older.pop(key, None) == driver:
                done.unchanged += 1
            else:
                done.written += 1
                yield _item(key, driver)
        for key in older:
            done.deleted += 1
            yield key


def _name_key(aged: tuple[int, PackedDriver]) -> str:
    return aged[1].key


def _by_item_key(drivers: list[PackedDriver]) -> dict[str, PackedDriver]:
    """The drivers of one name. Several are kept apart: the name is nobody's then."""
    if len(drivers) == 1:
        return {DRIVER + drivers[0].key: drivers[0]}
    return {f"{SHARED}{driver.key}:{driver.cust_id}": driver for driver in drivers}


def _item(key: str, driver: PackedDriver) -> Item:
    return {
        "name": string(key),
        "cust_id": number(driver.cust_id),
        "shown": string(driver.name),
        "country": string(driver.country),
        "stats": {"B": driver.stats},
    }


def _sound(items: Iterable[Item], bad: list[str]) -> Iterator[PackedDriver]:
    """The drivers of the items, each customer id once. The keys of the other items go to `bad`."""
    seen = mmap(-1, MOST_CUST_ID + 1)
    for item in items:
        try:
            driver = _packed(item)
            split(driver.stats)
            if not seen[driver.cust_id]:
                seen[driver.cust_id] = 1
                yield driver
                continue
        except (LookupError, TypeError, ValueError):
            pass
        bad.append(item["name"]["S"])


def _packed(item: Item) -> PackedDriver:
    key = item["name"]["S"]
    key = key.removeprefix(DRIVER) if key.startswith(DRIVER) else key.removeprefix(SHARED).rpartition(":")[0]
    stats = bytes(item["stats"]["B"])
    return PackedDriver(key, int(item["cust_id"]["N"]), item["shown"]["S"], item["country"]["S"], stats)


def _head(made: int, drivers: int, lists: Mapping[str, tuple[ListReport, bytes]]) -> Head:
    sizes = {category: (asdict(report), len(ranks)) for category, (report, ranks) in lists.items()}
    return Head(made, drivers, sizes, math.ceil(sum(size for _, size in sizes.values()) / PART))


def _head_item(head: Head) -> Item:
    return {
        "name": string(HEAD),
        "made": number(head.made),
        "drivers": number(head.drivers),
        "lists": string(json.dumps(dict(head.lists))),
        "parts": number(head.parts),
    }
