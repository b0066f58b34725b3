"""The SQLite file: readable, whole, of our schema, private, and not overgrown."""

import os
import stat
from pathlib import Path

from pitboard.drivers.errors import StoreError
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local import Local

LARGE = 1 << 30
"""Half a million drivers take about this many bytes; more is a sign that nothing is deleted."""


def local(context: Local) -> Finding:
    path = context.settings.db
    try:
        store = context.store
        if store is None:
            return skipped(f"There is no database yet; `pitboard serve` makes {path}.")
        store.ping()
    except StoreError as error:
        remedy = (
            f"Stop Pitboard and move the file away, `mv '{path}' '{path}.bad'`: a new one fills by itself."
        )
        return problem(str(error), remedy, fixable=False)
    if exposed := _exposed(path):
        return problem(
            f"Other users can read {', '.join(p.name for p in exposed)}, and the token is in there."
        )
    size = path.stat().st_size
    if size > LARGE:
        remedy = f"Stop Pitboard, then `sqlite3 '{path}' VACUUM`."
        return warning(f"{path} has grown to {size / 1e9:.1f} GB.", remedy, fixable=False)
    return ok(f"{path} is whole, private, and has {size / 1e6:.1f} MB.")


def protect(context: Local) -> str:
    exposed = _exposed(context.settings.db)
    for path in exposed:
        path.chmod(0o600)
    return f"Only you can read {', '.join(path.name for path in exposed)} now."


def _exposed(path: Path) -> list[Path]:
    if os.name != "posix":
        return []
    files = [path, *(path.with_name(path.name + tail) for tail in ("-wal", "-shm"))]
    return [f for f in files if f.exists() and f.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]


CHECK = Check(
    id="database",
    title="The database is whole and private",
    section=Section.HOST,
    symptoms=("Pitboard refuses to start and names the database", "Everything known is forgotten"),
    remedy="Make the file private with `chmod 600`.",
    local=local,
    fix=Fix("Make the database readable by you alone?", local=protect),
)
