"""The userscript as a home hands it out: it is installed from here, and asks here.

The files are built for the local server's default address (`addon/scripts/build.mjs`). A home that is
reached elsewhere puts its own in its place: in the header, whose addresses the script manager loads, and as
the backend to ask by default.
"""

import base64
import hashlib
import ipaddress
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from urllib.parse import urlsplit

BUILT_FOR = "http://127.0.0.1:8765"
SCRIPT: Traversable = files("pitboard.addon") / "pitboard.user.js"
REQUIRED = ("pitboard-card.js", "pitboard-options.js")
"""The scripts that the first requires: the card, and the options dialog with the translations of all."""

WARNING = "Loaded without encryption: whoever is in this network can change it, also at updates."
"""Stands before the description, which script managers show when a script is installed."""

_ADDRESS = re.compile(r"https?://(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?(?:/[\w.~-]+)*", re.ASCII)


def required_for(name: str, address: str) -> bytes:
    """One of `REQUIRED` for a server at `address`: scheme, host, port, path, without a slash at the end."""
    return moved(built(name), address)


def script_for(address: str) -> bytes:
    """`pitboard.user.js` for a server at `address`; it requires what `required_for` gives, by its hash."""
    script = moved(SCRIPT.read_bytes(), address)
    if is_exposed(address):
        warned = rb"\g<0>" + WARNING.encode() + b" "
        script = re.sub(rb"^// @description +", warned, script, count=1, flags=re.MULTILINE)
    for name in REQUIRED:
        script = script.replace(integrity(built(name)), integrity(required_for(name, address)))
    return script


def built(name: str) -> bytes:
    """One of `REQUIRED` as it was built."""
    return (files("pitboard.addon") / name).read_bytes()


def is_exposed(address: str) -> bool:
    """Whether the script comes over a network without TLS: whoever is in between can change it, now and at
    each update, and it may ask any address."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not _is_this_machine(parts.hostname or "")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def integrity(script: bytes) -> bytes:
    """The fragment by which a userscript's header names the hash of a file, as Tampermonkey reads it."""
    return b"#sha256-" + base64.b64encode(hashlib.sha256(script).digest())


def moved(file: bytes, address: str) -> bytes:
    """A built file for a server at `address`; as it was built, if that is no address."""
    # a Host header is the client's: nothing but an address goes into code
    return file.replace(BUILT_FOR.encode(), address.encode()) if _ADDRESS.fullmatch(address) else file
