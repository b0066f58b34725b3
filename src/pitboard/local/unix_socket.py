"""A Unix socket to listen on: reachable by programs on this machine that its file's permissions let in."""

import errno
import http.client
import os
import socket
import stat
from pathlib import Path

from pitboard.drivers.errors import UnreachableError
from pitboard.iracing.transport import Answer

MODE = 0o660
"""The owner and the group, to which the proxy's user has to belong."""


def listen(path: Path) -> socket.socket:
    """Listens at `path`. The file that a server left which is no more is replaced; nothing else is.

    Raises `OSError`: EADDRINUSE when a server answers there, EEXIST when something else has the name.
    """
    if is_left_over(path):
        path.unlink()
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~MODE)
    try:
        opened.bind(str(path))
        opened.listen(1024)
    except OSError:
        opened.close()
        raise
    finally:
        os.umask(before)
    return opened


def get(place: Path, target: str, seconds: float, token: str = "") -> Answer:
    """What a server that listens at `place` answers its host, who may send the status token. Raises
    `UnreachableError`."""
    connection = http.client.HTTPConnection("localhost", timeout=seconds)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(seconds)
        connection.sock.connect(str(place))
        connection.request("GET", target, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{place} does not answer: {error}.") from error
    finally:
        connection.close()


def is_one(listening: socket.socket) -> bool:
    """Whether it is a Unix socket; Windows has none."""
    return listening.family == getattr(socket, "AF_UNIX", None)


def is_left_over(path: Path) -> bool:
    """Whether there is the file of a server that is no more. Raises `OSError` as `listen` does."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "a file that is no socket has this name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return True
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
