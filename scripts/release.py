"""Makes everything of a release, twice, and compares: on GitHub for a tag, anywhere else as a dry run.

    uv run scripts/release.py [--tag v1.2.3] [--out FOLDER] [--no-image] [--base IMAGE]

FOLDER (build/release) then has the wheel, the source archive, the zips of the extension, the userscript, the
unit and the proxies' recipes, the image for each platform, the bill of materials, SHA256SUMS and
provenance.json. Nothing is uploaded. Needs Node.js with npm, and buildah for the image. buildah reads
BUILDAH_ISOLATION and STORAGE_DRIVER.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDON = ROOT / "addon"
BUILT = ROOT / "src" / "pitboard" / "addon"
CHANGES = ROOT / "CHANGELOG.md"
HOSTING = ROOT / "hosting"
HOSTED = ("pitboard.service", "pitboard.sh", "Caddyfile", "nginx.conf")
"""What docs/HOSTING.md wants beside the wheel."""

PLATFORMS = ("linux/amd64", "linux/arm64")


class ReleaseError(Exception):
    """Why there can be no release: one sentence."""


def main() -> int:
    """Makes the release; 0 if everything was made, was equal twice, and fits the tag."""
    read = arguments()
    try:
        release(read.tag, read.out, read.platforms if read.image else (), read.base)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tag", default="", help="the tag that is released, such as v1.2.3")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "release", help="folder to make anew")
    parser.add_argument("--no-image", dest="image", action="store_false", help="leave the image out")
    parser.add_argument("--base", default="", help="base image instead of the Containerfile's")
    parser.add_argument("--platforms", nargs="+", default=PLATFORMS, help="platforms of the image")
    return parser.parse_args()


def release(tag: str, out: Path, platforms: Sequence[str], base: str) -> None:
    """Everything, in the order in which one thing needs the other. Raises `ReleaseError`."""
    version = checked_version(tag)
    twice(lambda folder: packages(folder, version), out)
    images(out, version, platforms, base)
    names = sorted(path.name for path in out.iterdir())
    sums = {name: digest(out / name) for name in names}
    (out / "SHA256SUMS").write_text("".join(f"{sums[name]}  {name}\n" for name in names), "utf-8")
    (out / "provenance.json").write_text(json.dumps(provenance(sums, tag), indent=2) + "\n", "utf-8")
    for name in (*names, "SHA256SUMS", "provenance.json"):
        print(f"{(out / name).stat().st_size:>12,}  {out / name}")


def checked_version(tag: str) -> str:
    """The version, which stands at several places, in the tag too. A tag needs a date in the changelog."""
    version = str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])
    addon_version = json.loads((ADDON / "package.json").read_text("utf-8"))["version"]
    heading = re.search(rf"^## {re.escape(version)} \((.+)\)$", CHANGES.read_text("utf-8"), re.MULTILINE)
    if addon_version != version:
        raise ReleaseError(f"pyproject.toml has version {version}, addon/package.json {addon_version}.")
    if heading is None:
        raise ReleaseError(f"CHANGELOG.md has no heading `## {version} (DATE)`.")
    if tag and tag != f"v{version}":
        raise ReleaseError(f"The tag is {tag}, the version {version}.")
    if tag and not re.fullmatch(r"\d{4}-\d\d-\d\d", heading[1]):
        raise ReleaseError(f"CHANGELOG.md says {heading[1]} of {version}; a release has its date there.")
    return version


def addon() -> None:
    """Builds the addon. What is committed of it must be what was built."""
    if not (ADDON / "node_modules").exists():
        run("npm", "ci", "--no-audit", "--no-fund", "--silent", cwd=ADDON)
    before = {path.name: path.read_bytes() for path in BUILT.glob("pitboard*.*")}
    run("npm", "run", "build", "--silent", cwd=ADDON)
    if changed := [name for name, content in before.items() if (BUILT / name).read_bytes() != content]:
        raise ReleaseError(f"The addon's build changed {', '.join(changed)}: commit that first.")


def packages(out: Path, version: str) -> None:
    """What has equal bytes each time: wheel, source archive, zips, userscript, recipes, bill of materials."""
    addon()
    run("uv", "build", "--quiet", "--out-dir", str(out))
    (out / ".gitignore").unlink(missing_ok=True)
    for browser in ("chromium", "firefox"):
        name = f"pitboard-{browser}-{version}.zip"
        shutil.copyfile(ADDON / "dist" / name, out / name)
    for path in (*BUILT.glob("pitboard*.js"), *(HOSTING / name for name in HOSTED)):
        shutil.copyfile(path, out / path.name)
    run(sys.executable, "scripts/sbom.py", str(out / f"pitboard-{version}.cdx.json"))


def twice(make: Callable[[Path], None], out: Path) -> None:
    """Makes a folder anew, and once more elsewhere: every file has the same bytes."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    make(out)
    with tempfile.TemporaryDirectory() as again:
        make(Path(again))
        first, second = contents(out), contents(Path(again))
    if different := sorted(name for name in first | second if first.get(name) != second.get(name)):
        raise ReleaseError(f"Two builds differ: {', '.join(different)}.")


def contents(folder: Path) -> dict[str, str]:
    """The digest of each file."""
    return {path.name: digest(path) for path in folder.iterdir()}


def images(out: Path, version: str, platforms: Sequence[str], base: str) -> None:
    """The image for each platform as an OCI archive."""
    if platforms and not shutil.which("buildah"):
        raise ReleaseError("buildah was not found; install it, or leave the image out with --no-image.")
    for platform in platforms:
        name = f"pitboard-image:{version}-{platform.rpartition('/')[2]}"
        chosen = ("--build-arg", f"BASE={base}") if base else ()
        # the format has a place for the health check, which OCI's has not
        run("buildah", "build", "--format", "docker", "--platform", platform, *chosen, "-t", name, ".")
        archive = out / f"pitboard-image-{version}-{platform.replace('/', '-')}.tar"
        run("buildah", "push", "--quiet", name, f"docker-archive:{archive}:{name}")


def provenance(sums: dict[str, str], tag: str) -> dict[str, object]:
    """Where the files come from: an in-toto statement with SLSA's provenance 1.0, not signed. GitHub signs
    one of its own for the same digests (`.github/workflows/release.yml`)."""
    environment = os.environ
    if "GITHUB_SHA" in environment:
        site, project = environment["GITHUB_SERVER_URL"], environment["GITHUB_REPOSITORY"]
        source, builder = f"git+{site}/{project}", f"{site}/{environment['GITHUB_WORKFLOW_REF']}"
    else:
        source, builder = "git+file:.", "dry run"
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": value}} for name, value in sums.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://slsa.dev/provenance/v1#uv-run-scripts-release",
                "externalParameters": {"tag": tag},
                "resolvedDependencies": [{"uri": source, "digest": {"gitCommit": commit()}}],
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }


def commit() -> str:
    """The commit that is checked out; "" without git."""
    done = subprocess.run(("git", "rev-parse", "HEAD"), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def digest(path: Path) -> str:
    """The file's SHA-256."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def run(*command: str, cwd: Path = ROOT) -> None:
    """Runs a program, its output shown. Raises `ReleaseError` if it fails."""
    print(f"-- {' '.join(command[:4])}", flush=True)
    try:
        code = subprocess.run(command, cwd=cwd, check=False).returncode
    except FileNotFoundError:
        raise ReleaseError(f"{command[0]} was not found; install it and run this again.") from None
    if code:
        raise ReleaseError(f"`{' '.join(command[:4])}` failed.")


if __name__ == "__main__":
    sys.exit(main())
