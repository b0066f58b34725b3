"""The rules of others: cdk-nag's AwsSolutions, cfn-lint, and YAML."""

import json
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from infra.bundle import Package
from infra.config import environment
from tests.support import needs

ROOT = Path(__file__).resolve().parents[2]

if TYPE_CHECKING:
    from collections.abc import Callable

    import aws_cdk as cdk


def build(packages: tuple[Package, Package], folder: Path, prepare: "Callable[[cdk.App], None]") -> "cdk.App":
    """The environment with everything in it, under cdk-nag."""
    cdk = needs.cdk()
    from cdk_nag import AwsSolutionsChecks
    from infra.stack import PitboardStack

    app = cdk.App(outdir=str(folder), builtin_cloud_formation_validation=False)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    PitboardStack(app, replace(environment("staging"), canary=True, cache=True), *packages)
    prepare(app)
    return app


def test_cdk_nag_has_no_findings_but_those_that_are_acknowledged(
    packages: tuple[Package, Package], tmp_path: Path
) -> None:
    needs.cdk()
    from infra.acknowledged import ACKNOWLEDGED, acknowledge

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        build(packages, tmp_path / "first", lambda app: None).synth()
    report = json.loads((tmp_path / "first" / "validation-report.json").read_text())
    findings = [
        (violation["ruleName"].removeprefix("AwsSolutions-"), construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]
    used = []
    build(packages, tmp_path / "second", lambda app: used.extend(acknowledge(app, findings))).synth()
    assert set(ACKNOWLEDGED) == set(used), "an entry without a finding"


def test_cdks_own_validation_finds_nothing_but_what_is_wrong(
    packages: tuple[Package, Package], tmp_path: Path
) -> None:
    """As errors, which it raises; by default they are warnings."""
    cdk = needs.cdk()
    from infra.stack import PitboardStack

    for wrong in ({}, {"VisibilityTimeout": "soon"}):
        context = {"@aws-cdk/core:validateAgainstDefaultRules": True}
        app = cdk.App(outdir=str(tmp_path / str(len(wrong))), context=context)
        stack = PitboardStack(app, replace(environment("prod"), canary=True, cache=True), *packages)
        cdk.CfnResource(stack, "Queue", type="AWS::SQS::Queue", properties=wrong)
        with pytest.raises(RuntimeError, match="ValidationFailed") if wrong else nullcontext():
            app.synth()


def test_every_acknowledged_finding_has_a_reason() -> None:
    needs.cdk()
    from infra.acknowledged import ACKNOWLEDGED

    for entry in ACKNOWLEDGED:
        assert entry.reason.endswith(".")
        assert len(entry.reason) > 30


def test_cfn_lint_finds_nothing(templates: list[Path]) -> None:
    """W3005 is about a DependsOn that CDK itself writes."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--", *templates],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_all_yaml_can_be_read() -> None:
    """A workflow that is no YAML never runs, and nothing here runs one: `:all: ` in a plain text ends it."""
    yaml = pytest.importorskip("yaml", reason="cfn-lint brings it, in the dependency group `infra`")
    listed = subprocess.run(
        ["git", "ls-files", "*.yml", "*.yaml"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = listed.stdout.split()
    assert len([name for name in files if name.startswith(".github/workflows/")]) == 4
    for name in files:
        assert list(yaml.safe_load_all((ROOT / name).read_text("utf-8"))), name
