"""The costs in the documentation are what the script computes, for the stack that there is."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cost():
    return runpy.run_path(str(ROOT / "scripts" / "cost.py"))


def test_the_document_has_the_table_as_it_is_computed(cost):
    text = cost["DOCUMENT"].read_text("utf-8")
    assert cost["in_document"](text) == text, "run `python scripts/cost.py --write`"


def test_it_counts_the_alarms_and_metrics_that_there_are(cost, prod):
    from infra.dashboards import BEATS, OUTCOMES, REFRESHES, STATES

    from pitboard.telemetry.metrics import METRICS

    assert len(prod.of("AWS::CloudWatch::Alarm")) == cost["ALARMS"]
    written = [m for m in METRICS if m.name not in ("index_refreshes", "queue_length")]
    assert cost["METRICS"] == len(written) + len(STATES) + len(OUTCOMES) + len(BEATS) + 2
    assert cost["METRICS_OF_THE_INDEX"] == (1 + len(REFRESHES)) / 24


def test_it_counts_the_memory_and_the_versions_that_there_are(cost, prod):
    from pitboard.ops.deploy import VERSIONS_KEPT

    assert cost["VERSIONS"] == VERSIONS_KEPT
    assert cost["GB_OF_DRIVERS"] == prod.config.drivers.memory / 1024
    assert cost["GB_OF_INDEX"] == prod.config.index.memory / 1024
    assert cost["GB_OF_ADDON"] == prod.config.addon.memory / 1024


def test_it_counts_a_userscript_as_large_as_it_is(cost):
    import gzip

    from pitboard.addon.userscript import SCRIPT

    assert len(gzip.compress(SCRIPT.read_bytes())) / 1000 == pytest.approx(cost["SCRIPT_KB"], rel=0.2)


def test_it_counts_the_limits_that_there_are(cost, prod):
    stage = prod.one("AWS::ApiGateway::Stage")["MethodSettings"]
    (drivers,) = [s for s in stage if s["ResourcePath"] == "/~1drivers"]
    assert cost["STAGE_RATE"] == drivers["ThrottlingRateLimit"]
    assert cost["RESERVED"] == prod.config.drivers.reserved


def test_an_attack_costs_more_than_nothing_and_less_than_twenty_dollars_an_hour(cost):
    costs = [sum(cost["attack"](requests).values()) for _, requests in cost["ATTACKS"]]
    assert 0 < costs[0] < costs[1] < 20


def test_the_first_hundred_thousand_traces_are_free_and_the_reservoir_is_counted(cost):
    assert cost["traces"](30_000) == 0
    assert cost["traces"](300_000) == 200_000
    assert 2_600_000 < cost["traces"](30_000_000) < 4_500_000


def test_it_counts_the_windows_and_the_invocations_that_there_are(cost):
    from infra import queues

    assert (cost["WINDOW"], cost["BATCHES_A_WINDOW"]) == (queues.WINDOW, queues.CONCURRENCY)


def test_the_index_of_half_a_million_drivers_costs_less_than_four_dollars(cost):
    assert cost["INDEXED_DRIVERS"] == 500_000
    for size in cost["SIZES"]:
        assert 0.5 < sum(cost["index"](size).values()) < 4.0


def test_more_readers_never_cost_less(cost):
    totals = [sum(cost["parts"](size).values()) for size in cost["SIZES"]]
    assert totals == sorted(totals)


def test_cloudfront_saves_a_host_nothing_worth_a_second_stack(cost):
    """What ADR 53 decides by."""
    league, busy, everybody = cost["SIZES"]
    for size in (league, busy):
        assert -2 < cost["edge"](size, cost["EDGE_HITS"], flat=True) <= 0
    assert cost["edge"](everybody, 0.0, flat=False) < 0 < cost["edge"](everybody, 0.0, flat=True)
