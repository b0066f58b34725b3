"""Writes the software bill of materials, CycloneDX 1.5 in JSON: every locked package with its hashes.

    uv run scripts/sbom.py OUT

`scope` says what a package is for: `required` is installed with Pitboard, `optional` with one of its extras,
`excluded` only builds or tests it. The addon and the userscript contain no package: all of npm's are
`excluded`. The same lock files and version make the same bytes; SOURCE_DATE_EPOCH (seconds) sets a time.
"""

import base64
import json
import os
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.supply import NPM, ROOT, npm_packages, run

EXPORT = ("uv", "export", "--locked", "--quiet", "--format", "cyclonedx1.5")
REQUIRED = ("--no-default-groups",)
OPTIONAL = ("--no-default-groups", "--all-extras")
ALL = ("--all-groups", "--all-extras")


def main() -> int:
    """Writes the document to the path that is the one argument."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: uv run scripts/sbom.py OUT", file=sys.stderr)
        return 2
    out = Path(sys.argv[1])
    made = document()
    out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print(f"{out}: {len(made['components'])} components")
    return 0


def document() -> dict[str, Any]:
    """The bill of materials, JSON-ready."""
    whole = exported(*ALL)
    required, optional = (
        {component["purl"] for component in exported(*which)["components"]} for which in (REQUIRED, OPTIONAL)
    )
    said = licences()
    components = []
    for component in whole["components"]:
        purl = component["purl"]
        scope = "required" if purl in required else "optional" if purl in optional else "excluded"
        components.append(component | {"scope": scope, **licensed(said.get(component["name"], ""))})
    components += npm_components()
    whole["components"] = sorted(components, key=lambda component: str(component["bom-ref"]))
    whole["metadata"] = metadata(whole["metadata"])
    del whole["serialNumber"]
    name = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(whole, sort_keys=True))
    return {"bomFormat": whole.pop("bomFormat"), "serialNumber": f"urn:uuid:{name}", **whole}


def metadata(exported: dict[str, Any]) -> dict[str, Any]:
    """Who made it from what: without the time, unless one is set."""
    kept = {key: value for key, value in exported.items() if key != "timestamp"}
    kept["component"] |= {"type": "application", **licensed("MIT")}
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        kept["timestamp"] = datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return kept


def exported(*which: str) -> dict[str, Any]:
    """What uv.lock has for these groups and extras, as uv writes it."""
    found: dict[str, Any] = json.loads(printed(*EXPORT, *which))
    return found


def licences() -> dict[str, str]:
    """The licences of what is installed with Pitboard and its extras, on this system."""
    environment = {"UV_PROJECT_ENVIRONMENT": str(ROOT / "build" / "environments" / "sbom")}
    command = ("uv", "run", "--locked", *OPTIONAL, "scripts/licences.py")
    found: dict[str, str] = json.loads(printed(*command, environment=environment))
    return found


def licensed(expression: str) -> dict[str, Any]:
    """A component's field for its licence."""
    return {"licenses": [{"expression": expression}]} if expression else {}


def npm_components() -> Iterator[dict[str, Any]]:
    """The packages that build and test the addon, each version once."""
    seen = set[str]()
    for folder in NPM:
        for path, package in npm_packages(folder).items():
            name, version = path.rpartition("node_modules/")[2], package["version"]
            purl = f"pkg:npm/{quote(name, safe='/')}@{version}"
            if purl in seen:
                continue
            seen.add(purl)
            algorithm, _, digest = package["integrity"].partition("-")
            yield {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "scope": "excluded",
                "hashes": [
                    {"alg": algorithm.replace("sha", "SHA-"), "content": base64.b64decode(digest).hex()}
                ],
                **licensed(str(package.get("license") or "")),
                "purl": purl,
            }


def printed(*command: str, environment: dict[str, str] | None = None) -> str:
    """What a program prints; ends with its message if it fails."""
    done = run(*command, environment=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
