"""Checks everything, and installs what each part needs: the one command for contributors and CI.

    uv run scripts/check.py [PART ...] [--long]

Python packages come from uv.lock, Node.js packages from npm. On Debian as root, browsers and other
programs are installed too. Elsewhere a missing program is named, and what needs it is skipped; with CI=true a
skip is a failure. This script itself needs Python and uv only.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDON = ROOT / "addon"
CONTRACT = ROOT / "tests" / "contract"
CI = os.environ.get("CI") == "true"

ALL = ("--all-groups", "--all-extras")
PYTEST = ("pytest", "-n", "4", "--dist", "loadgroup", "-q")
"""Four at a time also on two cores: most tests wait for answers more than they compute."""
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
"""Every minor version of Python that pyproject.toml claims."""

PACKAGES = {
    "chromium": "chromium",
    "firefox-esr": "firefox-esr",
    "wrk": "wrk",
    "openssl": "openssl",
    "caddy": "caddy",
    "nginx": "nginx-light",
    "systemd-analyze": "systemd",
    "pdftotext": "poppler-utils",
}
"""Programs that tests need, with Debian's package of each."""

NODE = ("node", "npm")

BESIDE = "addon"
"""The part that runs beside others when all are run."""


class End(StrEnum):
    """How a part ended."""

    FINE = "fine"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the check. It cannot run without its `programs`; some of its tests need its `wants`."""

    help: str
    run: Callable[[bool], bool]
    programs: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    """Where `npm ci` has to run first."""


def main() -> int:
    """Runs the parts that were asked for; 0 if all are fine."""
    # Each of some thousand processes would compile again what it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    chosen, long = arguments()
    parts = all_at_their_time(long) if chosen == [*PARTS] else ((name, ended(name, long)) for name in chosen)
    ends = dict(parts)
    if failed := [name for name, end in ends.items() if end is End.FAILED]:
        print(f"\nFailed: {', '.join(failed)}.")
    if skipped := [name for name, end in ends.items() if end is End.SKIPPED]:
        print(f"\nSkipped: {', '.join(skipped)}.")
    return 1 if failed else 0


def all_at_their_time(long: bool) -> Iterator[tuple[str, End]]:
    """Runs every part. `BESIDE` runs in a process of its own beside those before `tests`, which use
    both processors; its output comes when it has ended."""
    with tempfile.TemporaryFile("w+") as told:
        command = [sys.executable, __file__, BESIDE, *(["--long"] if long else [])]
        process = subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT)
        for name in PARTS:
            if name == "tests":
                failed = process.wait() != 0
                told.seek(0)
                print(said := told.read(), flush=True)
                yield BESIDE, End.FAILED if failed else End.SKIPPED if "\nSkipped: " in said else End.FINE
            if name != BESIDE:
                yield name, ended(name, long)


def arguments() -> tuple[list[str], bool]:
    """The parts to run, and whether in their long form."""
    parts = "\n".join(f"  {name:<11} {part.help}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        description="Checks everything, or the parts that are named:\n\n" + parts,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="uv run scripts/check.py [PART ...] [--long]",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="one of the parts above; all without a name")
    parser.add_argument("--long", action="store_true", help="also run the tests that take minutes")
    read = parser.parse_args()
    if unknown := [name for name in read.parts if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; parts: {', '.join(PARTS)}")
    return read.parts or list(PARTS), read.long


def ended(name: str, long: bool) -> End:
    """Runs one part, with a line before and after it."""
    print(f"\n== {name}", flush=True)
    began = time.monotonic()
    end = attempt(PARTS[name], long)
    print(f"== {name}: {end} in {time.monotonic() - began:.0f} s", flush=True)
    return end


def attempt(part: Part, long: bool) -> End:
    """Installs what the part needs, and runs it."""
    absent = install((*part.programs, *part.wants))
    if absent & {*part.programs}:
        return End.FAILED if CI else End.SKIPPED
    fine = all(packages(folder) for folder in part.folders if not absent & {*NODE})
    return End.FINE if part.run(long) and fine else End.FAILED


def install(programs: tuple[str, ...]) -> set[str]:
    """Installs the programs that are missing, where it can; gives those that still are, and names them."""
    packages = [PACKAGES[name] for name in programs if name in PACKAGES and not shutil.which(name)]
    if packages and shutil.which("apt-get") and os.name == "posix" and os.geteuid() == 0:
        print(f"Installing from Debian: {', '.join(packages)}", flush=True)
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, "fonts-dejavu-core")
    absent = {name for name in programs if not shutil.which(name)}
    if debian := sorted(PACKAGES[name] for name in absent if name in PACKAGES):
        print(f"Missing: {', '.join(debian)}. On Debian: apt-get install {' '.join(debian)}", flush=True)
    if absent & {*NODE}:
        print("Missing: Node.js with npm. Install version 22: https://nodejs.org", flush=True)
    return absent


def packages(folder: Path) -> bool:
    """Installs the npm packages of a folder, once."""
    return (folder / "node_modules").exists() or run(
        "npm", "ci", "--no-audit", "--no-fund", "--silent", cwd=folder
    )


def lint(_: bool) -> bool:
    ruff = ("--group", "lint", "ruff")
    return all([uv(*ruff, "check", "."), uv(*ruff, "format", "--check", ".")])


def types(_: bool) -> bool:
    """mypy reads the types of every package that our code imports, so all are installed."""
    return uv(*ALL, "mypy")


def rooms(_: bool) -> bool:
    return uv("--group", "lint", "lint-imports")


def supply(_: bool) -> bool:
    return uv("scripts/supply.py")


def addon(_: bool) -> bool:
    return all(run("npm", "run", part, "--silent", cwd=ADDON) for part in ("build", "check", "browsers"))


def unit(_: bool) -> bool:
    """In an environment without extras and other groups, which a contributor has at first."""
    return uv("pytest", "-n", "2", "-q", "tests/unit", environment=environment("unit"))


def pythons(_: bool) -> bool:
    """The version that `unit` runs on is left out."""
    usual = output("uv", "run", "--locked", "python", "-c", VERSION)
    words = ("-n", "2", "--hypothesis-profile=other Pythons", "tests/unit")
    others = [python for python in interpreters() if python[0] != usual]
    fine = [on(*python, *words) for python in others]
    return all(fine)


def tests(long: bool) -> bool:
    """All but the unit tests and the integration tests, which have parts of their own."""
    return uv(*ALL, *PYTEST, *shorter(long), *("--ignore=tests/unit", "--ignore=tests/integration"))


def environment(name: str) -> dict[str, str]:
    """The variable with which uv uses a virtual environment of its own, in build/environments."""
    return {"UV_PROJECT_ENVIRONMENT": str(ROOT / "build" / "environments" / name)}


def integration(long: bool) -> bool:
    """Each test once: what differs between versions of Python, mypy and the unit tests find sooner."""
    chosen = [*interpreters()][0 if long else -1 :]
    fine = [on(*python, *shorter(long), "tests/integration") for python in chosen]
    return all(fine or [False])


def on(version: str, path: str, *words: str) -> bool:
    """Runs tests on one Python, in an environment of its own. Says which and how it ended."""
    print(f"-- Python {version}: {path}, {words[-1]}", flush=True)
    done = uv("--python", path, *ALL, *PYTEST, *words, environment=environment(version))
    print(f"-- Python {version}: {'fine' if done else 'FAILED'}", flush=True)
    return done


def interpreters() -> Iterator[tuple[str, str]]:
    """Each version that is here, with an interpreter's path, the oldest first. Says which are not."""
    for version in VERSIONS:
        if path := next(filter(works, candidates(version)), None):
            yield version, path
        else:
            print(f"-- Python {version}: not found; `uv python install {version}`", flush=True)


VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def candidates(version: str) -> Iterator[str]:
    """Where an interpreter may be: uv's and the system's, then pyenv's, which uv does not look for."""
    if found := output("uv", "python", "find", "--no-project", "--no-python-downloads", version):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True))


def works(python: str) -> bool:
    """Whether an interpreter has SQLite and TLS. Says so if not."""
    fine = output(python, "-c", "import sqlite3, ssl; print(1)") == "1"
    if not fine:
        print(f"-- {python} has no sqlite3 or ssl", flush=True)
    return fine


def shorter(long: bool) -> tuple[str, ...]:
    """Leaves out the tests that take minutes."""
    return () if long else ("-m", "not long")


def uv(*command: str, environment: dict[str, str] | None = None) -> bool:
    """Runs a Python program, with its packages in the versions of uv.lock."""
    return run("uv", "run", "--locked", *command, environment=environment)


def output(*command: str) -> str:
    """What a program prints; nothing if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def run(*command: str, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> bool:
    """Runs a program, its output shown; whether it ended well."""
    try:
        return (
            subprocess.run(command, cwd=cwd, env=os.environ | (environment or {}), check=False).returncode
            == 0
        )
    except FileNotFoundError:
        print(f"{command[0]} was not found; install it and run this again.")
        return False


PARTS = {
    "lint": Part("ruff's rules and its format", lint),
    "types": Part("mypy, strict", types),
    "rooms": Part("which package may import which", rooms),
    "supply": Part("locks with hashes, licences, known vulnerabilities", supply),
    "addon": Part(
        "the addon: types, lint, unit tests, Mozilla's linter, sizes, both browsers",
        addon,
        programs=(*NODE, "chromium", "firefox-esr", "pdftotext"),
        folders=(ADDON,),
    ),
    "unit": Part("the unit tests as `uv run pytest tests/unit` runs them, with few packages", unit),
    "pythons": Part("the unit tests on the other Pythons that are here", pythons),
    "tests": Part(
        "all tests but those of `unit` and `integration`",
        tests,
        wants=(*NODE, *PACKAGES),
        folders=(ADDON, CONTRACT),
    ),
    "integration": Part(
        "the integration tests, on the newest Python that is here (--long: on each)",
        integration,
        wants=(*NODE, *PACKAGES),
        folders=(ADDON, CONTRACT),
    ),
}

if __name__ == "__main__":
    sys.exit(main())
