"""docs/SCALE.md and its chart."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from math import log10
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.scale_model import Workload
from benchmarks.scale_report import Figures, count, kinds_table, markdown, share, table

from pitboard.drivers import budget, freshness, plan, renewal_pool
from pitboard.drivers.freshness import Lifetime
from pitboard.iracing import meter

COMMAND = "uv run --all-groups --all-extras python benchmarks/scale.py --all"

POLICY = ("src/pitboard/drivers", "src/pitboard/iracing/meter.py")
"""Where the policy's code is."""

# --- the policy's constants


def policy() -> str:
    """The constants of the policy that a run depends on, in Markdown. They come from the code."""
    told: dict[str, tuple[str, Any]] = {}
    for module in (freshness, plan, renewal_pool, budget, meter):
        for name, value in _constants(module):
            told.setdefault(name, (module.__name__.rpartition(".")[2], value))  # some are imported
    lines = [[f"`{module}.{name}`", _value(value)] for name, (module, value) in told.items()]
    return markdown(["constant", "value"], lines, texts=1)


def workload() -> str:
    """What readers do, in Markdown."""
    given = Workload()
    lines = [[f"`{part.name}`", str(getattr(given, part.name))] for part in fields(Workload)]
    return markdown(["workload", "value"], lines, texts=1)


def _constants(module: ModuleType) -> Iterator[tuple[str, Any]]:
    units = ("MINUTE", "HOUR", "DAY")
    for name, value in vars(module).items():
        own = name.isupper() and not name.startswith("_") and name not in units
        if own and isinstance(value, int | float | Lifetime) and not isinstance(value, bool):
            yield name, value


def _value(value: Any) -> str:
    if isinstance(value, Lifetime):
        return f"fresh {value.fresh:g} s, shown {value.stale:g} s"
    return f"{value:g}"


def version() -> str:
    """The day of the run, and which change of the policy's code was the last one before it."""
    asked = ("git", "log", "-1", "--format=%s", "--", *POLICY)
    last = subprocess.run(asked, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True)
    return f'{datetime.now(UTC).date()}; the last change of its code was "{last.stdout.strip()}"'


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

    title = "Calls to iRacing a minute by page views a day"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{title}</title>",
        f"<style>{_STYLE.strip()}</style>",
        f'<text x="{LEFT}" y="16">Calls to iRacing a minute (line: median, dots: 99th percentile)</text>',
    ]
    for decade in range(MOST_DECADES + 1):
        at = y(10**decade)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10**decade:,}</text>')
    for row in rows:
        at = x(row.views)
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 24}" text-anchor="middle">{count(row.views)}</text>')
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


# --- the document

_DOCUMENT = """# Scale

<!-- Made by `{command}`; change that, not this. -->

How many calls Pitboard makes to iRacing as its readers grow, and what they see. The figures are a simulation:
`benchmarks/scale.py` runs the real service, plans, renewal pool, budget and freshness rules on a virtual
clock over a store, an index and an iRacing in memory. This page and the chart are made by

```
{command}
```

![Calls a minute by page views a day](images/scale.svg)

{growth}

- *At once*: authors who are answered from what is kept or from the index, without a call. *Within a second*:
  also those whose calls the budget granted. *Pending*: the reader sees no driver yet; the addon asks again.
- *Age*: time since iRacing said what is shown, median and 99th percentile of all authors shown.
- *Peer*: the same page views under the policy of exenza's backend, which has no limit of its own: a request a
  driver, one call for a driver after an hour (two for a new one), no calls of fifty. iRacing allows {limit}
  calls a minute, so it would not be answered beyond that.
- A day begins as after months of use; its first hour is not counted. Ten million page views a day are
  simulated for the busiest hour alone.

What the calls are for (means a minute), and the share of authors who have raced since what is shown of them:

{growth_kinds}

{dominates}

{beside}
## If everybody raced every day

Licences of drivers who were not on iRacing lately are fresh for longer. The busiest hour again, but with
members who all race daily:

{daily}

{daily_kinds}

## What readers do

{workload}

`visits` are (share of members, days between two races). Authors are drawn independently for each page view;
in a forum the pages of one thread share authors, so that fewer different drivers are looked at.

What is left out: calls take no time, so a name is *within a second* when its calls are granted at once; a
reader's call that the budget would grant within the next second is counted as pending; browsers keep nothing.

## The policy it ran

It ran on {version}. A test compares this table with the code.

{policy}
"""


def _dominates(growth: Sequence[Figures]) -> str:
    """What most calls are for, at each scale."""
    told = []
    for row in growth:
        cards = sum(row.kinds[kind] for kind in ("profile", "chart", "career", "races"))
        calls = sum(row.kinds.values())
        told.append(
            f"- {count(row.views)} page views a day: {share(row.kinds['member/get'] / calls)} of the calls "
            f"are for licences, {share(cards / calls)} for cards (profile, chart, career, races), "
            f"{share(row.kinds['search'] / calls)} for searches. Of the authors shown "
            f"{share(row.states.get('fresh', 0.0))} are fresh."
        )
    return "\n".join(told)


def document(
    growth: Sequence[Figures], beside: Mapping[str, Sequence[Figures]], daily: Sequence[Figures]
) -> str:
    """docs/SCALE.md."""
    return _DOCUMENT.format(
        command=COMMAND,
        limit=budget.LIMIT,
        growth=table(growth),
        growth_kinds=kinds_table(growth),
        dominates=_dominates(growth),
        beside="\n".join(_beside(title, rows) for title, rows in beside.items()),
        daily=table(daily),
        daily_kinds=kinds_table(daily),
        workload=workload(),
        version=version(),
        policy=policy(),
    )


NOTES = {
    "Several processes": "Page views fall on processes at random. Store and budget are shared; each has a "
    "renewal pool of its own, which sends what it has gathered once a minute.",
    "No index": "Without the driver index a name costs a search until it is known: after months of use, and "
    "from nothing.",
    "From nothing, with index": "A new host: an empty store, the index loaded.",
    "Maintenance": "iRacing answers every call with 503 for four hours.",
    "A crawl": "For half an hour one client asks for 50 names a second. The figures are those of the readers "
    "beside it.",
}
"""The other tables of the document, and what they show."""


def _beside(title: str, rows: Sequence[Figures]) -> str:
    return f"## {title}\n\n{NOTES[title]}\n\n{table(rows)}\n{_crawled(rows)}"


def _crawled(rows: Sequence[Figures]) -> str:
    told = {row.scenario: row.crawled for row in rows if row.crawled.get("asked")}
    return "".join(
        f"\n{name[0].upper()}{name[1:]}: of {count(seen['asked'])} names that the crawler asked for, "
        f"{share(seen.get('pending', 0) / seen['asked'])} were told to come again.\n"
        for name, seen in told.items()
    )
