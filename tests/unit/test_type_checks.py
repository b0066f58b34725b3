"""Which modules of CDK mypy reads: pyproject.toml says why not all."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imported(source: str) -> Iterator[str]:
    """The modules of CDK that a source may import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.partition(".")[0] == "aws_cdk")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "aws_cdk":
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names if one.name.startswith("aws_"))


def test_mypy_reads_the_modules_of_cdk_that_are_imported_and_no_others() -> None:
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]["overrides"]
    read = [one["module"] for one in overrides if one.get("follow_imports") == "normal"]
    files = [path for room in ("infra", "tests") for path in (ROOT / room).rglob("*.py")]
    sources = [path.read_text("utf-8") for path in files if "node_modules" not in path.parts]
    with_cdk = [source for source in sources if "aws_cdk" in source]
    assert read == [sorted({name for source in with_cdk for name in imported(source)})]
