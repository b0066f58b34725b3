"""Files and folders that only their owner may read, whatever the umask says."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_folder(path: Path) -> None:
    """Makes a folder and those above it that are missing, all for the owner alone. Raises OSError.

    `Path.mkdir` gives its mode to the last folder only.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)


def is_exposed(path: Path) -> bool:
    """Whether there is a file that other users of this machine may read or write (not known in Windows)."""
    try:
        return os.name == "posix" and path.is_file() and bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False


def tighten(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Takes the other users' rights away; gives the files that are private now, and those that cannot be
    made so (they are another user's)."""
    done: list[Path] = []
    failed: list[Path] = []
    for path in filter(is_exposed, paths):
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)
        except OSError:
            failed.append(path)
        else:
            done.append(path)
    return done, failed
