"""Room for the database: SQLite needs as much again as the file has when it tidies up."""

import shutil

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.doctor.local import Local

LEAST = 100_000_000


def local(context: Local) -> Finding:
    folder = context.settings.db.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    size = context.settings.db.stat().st_size if context.settings.db.exists() else 0
    needed = max(LEAST, size)
    if free < needed:
        return problem(f"{folder} has {free / 1e6:.0f} MB free; the database needs {needed / 1e6:.0f} MB.")
    return ok(f"{folder} has {free / 1e9:.1f} GB free.")


CHECK = Check(
    id="disk",
    title="There is room on the disk",
    section=Section.HOST,
    symptoms=("Errors say that the database or disk is full", "Nothing new is remembered"),
    remedy="Free some space, or set PITBOARD_DB to a path on a larger disk.",
    local=local,
)
