"""The functions' package, built without Docker: what uv installs for the target, and our own code.

All functions share it; only their handlers differ. ir-addon has one of its own, so that the files that it
hands out are in no other. Bytecode is compiled with the target's Python and
never checked against the sources: CDK sets all times in the package to 1980, so a check by time would
fail, and each cold start would compile everything again.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from infra.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "lambda"

NEEDED = ("botocore", "starlette", "urllib3")
"""What the entry points import. uv adds their dependencies, in the versions of uv.lock."""

OURS = (
    "aws",
    "drivers",
    "http",
    "iracing",
    "stores",
    "telemetry",
    "__init__.py",
    "private.py",
    "settings.py",
)

ADDON = ("addon",)
"""What is in the package of ir-addon, too."""

OPERATIONS = {
    "codedeploy": ("PutLifecycleEventHookExecutionStatus",),
    "dynamodb": ("BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Scan"),
    "lambda": ("Invoke",),
    "secretsmanager": ("GetSecretValue",),
    "sqs": ("SendMessage",),
}
"""What the functions call. botocore's descriptions of all else are left out: they take 25 MB, and each client
reads the whole description of its service when it is made."""

PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}


@dataclass(frozen=True, slots=True)
class Package:
    """A built package. `digest` names its content for CDK, `size` is its bytes, unpacked."""

    path: Path
    digest: str
    size: int


def build(python: str, architecture: str, limit: int, also: tuple[str, ...] = ()) -> Package:
    """Builds the package, or finds it built already. `python` is "3.13" and the like, `also` names rooms that
    it has beside `OURS`.

    Raises `ConfigError` when it is larger than `limit` bytes, and when uv or that Python is missing.
    """
    target, files = "-".join((*also, python, architecture, "")), _our_files(also)
    path = BUILT / f"{target}{_recipe(python, architecture, files)[:16]}"
    if not path.is_dir():
        _clear(BUILT, target)
        work = path.with_name(f"{path.name}.{os.getpid()}")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        _install(work, python, architecture)
        _prune(work)
        _copy(files, work)
        compile_all(work, python)
        _move(work, path)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    print(f"Lambda package: {size:,} bytes unpacked, limit {limit:,}.", file=sys.stderr)
    if size > limit:
        raise ConfigError(f"The Lambda package has {size:,} bytes unpacked; the limit is {limit:,}.")
    return Package(path, _digest(path, python, architecture), size)


def _digest(path: Path, python: str, architecture: str) -> str:
    """Names what is in a built package, so that CDK makes a new version when that changes and not when
    something else does, such as a tool for developers in uv.lock: Lambda refuses a second version of the same
    code and settings. Bytecode follows from its source; installers' notes are not code.
    """
    digest = hashlib.sha256(f"{python} {architecture}".encode())
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        if file.is_file() and file.suffix != ".pyc" and not name.parts[0].endswith(".dist-info"):
            digest.update(f"{name.as_posix()} {file.stat().st_size}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _recipe(python: str, architecture: str, files: Sequence[Path]) -> str:
    """Names what a package is made of: it is built once for each recipe."""
    digest = hashlib.sha256(f"{python} {architecture}".encode())
    for file in (Path(__file__), ROOT / "uv.lock", *files):
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _our_files(also: tuple[str, ...]) -> list[Path]:
    """The files of our rooms; of those in `also` what they hand out, too."""
    source = ROOT / "src" / "pitboard"
    found = (path.rglob("*.py") if path.is_dir() else [path] for path in (source / part for part in OURS))
    more = (file for room in also for file in (source / room).rglob("*") if "__pycache__" not in file.parts)
    return sorted(file for file in chain(*found, more) if file.is_file())


def _install(target: Path, python: str, architecture: str) -> None:
    """Installs copies: with uv's links, `_prune` would change uv's cache and all environments."""
    # `target` ends with this process' id: others may build the same package at this moment.
    versions, needed = (target.with_name(f"{target.name}.{what}.txt") for what in ("versions", "needed"))
    try:
        uv("export", "--locked", "--no-emit-project", "--extra", "aws", "-o", str(versions))
        needed.write_text(pinned(versions.read_text("utf-8")), "utf-8")
        install(target, needed, versions, python, architecture)
    finally:
        versions.unlink(missing_ok=True)
        needed.unlink(missing_ok=True)


def pinned(exported: str) -> str:
    """The lines of `NEEDED`, with version and hashes, out of what `uv export` gives."""
    entries = {
        found[1]: found[0] for found in re.finditer(r"^([a-z0-9-]+)==.*(?:\n +--hash.*)+", exported, re.M)
    }
    if missing := set(NEEDED) - entries.keys():
        raise ConfigError(f"uv.lock has no version of {', '.join(sorted(missing))}.")
    return "\n".join(entries[name] for name in NEEDED) + "\n"


def install(target: Path, needed: Path, versions: Path, python: str, architecture: str) -> None:
    """Installs wheels whose hashes are those of `versions`, dependencies too. Raises `ConfigError`."""
    uv(
        *("pip", "install", "--require-hashes", "--target", str(target)),
        *("--requirements", str(needed), "--constraints", str(versions)),
        *("--python-version", python, "--python-platform", PLATFORMS[architecture]),
        *("--only-binary", ":all:", "--no-compile", "--link-mode", "copy"),
    )


def uv(*arguments: str) -> None:
    """Runs uv in the checkout. Raises `ConfigError` with its message when it fails, or when it is missing."""
    if not (program := shutil.which("uv")):
        raise ConfigError("uv is missing; it builds the Lambda package: see https://docs.astral.sh/uv/.")
    done = subprocess.run(
        [program, "--quiet", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigError(f"uv could not build the Lambda package: {done.stderr.strip()}")


def _prune(target: Path) -> None:
    """Removes what no function reads: descriptions of other services, endpoints and operations, examples,
    paginators, waiters and documentation. botocore parses what is left at each cold start."""
    data = target / "botocore" / "data"
    endpoints = json.loads((data / "endpoints.json").read_text("utf-8"))
    for partition in endpoints["partitions"]:
        partition["services"] = {k: v for k, v in partition["services"].items() if k in OPERATIONS}
    _write_json(data / "endpoints.json", endpoints)
    for service in [path for path in data.iterdir() if path.is_dir()]:
        for old in sorted(path for path in service.iterdir() if path.is_dir())[:-1]:
            shutil.rmtree(old)
        if service.name in OPERATIONS:
            _prune_service(service, OPERATIONS[service.name])
        else:
            shutil.rmtree(service)
    shutil.rmtree(target / "bin", ignore_errors=True)


def _prune_service(service: Path, operations: Sequence[str]) -> None:
    """Leaves a service's description with these operations and what they need, and its endpoints."""
    for file in [path for path in service.rglob("*") if path.is_file()]:
        if file.name.startswith("service-2.sdk-extras"):
            continue
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        file.unlink()
        if file.name == "service-2.json.gz":
            _write_json(file.with_suffix(""), described(json.loads(text), operations))
        elif file.name == "endpoint-rule-set-1.json.gz":
            file.with_suffix("").write_bytes(text)


def described(service: dict[str, Any], operations: Sequence[str]) -> dict[str, Any]:
    """A service's description with these operations alone, the shapes that they use, and no documentation."""
    kept = {name: service["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    wanted = list(_shapes_in(kept))
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = service["shapes"][name]
            wanted += _shapes_in(shapes[name])
    pruned: dict[str, Any] = _undocumented({**service, "operations": kept, "shapes": shapes})
    return pruned


def _shapes_in(value: Any) -> Iterator[str]:
    """The names of shapes that a part of a description refers to."""
    if isinstance(value, dict):
        if isinstance(name := value.get("shape"), str):
            yield name
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _shapes_in(item)


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, separators=(",", ":")), "utf-8")


def _undocumented(value: Any) -> Any:
    """A service's description without its documentation."""
    if isinstance(value, list):
        return [_undocumented(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _undocumented(item)
        for key, item in value.items()
        if not (key == "documentation" and isinstance(item, str))
    }


def _copy(files: Sequence[Path], target: Path) -> None:
    for file in files:
        copy = target / file.relative_to(ROOT / "src")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def compile_all(target: Path, python: str) -> None:
    """Compiles every module; the bytecode is valid whatever the times of the files. Raises `ConfigError`."""
    command = [interpreter(python), "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    if subprocess.run([*command, "-s", str(target), str(target)], check=False).returncode:
        raise ConfigError("A module of the Lambda package could not be compiled.")


@cache
def interpreter(python: str) -> str:
    """The path of a Python of that version; its bytecode fits no other. Raises `ConfigError`."""
    found = [sys.executable, shutil.which(f"python{python}") or ""]
    if program := shutil.which("uv"):
        asked = [program, "python", "find", "--no-project", python]
        found.append(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip())
    found += map(str, sorted(Path.home().glob(f".pyenv/versions/{python}.*/bin/python")))
    for path in filter(None, found):
        code = "import sys; print('{}.{}'.format(*sys.version_info))"
        said = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False).stdout
        if said.strip() == python:
            return path
    raise ConfigError(f"Python {python} is missing; it compiles the package: `uv python install {python}`.")


def _move(work: Path, path: Path) -> None:
    """Moves the finished package to its place, unless another process has put the same package there."""
    try:
        work.rename(path)
    except OSError:
        if not path.is_dir():
            raise
        shutil.rmtree(work)


def _clear(folder: Path, prefix: str) -> None:
    """Deletes packages of the same target that were built more than an hour ago and are no longer in use."""
    for old in folder.glob(f"{prefix}*"):
        if time.time() - old.stat().st_mtime > 3600:
            shutil.rmtree(old, ignore_errors=True)
