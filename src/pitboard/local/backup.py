"""`pitboard backup` and `restore`: the database and what members have asked for, in one file.

A backup has the token, so it is as secret as the database. The driver index is not in it.
"""

import logging
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from pitboard.drivers.errors import StoreError
from pitboard.drivers.kept_members import KeptMembers, sweep_foreign
from pitboard.drivers.members import DOCUMENT, Audience, Members
from pitboard.local.members import SECONDS
from pitboard.settings import Settings, UsageError
from pitboard.stores.members_file import MembersFile
from pitboard.stores.sqlite import SqliteStore
from pitboard.stores.sqlite_copy import back_up, documents_of, put_back
from pitboard.stores.sqlite_file import is_foreign

log = logging.getLogger(__name__)


def backup(settings: Settings, target: Path) -> str:
    """Writes a backup while the database is used; says what was written.

    Raises `UsageError`, `StoreError`.
    """
    if not settings.db.exists():
        raise UsageError(f"There is no database {settings.db}; `pitboard serve` makes it.")
    with closing(MembersFile(settings.db)) as asked:
        document = asked.get(DOCUMENT)
    value = document.value if document else Members().as_document()
    back_up(settings.db, target, lambda store: _put(store, value))
    megabytes = target.stat().st_size / 1e6
    return f"{target} has {megabytes:.1f} MB. It holds the token to iRacing: keep it as secret as a password."


def restore(settings: Settings, source: Path) -> str:
    """Puts a backup in the place of the database; says what is in use now. Raises `UsageError`, `StoreError`.

    What members have asked for since holds on: they are deleted from the backup's content first. So do the
    token and the budget that are in use, because a refresh token of before is used up.
    """
    check(settings, source)
    with closing(MembersFile(settings.db)) as asked:
        kept = KeptMembers(lambda: asked, Audience(settings.audience or Audience.EVERYONE), SECONDS)
        put_back(source, settings.db, lambda store: _amend(store, settings.db, kept))
    with closing(SqliteStore(settings.db)) as store:
        rows = store.count()
    return (
        f"{settings.db} is the backup now, with {rows} drivers and answers. A running server has noticed it."
    )


def check(settings: Settings, source: Path) -> None:
    """Looks whether a file may be a backup, quickly. Raises `UsageError` or `StoreError` if it cannot
    be one."""
    if not source.is_file():
        raise UsageError(f"There is no file {source}.")
    if settings.db.exists() and source.samefile(settings.db):
        raise UsageError(f"{source} is the database itself.")
    if not source.stat().st_size or is_foreign(source):
        raise StoreError(
            f"{source} is something else. Give the path of a backup that `pitboard backup` has made."
        )


def _amend(store: SqliteStore, db: Path, kept: KeptMembers) -> None:
    document = store.documents.get(DOCUMENT)
    before = Members.of_document(document.value) if document else Members()
    kept.change(lambda now: now.joined(before))
    store.take_over(
        "documents", [{"key": k, "value": v, "version": n} for k, (v, n) in documents_of(db).items()]
    )
    store.drop_document(DOCUMENT)
    sweep_foreign(kept, store.sweep)
    store.file.scrub()


def _put(store: SqliteStore, value: Mapping[str, object]) -> None:
    held = store.documents.get(DOCUMENT)
    store.documents.put(DOCUMENT, value, expected=held.version if held else None)
