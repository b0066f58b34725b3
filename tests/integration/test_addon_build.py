"""`pitboard addon build` with a program that stands in for npm; addon/ itself builds with the real one."""

import io
import os

import pytest
from rich.console import Console

from pitboard.ops import addon
from pitboard.settings import UsageError

NPM = """#!/bin/sh
echo "$@" >> "$HOME/asked"
if [ "$1 $2" = "run build" ]; then mkdir -p dist; echo x > dist/pitboard.zip; fi
if [ -e "$HOME/fail" ]; then echo "error TS2304"; exit 1; fi
"""


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder of sources, and npm on the PATH."""
    monkeypatch.setattr(addon, "SOURCES", tmp_path / "addon")
    monkeypatch.setenv("HOME", str(tmp_path))
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(NPM)
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "addon").mkdir()
    (tmp_path / "addon" / "package.json").touch()
    return tmp_path / "addon"


def build():
    said = io.StringIO()
    addon.build(Console(file=said))
    return said.getvalue()


def asked(sources):
    return (sources.parent / "asked").read_text().splitlines()


def test_the_first_build_installs_what_it_needs_and_says_what_was_built(sources):
    assert "addon/dist/pitboard.zip" in build()
    assert asked(sources) == ["ci --no-audit --no-fund", "run build --silent"]


def test_a_later_build_installs_nothing(sources):
    (sources / "node_modules").mkdir()
    build()
    assert asked(sources) == ["run build --silent"]


def test_a_build_that_fails_shows_what_npm_said(sources):
    (sources.parent / "fail").touch()
    with pytest.raises(UsageError, match=r"(?s)`npm ci .*` failed:.*error TS2304"):
        build()


def test_without_npm_or_sources_it_says_what_is_missing(sources, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match=r"npm was not found; install Node"):
        build()
    (sources / "package.json").unlink()
    with pytest.raises(UsageError, match="clone of the repository"):
        build()
