"""`pitboard export` and `import`: what is kept of drivers, and members' wishes, in JSON without secrets. An
AWS environment exports and takes in the wishes alone (docs/adr/0070).

The first line says what the file is. Each other one is an object with one key: `members`, `record` or `id`.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pitboard.drivers import records
from pitboard.drivers.errors import StoreError
from pitboard.drivers.kept_members import KeptMembers, sweep_foreign
from pitboard.drivers.members import Audience, Members
from pitboard.drivers.model import IdEntry, Record
from pitboard.local.members import SECONDS
from pitboard.settings import Settings, UsageError, unreadable
from pitboard.stores.members_file import MembersFile
from pitboard.stores.sqlite import SqliteStore

HEAD = {"pitboard_export": 1}

BATCH = 500
"""Lines that are taken in at a time."""


def export(settings: Settings, target: Path) -> str:
    """Writes the file, for the owner alone; says how much is in it. Raises `UsageError`, `StoreError`."""
    if not settings.db.exists():
        raise UsageError(f"There is no database {settings.db}; `pitboard serve` makes it.")
    with closing(MembersFile(settings.db)) as asked, closing(SqliteStore(settings.db)) as store:
        members = _kept(settings, asked).current()
        count = _write(target, chain(_members_lines(members), _lines(store, members)))
    return f"{target} has {count - 2} records and ids. It holds no secret, but names and customer ids."


def export_members(members: Members, target: Path) -> str:
    """The same with what members have asked for alone."""
    _write(target, _members_lines(members))
    return f"{target} has what members have asked for, and the host's list. It holds no secret."


def import_members(source: Path) -> Members:
    """What members have asked for, according to a file. Raises `UsageError` as `import_` does."""
    members = Members()
    for value in _read(source):
        if isinstance(value, Members):
            members = members.joined(value)
    return members


def _write(target: Path, lines: Iterable[dict[str, Any]]) -> int:
    """Writes a new file for the owner alone; gives the number of lines. Raises `UsageError`."""
    if target.exists():
        raise UsageError(f"{target} exists already; give another name.")
    made, count = target.with_name(f"{target.name}.new"), 0
    try:
        opened = os.open(made, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += 1
        made.replace(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from None
    finally:
        made.unlink(missing_ok=True)
    return count


def import_(settings: Settings, source: Path) -> str:
    """Takes a file in; says how much of it. What is newer here stays.

    Raises `UsageError` for a file that is none or is damaged, and nothing is taken in then; `StoreError`.
    """
    for _ in _read(source):  # all of it, before anything is written
        pass
    taken = left = 0
    with closing(MembersFile(settings.db)) as asked, closing(SqliteStore(settings.db)) as store:
        kept, values = _kept(settings, asked), _read(source)
        for value in values:
            if isinstance(value, Members):
                _join(kept, value)
                sweep_foreign(kept, store.sweep)
                break
        members = kept.current()
        while batch := list(islice(values, BATCH)):
            good = [v for v in batch if not isinstance(v, Members) and members.keeps(v.key, v.cust_id)]
            store.keep([value for value in good if isinstance(value, Record)])
            store.keep_ids([value for value in good if isinstance(value, IdEntry)])
            taken, left = taken + len(good), left + len(batch) - len(good)
    told = f"{taken} records and ids were taken in."
    return told + (f" {left} are of members who are not shown here." if left else "")


def _kept(settings: Settings, asked: MembersFile) -> KeptMembers:
    return KeptMembers(lambda: asked, Audience(settings.audience or Audience.EVERYONE), SECONDS)


def _join(kept: KeptMembers, other: Members) -> None:
    kept.change(lambda now: now.joined(other))


def _members_lines(members: Members) -> list[dict[str, Any]]:
    return [HEAD, {"members": members.as_document()}]


def _lines(store: SqliteStore, members: Members) -> Iterator[dict[str, Any]]:
    for record in store.all_records():
        if members.keeps(record.key, record.cust_id):
            yield {"record": asdict(record) | {"body": records.decoded(record.body)}}
    for entry in store.all_ids():
        if members.keeps(entry.key, entry.cust_id):
            yield {"id": asdict(entry)}


def _read(source: Path) -> Iterator[Members | Record | IdEntry]:
    """What the lines of a file say. Raises `UsageError`."""
    try:
        with source.open(encoding="utf-8") as file:
            if _object(next(file, ""), source, 1) != HEAD:
                raise UsageError(f"{source} is no file that `pitboard export` of this version has made.")
            for number, line in enumerate(file, 2):
                yield _value(_object(line, source, number), source, number)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(source, error) from None


def _object(line: str, source: Path, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise UsageError(f"{source} is damaged, or not whole: line {number} is no JSON object.")


def _value(line: dict[str, Any], source: Path, number: int) -> Members | Record | IdEntry:
    try:
        ((kind, value),) = line.items()
        if kind == "members":
            return Members.of_document(value)
        if kind == "record":
            times = ("as_of", "fresh_until", "stale_until", "profile_until")
            body = records.encode(dict(value["body"]))
            return Record(str(value["key"]), int(value["cust_id"]), body, *(float(value[t]) for t in times))
        if kind == "id":
            cust_id = value["cust_id"]
            texts = str(value["origin"]), float(value["until"]), str(value["reason"])
            rest = float(value["failed_until"]), float(value["doubted_at"])
            return IdEntry(str(value["key"]), None if cust_id is None else int(cust_id), *texts, *rest)
    except (LookupError, ValueError, TypeError, AttributeError, StoreError):
        pass
    raise UsageError(f"{source} is damaged: line {number} is not what an export has.")
