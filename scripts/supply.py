"""Checks what Pitboard is built from: locks with hashes, licences, known vulnerabilities.

    uv run scripts/supply.py

What is allowed is in scripts/supply.toml. The advisories come from osv.dev (uv audit) and from the npm
registry (npm audit). Where one cannot be reached, one line says so, and nothing fails.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RULES = Path(__file__).with_suffix(".toml")
NPM = ("addon", "tests/contract")
"""The folders with a package-lock.json."""

UV_AUDIT = ("uv", "audit", "--preview-features", "audit-command,json-output", "--output-format", "json")


@dataclass(frozen=True, slots=True)
class Advisory:
    """A known vulnerability of a locked package; `ids` are all the names that it has."""

    package: str
    ids: frozenset[str]
    title: str

    def __str__(self) -> str:
        return f"{self.package}: {', '.join(sorted(self.ids))}: {self.title}"


def main() -> int:
    """Runs the three checks; 0 if all are fine."""
    rules = tomllib.loads(RULES.read_text("utf-8"))
    faults = [*unlocked(), *forbidden(rules["licences"], licences())]
    faults += outstanding(rules.get("vulnerabilities", []), list(advisories()), today())
    for fault in faults:
        print(f"supply: {fault}")
    return 1 if faults else 0


def today() -> date:
    """The day of the check, UTC."""
    return datetime.now(UTC).date()


# --- locks


def unlocked() -> Iterator[str]:
    """Packages in a lock file without a hash."""
    for package in python_packages():
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        if not files or not all("hash" in file for file in files):
            yield f"uv.lock has no hash of {package['name']}"
    for folder in NPM:
        for path, package in npm_packages(folder).items():
            if not str(package.get("integrity", "")).startswith("sha512-"):
                yield f"{folder}/package-lock.json has no SHA-512 of {path}"


def python_packages() -> list[dict[str, Any]]:
    """The packages of uv.lock but for Pitboard itself."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    return [package for package in lock["package"] if "editable" not in package["source"]]


def npm_packages(folder: str) -> dict[str, dict[str, Any]]:
    """The packages of a package-lock.json by their path in node_modules, without the folder's own."""
    lock = json.loads((ROOT / folder / "package-lock.json").read_text("utf-8"))
    return {path: package for path, package in lock["packages"].items() if path}


# --- licences


def licences() -> dict[str, str]:
    """The licence of each package that is installed by uv with all groups and extras, and of each in npm's
    locks: SPDX expressions, "" where none is known."""
    environment = {"UV_PROJECT_ENVIRONMENT": str(ROOT / "build" / "environments" / "supply")}
    command = ("uv", "run", "--locked", "--all-groups", "--all-extras", "scripts/licences.py")
    done = run(*command, environment=environment)
    if done.returncode:
        raise SystemExit(f"supply: {done.stderr.strip()}")
    found: dict[str, str] = json.loads(done.stdout)
    for folder in NPM:
        for path, package in npm_packages(folder).items():
            found[f"npm:{path.rpartition('node_modules/')[2]}"] = str(package.get("license") or "")
    return found


def forbidden(rules: Mapping[str, Any], found: Mapping[str, str]) -> Iterator[str]:
    """Packages whose licence is not allowed, and entries of `said` that are not needed."""
    allowed, said = frozenset(rules["allowed"]), rules["said"]
    for name, expression in found.items():
        if is_allowed(expression, allowed):
            if name in said:
                yield f"{RULES.name} says the licence of {name} needlessly"
        elif name not in said:
            yield f"the licence of {name} is {expression or 'not known'}; look, and see {RULES.name}"
        elif not is_allowed(said[name], allowed):
            yield f"the licence of {name} is not allowed: {said[name]}"
    for name in said.keys() - found.keys():
        yield f"{RULES.name} says the licence of {name}, which is not used"


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression can be met with allowed licences: one side of each OR, both of each AND."""
    tokens = re.findall(r"[()]|[^\s()]+", expression)

    def either() -> bool:
        fine = both()
        while tokens and tokens[0].upper() == "OR":
            tokens.pop(0)
            fine = both() or fine
        return fine

    def both() -> bool:
        fine = one()
        while tokens and tokens[0].upper() in ("AND", "WITH"):
            tokens.pop(0)
            fine = one() and fine
        return fine

    def one() -> bool:
        word = tokens.pop(0) if tokens else ""
        if word != "(":
            return word in allowed
        fine = either()
        return bool(tokens) and tokens.pop(0) == ")" and fine

    return either() and not tokens


# --- vulnerabilities


def advisories() -> Iterator[Advisory]:
    """What is known of the locked packages. Says in a line which database cannot be reached."""
    yield from python_advisories()
    for folder in NPM:
        yield from npm_advisories(folder)


def python_advisories(*more: str) -> Iterator[Advisory]:
    """What osv.dev knows of the packages of uv.lock. `more` are further arguments of uv."""
    done = run(*UV_AUDIT, "--locked", *more, environment={"UV_HTTP_RETRIES": "1"})
    found = parsed(done.stdout)
    if "vulnerabilities" not in found:
        skipped("uv audit", done.stderr)
        return
    for one in found["vulnerabilities"]:
        ids = frozenset([one["id"], *one["aliases"]])
        yield Advisory(one["dependency"]["name"], ids, one["summary"] or "")


def npm_advisories(folder: str, *more: str) -> Iterator[Advisory]:
    """What the npm registry knows of the packages of a folder. `more` are further arguments of npm."""
    command = ("npm", "audit", "--package-lock-only", "--json", "--fetch-retries", "1", *more)
    done = run(*command, folder=ROOT / folder)
    found = parsed(done.stdout)
    if "vulnerabilities" not in found:
        skipped(f"npm audit in {folder}", str(found.get("message") or done.stderr))
        return
    for name, one in found["vulnerabilities"].items():
        for via in one["via"]:
            if isinstance(via, dict):  # else it is the name of a package that has an entry of its own
                yield Advisory(name, frozenset([via["url"].rpartition("/")[2]]), via["title"])


def skipped(what: str, why: str) -> None:
    """The one line about a database that cannot be reached."""
    print(f"supply: {what}: skipped, no advisory database was reached ({' '.join(why.split())[:160]})")


def outstanding(allowed: Sequence[Mapping[str, Any]], found: Sequence[Advisory], day: date) -> Iterator[str]:
    """Vulnerabilities that are not accepted on that day, and entries whose day has passed."""
    for entry in allowed:
        if entry["until"] < day:
            yield f"{entry['id']} of {entry['package']} was accepted until {entry['until']}; look again"
    accepted = {(entry["package"], entry["id"]) for entry in allowed if entry["until"] >= day}
    for one in found:
        if not any((one.package, name) in accepted for name in one.ids):
            yield f"known vulnerability: {one}"


# --- small parts


def parsed(text: str) -> dict[str, Any]:
    """A JSON object, {} for anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def run(
    *command: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs a program; one that is missing has failed."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]} was not found")


if __name__ == "__main__":
    sys.exit(main())
