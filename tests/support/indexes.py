"""Driver indexes to test: a file beside a database, and DynamoDB as emulated by moto and by dynalite."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.index_lists import GivenLists, refreshed
from tests.support.stores import create_table

from pitboard.aws.index_refresh import refresh_index
from pitboard.drivers.ports import DriverIndex
from pitboard.drivers.refresh import Refreshed
from pitboard.stores.dynamodb_index import DynamoIndex
from pitboard.stores.dynamodb_publisher import IndexTable, Published
from pitboard.stores.index_file import IndexFile

NOW = 1_800_000_000.0


@dataclass
class IndexUnderTest:
    """An index of one kind: how it is refreshed, and how it is read."""

    refresh: Callable[[GivenLists, float], Refreshed]
    reader: Callable[[], DriverIndex]

    def given(self, lists: GivenLists, now: float = NOW) -> DriverIndex:
        """A reader after a refresh from these lists."""
        self.refresh(lists, now)
        return self.reader()


@contextmanager
def index_file_under_test(folder: Path) -> Iterator[IndexUnderTest]:
    """The index in files of a folder; its readers are closed at the end."""
    db = folder / "pitboard.sqlite3"
    with ExitStack() as readers:
        yield IndexUnderTest(
            lambda lists, now: refreshed(db, lists, now),
            lambda: readers.enter_context(closing(IndexFile(db, ticks()))),
        )


def dynamo_index_under_test(client: Any) -> IndexUnderTest:
    """The index in a new table."""
    table = create_table(client, "custid", "name")
    return IndexUnderTest(
        lambda lists, now: refreshed_table(client, table, lists, now)[0],
        lambda: DynamoIndex(client, table, ticks()),
    )


def refreshed_table(
    client: Any, table: str, lists: Any, now: float = NOW, members: Any = None
) -> tuple[Refreshed, Published]:
    """Refreshes the index in a table, with the files in a folder of their own, as the function does."""
    with tempfile.TemporaryDirectory() as folder:
        return refresh_index(
            lists, IndexTable(client, table), Path(folder), members, clock=lambda: now, sleep=lambda _: None
        )


def ticks() -> Callable[[], float]:
    """A clock that jumps so far that a reader looks for something newer each time."""
    steps = itertools.count(0, 1_000)
    return lambda: float(next(steps))
