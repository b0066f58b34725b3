"""How many calls the policy needs as readers grow: a simulation with the real policy code on a virtual clock.

    uv run --all-groups --all-extras python benchmarks/scale.py [--views 1e6] [--hours 24] [--processes 1]
        [--scenario day] [--json]
    uv run --all-groups --all-extras python benchmarks/scale.py --all     (makes docs/SCALE.md and its chart)

The service, its plans, the renewal pool, the budget and the freshness rules are those that `pitboard serve`
runs (`scale_model`); clock, store, index and iRacing are in memory (`scale_world`).
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks import scale_doc, scale_report  # noqa: E402 - it is in the checkout, not in a package
from benchmarks.scale_model import Scenario, Simulation, Workload  # noqa: E402
from benchmarks.scale_report import Figures, figures  # noqa: E402

BUSIEST = 18.0
"""The hour of the day with the most page views."""

WARM_UP = 1.0
"""Hours that are simulated first and not counted."""


def day(views: float, hours: float = 24.0, processes: int = 1, *, index: bool = True) -> Scenario:
    """A usual day after months of use, or that many of its hours around the busiest one."""
    phases = (("warm-up", 0.0, WARM_UP), ("", WARM_UP, WARM_UP + hours))
    begins = 0.0 if hours >= 24 else BUSIEST - hours / 2 - WARM_UP
    title = "a day" if hours >= 24 else "the busiest hour" if hours == 1 else f"the busiest {hours:g} hours"
    title = title if index else f"{title}, no index"
    return Scenario(title, views, phases, begins, processes, index)


def nothing(views: float, hours: float = 6.0, processes: int = 1, *, index: bool = True) -> Scenario:
    """The first hours of a new host, from noon."""
    title = "from nothing, with index" if index else "from nothing, no index"
    phases = (("first 10 minutes", 0.0, 1 / 6), ("first hour", 1 / 6, 1.0), ("then", 1.0, max(hours, 2.0)))
    return Scenario(title, views, phases, 12.0, processes, index, used=False)


def maintenance(views: float, processes: int = 1) -> Scenario:
    """Four hours in which iRacing answers nothing, from noon."""
    phases = (("warm-up", 0.0, 1.0), ("meanwhile", 1.0, 5.0), ("the hour after", 5.0, 6.0))
    return Scenario("maintenance of 4 hours", views, phases, 11.0, processes, maintenance=(1.0, 5.0))


def crawl(views: float, names: str, processes: int = 1, *, index: bool = True) -> Scenario:
    """Half an hour in which one client asks for 50 names a second, after noon."""
    phases = (("warm-up", 0.0, 0.5), ("before", 0.5, 1.5), ("meanwhile", 1.5, 2.0), ("after", 2.0, 2.5))
    title = f"crawl of {names} names" + ("" if index else ", no index")
    return Scenario(title, views, phases, 11.0, processes, index, crawl=(names, 1.5, 2.0))


SCENARIOS: dict[str, Callable[[float, float, int], Scenario]] = {
    "day": lambda views, hours, processes: day(views, hours, processes),
    "no-index": lambda views, hours, processes: day(views, hours, processes, index=False),
    "start": lambda views, hours, processes: nothing(views, hours, processes),
    "start-no-index": lambda views, hours, processes: nothing(views, hours, processes, index=False),
    "maintenance": lambda views, _, processes: maintenance(views, processes),
    "crawl-unknown": lambda views, _, processes: crawl(views, "unknown", processes),
    "crawl-unknown-no-index": lambda views, _, processes: crawl(views, "unknown", processes, index=False),
    "crawl-indexed": lambda views, _, processes: crawl(views, "indexed", processes),
}

GROWTH = (day(1e4), day(1e5), day(1e6), day(1e7, 1))
"""The chart's points. Ten million page views a day are simulated for the busiest hour only."""

BESIDE: dict[str, tuple[Scenario, ...]] = {
    "Several processes": tuple(day(1e6, 1, processes) for processes in (1, 8, 32)),
    "No index": (day(1e6, 1, index=False), nothing(1e5, 2, index=False)),
    "From nothing, with index": (nothing(1e6, 2),),
    "Maintenance": (maintenance(1e5),),
    "A crawl": (
        crawl(1e5, "unknown"),
        crawl(1e5, "unknown", index=False),
        crawl(1e5, "indexed"),
    ),
}
DAILY = replace(Workload(), visits=((1.0, 1.0),))
"""Everybody races every day: the worst for the licences."""


def run(scenario: Scenario, workload: Workload | None = None) -> list[Figures]:
    """Runs one scenario; what is counted of it."""
    simulation = Simulation(scenario, workload)
    simulation.run(progress=True)
    return [row for row in figures(simulation) if row.phase != "warm-up"]


def main() -> None:
    """Reads the options, runs and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--views", type=float, default=1e6, help="page views a day")
    parser.add_argument("--hours", type=float, default=24, help="virtual hours (day, no-index, start)")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--scenario", choices=SCENARIOS, default="day")
    parser.add_argument("--json", action="store_true", help="all figures as JSON lines")
    parser.add_argument("--all", action="store_true", help="runs everything and writes docs/SCALE.md")
    given = parser.parse_args()
    if given.all:
        write_docs()
        return
    show(run(SCENARIOS[given.scenario](given.views, given.hours, given.processes)), as_json=given.json)


def show(rows: Sequence[Figures], *, as_json: bool) -> None:
    """Prints the rows."""
    if as_json:
        for row in rows:
            print(json.dumps(row.json()))
    else:
        print(scale_report.table(rows), scale_report.kinds_table(rows), sep="\n\n")
        for row in rows:
            print(f"\n{row.scenario} {row.phase}: cards {dict(row.cards)}, crawl {dict(row.crawled)}")


def write_docs() -> None:
    """Runs everything, some of it side by side, and writes the document and the chart."""
    jobs: list[tuple[Scenario, Workload | None]] = [(scenario, None) for scenario in GROWTH]
    jobs += [(scenario, None) for group in BESIDE.values() for scenario in group]
    jobs.append((day(1e6, 1), DAILY))
    with ProcessPoolExecutor(2) as pool:
        # the longest first, so that none is left alone at the end
        order = sorted(jobs, key=lambda job: -job[0].views * job[0].hours)
        running = {id(job): pool.submit(run, *job) for job in order}
        done = [running[id(job)].result() for job in jobs]
    grown, rest = done[: len(GROWTH)], done[len(GROWTH) :]
    growth = [row for rows in grown for row in rows]
    (ROOT / "docs" / "images" / "scale.svg").write_text(scale_doc.chart(growth), "utf-8")
    beside = {}
    for title, group in BESIDE.items():
        beside[title] = [row for rows in rest[: len(group)] for row in rows]
        rest = rest[len(group) :]
    text = scale_doc.document(growth, beside, daily=rest[0])
    (ROOT / "docs" / "SCALE.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
