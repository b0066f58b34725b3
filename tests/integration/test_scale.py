"""The policy at scale, on a virtual clock: few calls, everybody at once, and never over the limit."""

from dataclasses import replace

import pytest
from benchmarks.scale import day, maintenance, nothing
from benchmarks.scale_model import Scenario, Simulation, Workload
from benchmarks.scale_report import Figures, figures
from benchmarks.scale_world import KINDS

from pitboard.drivers.budget import LIMIT

MILLION = 1e6
SMALL = replace(Workload(), members=3_000)
"""Few enough that all of them are looked at in an hour."""


def run(scenario: Scenario, workload: Workload = SMALL) -> dict[str, Figures]:
    simulation = Simulation(scenario, workload)
    simulation.run()
    phases = {row.phase: row for row in figures(simulation)}
    for row in phases.values():
        assert row.pages > 0, "a phase without readers proves nothing"
    return phases


one_worker = pytest.mark.xdist_group("scale")
"""The tests of `mean_hour`, which takes half a minute to make, run in one process."""


@pytest.fixture(scope="module")
def mean_hour() -> Figures:
    """Twenty minutes at the mean rate of a million page views a day, among 200,000 members."""
    phases = (("warm-up", 0.0, 1 / 6), ("", 1 / 6, 0.5))
    return run(Scenario("around noon", MILLION, phases, begins=11.75), Workload())[""]


@one_worker
def test_a_million_page_views_a_day_need_few_calls(mean_hour: Figures) -> None:
    median, p99, _ = mean_hour.calls
    assert median <= 40
    assert p99 <= 90


@one_worker
def test_it_needs_a_tenth_of_the_calls_of_the_peers_policy_at_most(mean_hour: Figures) -> None:
    for ours, theirs in zip(mean_hour.calls, mean_hour.peer_calls, strict=True):
        assert 0 < ours <= theirs / 10


@one_worker
def test_with_the_index_everybody_is_answered_at_once(mean_hour: Figures) -> None:
    assert mean_hour.at_once >= 0.999
    assert mean_hour.at_once > mean_hour.peer_at_once
    assert mean_hour.pending == 0
    assert mean_hour.unavailable == 0


@one_worker
def test_calls_for_licences_go_out_nearly_full(mean_hour: Figures) -> None:
    assert mean_hour.drivers_a_call >= 40


@one_worker
def test_few_of_the_authors_shown_have_raced_since(mean_hour: Figures) -> None:
    assert 0 < mean_hour.peer_outdated < 0.02
    assert 0 < mean_hour.outdated < 0.1


def test_a_process_more_is_a_call_a_minute_more_at_most() -> None:
    phases = (("warm-up", 0.0, 0.25), ("", 0.25, 0.5))
    one, many = (
        sum(run(Scenario("processes", 2e5, phases, 12.0, processes))[""].kinds.values())
        for processes in (1, 16)
    )
    assert one < many <= one + 16


def test_from_nothing_with_the_index_nobody_is_pending_and_soon_nearly_all_are_fresh() -> None:
    phases = run(nothing(2e4, 2.0))
    assert all(row.pending == 0 for row in phases.values())
    assert phases["first 10 minutes"].at_once >= 0.98, "but for those whom the index lacks"
    assert phases["then"].states["fresh"] >= 0.7
    assert phases["then"].at_once >= 0.999


def test_from_nothing_without_an_index_names_are_pending_until_the_budget_has_searched_for_them() -> None:
    phases = run(nothing(5e4, 2.0, index=False), replace(SMALL, members=2_000))
    assert phases["first 10 minutes"].pending > 0.1
    assert phases["then"].at_once >= 0.98
    assert max(row.calls[2] for row in phases.values()) <= LIMIT * 3 / 4


def test_a_maintenance_takes_no_known_author_from_the_page_and_hardly_a_call() -> None:
    phases = run(maintenance(1e4))
    meanwhile = phases["meanwhile"]
    assert meanwhile.at_once >= 0.999
    assert 0 < sum(meanwhile.kinds[kind] for kind in KINDS) <= 5, "a probe now and then"
    assert meanwhile.states["fresh"] < phases["warm-up"].states["fresh"]
    assert phases["the hour after"].states["fresh"] > meanwhile.states["fresh"]


def test_beside_a_crawl_readers_unknown_authors_are_still_found_within_a_second() -> None:
    phases = (("before", 0.0, 0.25), ("meanwhile", 0.25, 0.4))
    one = Scenario("crawl", 3e3, phases, 12.0, index=False, used=False, crawl=("unknown", 0.25, 0.4))
    meanwhile = run(one)["meanwhile"]
    assert meanwhile.states["looked up"] > 0, "there were unknown authors"
    assert meanwhile.within_a_second == 1
    assert meanwhile.calls[2] <= LIMIT * 3 / 4
    assert meanwhile.crawled["pending"] >= 0.9 * meanwhile.crawled["asked"]


def test_a_crawl_of_the_index_costs_readers_nothing() -> None:
    phases = (("before", 0.0, 0.25), ("meanwhile", 0.25, 0.4))
    scenario = Scenario("crawl", 2e4, phases, 12.0, crawl=("indexed", 0.25, 0.4))
    rows = run(scenario)
    assert rows["meanwhile"].at_once >= 0.999
    assert rows["meanwhile"].crawled["pending"] <= 0.01 * rows["meanwhile"].crawled["asked"]
    assert rows["meanwhile"].calls[2] <= LIMIT * 3 / 4


def test_a_busiest_hour_has_more_page_views_than_a_mean_one() -> None:
    assert day(1e4, 2).begins == 16.0
    busy, quiet = (run(replace(day(1e4, 1), begins=begins))[""].pages for begins in (17.0, 5.0))
    assert busy > 3 * quiet
