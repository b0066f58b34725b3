"""CONTRIBUTING.md names files, commands and parts of the check that there are."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FOLDERS = ("src", "addon", "tests", "docs", "scripts", "infra")


def paths() -> list[str]:
    """Every path in code. A contributor invents NAME; any name then is an example."""
    code = {word for text in re.findall(r"`([^`\n]+)`", TEXT) for word in text.split()}
    return sorted(word for word in code if word.partition("/")[0] in FOLDERS and "/" in word)


@pytest.mark.parametrize("path", paths())
def test_the_files_it_names_exist(path: str) -> None:
    assert list(ROOT.glob(path.replace("NAME", "[a-z]*"))), path


def test_it_names_files_for_everything_that_is_added_often() -> None:
    assert {"src/pitboard/drivers/records.py", "addon/src/site/surfaces/NAME.ts"} <= set(paths())
    assert {"src/pitboard/ops/doctor/checks/NAME.py", "src/pitboard/settings.py"} <= set(paths())


def test_the_parts_of_the_check_exist() -> None:
    parts = runpy.run_path(str(ROOT / "scripts" / "check.py"))["PARTS"]
    named = " ".join(re.findall(r"scripts/check\.py([a-z ]*)", TEXT)).split()
    assert named
    assert set(named) <= set(parts)


def test_the_targets_of_make_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)`", TEXT)) <= set(targets)
