"""The extension as a home hands it out: it asks here, and needs no permission of the reader for that.

The zips are built for the local server's default address (`addon/scripts/build.mjs`). As in the userscript, a
home that is reached elsewhere puts its own address in its place.
"""

import io
import json
import zipfile
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from urllib.parse import urlsplit

from pitboard.addon.userscript import BUILT_FOR, moved

BROWSERS = ("chromium", "firefox")
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can name: equal files give equal bytes."""


def package(browser: str) -> Traversable:
    """The zip for one of `BROWSERS`, as it was built."""
    return files("pitboard.addon") / f"pitboard-{browser}.zip"


@lru_cache(maxsize=8)
def zip_for(browser: str, address: str) -> bytes:
    """The zip for a server at `address`: scheme, host, port and path, without a slash at the end."""
    built = package(browser).read_bytes()
    if moved(BUILT_FOR.encode(), address) == BUILT_FOR.encode():
        return built
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(built)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, _EARLIEST)
            new.writestr(entry, _file_for(name, old.read(name), address), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _file_for(name: str, content: bytes, address: str) -> bytes:
    if name.endswith(".js"):
        return moved(content, address)
    return _may_ask(content, address) if name == "manifest.json" else content


def _may_ask(manifest: bytes, address: str) -> bytes:
    """The manifest with the server's host among those that the extension may ask; a pattern has no port."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    read = json.loads(manifest)
    read["host_permissions"] = list(dict.fromkeys([*read["host_permissions"], f"{parts.scheme}://{host}/*"]))
    return f"{json.dumps(read, indent=2, ensure_ascii=False)}\n".encode()
