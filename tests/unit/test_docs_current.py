"""Documents say what is so: links lead somewhere, commands, settings and checks exist, made parts are new."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from pitboard import cli
from pitboard.ops.doctor.run import all_checks
from pitboard.settings import SETTINGS
from pitboard.telemetry.metrics import METRICS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GUIDE_HEADINGS = (
    "Stack Uses Assets Error", "Bootstrap Version Mismatch", "Insufficient CloudFormation Permissions",
    "Lambda Execution Role Creation Failed", "Lambda Package Too Large",
    "Lambda Function Timeout During Deployment", "API Gateway Deployment Failed",
    "CORS Configuration Problems", "DynamoDB Table Already Exists", "OAuth 2.1 Authentication Failing",
    "Token Refresh Failing", "Lambda Invocation Permissions", "Lambda Invocation Timeout",
    "DynamoDB Throttling", "DynamoDB Item Not Found", "High Cold Start Latency",
    "High API Gateway Latency", "Secrets Exposed in Logs", "Secrets Manager Access Denied",
    "Overly Permissive IAM Policies", "Inconsistent Read Results", "TTL Not Working",
    "CloudWatch Logs", "CloudWatch Metrics", "X-Ray Tracing", "Health Checks",
)  # fmt: skip
"""The guide's issues, then its sections on monitoring and health."""

make_docs = runpy.run_path(str(ROOT / "scripts" / "make_docs.py"))


def documents() -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in DOCUMENTS]


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    old = [str(path) for path, text in make_docs["documents"]().items() if path.read_text("utf-8") != text]
    assert old == [], "run scripts/make_docs.py"


def test_every_heading_of_the_guide_has_its_check() -> None:
    assert sorted(check.guide for check in all_checks() if check.guide) == sorted(GUIDE_HEADINGS)


def test_every_check_is_tested_with_and_without_its_problem() -> None:
    shown: dict[str, set[tuple[str, str]]] = {"breaks": set(), "healthy": set()}
    for path in (ROOT / "tests" / "integration").glob("test_doctor_*.py"):
        home = path.stem.removeprefix("test_doctor_")
        for mark, seen in shown.items():
            seen |= {(name, home) for name, _ in make_docs["marks"](path, mark)}
    wanted = {(check.id, home) for check in all_checks() for home in check.homes}
    for mark, seen in shown.items():
        assert wanted - seen == set(), mark


@pytest.mark.parametrize("path", documents())
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), target


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", documents())
def test_commands_exist_with_their_options(path: Path) -> None:
    for line in commands(path.read_text("utf-8")):
        command: Any = typer.main.get_command(cli.app)
        words = line.split()
        while hasattr(command, "get_command") and words and not words[0].startswith("-"):
            found = command.get_command(typer.Context(command), words[0])
            assert found is not None, f"pitboard {line}"
            command, words = found, words[1:]
        known = {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= known | {"--help"}, f"pitboard {line}"


def commands(text: str) -> list[str]:
    """What follows `pitboard` in code, up to where another command or a comment begins."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(
        r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    lines = [line for block in code for line in block.splitlines()]
    found = [re.fullmatch(r"(?:\$ )?(?:uv run )?pitboard (\w.*)", line.strip()) for line in lines]
    return [re.split(r"\s[#|;&]|\s\(", match[1])[0] for match in found if match]


@pytest.mark.parametrize("path", documents())
def test_settings_exist(path: Path) -> None:
    named = set(re.findall(r"\bPITBOARD_[A-Z_]+\b", path.read_text("utf-8")))
    assert named <= {setting.env for setting in SETTINGS}


@pytest.mark.parametrize("path", documents())
def test_checks_exist(path: Path) -> None:
    for ids in re.findall(r"--only ([\w,-]+)", path.read_text("utf-8")):
        named = set(ids.split(",")) - {"ID"}
        assert named <= {check.id for check in all_checks()}


def test_the_runbook_speaks_of_metrics_there_are() -> None:
    text = (ROOT / "docs" / "RUNBOOK.md").read_text("utf-8")
    worry = text.partition("What to worry about:")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+_\w+|names)`", worry)) - {"password_limited"}
    assert named <= {metric.name for metric in METRICS}
    assert len(named) > 4


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "adr"
    listed = set(re.findall(r"\]\((\d{4}[\w-]+\.md)\)", (folder / "README.md").read_text("utf-8")))
    assert {path.name for path in folder.glob("[0-9]*.md")} == listed
