"""The SQLite file must be readable, undamaged, of Pitboard's schema, private, and not too large."""

import os
from pathlib import Path

from pitboard.drivers.errors import StoreError
from pitboard.local.files import files_of
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.private import is_exposed, tighten
from pitboard.stores.sqlite_file import DamagedError

LARGE = 1 << 30
"""Bytes for about half a million drivers. A larger file means that nothing is deleted."""


def local(environment: LocalEnvironment) -> Finding:
    path = environment.settings.db
    try:
        store = environment.store
        if store is None:
            return _none_yet(environment)
        store.ping()
    except DamagedError as error:
        return problem(error.happened, error.remedy, fixable=False)
    except StoreError as error:
        return problem(str(error), "Do what it says, then run `pitboard doctor` again.", fixable=False)
    if exposed := _exposed(path):
        return problem(f"Other users can read {', '.join(p.name for p in exposed)}, which holds the token.")
    size = path.stat().st_size
    if size > LARGE:
        remedy = f"Stop Pitboard, then `sqlite3 '{path}' VACUUM`."
        return warning(f"{path} has grown to {size / 1e9:.1f} GB.", remedy, fixable=False)
    return ok(f"{path} is undamaged, private, and has {size / 1e6:.1f} MB.")


def _none_yet(environment: LocalEnvironment) -> Finding:
    if os.access(environment.folder, os.W_OK | os.X_OK):
        return skipped(f"There is no database yet; `pitboard serve` creates {environment.settings.db}.")
    happened = f"There is no database yet, and it cannot be made: you may not write in {environment.folder}."
    return problem(happened, "Make the folder yours, or set PITBOARD_DB to another path.", fixable=False)


def protect(environment: LocalEnvironment) -> str:
    done, failed = tighten(files_of(environment.settings.db))
    for path in failed:
        raise PermissionError(f"{path} is another user's file.")
    return f"Only you can read {', '.join(path.name for path in done)} now."


def _exposed(path: Path) -> list[Path]:
    return [file for file in files_of(path) if is_exposed(file)]


CHECK = Check(
    id="database",
    title="The database is undamaged and private",
    section=Section.HOST,
    symptoms=("Pitboard refuses to start and names the database", "All drivers are looked up again"),
    remedy="Make the file private with `chmod 600`.",
    local=local,
    fix=Fix("Make the database readable by you alone?", local=protect),
)
