"""A refresh of the driver index in DynamoDB: the same as at home, on files that live as long as it takes."""

import time
from collections.abc import Callable
from pathlib import Path

from pitboard.drivers import refresh
from pitboard.drivers.members import NOBODY_ASKED, Gate
from pitboard.drivers.ports import MembersSource
from pitboard.drivers.refresh import Lists, Refreshed
from pitboard.stores.dynamodb_publisher import IndexTable, Published
from pitboard.stores.index_builder import IndexBuilder, strip
from pitboard.stores.index_file import generations


def refresh_index(
    lists: Lists,
    table: IndexTable,
    folder: Path,
    members: MembersSource | None = None,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
) -> tuple[Refreshed, Published]:
    """Reads the lists and brings the table to the index they make. `folder` is empty and has room for 500 MB.

    Whoever is withheld comes neither into the index nor into the table. What the table holds is the older
    index: a list that cannot be had stays as it is there. Raises as `drivers.refresh.refresh`, and
    `StoreError`.
    """
    db = folder / "pitboard.sqlite3"
    before = table.restore(db)
    if before:
        kept = folder / "before"
        kept.hardlink_to(before)  # the builder deletes the older file
        before = kept
    with IndexBuilder(db, clock) as builder:
        now = members.current() if members else NOBODY_ASKED
        gate = Gate(now)
        done = refresh.refresh(lists, builder, clock=clock, sleep=sleep, gate=gate)
    if members and gate.noted(now) != now:
        members.change(gate.noted)
    return done, _published(db, table, before, members, clock())


def _published(
    db: Path, table: IndexTable, before: Path | None, members: MembersSource | None, made: float
) -> Published:
    """Publishes the index without those who are withheld; again, when somebody asked for it meanwhile."""
    total = Published()
    while True:
        asked = members.current() if members else NOBODY_ASKED
        if not asked.all_shown:  # older lists have everybody
            strip(db, asked.keeps)
        new = generations(db)[0][1]
        kept = db.with_name(f"published-{new.name}")
        if not kept.exists():
            kept.hardlink_to(new)
        total.add(table.publish(new, before, made))
        before = kept
        if not members or members.current() == asked:
            return total
