"""The userscript that this server serves must have the server's version and load its other scripts."""

import re
from collections.abc import Mapping

from pitboard import __version__
from pitboard.addon.userscript import REQUIRED, SCRIPT, built, integrity
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.doctor.local_environment import LocalEnvironment


def local(_: LocalEnvironment) -> Finding:
    script = SCRIPT.read_text(encoding="utf-8") if SCRIPT.is_file() else ""
    return compare(script, {name: built(name) for name in REQUIRED} if script else {})


def compare(userscript: str, required: Mapping[str, bytes]) -> Finding:
    """Compares the script's `@version` with ours, and the scripts whose hashes it names with `required`."""
    if not userscript:
        return skipped("No userscript is built in.")
    found = re.search(r"^//\s*@version\s+(\S+)", userscript, re.MULTILINE)
    script_version = found.group(1) if found else "none"
    if script_version != __version__:
        return problem(f"The addon has version {script_version}, the server {__version__}.")
    for name, content in required.items():
        if f"{integrity(content).decode()}\n" not in userscript:
            return problem(f"The userscript loads another {name} than the one that this server serves.")
    return ok(f"Addon and server both have version {__version__}.")


CHECK = Check(
    id="addon-version",
    title="Addon and server have the same version",
    section=Section.HOST,
    symptoms=(
        "The addon shows less than the server has",
        "After an update nothing has changed in the forum",
    ),
    remedy="Install the userscript again from /pitboard.user.js (in a clone after `pitboard addon build`).",
    local=local,
)
