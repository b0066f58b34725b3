"""The dry run of a release, in its short form: all but the image (tests/e2e/test_image.py)."""

import hashlib
import json
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.support import needs

from pitboard import __version__

ROOT = Path(__file__).parents[2]
RELEASE = runpy.run_path(str(ROOT / "scripts" / "release.py"))
WORKFLOW = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")


@pytest.mark.xdist_group("browser")  # its tests use addon/dist, too
def test_a_dry_run_makes_all_that_a_release_has_and_two_builds_are_equal(uv, tmp_path):
    needs.program("npm", "install Node.js 22")
    done = subprocess.run(
        [sys.executable, "scripts/release.py", "--no-image", "--out", tmp_path / "release"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    made = {path.name: path for path in (tmp_path / "release").iterdir()}
    v = __version__
    listed = {
        f"pitboard-{v}-py3-none-any.whl", f"pitboard-{v}.tar.gz", f"pitboard-{v}.cdx.json",
        "pitboard.user.js", "pitboard-card.js", "pitboard-options.js",
        f"pitboard-chromium-{v}.zip", f"pitboard-firefox-{v}.zip",
        "pitboard.service", "pitboard.sh", "Caddyfile", "nginx.conf",
    }  # fmt: skip
    assert {*made} == {*listed, "SHA256SUMS", "provenance.json"}
    sums = dict(reversed(line.split("  ")) for line in made["SHA256SUMS"].read_text().splitlines())
    assert sums == {name: hashlib.sha256(made[name].read_bytes()).hexdigest() for name in listed}
    stated = json.loads(made["provenance.json"].read_text())
    assert {one["name"]: one["digest"]["sha256"] for one in stated["subject"]} == sums
    with zipfile.ZipFile(made[f"pitboard-{v}-py3-none-any.whl"]) as wheel:
        assert {f"pitboard/addon/pitboard-{browser}.zip" for browser in ("chromium", "firefox")} <= {
            *wheel.namelist()
        }


@pytest.mark.parametrize(
    ("tag", "says"),
    [("v9.9.9", "The tag is v9.9.9"), (__version__, "The tag is"), (f"v{__version__}", "date")],
    ids=["another version", "no v", "a changelog without a date"],
)
def test_a_tag_that_does_not_fit_is_refused(tag, says, tmp_path, monkeypatch):
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text(f"# Changelog\n\n## {__version__} (unreleased)\n")
    checked = RELEASE["checked_version"]
    monkeypatch.setitem(checked.__globals__, "CHANGES", changes)
    with pytest.raises(RELEASE["ReleaseError"], match=says):
        checked(tag)
    changes.write_text(f"# Changelog\n\n## {__version__} (2026-12-01)\n")
    assert checked(f"v{__version__}") == __version__


def test_builds_that_differ_are_no_release(tmp_path):
    numbers = iter("12")

    def make(folder):
        (folder / "same").write_text("same")
        (folder / "other").write_text(next(numbers))

    with pytest.raises(RELEASE["ReleaseError"], match="Two builds differ: other"):
        RELEASE["twice"](make, tmp_path / "out")


def test_the_workflow_checks_first_and_publishes_a_tag_only():
    assert re.search(r"check:\n    uses: ./.github/workflows/check.yml", WORKFLOW)
    assert "workflow_call:" in (ROOT / ".github" / "workflows" / "check.yml").read_text("utf-8")
    build, publish = WORKFLOW.split("  build:\n")[1].split("  publish:\n")
    assert "needs: check" in build
    assert "scripts/release.py" in build
    assert "needs: build" in publish
    assert "if: github.ref_type == 'tag'" in publish
    assert "attest-build-provenance@" in publish
    assert "write" not in build
