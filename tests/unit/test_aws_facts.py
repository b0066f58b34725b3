"""The facts of AWS are defined once, in `pitboard.aws.names`: no other module spells them out."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pitboard.aws import names
from pitboard.aws.secret import FIELDS

ROOT = Path(__file__).parents[2]
HOME = "src/pitboard/aws/names.py"

VARIABLES = [v for name, v in vars(names.Variable).items() if name.isupper() and isinstance(v, str)]

FACTS = {
    "table": r"\bir_(auth|custid|drivers)\b",
    "table output": r"^Table(Auth|Custid|Drivers)$",
    "API output": r"^ApiUrl$",
    "alias": r"^live$|:live\b",
    "metrics namespace": r"iRacing/Lambda",
    "secret": r"iRacing/OAuth/Credentials",
    "secret's field": rf"^({'|'.join(FIELDS)})$",
    "attribute of a table": r"^ttl$",
    "bootstrap": r"hnb659fds|^CDKToolkit$",
    "CDK": r"aws-cdk@",
    "variable": rf"^({'|'.join(VARIABLES)})$",
    "action": rf"^({names.REFRESH_TOKEN_NOW}|{names.PING})$",
}
"""Facts and how a string literal shows them."""

ALLOWED = {
    ("src/pitboard/commands/rollback.py", "table"): "an example for people",
    ("src/pitboard/ops/doctor/checks/table_exists.py", "table"): "AWS' message as people search for it",
    ("src/pitboard/ops/doctor/checks/ttl.py", "attribute of a table"): "the check's own id",
    ("src/pitboard/iracing/oauth.py", "secret's field"): "the form fields of iRacing's token endpoint",
    ("src/pitboard/simulator/oauth.py", "secret's field"): "the same, as iRacing reads them",
    ("src/pitboard/local/browser_login.py", "secret's field"): "a field of iRacing's authorize endpoint",
    ("src/pitboard/simulator/answers.py", "secret's field"): "a field of iRacing's answers",
    ("src/pitboard/telemetry/redact.py", "secret's field"): "words for secrets in any text",
    ("src/pitboard/telemetry/spans.py", "secret's field"): "words for people in any span",
    ("src/pitboard/stores/dynamodb.py", "attribute of a table"): "the store may not import the AWS home",
    ("src/pitboard/stores/dynamodb_publisher.py", "attribute of a table"): "the same",
}


@cache
def modules() -> dict[str, list[tuple[int, str]]]:
    """The string literals of each module, by its path."""
    paths = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "infra").glob("*.py")])
    return {path.relative_to(ROOT).as_posix(): [*literals(path)] for path in paths}


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a module that are not docstrings, with their lines."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def found(fact: str) -> dict[str, list[str]]:
    """The literals with this fact, by module."""
    shown: dict[str, list[str]] = {}
    for where, texts in modules().items():
        for line, text in texts:
            if re.search(FACTS[fact], text):
                shown.setdefault(where, []).append(f"line {line}: {text!r}")
    return shown


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_is_spelled_out_in_one_place(fact: str) -> None:
    elsewhere = {
        where: lines for where, lines in found(fact).items() if where != HOME and (where, fact) not in ALLOWED
    }
    assert elsewhere == {}, f"use pitboard.aws.names for the {fact}"


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact != "secret's field"])
def test_the_place_has_the_fact(fact: str) -> None:
    assert HOME in found(fact)


@pytest.mark.parametrize(("where", "fact"), ALLOWED)
def test_every_exception_is_needed(where: str, fact: str) -> None:
    assert where in found(fact)
