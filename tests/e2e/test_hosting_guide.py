"""As a new host on a bare Debian: each command of docs/HOSTING.md exactly as written."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support import debian, hosting_guide

ROOT = Path(__file__).parents[2]


def unmount(place):
    subprocess.run(["umount", str(place)], check=False)


@pytest.fixture
def tree(tmp_path):
    """The Debian, with /proc and /dev."""
    made = debian.tree(tmp_path / "debian")
    with ExitStack() as mounted:
        for kind, source, place in (("-t", "proc", made / "proc"), ("--bind", "/dev", made / "dev")):
            options = [kind, source, "proc"] if kind == "-t" else [kind, source]
            subprocess.run(["mount", *options, str(place)], check=True)
            mounted.callback(unmount, place)
        yield made


@pytest.mark.long
@pytest.mark.timeout(900)
def test_each_command_of_the_guide_works_as_written(uv, chromium, tree, tmp_path):
    subprocess.run([uv, "build", "-q", "--wheel", "-o", tmp_path / "dist"], cwd=ROOT, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    hosting_guide.prepare(tree, wheel)
    hosting_guide.run(tree, "apt-get update -qq", DEBIAN_FRONTEND="noninteractive")
    for name in ("install", "nginx packages"):
        hosting_guide.run(tree, hosting_guide.blocks()[name], DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, hosting_guide.__file__, tree, chromium],
        env={"PATH": hosting_guide.PATH, "HOME": str(tmp_path), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    for name in ("check", "over nginx"):
        assert json.loads(told[name])["status"] in ("healthy", "degraded")
    assert "pitboard_requests_total" in told["metrics"]
    assert "2 members are on the list." in told["allow"]
    assert "Names asked for" in told["allow"]
    assert not [name for name in told["authors"].split(",") if name in told["logs"]]
    assert told["private"].split() == ["600", "660"]
    for gone in ("opt/pitboard", "var/lib/pitboard", "etc/pitboard.env", "usr/local/bin/pitboard"):
        assert not (tree / gone).exists()
    assert "pitboard" not in (tree / "etc" / "passwd").read_text()
    assert "pitboard" not in (tree / "etc" / "group").read_text()


def test_every_block_of_the_guide_is_one_that_the_test_runs():
    assert {*hosting_guide.blocks()} == {
        "install", "settings", "service", "check", "allow", "metrics", "backup",
        "nginx", "nginx packages", "uninstall",
    }  # fmt: skip
