"""The alert rules and the dashboard in docs/monitoring ask for metrics, labels and values that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pitboard.telemetry import PrometheusTelemetry
from pitboard.telemetry.metrics import METRICS, Kind

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
ALERTS = (FOLDER / "alerts.yml").read_text()
DASHBOARD = json.loads((FOLDER / "grafana.json").read_text())
BY_NAME = {metric.prometheus: metric for metric in METRICS}

EXPRESSIONS = [
    *re.findall(r"expr: (?:>-\n)?((?:.+\n)(?:          .+\n)*)", ALERTS),
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_asks_for_metrics_and_labels_that_there_are(expression):
    asked = re.findall(r"pitboard_\w+", expression)
    assert asked or 'up{job="pitboard"}' in expression
    labels = {"le", "job"}
    for name in asked:
        metric = BY_NAME[name.removesuffix("_bucket")]
        assert name.endswith("_bucket") == (metric.kind is Kind.SECONDS)
        labels |= {*metric.labels}
    used = {*re.findall(r'(\w+)(?:=~|!=|=)"', expression)}
    for listed in re.findall(r"by \(([^)]*)\)", expression):
        used |= {label.strip() for label in listed.split(",")}
    assert used <= labels


def test_every_metric_in_an_expression_is_in_the_exposition():
    shown = PrometheusTelemetry().exposition().decode()
    for expression in EXPRESSIONS:
        for name in re.findall(r"pitboard_\w+", expression):
            assert f"# TYPE {name.removesuffix('_bucket').removesuffix('_total')}" in shown


def test_panels_do_not_lie_on_one_another():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken
        taken |= cells


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not here (Debian: prometheus)")
def test_each_alert_fires_when_it_should():
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
