"""Which process of this machine holds a lease, and whether it still lives.

A mark has the machine, the process and a random part: `host!namespace!4711!9f3c...`. A process that was
started anew may have the id of the one before it (in a container it often is 1), hence the random part.
"""

import os
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path

_PARTS = 4


def _machine() -> str:
    """This machine, and in Linux the container: process ids mean nothing outside of it."""
    space = ""
    with suppress(OSError):
        space = Path("/proc/self/ns/pid").readlink().name
    return f"{socket.gethostname()}!{space}".replace("/", "")


_nonce = (0, "")


def mark() -> str:
    """This process. A forked child has a mark of its own."""
    global _nonce
    if _nonce[0] != os.getpid():
        _nonce = (os.getpid(), secrets.token_hex(6))
    return f"{_machine()}!{_nonce[0]}!{_nonce[1]}"


def is_dead(owner: str) -> bool:
    """Whether `owner`, which begins with a mark and perhaps a slash and more, was of this machine and lives
    no more. False when that cannot be known."""
    theirs, _, _ = owner.partition("/")
    if theirs.count("!") != _PARTS - 1 or theirs == mark():
        return False
    machine, process, _ = theirs.rsplit("!", 2)
    if machine != _machine() or not process.isdecimal():
        return False
    return int(process) == os.getpid() or not _lives(int(process))


def _lives(process: int) -> bool:
    if sys.platform == "win32":
        return _lives_in_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's
        return True
    return True


def _lives_in_windows(process: int) -> bool:
    """In Windows `os.kill` would end it. Source: Microsoft's pages on OpenProcess and WaitForSingleObject."""
    if sys.platform != "win32":
        return True
    import ctypes

    synchronize, no_such_process, still_running = 0x00100000, 87, 0x102
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle = kernel.OpenProcess(synchronize, False, process)
    if not handle:
        return ctypes.get_last_error() != no_such_process
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == still_running)
    finally:
        kernel.CloseHandle(handle)
