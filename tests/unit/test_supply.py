"""What Pitboard is built from: locked with hashes, in licences that are allowed, and kept up to date."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from scripts import supply
from scripts.supply import Advisory, forbidden, is_allowed, outstanding

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = frozenset({"MIT", "Apache-2.0"})


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_every_locked_package_has_a_hash():
    assert list(supply.unlocked()) == []
    assert len(supply.python_packages()) > 100
    assert len(supply.npm_packages("addon")) > 100


def test_a_package_without_a_hash_is_named(monkeypatch):
    bad = [{"name": "left-pad", "source": {"registry": "x"}, "wheels": [{"url": "x"}]}, {"name": "none"}]
    monkeypatch.setattr(supply, "python_packages", lambda: bad)
    monkeypatch.setattr(supply, "npm_packages", lambda _: {"node_modules/x": {"integrity": "sha1-x"}})
    assert list(supply.unlocked()) == [
        "uv.lock has no hash of left-pad",
        "uv.lock has no hash of none",
        "addon/package-lock.json has no SHA-512 of node_modules/x",
        "tests/contract/package-lock.json has no SHA-512 of node_modules/x",
    ]


def test_ci_installs_uv_in_one_version_by_its_hash_and_builds_with_the_same():
    pinned = read(".ci/requirements.txt")
    (version,) = re.findall(r"^uv==([\d.]+) \\$", pinned, re.M)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", pinned)) > 5
    assert "--require-hashes" in read(".ci/run")
    assert tomllib.loads(read("pyproject.toml"))["build-system"]["requires"] == [f"uv_build=={version}"]


def test_everything_that_is_locked_is_kept_up_to_date():
    said = read(".github/dependabot.yml")
    entries = re.findall(r"package-ecosystem: (\S+)\n +director(?:y|ies): (.+)", said)
    folders = {kind: set(re.findall(r"[^\[\], ]+", where)) for kind, where in entries}
    assert folders["npm"] == {f"/{folder}" for folder in supply.NPM}
    assert folders["uv"] == {"/"}
    assert folders["pip"] == {"/.ci"}
    assert "github-actions" in folders


def test_actions_of_others_run_in_the_version_of_a_commit():
    uses = [
        line
        for workflow in (ROOT / ".github" / "workflows").iterdir()
        for line in re.findall(r"uses: (.+)", workflow.read_text("utf-8"))
    ]
    assert uses
    for one in uses:
        assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", one) or one.startswith("./"), one


# --- licences


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-or-later)", True),
        ("GPL-2.0-only OR MIT", True),
        ("MIT AND GPL-2.0-only", False),
        ("MIT AND (GPL-2.0-only OR Apache-2.0)", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("", False),
        ("MIT MIT", False),
        ("(MIT", False),
        ("MIT OR", True),
    ],
)
def test_a_licence_is_allowed_if_one_of_each_or_and_all_of_each_and_are(expression, allowed):
    assert is_allowed(expression, ALLOWED) is allowed


def test_licences_that_are_not_allowed_not_known_or_noted_needlessly_are_named():
    rules = {"allowed": list(ALLOWED), "said": {"old": "MIT", "fine": "MIT", "gone": "MIT", "bad": "GPL-3.0"}}
    found = {"fine": "MIT", "old": "", "copyleft": "GPL-3.0", "silent": "", "bad": "GPL"}
    assert sorted(forbidden(rules, found)) == [
        "supply.toml says the licence of fine needlessly",
        "supply.toml says the licence of gone, which is not used",
        "the licence of bad is not allowed: GPL-3.0",
        "the licence of copyleft is GPL-3.0; look, and see supply.toml",
        "the licence of silent is not known; look, and see supply.toml",
    ]


# --- vulnerabilities

BAD = Advisory("starlette", frozenset({"GHSA-a", "CVE-1"}), "Bad")
ACCEPTED = {"id": "CVE-1", "package": "starlette", "until": date(2026, 12, 31), "why": "It is not used."}


def test_a_vulnerability_is_accepted_up_to_its_day_and_fails_the_check_after_it():
    assert list(outstanding([], [BAD], date(2026, 12, 1))) == [
        "known vulnerability: starlette: CVE-1, GHSA-a: Bad"
    ]
    assert list(outstanding([ACCEPTED], [BAD], date(2026, 12, 31))) == []
    assert list(outstanding([ACCEPTED], [BAD], date(2027, 1, 1))) == [
        "CVE-1 of starlette was accepted until 2026-12-31; look again",
        "known vulnerability: starlette: CVE-1, GHSA-a: Bad",
    ]
    other = Advisory("uvicorn", BAD.ids, "Bad")
    assert list(outstanding([ACCEPTED], [other], date(2026, 12, 1)))


def test_every_accepted_vulnerability_has_a_package_a_day_and_a_reason():
    for entry in tomllib.loads(read("scripts/supply.toml")).get("vulnerabilities", []):
        assert isinstance(entry["until"], date)
        assert entry["id"]
        assert entry["package"]
        assert len(entry["why"]) > 20
