"""A refresh of the driver index in DynamoDB: the same as at home, on files that live as long as it takes."""

import time
from collections.abc import Callable
from pathlib import Path

from pitboard.drivers import refresh
from pitboard.drivers.refresh import Lists, Refreshed
from pitboard.stores.dynamodb_publisher import IndexTable, Published
from pitboard.stores.index_file import IndexBuilder, generations


def refresh_index(
    lists: Lists,
    table: IndexTable,
    folder: Path,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
) -> tuple[Refreshed, Published]:
    """Reads the lists and brings the table to the index they make. `folder` is empty and has room for 500 MB.

    What the table holds is the older index: a list that cannot be had stays as it is there. Raises as
    `drivers.refresh.refresh`, and `StoreError`.
    """
    db = folder / "pitboard.sqlite3"
    before = table.restore(db)
    if before:
        kept = folder / "before"
        kept.hardlink_to(before)  # the builder deletes the older file
        before = kept
    with IndexBuilder(db, clock) as builder:
        done = refresh.refresh(lists, builder, clock=clock, sleep=sleep)
    return done, table.publish(generations(db)[0][1], before, clock())
