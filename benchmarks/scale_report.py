"""What the simulation's runs say: figures, tables, the chart and docs/SCALE.md."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import log10
from types import ModuleType
from typing import Any

from benchmarks.scale_model import HOUR, START, Simulation, Tally, Workload
from benchmarks.scale_world import DRIVERS, KINDS, Ledger
from pitboard.drivers import budget, freshness, plan, renewal_pool
from pitboard.drivers.freshness import Lifetime

COMMAND = "uv run --all-groups --all-extras python benchmarks/scale.py --all"

AT_ONCE = ("fresh", "stale", "index", "nobody")
"""States of authors that are answered without a call."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One phase of a run. Calls are a minute (median, 99th percentile, most), ages are minutes, shares 0 to 1.

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
    head = ["run", "views a day", "processes", "calls a minute: median", "p99", "most", "at once",
            "within a second", "pending", "age: median", "p99", "peer's calls: median", "p99", "at once"]  # fmt: skip
    lines = [
        [
            _title(row), _count(row.views), str(row.processes), *map(str, row.calls), _share(row.at_once),
            _share(row.within_a_second), _share(row.pending), *map(_age, row.age),
            *map(_count, row.peer_calls[:2]), _share(row.peer_at_once),
        ]
        for row in rows
    ]  # fmt: skip
    return _markdown(head, lines, texts=1)


def kinds_table(rows: Iterable[Figures]) -> str:
    """What the calls are for, in Markdown: means a minute."""
    head = ["run", "views a day", "processes", "licences", "drivers a call", "searches", "profiles",
            "charts", "careers", "lists", "outdated", "peer's outdated"]  # fmt: skip
    lines = [
        [
            _title(row), _count(row.views), str(row.processes), f"{row.kinds['member/get']:.1f}",
            f"{row.drivers_a_call:.0f}", *(f"{row.kinds[kind]:.1f}" for kind in KINDS[1:]),
            _share(row.outdated), _share(row.peer_outdated),
        ]
        for row in rows
    ]  # fmt: skip
    return _markdown(head, lines, texts=1)


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]], texts: int) -> str:
    marks = ["---" if at < texts else "---:" for at in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, marks, *lines))


def _title(row: Figures) -> str:
    return f"{row.scenario}: {row.phase}" if row.phase else row.scenario


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _share(share: float) -> str:
    """A share in per cent, never rounded up to all of it or down to nothing."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(max(share * 100, 0.001), 99.999):.3f} %" if not 0.001 <= share <= 0.999 else f"{share:.1%}"


def _age(minutes: int) -> str:
    return f"{minutes} min" if minutes < 600 else f"{minutes / 60:.0f} h"


# --- the policy's constants


def policy() -> str:
    """The constants of the policy that a run depends on, in Markdown. They come from the code."""
    lines = [
        [f"`{module.__name__.rpartition('.')[2]}.{name}`", _value(value)]
        for module in (freshness, renewal_pool, plan, budget)
        for name, value in _constants(module)
    ]
    return _markdown(["constant", "value"], lines, texts=1)


def workload() -> str:
    """What readers do, in Markdown."""
    given = Workload()
    lines = [[f"`{part.name}`", str(getattr(given, part.name))] for part in fields(Workload)]
    return _markdown(["workload", "value"], lines, texts=1)


def _constants(module: ModuleType) -> Iterator[tuple[str, Any]]:
    units = ("MINUTE", "HOUR", "DAY")
    for name, value in vars(module).items():
        own = name.isupper() and not name.startswith("_") and name not in units
        if own and isinstance(value, int | float | Lifetime):
            yield name, value


def _value(value: Any) -> str:
    if isinstance(value, Lifetime):
        return f"fresh {value.fresh:g} s, shown {value.stale:g} s"
    return f"{value:g}"


# --- the chart

_STYLE = """
text{font:12px system-ui,sans-serif;fill:#1f2328}
.grid{stroke:#d1d9e0;stroke-width:1}
.ours,.peers,.limit{fill:none;stroke-width:2}
.ours{stroke:#0969da}.peers{stroke:#bc4c00}.limit{stroke:#1a7f37;stroke-dasharray:6 4}
.p99{stroke-dasharray:2 4}
.o{fill:#0969da}.p{fill:#bc4c00}.l{fill:#1a7f37}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.grid{stroke:#3d444d}
.ours{stroke:#4493f8}.peers{stroke:#f0883e}.limit{stroke:#3fb950}.o{fill:#4493f8}.p{fill:#f0883e}.l{fill:#3fb950}}
"""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 680, 340, 56, 120, 30, 44
MOST_DECADES = 4


def chart(rows: Sequence[Figures]) -> str:
    """Calls a minute by page views a day, both axes logarithmic, as SVG for light and dark."""
    first, last = log10(rows[0].views), log10(rows[-1].views)

    def x(views: float) -> float:
        return LEFT + (log10(views) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(calls: float) -> float:
        return HEIGHT - BOTTOM - log10(max(calls, 1)) / MOST_DECADES * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Calls a minute by page views a day">',
        f"<style>{_STYLE.strip()}</style>",
        f'<text x="{LEFT}" y="16">Calls to iRacing a minute (lines: median; dots: 99th percentile)</text>',
    ]
    for decade in range(MOST_DECADES + 1):
        at = y(10**decade)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10**decade:,}</text>')
    for row in rows:
        parts.append(
            f'<text x="{x(row.views):.1f}" y="{HEIGHT - 24}" text-anchor="middle">{_count(row.views)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">page views a day</text>')
    limit = y(budget.LIMIT)
    parts.append(f'<path class="limit" d="M{LEFT} {limit:.1f}H{WIDTH - RIGHT}"/>')
    end = WIDTH - RIGHT + 8
    parts.append(f'<text class="l" x="{end}" y="{limit - 2:.1f}">iRacing allows {budget.LIMIT}</text>')
    for name, text, label, series in (
        ("ours", "o", "Pitboard", [row.calls for row in rows]),
        ("peers", "p", "exenza's policy", [row.peer_calls for row in rows]),
    ):
        for which, kind in ((0, ""), (1, " p99")):
            points = " ".join(
                f"{x(row.views):.1f},{y(calls[which]):.1f}" for row, calls in zip(rows, series, strict=True)
            )
            parts.append(f'<polyline class="{name}{kind}" points="{points}"/>')
        parts.append(f'<text class="{text}" x="{end}" y="{y(series[-1][0]) + 14:.1f}">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
