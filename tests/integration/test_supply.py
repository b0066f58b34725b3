"""The audit and the bill of materials with the real uv and npm, and databases on loopback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging import tags
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from scripts import sbom, supply
from tests.support import needs
from tests.support.fake_http import FakeHttp, Reply, fake_http_server

ROOT = Path(__file__).parents[2]
PYTHON, GLIBC_MINOR = (3, 13), 41
"""Of the base in the Containerfile: Debian trixie has glibc 2.41."""

NOWHERE = "http://127.0.0.1:9"
GHSA = "GHSA-aaaa-bbbb-cccc"


@pytest.fixture
def server():
    with fake_http_server() as server:
        yield server


def test_a_database_that_cannot_be_reached_is_one_line_and_no_fault(uv, capsys):
    needs.program("npm", needs.NODE)
    assert list(supply.python_advisories("--service-url", NOWHERE)) == []
    assert list(supply.npm_advisories("addon", "--registry", NOWHERE, "--fetch-retries", "0")) == []
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines] == [
        "supply: uv audit: skipped",
        "supply: npm audit in addon: skipped",
    ]


def test_a_program_that_is_missing_is_one_line_and_no_fault(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")
    assert list(supply.advisories()) == []
    assert capsys.readouterr().out.count("npm was not found") == len(supply.NPM)


def test_what_the_python_database_knows_is_found(uv, server: FakeHttp):
    known = {"id": GHSA, "modified": "2026-01-01T00:00:00Z"}
    rest: list[dict[str, object]] = [{}] * (len(supply.python_packages()) - 1)
    server.on("/v1/querybatch", Reply(json={"results": [{"vulns": [known]}, *rest]}))
    server.on(f"/v1/vulns/{GHSA}", Reply(json={**known, "aliases": ["CVE-2026-1"], "summary": "Bad"}))
    (found,) = supply.python_advisories("--service-url", server.url)
    assert found.ids == {GHSA, "CVE-2026-1"}
    assert found.title == "Bad"
    assert found.package in {package["name"] for package in supply.python_packages()}


def test_what_the_npm_registry_knows_is_found(server: FakeHttp):
    needs.program("npm", needs.NODE)
    known = {
        "id": 1,
        "url": f"https://github.com/advisories/{GHSA}",
        "title": "Bad",
        "severity": "high",
        "vulnerable_versions": "<99",
    }
    server.on("/-/npm/v1/security/advisories/bulk", Reply(json={"esbuild": [known]}))
    found = list(supply.npm_advisories("addon", "--registry", server.url))
    assert [(one.package, one.ids, one.title) for one in found] == [("esbuild", frozenset({GHSA}), "Bad")]


def test_the_bill_of_materials_has_every_locked_package_with_hashes_and_what_it_is_for(uv, tmp_path):
    first, second = (made(tmp_path / name) for name in ("a.json", "b.json"))
    assert first == second, "the same lock files make the same bytes"
    bom = json.loads(first)
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    assert bom["metadata"]["component"]["name"] == "pitboard"
    components = {component["bom-ref"]: component for component in bom["components"]}
    assert len(components) == len(bom["components"])
    locked = {f"pkg:pypi/{package['name']}@{package['version']}" for package in supply.python_packages()}
    purls = {component["purl"].partition("?")[0] for component in components.values()}
    assert locked <= purls
    scope = {component["name"]: component["scope"] for component in components.values()}
    assert (scope["starlette"], scope["boto3"], scope["pytest"]) == ("required", "optional", "excluded")
    assert scope["esbuild"] == "excluded"
    for component in components.values():
        files = component.get("externalReferences", [component])
        assert all(file["hashes"] for file in files), component["name"]
    licences = {c["name"]: c["licenses"] for c in components.values() if "licenses" in c}
    assert licences["starlette"] == [{"expression": "BSD-3-Clause"}]
    assert licences["boto3"] == [{"expression": "Apache-2.0"}]
    for dependency in bom["dependencies"]:
        known = components.keys() | {bom["metadata"]["component"]["bom-ref"]}
        assert {dependency["ref"], *dependency.get("dependsOn", ())} <= known


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_image_needs_no_compiler_on_either_platform(uv, machine):
    """The image of arm64 is built on GitHub alone, so its packages are looked at here: for the Python and the
    libc of the Containerfile's base each locked one has a wheel."""
    command = (uv, "export", "--quiet", "--locked", "--no-default-groups", "--no-emit-project", "--no-hashes")
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    needed = {
        requirement.name
        for line in told.splitlines()
        if line[:1].isalpha()
        and ((requirement := Requirement(line)).marker is None or requirement.marker.evaluate(base(machine)))
    }
    assert "starlette" in needed
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR, 16, -1)]
    usable = {
        *tags.cpython_tags(PYTHON, platforms=platforms),
        *tags.compatible_tags(PYTHON, platforms=platforms),
    }
    wheels = {
        package["name"]: [wheel["url"].rpartition("/")[2] for wheel in package.get("wheels", ())]
        for package in supply.python_packages()
    }
    without = [name for name in needed if not any(parse_wheel_filename(w)[3] & usable for w in wheels[name])]
    assert without == []


def base(machine: str) -> dict[str, str]:
    """What markers are compared with."""
    version = "{}.{}".format(*PYTHON)
    return {
        "python_version": version, "python_full_version": f"{version}.0", "platform_machine": machine,
        "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix",
        "implementation_name": "cpython", "platform_python_implementation": "CPython",
    }  # fmt: skip


def test_the_base_of_the_image_is_the_one_whose_wheels_are_looked_at():
    said = (ROOT / "Containerfile").read_text("utf-8")
    assert "ARG BASE=docker.io/library/python:{}.{}-slim-trixie".format(*PYTHON) in said


def made(out: Path) -> bytes:
    done = subprocess.run([sys.executable, sbom.__file__, str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out.read_bytes()
