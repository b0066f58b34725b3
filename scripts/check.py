"""Checks everything, and installs what the checks need: the one command for contributors and CI.

    uv run --all-groups --all-extras scripts/check.py [PART ...] [--long]

Parts: lint, types, rooms, addon, tests (all of them without a name). `--long` adds the tests that take
minutes (an AWS emulator that deploys and runs the stack); with CI=true they run in their short form.
On Debian as root, Chromium, Firefox and wrk are installed from Debian's packages if they are missing;
elsewhere the tests that need them are skipped with a line that says so, and CI fails on such a skip.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
ADDON = ROOT / "addon"
DEBIAN = {"chromium": "chromium", "firefox-esr": "firefox-esr", "wrk": "wrk", "openssl": "openssl"}


def main() -> int:
    """Runs the parts that were asked for; 0 if all are fine."""
    asked = [a for a in sys.argv[1:] if not a.startswith("-")]
    if unknown := set(asked) - PARTS.keys():
        print(f"There is no part {', '.join(sorted(unknown))}. Parts: {', '.join(PARTS)}.")
        return 2
    install()
    failed = []
    for name in asked or PARTS:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        fine = PARTS[name]()
        print(f"== {name}: {'fine' if fine else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
        failed += [] if fine else [name]
    if failed:
        print(f"\nFailed: {', '.join(failed)}.")
    return 1 if failed else 0


def install() -> None:
    """Brings what the tests need and Python cannot: browsers, a load generator, the addon's build tools."""
    missing = [package for program, package in DEBIAN.items() if not shutil.which(program)]
    if missing and shutil.which("apt-get") and os.name == "posix" and os.geteuid() == 0:
        print(f"Installing from Debian: {', '.join(missing)}", flush=True)
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, "fonts-dejavu-core")
    elif missing:
        print(f"Missing: {', '.join(missing)}. Tests that need them will be skipped.", flush=True)
    for folder in (ADDON, ROOT / "infra", ROOT / "tests" / "contract"):
        if (folder / "package-lock.json").exists() and not (folder / "node_modules").exists():
            run("npm", "ci", "--no-audit", "--no-fund", "--silent", cwd=folder)


def lint() -> bool:
    """ruff's rules and its format."""
    return all([run("ruff", "check", "."), run("ruff", "format", "--check", ".")])


def types() -> bool:
    """mypy, strict."""
    return run("mypy")


def rooms() -> bool:
    """Who may import whom."""
    return run("lint-imports")


def addon() -> bool:
    """The addon: types, lint, unit tests, the shop's linter, sizes, and both browsers."""
    return all(run("npm", "run", part, "--silent", cwd=ADDON) for part in ("build", "check", "browsers"))


def tests() -> bool:
    """pytest. In CI and without --long, without the tests that take minutes."""
    long = "--long" in sys.argv
    chosen = [] if long else ["-m", "not long"]
    return run(sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-q", *chosen)


def run(*command: str, cwd: Path = ROOT) -> bool:
    """Runs a program, its output shown; whether it ended well."""
    try:
        return subprocess.run(command, cwd=cwd, check=False).returncode == 0
    except FileNotFoundError:
        print(f"{command[0]} was not found; install it and run this again.")
        return False


PARTS: dict[str, Callable[[], bool]] = {
    "lint": lint,
    "types": types,
    "rooms": rooms,
    "addon": addon,
    "tests": tests,
}

if __name__ == "__main__":
    sys.exit(main())
