"""What a run of the simulation says: figures, and tables of them in Markdown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from benchmarks.scale_model import START, Simulation, Tally
from benchmarks.scale_world import DRIVERS, HOUR, KINDS, Ledger

AT_ONCE = ("fresh", "stale", "index", "nobody")
"""States of authors that are answered without a call."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One phase of a run. Calls are a minute (median, 99th percentile, most), ages are minutes, shares are
    0 to 1.

    `kinds` are mean calls a minute. `outdated`: share of the authors shown who have raced since.
    """

    scenario: str
    phase: str
    views: float
    processes: int
    pages: int
    calls: tuple[int, int, int]
    kinds: Mapping[str, float]
    drivers_a_call: float
    at_once: float
    within_a_second: float
    pending: float
    unavailable: float
    states: Mapping[str, float]
    age: tuple[int, int]
    outdated: float
    cards: Mapping[str, int]
    peer_calls: tuple[int, int, int]
    peer_at_once: float
    peer_age: tuple[int, int]
    peer_outdated: float
    crawled: Mapping[str, int]

    def json(self) -> dict[str, Any]:
        """As an object for `--json`."""
        return {part.name: getattr(self, part.name) for part in fields(self)}


def figures(simulation: Simulation) -> list[Figures]:
    """The phases of a run, in their order."""
    return [_phase(simulation, *phase) for phase in simulation.scenario.phases]


def _phase(simulation: Simulation, name: str, first: float, last: float) -> Figures:
    scenario, tally, ledger = simulation.scenario, simulation.tallies[name], simulation.ledger
    begins = (simulation.start - START) / HOUR
    minutes = range(round((begins + first) * 60), round((begins + last) * 60))
    kinds = {kind: sum(ledger.calls[minute, kind] for minute in minutes) for kind in KINDS}
    drivers = sum(ledger.calls[minute, DRIVERS] for minute in minutes)
    authors, peers = max(1, tally.states.total()), max(1, tally.peer.total())
    at_once = sum(tally.states[state] for state in AT_ONCE)
    return Figures(
        scenario=scenario.title,
        phase=name,
        views=scenario.views,
        processes=scenario.processes,
        pages=tally.pages,
        calls=_calls(ledger, minutes, KINDS),
        kinds={kind: calls / len(minutes) for kind, calls in kinds.items()},
        drivers_a_call=drivers / max(1, kinds["member/get"]),
        at_once=at_once / authors,
        within_a_second=(at_once + tally.states["looked up"]) / authors,
        pending=tally.states["pending"] / authors,
        unavailable=tally.states["unavailable"] / authors,
        states={state: many / authors for state, many in tally.states.items()},
        age=_ages(tally.ages),
        outdated=tally.outdated / max(1, tally.sampled),
        cards=dict(tally.cards),
        peer_calls=_calls(simulation.peer.ledger, minutes, ["peer"]),
        peer_at_once=tally.peer["at once"] / peers,
        peer_age=_ages(tally.peer_ages),
        peer_outdated=_peer_outdated(tally),
        crawled=dict(simulation.crawled),
    )


def _peer_outdated(tally: Tally) -> float:
    """Those who were waited for are up to date and were not sampled."""
    outdated = tally.peer_outdated / max(1, tally.peer_sampled)
    return outdated * tally.peer["at once"] / max(1, tally.peer["at once"] + tally.peer["waited"])


def _calls(ledger: Ledger, minutes: Iterable[int], kinds: Sequence[str]) -> tuple[int, int, int]:
    each = sorted(sum(ledger.calls[minute, kind] for kind in kinds) for minute in minutes)
    return each[len(each) // 2], each[int(len(each) * 0.99)], each[-1]


def _ages(counted: Counter[int]) -> tuple[int, int]:
    """Median and 99th percentile."""
    ordered, total = sorted(counted.items()), counted.total()
    found, seen = [], 0
    for share in (0.5, 0.99):
        while ordered and seen + ordered[0][1] < share * total:
            seen += ordered.pop(0)[1]
        found.append(ordered[0][0] if ordered else 0)
    return found[0], found[1]


# --- tables


def table(rows: Iterable[Figures]) -> str:
    """The main table, in Markdown."""
    head = [
        "run", "views a day", "processes", "calls a minute: median", "p99", "most", "at once",
        "within a second", "pending", "age: median", "p99", "peer's calls: median", "p99", "at once",
    ]  # fmt: skip
    lines = [
        [
            _title(row), count(row.views), str(row.processes), *map(str, row.calls), share(row.at_once),
            share(row.within_a_second), share(row.pending), *map(_age, row.age),
            *map(count, row.peer_calls[:2]), share(row.peer_at_once),
        ]
        for row in rows
    ]  # fmt: skip
    return markdown(head, lines, texts=1)


def kinds_table(rows: Iterable[Figures]) -> str:
    """What the calls are for, in Markdown: means a minute."""
    head = [
        "run", "views a day", "processes", "licences", "drivers a call", "searches", "profiles", "charts",
        "careers", "races", "lists", "outdated", "peer's outdated",
    ]  # fmt: skip
    lines = [
        [
            _title(row), count(row.views), str(row.processes), f"{row.kinds['member/get']:.1f}",
            f"{row.drivers_a_call:.0f}", *(f"{row.kinds[kind]:.1f}" for kind in KINDS[1:]),
            share(row.outdated), share(row.peer_outdated),
        ]
        for row in rows
    ]  # fmt: skip
    return markdown(head, lines, texts=1)


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]], texts: int) -> str:
    """A table; all columns but the first `texts` are set to the right."""
    marks = ["---" if at < texts else "---:" for at in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, marks, *lines))


def _title(row: Figures) -> str:
    return f"{row.scenario}: {row.phase}" if row.phase else row.scenario


def count(number: float) -> str:
    """A number with commas."""
    return f"{number:,.0f}"


def share(part: float) -> str:
    """A share in per cent, never rounded up to all of it or down to nothing."""
    if part in (0.0, 1.0):
        return f"{part * 100:.0f} %"
    if 0.001 <= part <= 0.999:
        return f"{part * 100:.1f} %"
    return f"{min(max(part * 100, 0.001), 99.999):.3f} %"


def _age(minutes: int) -> str:
    return f"{minutes} min" if minutes < 600 else f"{minutes / 60:.0f} h"
