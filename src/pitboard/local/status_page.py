"""The routes `/status` and `/status.json`: how the server does, for the host's eyes. No script is needed."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import accumulate
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pitboard.addon.pages import PAGE_POLICY
from pitboard.local.home import LocalHome
from pitboard.local.proxy import for_the_host_only, host_only
from pitboard.local.status import LABELS, Day, columns, report

WIDE, HIGH = 720, 120
"""The size of a chart in its own units."""

MOST_COLUMNS = 180
"""A day in columns of eight minutes."""

_SPANS = (("last_minute", "Minute"), ("last_hour", "Hour"), ("last_day", "Day"))
_CHARTS = (
    (
        "Names a minute",
        {
            "known": "answered with a driver",
            "pending": "still looked for",
            "unavailable": "not had from iRacing",
        },
        "",
    ),
    ("Calls to iRacing a minute", {"calls": "calls"}, "{budget_left} more could go out at once."),
    (
        "Failures a minute",
        {"failed": "requests that failed here", "calls_failed": "calls that failed"},
        "",
    ),
)


def status_routes(home: LocalHome, day: Day) -> list[Route]:
    """GET /status (a page) and GET /status.json (the same numbers). Both are for the host."""
    front = home.settings.front
    may_see = host_only(front)

    def answering(shown: Callable[[Mapping[str, Any]], Response]) -> Callable[[Request], Any]:
        async def status(request: Request) -> Response:
            if not may_see(request):
                raise for_the_host_only(front)
            health = await anyio.to_thread.run_sync(home.health)
            response = shown(report(day, health, home.now()))
            response.headers["Cache-Control"] = "no-store"
            return response

        return status

    def page(told: Mapping[str, Any]) -> Response:
        return HTMLResponse(status_page(told), headers={"Content-Security-Policy": PAGE_POLICY})

    return [
        Route("/status", answering(page), methods=["GET"]),
        Route("/status.json", answering(JSONResponse), methods=["GET"]),
    ]


def status_page(told: Mapping[str, Any]) -> str:
    """The whole page as HTML, made of what `status.report` gives. It loads itself anew every minute."""
    health, minutes = told["health"], told["minutes"]
    charts = "".join(_chart(title, minutes, series, more.format(**told)) for title, series, more in _CHARTS)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pitboard: {escape(health["status"])}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="60">
<link rel="icon" href="static/logo.svg"><link rel="stylesheet" href="static/site.css"></head><body><main>
<header class="top"><img src="static/logo.svg" alt="">
<h1>Pitboard<small>{escape(told["version"])}, since {_time(told["since"])} UTC</small></h1>
<strong class="state {escape(health["status"])}">{escape(health["status"])}</strong></header>
<article><h2>Parts</h2><ul class="parts">{"".join(map(_part, health["checks"].items()))}</ul></article>
<article><h2>Counts</h2><div class="wide">{_counts(told)}</div></article>
{charts}
<footer>As of {_time(told["now"])} UTC; this page loads itself anew every minute.
<a href="./">Look drivers up</a> &middot; <a href="status.json">The same as JSON</a> &middot;
<a href="metrics">Metrics</a></footer>
</main></body></html>"""


def _part(item: tuple[str, Mapping[str, Any]]) -> str:
    name, part = item
    word = "well" if part["ok"] else "not well"
    return (
        f'<li class="{"ok" if part["ok"] else "ill"}"><b>{escape(name)}</b> <i>{word}</i>'
        f" {escape(part['detail'])}</li>"
    )


def _counts(told: Mapping[str, Any]) -> str:
    heads = "".join(f'<th class="n">{escape(label)}</th>' for _, label in _SPANS)
    rows = "".join(
        f"<tr><th>{escape(label)}</th>"
        + "".join(f'<td class="n">{told[span][field]:,}</td>' for span, _ in _SPANS)
        + "</tr>"
        for field, label in LABELS.items()
    )
    return f"<table><tr><th></th>{heads}</tr>{rows}</table>"


def _chart(title: str, minutes: Sequence[Mapping[str, Any]], shown: Mapping[str, str], more: str) -> str:
    """Bars over the time, one of the `shown` fields on top of the other."""
    series = [columns(minutes, field, MOST_COLUMNS) for field in shown]
    tops = [[*accumulate(parts)] for parts in zip(*series, strict=True)]
    highest = max((top[-1] for top in tops), default=0) or 1
    wide = WIDE / max(len(tops), 1)
    bars = "".join(
        f'<rect class="s{number}" x="{at * wide:.1f}" width="{max(wide - 0.5, 0.5):.1f}"'
        f' y="{HIGH * (1 - top / highest):.1f}" height="{HIGH * (top - below) / highest:.1f}"/>'
        for at, column in enumerate(tops)
        for number, (top, below) in enumerate(zip(column, [0, *column], strict=False))
        if top > below
    )
    legend = "".join(
        f'<span class="s{number}">{escape(label)}</span>' for number, label in enumerate(shown.values())
    )
    if not sum(map(sum, series)):
        since = f'<p class="hint">None since {_time(minutes[0]["at"])}.</p>'
        return f"<article><h2>{escape(title)}</h2>{since}</article>"
    return (
        f"<article><h2>{escape(title)}</h2>"
        f'<figure><svg viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(title)}: at most {highest:g}">{bars}</svg>'
        f"<figcaption><span>{_time(minutes[0]['at'])}</span><span>most: {_figure(highest)}</span>"
        f"<span>now</span></figcaption></figure>"
        f'<p class="legend">{legend}</p><p class="hint">{escape(more)}</p></article>'
    )


def _figure(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _time(text: str) -> str:
    """`2026-11-26T20:15:00Z` as people read it."""
    return escape(text[:16].replace("T", " "))
