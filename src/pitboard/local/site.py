"""The page to look drivers up: made on the server, and without any script.

Its links are relative: a proxy may hand it out below a path of its own.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from html import escape
from typing import Any

from pitboard import __version__
from pitboard.addon.pages import NOT_ENCRYPTED, page
from pitboard.drivers.categories import CLASSES

_KINDS = {
    "oval": "Oval",
    "sports_car": "Sports car",
    "formula_car": "Formula car",
    "dirt_oval": "Dirt oval",
    "dirt_road": "Dirt road",
    "road": "Road",
}


_MEMBERS = ' &middot; <a href="members">Are you shown here?</a>'
_HOST = ' &middot; <a href="status">Status</a> &middot; <a href="metrics">Metrics</a>'


def lookup_page(
    query: str,
    answer: bytes | None,
    problem: str = "",
    *,
    exposed: bool = False,
    self_service: bool = False,
    for_host: bool = False,
) -> str:
    """The whole page as HTML. `answer` is the encoded answer of the service, `query` what was typed;
    `exposed`: the page and the userscript come over a network without TLS; `self_service`: there is a page on
    which members ask not to be shown; `for_host`: it has the links that others may not follow."""
    results = "".join(_entry(name, value) for name, value in json.loads(answer).items()) if answer else ""
    if problem:
        results = f'<article class="miss" role="alert"><p>{escape(problem)}</p></article>'
    if not results:
        results = (
            '<p class="hint">Type one name or several, with commas between them, just as the forum shows'
            " them. The number at the end of a name belongs to it.</p>"
        )
    more = (_HOST if for_host else "") + (_MEMBERS if self_service else "")
    return page(
        "Pitboard",
        "Who are you talking to?",
        f"""<form action="./" role="search"><input name="names" value="{escape(query)}"
 aria-label="Driver names" placeholder="Ann Tester, Bo Demo2" autocomplete="off" required>
<button>Look up</button></form>
{results}
{NOT_ENCRYPTED if exposed else ""}
<footer>Pitboard {__version__} &middot; <a href="addon/">Get the addon</a> &middot;
<a href="health">Health</a> &middot; <a href="openapi.json">API</a>{more}</footer>""",
    )


def _entry(name: str, value: Mapping[str, Any]) -> str:
    if "error" in value:
        again = " Reload the page in a moment." if value["code"] in ("pending", "unavailable") else ""
        return (
            f'<article class="miss"><h2>{escape(name)}</h2><p>{escape(value["error"])}{again}</p></article>'
        )
    info = value["member_info"]
    facts = "".join(f"<span>{escape(fact)}</span>" for fact in _facts(value))
    licences = "".join(_licence(licence) for licence in info.get("licenses", []))
    return (
        f"<article><h2>{escape(info.get('display_name', name))}</h2><p class=facts>{facts}</p>"
        f'<ul class="licences">{licences}</ul>{_races(value.get("recent_events") or [])}</article>'
    )


def _facts(value: Mapping[str, Any]) -> Iterable[str]:
    info, meta = value["member_info"], value["_meta"]
    if country := info.get("country") or info.get("flair_name"):
        yield country
    if since := info.get("member_since"):
        yield f"member since {since[:4]} ({_years(since)})"
    if counts := value.get("follow_counts"):
        yield f"{counts.get('followers', 0)} followers"
    if meta["state"] == "partial":
        yield "profile still to come"
    elif meta["state"] == "stale":
        yield f"as of {meta['as_of'][:16].replace('T', ' ')} UTC"


def _licence(licence: Mapping[str, Any]) -> str:
    letter = CLASSES.get(licence.get("group_id", 0), "?")
    rating = licence.get("irating")
    shown = "not rated" if rating is None else f"{rating:,}"
    style = f"class-{letter[:1]}" + (" unrated" if rating is None else "")
    return (
        f'<li class="{escape(style)}"><span class="kind">{escape(_kind(licence))}</span>'
        f"<b>{escape(letter)} {licence.get('safety_rating', 0):.2f}</b><span>{shown}</span></li>"
    )


def _kind(licence: Mapping[str, Any]) -> str:
    return _KINDS.get(licence.get("category", ""), str(licence.get("category_name", "")))


def _races(events: list[Mapping[str, Any]]) -> str:
    if not events:
        return ""
    rows = "".join(_race(event) for event in events)
    return (
        '<div class="wide"><table class="races">'
        "<tr><th>When (UTC)</th><th>Event</th><th>Car</th><th>Track</th>"
        f'<th class="n">Start</th><th class="n">Finish</th></tr>{rows}</table></div>'
    )


def _race(event: Mapping[str, Any]) -> str:
    track = event.get("track") or {}
    cells = (
        _when(event.get("start_time", "")),
        event.get("event_name") or event.get("event_type", ""),
        event.get("car_name") or "",
        track.get("track_name") or "",
    )
    places = (event.get("starting_position", -1), event.get("finish_position", -1))
    return (
        "<tr>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        + "".join(f'<td class="n">{_place(place)}</td>' for place in places)
        + "</tr>"
    )


def _place(position: int) -> str:
    """Positions in recent_events count from 0; -1 is none (recorded)."""
    return f"P{position + 1}" if position >= 0 else "–"


def _when(text: str) -> str:
    try:
        return datetime.fromisoformat(text).strftime("%d %b %Y, %H:%M")
    except ValueError:
        return text


def _years(since: str) -> str:
    """Whole years since a date, by anniversary."""
    try:
        start = date.fromisoformat(since)
    except ValueError:
        return "?"
    today = date.today()  # noqa: DTZ011 - a date without time; a day more or less does not matter
    years = today.year - start.year - ((today.month, today.day) < (start.month, start.day))
    return "1 year" if years == 1 else f"{years} years"
