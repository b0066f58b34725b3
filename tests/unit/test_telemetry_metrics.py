"""One list of metrics; Prometheus and CloudWatch show the same ones."""

import ast
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import pitboard
from pitboard.telemetry import EmfTelemetry, PrometheusTelemetry, request_id
from pitboard.telemetry.metrics import BY_NAME, METRICS, Kind

VERBS = {"count": Kind.COUNTER, "gauge": Kind.GAUGE, "observe": Kind.SECONDS}


def calls() -> list[tuple[str, str, str, set[str]]]:
    """Calls of `...telemetry.count("metric", label=...)` in the sources: where, verb, metric, labels."""
    found = []
    root = Path(pitboard.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in VERBS
                and "telemetry" in ast.unparse(node.func.value)
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                labels = {word.arg for word in node.keywords if word.arg} - {"value", "seconds"}
                where = f"{path.relative_to(root)}:{node.lineno}"
                found.append((where, node.func.attr, str(node.args[0].value), labels))
    return found


@pytest.mark.parametrize(
    ("where", "verb", "name", "labels"),
    calls(),
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else value,
)
def test_what_the_rooms_report_is_in_the_list(where: str, verb: str, name: str, labels: set[str]) -> None:
    metric = BY_NAME[name]
    assert metric.kind is VERBS[verb]
    assert labels == set(metric.labels)


def test_everything_in_the_list_is_reported_by_some_room() -> None:
    assert {name for _, _, name, _ in calls()} == set(BY_NAME)


def report(telemetry: PrometheusTelemetry | EmfTelemetry) -> None:
    """One value for each metric of the list."""
    for metric in METRICS:
        labels = dict.fromkeys(metric.labels, "a")
        if metric.kind is Kind.COUNTER:
            telemetry.count(metric.name, 2, **labels)
        elif metric.kind is Kind.GAUGE:
            telemetry.gauge(metric.name, 7, **labels)
        else:
            telemetry.observe(metric.name, 0.2, **labels)


def test_prometheus_shows_every_metric_with_its_help() -> None:
    telemetry = PrometheusTelemetry()
    report(telemetry)
    families = {f.name: f for f in text_string_to_metric_families(telemetry.exposition().decode())}
    for metric in METRICS:
        family = families[f"pitboard_{metric.name}"]
        assert family.documentation == metric.help
        values = {s.name: s.value for s in family.samples}
        if metric.kind is Kind.SECONDS:
            assert values[f"{metric.prometheus}_count"] == 1
        else:
            assert values[metric.prometheus] == (2 if metric.kind is Kind.COUNTER else 7)


def emf(environment: str = "prod") -> tuple[EmfTelemetry, io.StringIO]:
    stream = io.StringIO()
    return EmfTelemetry("iRacing/Lambda", environment, stream), stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_cloudwatch_gets_every_metric_in_its_format() -> None:
    telemetry, stream = emf()
    report(telemetry)
    telemetry.flush()
    seen = {}
    for line in lines(stream):
        assert line["Environment"] == "prod"
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == "iRacing/Lambda"
            assert directive["Dimensions"][0] == ["Environment"]
            assert all(name in line for dimensions in directive["Dimensions"] for name in dimensions)
            (definition,) = directive["Metrics"]
            seen[definition["Name"]] = (definition["Unit"], line[definition["Name"]])
    expected = {Kind.COUNTER: 2, Kind.GAUGE: 7, Kind.SECONDS: 0.2}
    assert seen == {metric.cloudwatch: (metric.unit, expected[metric.kind]) for metric in METRICS}


def test_some_labels_are_a_dimension_of_their_own() -> None:
    telemetry, stream = emf()
    telemetry.count("oauth_grants", grant="password_limited", outcome="ok")
    telemetry.flush()
    (directive,) = lines(stream)[0]["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Environment"], ["Environment", "grant"]]


def test_counters_add_up_gauges_keep_the_last_and_durations_are_all_told() -> None:
    telemetry, stream = emf()
    for value in (3, 4):
        telemetry.count("names", value, state="fresh")
        telemetry.gauge("budget_left", value)
        telemetry.observe("upstream_seconds", value, endpoint="member/get")
    telemetry.flush()
    merged = {key: value for line in lines(stream) for key, value in line.items()}
    assert (merged["Names"], merged["BudgetLeft"], merged["UpstreamSeconds"]) == (7, 4, [3, 4])


def test_labels_can_be_searched_and_different_ones_stand_apart() -> None:
    telemetry, stream = emf()
    telemetry.count("names", state="fresh")
    telemetry.count("names", state="stale")
    telemetry.flush()
    assert {line["state"]: line["Names"] for line in lines(stream)} == {"fresh": 1, "stale": 1}


def test_more_than_100_durations_take_a_second_line() -> None:
    telemetry, stream = emf()
    for _ in range(250):
        telemetry.observe("upstream_seconds", 0.1, endpoint="x")
    telemetry.flush()
    assert [len(line["UpstreamSeconds"]) for line in lines(stream)] == [100, 100, 50]


def test_a_flush_writes_the_request_id_and_starts_empty() -> None:
    telemetry, stream = emf()
    token = request_id.set("req-1")
    telemetry.count("names", state="fresh")
    telemetry.flush()
    request_id.reset(token)
    telemetry.flush()
    (line,) = lines(stream)
    assert line["request_id"] == "req-1"


@pytest.mark.parametrize("telemetry", [PrometheusTelemetry(), emf()[0]], ids=["prometheus", "emf"])
def test_a_wrong_metric_is_a_warning_not_an_error(
    telemetry: PrometheusTelemetry | EmfTelemetry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        telemetry.count("no_such_metric")
        telemetry.count("names", wrong="label")
        telemetry.observe("budget_left", 1)
    assert len(caplog.records) == 3
