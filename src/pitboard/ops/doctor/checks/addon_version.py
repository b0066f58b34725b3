"""The userscript that this server hands out must be of the server's own version."""

import re

from pitboard import __version__
from pitboard.local.server import USERSCRIPT
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.doctor.local import Local


def local(_: Local) -> Finding:
    return compare(USERSCRIPT.read_text(encoding="utf-8") if USERSCRIPT.is_file() else "")


def compare(userscript: str) -> Finding:
    """Compares the script's `@version` with ours."""
    if not userscript:
        return skipped("No userscript is built in.")
    found = re.search(r"^//\s*@version\s+(\S+)", userscript, re.MULTILINE)
    theirs = found.group(1) if found else "none"
    if theirs != __version__:
        return problem(f"The addon has version {theirs}, the server {__version__}.")
    return ok(f"Addon and server both have version {__version__}.")


CHECK = Check(
    id="addon-version",
    title="Addon and server are of one version",
    section=Section.HOST,
    symptoms=(
        "The addon shows less than the server knows",
        "After an update nothing has changed in the forum",
    ),
    remedy="Install the userscript anew from /pitboard.user.js, in a clone after `pitboard addon build`.",
    local=local,
)
