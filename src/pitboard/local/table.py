"""Drivers as a table for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from pitboard.drivers.history import CATEGORIES, CLASSES

_COLOURS = {
    "R": "red",
    "D": "dark_orange",
    "C": "yellow",
    "B": "green",
    "A": "dodger_blue1",
    "P": "bold",
    "WC": "bold",
}
_HEADINGS = {
    "oval": "Oval",
    "sports_car": "Sports car",
    "formula_car": "Formula car",
    "dirt_oval": "Dirt oval",
    "dirt_road": "Dirt road",
}
_ORDER = ("sports_car", "formula_car", "oval", "dirt_oval", "dirt_road")


def driver_table(answer: Mapping[str, Any], title: str | None = None) -> Table:
    """A row for each name of an answer of GET /drivers, in its order."""
    table = Table(title=title, title_justify="left", header_style="bold", row_styles=("", "on grey7"))
    table.add_column("Driver", no_wrap=True)
    table.add_column("Country")
    table.add_column("Since", justify="right")
    for category in _ORDER:
        table.add_column(_HEADINGS[category], justify="right", no_wrap=True)
    for name, value in answer.items():
        if "error" in value:
            table.add_row(Text(name), Text(value["error"], style="dim"), *[""] * (1 + len(CATEGORIES)))
            continue
        info = value["member_info"]
        by_category = {licence.get("category"): licence for licence in info.get("licenses", [])}
        table.add_row(
            Text(info.get("display_name", name)),
            Text(info.get("country") or info.get("flair_name") or ""),
            str(info.get("member_since", ""))[:4],
            *[_licence(by_category.get(category)) for category in _ORDER],
        )
    return table


def _licence(licence: Mapping[str, Any] | None) -> Text:
    """Letter, safety rating and iRating: `A 4.99  5,601`; a dash where there is no iRating."""
    if licence is None:
        return Text("")
    letter = CLASSES.get(licence.get("group_id", 0), "?")
    rating = licence.get("irating")
    return Text.assemble(
        (f"{letter} {licence.get('safety_rating', 0):.2f}", _COLOURS.get(letter, "")),
        (f" {'–' if rating is None else f'{rating:,}':>6}", "dim" if rating is None else ""),
    )
