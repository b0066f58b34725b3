"""A bare Debian in a folder, as a new host has it."""

import os
import subprocess
from pathlib import Path

from tests.support import needs

PACKAGES = ("python3", "python3-venv", "ca-certificates")


def tree(folder: Path, *more: str) -> Path:
    """Installs it into `folder`, with `more` packages, which takes a minute or two. Skips the test where that
    cannot be."""
    if os.geteuid() != 0:
        needs.miss("a Debian in a folder can be made by root only")
    debootstrap = needs.program("debootstrap")
    command = [
        debootstrap,
        "--variant=minbase",
        f"--include={','.join((*PACKAGES, *more))}",
        "bookworm",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        needs.miss(f"Debian's packages cannot be had: {done.stdout[-200:]}")
    return folder
