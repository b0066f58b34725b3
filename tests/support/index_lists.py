"""Invented lists of drivers for refreshes of the index, and a refresh that waits for nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.refresh import Refreshed, refresh
from pitboard.stores.index_builder import IndexBuilder

Row = Sequence[str]


def row(name: str, cust_id: int, irating: int = 1500, country: str = "DE", starts: int = 10) -> Row:
    """The values of `index.COLUMNS` for a driver."""
    return (name, str(cust_id), country, str(starts), "2", "5.72", "A 2.96", str(irating), "1350")


def crowd(count: int, starts: int = 10) -> list[Row]:
    """Rows of `Driver 1` with id 1, and so on."""
    return [row(f"Driver {n}", n, 1000 + n % 5_000, starts=starts) for n in range(1, count + 1)]


class GivenLists:
    """`refresh.Lists` from rows: by category, or the same for all. An exception among the rows is raised
    where it stands; `read` has the categories in the order in which they were asked for."""

    def __init__(self, rows: Sequence[Any] = (), **by_category: Sequence[Any]) -> None:
        self.rows_of = dict.fromkeys(CATEGORIES, rows) | by_category
        self.read: list[str] = []

    def rows(self, category: str, context: object, received: object) -> Iterator[Row]:
        self.read.append(category)
        for each in self.rows_of[category]:
            if isinstance(each, Exception):
                raise each
            yield each


def refreshed(db: Path, lists: Any, now: float = 1_800_000_000.0, **options: Any) -> Refreshed:
    """Refreshes the index beside `db` at a time of the test's."""

    def clock() -> float:
        return now

    with IndexBuilder(db, clock) as builder:
        return refresh(lists, builder, clock=clock, sleep=lambda _: None, **options)
