"""docs/SCALE.md is what `benchmarks/scale.py --all` made, of the policy as it is."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks.scale_doc import COMMAND, chart, policy, workload
from benchmarks.scale_report import Figures, share, table

ROOT = Path(__file__).parents[2]
SCALE = ROOT / "docs" / "SCALE.md"
CHART = ROOT / "docs" / "images" / "scale.svg"
SVG = "{http://www.w3.org/2000/svg}"

ROW = Figures(
    scenario="a day", phase="", views=1e6, processes=1, pages=1,
    calls=(35, 60, 70), kinds={}, drivers_a_call=48, cards={}, crawled={},
    at_once=0.9999, within_a_second=1.0, pending=0.0, unavailable=0.0, states={},
    age=(70, 1260), outdated=0.01,
    peer_calls=(1800, 2500, 2600), peer_at_once=0.9, peer_age=(26, 59), peer_outdated=0.006,
)  # fmt: skip


def test_the_document_says_which_command_made_it() -> None:
    assert f"<!-- Made by `{COMMAND}`; change that, not this. -->" in SCALE.read_text("utf-8")
    script = COMMAND.split()[-2]
    assert (ROOT / script).is_file()


def test_the_figures_are_of_the_policy_and_the_workload_as_they_are() -> None:
    text = SCALE.read_text("utf-8")
    assert policy() in text, f"the policy has changed since; run {COMMAND}"
    assert workload() in text, f"the workload has changed since; run {COMMAND}"


def test_the_document_says_when_it_was_made_and_of_which_policy() -> None:
    said = r"^It ran on \d{4}-\d\d-\d\d; the last change of its code was \".+\"\."
    assert re.search(said, SCALE.read_text("utf-8"), re.MULTILINE)


def test_the_policy_holds_the_constants_that_decide_how_many_calls_are_made() -> None:
    told = policy()
    for name in (
        "freshness.LICENCES",
        "renewal_pool.GATHER",
        "plan.MEMBERS_A_CALL",
        "budget.LIMIT",
        "meter.LONGEST_READERS_WAIT",
    ):
        assert re.search(rf"^\| `{name}` \| .*\d", told, re.MULTILINE), name


@pytest.mark.parametrize(
    ("views", "median", "p99"),
    [("1,000,000", 40, 90), ("10,000,000", 180, 180)],
    ids=["million", "ten million"],
)
def test_the_document_shows_the_targets_reached(views: str, median: int, p99: int) -> None:
    row = re.search(rf"^\| (?:a day|the busiest hour) \| {views} \| 1 \| (\d+) \| (\d+) \|.*$",
                    SCALE.read_text("utf-8"), re.MULTILINE)  # fmt: skip
    assert row
    assert int(row[1]) <= median
    assert int(row[2]) <= p99


def test_the_chart_is_small_and_follows_light_and_dark() -> None:
    assert CHART.stat().st_size < 10_000
    text = CHART.read_text("utf-8")
    assert "prefers-color-scheme:dark" in text
    ET.fromstring(text)  # noqa: S314 - our own file


def test_the_chart_draws_both_policies_and_the_limit_with_more_calls_further_up() -> None:
    drawn = ET.fromstring(chart([ROW, replace(ROW, views=1e7, calls=(120, 150, 150))]))  # noqa: S314
    lines = {
        line.get("class", ""): [
            tuple(map(float, point.split(","))) for point in line.get("points", "").split()
        ]
        for line in drawn.iter(f"{SVG}polyline")
    }
    assert lines.keys() == {"ours", "ours p99", "peers", "peers p99"}
    (left, low), (right, high) = lines["ours"]
    assert left < right
    assert high < low, "more calls are drawn further up"
    assert lines["peers"][0][1] < low
    assert [path.get("class") for path in drawn.iter(f"{SVG}path")].count("limit") == 1


def test_a_table_has_a_line_a_run_and_no_share_is_rounded_up_to_all() -> None:
    lines = table([ROW, replace(ROW, processes=4)]).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert "| 99.990 % | 100 % | 0 % |" in lines[2]
    assert [share(part) for part in (0.9999999, 0.0000001, 0.5)] == ["99.999 %", "0.001 %", "50.0 %"]
