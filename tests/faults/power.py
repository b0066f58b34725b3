"""A power loss, simulated: the files of a database are put back to what they were at their last fsync."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = 4096


def compiled(folder: Path) -> Path | None:
    """The library that copies files at each fsync; None where there is no C compiler (or no Linux)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or sys.platform != "linux":
        return None
    library = folder / "durable.so"
    source = Path(__file__).with_name("durable.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def lose_power(db: Path, durable: Path, rng: random.Random) -> None:
    """Puts the database and its log back to the copies in `durable`. Of the pages written since then some are
    kept by chance. Nobody has the files open."""
    for name in (db.name, f"{db.name}-wal"):
        kept, used = durable / name, db.with_name(name)
        if not kept.exists():
            used.write_bytes(b"")
        elif used.exists():
            used.write_bytes(_mixed(kept.read_bytes(), used.read_bytes(), rng))
        else:
            shutil.copy(kept, used)
        shutil.copy(used, kept)  # what is found after the loss is on the disk
    db.with_name(f"{db.name}-shm").unlink(missing_ok=True)


def _mixed(kept: bytes, written: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return kept
    # A log never shrinks: a shorter one is another file, made when the last process had deleted the first. On
    # no disk do two files mix: half of the first one's log, played over what came later, damages a database.
    if len(written) < len(kept):
        return written
    size = len(written) if rng.random() < 0.5 else len(kept)
    pages = [
        (written if rng.random() < 0.5 else kept)[at : at + PAGE].ljust(min(PAGE, size - at), b"\0")
        for at in range(0, size, PAGE)
    ]
    return b"".join(pages)[:size]
