"""The local home's files, and that they are private when it starts."""

import logging
from collections.abc import Callable
from pathlib import Path

from pitboard import private
from pitboard.local.credentials import default_file
from pitboard.stores.sqlite_file import is_foreign
from pitboard.telemetry.files import log_file, older_log_files

log = logging.getLogger(__name__)


def files_of(db: Path) -> list[Path]:
    """The files that there may be beside a database: its own, unless another program's has its name, the
    driver index, the log."""
    lines = log_file(db)
    endings = () if is_foreign(db) else ("", "-wal", "-shm", "-journal")
    return [
        *(db.with_name(db.name + ending) for ending in endings),
        *sorted(db.parent.glob(f"{db.stem}.index*")),
        *sorted(db.parent.glob(f"{db.stem}.members.sqlite3*")),
        *sorted(db.parent.glob(f"{db.name}.damaged-*")),
        *older_log_files(lines),
        lines,
    ]


def tighten(db: Path, tell: Callable[[str], object] = log.warning) -> None:
    """Takes other users' rights to these files and to that of the credentials away, and tells so: an older
    version, a copy or a restored backup may have left them open."""
    done, failed = private.tighten([*files_of(db), default_file()])
    for path in done:
        tell(
            f"Other users of this machine could read {path}; only you can now. If somebody else uses it,"
            " change the iRacing password and run `pitboard login`."
        )
    for path in failed:
        tell(f"Other users of this machine can read {path}, which is another user's file.")
