"""The package as users install it: the built wheel in its own environment, in an empty folder."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(uv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([uv, "build", "-q", "--wheel", "-o", folder], cwd=ROOT, check=True, timeout=100)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package_and_the_licence(wheel):
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    source = ROOT / "src"
    tracked = subprocess.run(
        ["git", "ls-files", "src"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert tracked
    assert {str((ROOT / file).relative_to(source)) for file in tracked if (ROOT / file).exists()} <= held
    handed_out = {
        f"pitboard/addon/{name}"
        for name in ("pitboard.user.js", "pitboard-card.js", "pitboard-options.js", "static/site.css")
    }
    assert handed_out | {"pitboard/py.typed"} <= held
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_two_builds_give_the_same_bytes(uv, wheel, tmp_path):
    subprocess.run([uv, "build", "-q", "--wheel", "-o", tmp_path], cwd=ROOT, check=True, timeout=100)
    (again,) = tmp_path.glob("*.whl")
    assert again.read_bytes() == wheel.read_bytes()


def test_the_demo_runs_from_the_wheel_and_leaves_no_files(uv, wheel, tmp_path):
    place, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, place], check=True, timeout=60)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, wheel], check=True, timeout=100)
    environment = {"PATH": os.environ["PATH"], "HOME": str(empty), "COLUMNS": "120"}
    command = [python, "-m", "pitboard", "demo", "--once", "--port", "0"]
    done = subprocess.run(
        command, cwd=empty, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "20 drivers nobody had asked for" in done.stdout
    assert done.stderr == ""
    assert list(empty.iterdir()) == []


def bare(folder, **more):
    """The environment of a user who has a home and nothing else; `folder` is the home."""
    known = (
        "PATH",
        "SSL_CERT_FILE",
        "UV_SYSTEM_CERTS",
        "PIP_CERT",
        "PIP_INDEX_URL",
        "UV_INDEX_URL",
        "UV_CACHE_DIR",
    )
    kept = {name: os.environ[name] for name in known if name in os.environ}
    return kept | {"HOME": str(folder), "COLUMNS": "120", "UV_PYTHON": sys.executable} | more


def demo_of(*command, environment, cwd):
    done = subprocess.run(
        [*command, "demo", "--once", "--port", "0"],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "20 drivers nobody had asked for" in done.stdout


def of_the_readme(program):
    """The command of README.md that begins with a program, in words; it names the wheel as built here."""
    (found,) = re.findall(rf"`({program} [^`]*\.whl[^`]*)`", (ROOT / "README.md").read_text("utf-8"))
    return shlex.split(found)


def test_uvx_runs_the_demo_as_the_readme_says(uv, wheel, tmp_path):
    shutil.copy(wheel, tmp_path)
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    environment = bare(tmp_path, UV_CACHE_DIR=cache)
    uvx, *words, demo = of_the_readme("uvx")
    assert (uvx, demo) == ("uvx", "demo")
    demo_of(Path(uv).with_name(uvx), *words, environment=environment, cwd=tmp_path)


@pytest.mark.long
def test_pipx_installs_the_wheel_as_the_readme_says(uv, wheel, tmp_path):
    shutil.copy(wheel, tmp_path)
    place = tmp_path / "pipx"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, place], check=True, timeout=60)
    subprocess.run([uv, "pip", "install", "-q", "--python", place, "pipx==1.8.0"], check=True, timeout=100)
    pipx = place / ("Scripts" if os.name == "nt" else "bin") / "pipx"
    environment = bare(tmp_path, PIPX_HOME=str(tmp_path / "home"), PIPX_BIN_DIR=str(tmp_path / "bin"))
    done = subprocess.run(
        [pipx, *of_the_readme("pipx")[1:], "--python", sys.executable],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    demo_of(tmp_path / "bin" / "pitboard", environment=environment, cwd=tmp_path)
