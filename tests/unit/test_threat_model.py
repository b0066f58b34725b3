"""SECURITY.md names a test for each threat, and each test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
THREATS = TEXT.partition("## Threats")[2].partition("\n## ")[0]
PYTHON = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
TYPESCRIPT = re.compile(r"`(addon/test/[\w/.]+\.ts)`: \"(.+)\"")


@cache
def found_in(path: str) -> frozenset[str]:
    """The tests of a Python file, in a class as `Class::test`."""
    body = ast.parse((ROOT / path).read_text("utf-8")).body
    inner = [(f"{c.name}::", part) for c in body if isinstance(c, ast.ClassDef) for part in c.body]
    functions = [("", part) for part in body] + inner
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(prefix + part.name for prefix, part in functions if isinstance(part, kinds))


@pytest.mark.parametrize(("path", "test"), PYTHON.findall(THREATS))
def test_the_python_tests_that_it_names_exist(path, test):
    assert test in found_in(path)
    assert test.rpartition("::")[2].startswith("test_")


@pytest.mark.parametrize(("path", "title"), TYPESCRIPT.findall(THREATS))
def test_the_addons_tests_that_it_names_exist(path, title):
    assert f'it("{title}"' in (ROOT / path).read_text("utf-8")


def test_every_threat_names_a_test():
    threats = re.split(r"^(\d+)\. ", THREATS, flags=re.M)
    numbers, texts = [int(number) for number in threats[1::2]], threats[2::2]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 20
    for number, text in zip(numbers, texts, strict=True):
        assert PYTHON.search(text) or TYPESCRIPT.search(text), f"threat {number} names no test"
    lines = [line for line in THREATS.splitlines() if re.match(r" +- ", line)]
    assert len(lines) == len(PYTHON.findall(THREATS)) + len(TYPESCRIPT.findall(THREATS)), "one cannot be read"


def test_it_says_what_a_host_asks_for():
    for heading in (
        "Report a problem",
        "Supported versions",
        "What is protected",
        "What is not defended",
        "Revoke",
        "Verify a build",
    ):
        assert f"\n## {heading}\n" in TEXT
    for link in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (ROOT / link).exists(), link
