"""Drivers as a table for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from pitboard.drivers.categories import CLASSES

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
    "oval": ("Oval", "Oval"),
    "sports_car": ("Sports car", "Sports"),
    "formula_car": ("Formula car", "Formula"),
    "dirt_oval": ("Dirt oval", "D. oval"),
    "dirt_road": ("Dirt road", "D. road"),
}
_ORDER = ("sports_car", "formula_car", "oval", "dirt_oval", "dirt_road")


def driver_table(answer: Mapping[str, Any], width: int, title: str | None = None) -> Table:
    """A row for each driver of an answer of GET /drivers, in its order, for a terminal of `width` columns.

    Below 106 columns the safety ratings fall away. What is to be said of the other names stands below.
    """
    wide = width >= 106
    table = Table(
        title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, int(wide))
    )
    table.add_column("Driver", no_wrap=True, max_width=26 if wide else 22)
    table.add_column("From", no_wrap=True)
    table.add_column("Since", justify="right")
    for category in _ORDER:
        table.add_column(_HEADINGS[category][not wide], justify="right", no_wrap=True)
    missed = [f"{name}: {value['error']}" for name, value in answer.items() if "error" in value]
    if missed:
        table.caption, table.caption_justify, table.min_width = Text("\n".join(missed)), "left", width - 1
    for name, value in answer.items():
        if "error" in value:
            continue
        info = value["member_info"]
        by_category = {licence.get("category"): licence for licence in info.get("licenses", [])}
        table.add_row(
            Text(info.get("display_name", name)),
            Text(info.get("country_code") or info.get("flair_shortname") or ""),
            str(info.get("member_since", ""))[:4],
            *[_licence(by_category.get(category), wide) for category in _ORDER],
        )
    return table


def _licence(licence: Mapping[str, Any] | None, wide: bool) -> Text:
    """Letter, safety rating and iRating: `A 4.99  5601`; a dash where there is no iRating."""
    if licence is None:
        return Text("")
    letter = CLASSES.get(licence.get("group_id", 0), "?")
    rating = licence.get("irating")
    safety = f" {licence.get('safety_rating', 0):.2f}" if wide else ""
    return Text.assemble(
        (f"{letter}{safety}", _COLOURS.get(letter, "")),
        (f" {'–' if rating is None else rating:>4}", "dim" if rating is None else ""),
    )
