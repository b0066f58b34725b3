"""Free space for the database: to compact its file, SQLite needs as much space again."""

import shutil

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.doctor.local_environment import LocalEnvironment

LEAST = 100_000_000


def local(environment: LocalEnvironment) -> Finding:
    folder = environment.folder
    free = shutil.disk_usage(folder).free
    size = environment.settings.db.stat().st_size if environment.settings.db.exists() else 0
    needed = max(LEAST, size)
    if free < needed:
        return problem(f"{folder} has {free / 1e6:.0f} MB free; the database needs {needed / 1e6:.0f} MB.")
    return ok(f"{folder} has {free / 1e9:.1f} GB free.")


CHECK = Check(
    id="disk",
    title="The disk has free space",
    section=Section.HOST,
    symptoms=("Errors say that the database or disk is full", "New drivers are not kept"),
    remedy="Free some space, or set PITBOARD_DB to a path on a larger disk.",
    local=local,
)
