"""As a new host on a bare Debian: each command of docs/HOSTING.md exactly as written."""

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.support import debian, hosting_guide, needs

ROOT = Path(__file__).parents[2]


def unmount(place):
    subprocess.run(["umount", str(place)], check=False)


SYSTEMD = ("systemd", "systemd-sysv")


@contextmanager
def chrooted(tree):
    """What takes a command into the folder, with /proc and /dev."""
    with ExitStack() as mounted:
        for kind, source, place in (("-t", "proc", tree / "proc"), ("--bind", "/dev", tree / "dev")):
            options = [kind, source, "proc"] if kind == "-t" else [kind, source]
            subprocess.run(["mount", *options, str(place)], check=True)
            mounted.callback(unmount, place)
        yield ["chroot", tree]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_each_command_of_the_guide_works_as_written(uv, chromium, tmp_path):
    needs.program("systemd-nspawn", "apt-get install systemd-container")
    tree = debian.tree(tmp_path / "debian", *SYSTEMD)
    subprocess.run([uv, "build", "-q", "--wheel", "-o", tmp_path / "dist"], cwd=ROOT, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    hosting_guide.prepare(tree, wheel)
    with chrooted(tree) as place:
        for commands in (
            "apt-get update -qq",
            *(hosting_guide.blocks()[name] for name in ("install", "nginx packages")),
            "systemctl disable nginx",  # the guide has it instead of Caddy
        ):
            hosting_guide.run(place, commands, DEBIAN_FRONTEND="noninteractive")
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
    assert "Members on the list: 2." in told["allow"]
    assert "Names asked for" in told["allow"]
    assert not [name for name in told["authors"].split(",") if name in told["logs"]]
    assert "for pitboard.service: 1." in told["exposure"]
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
