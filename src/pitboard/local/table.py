"""Drivers as a table for a terminal."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
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
    "from": ("From", "From"),
    "since": ("Since", "Since"),
    "oval": ("Oval", "Oval"),
    "sports_car": ("Sports car", "Sports"),
    "formula_car": ("Formula car", "Formula"),
    "dirt_oval": ("Dirt oval", "D. oval"),
    "dirt_road": ("Dirt road", "D. road"),
}
_ORDER = ("sports_car", "formula_car", "oval", "dirt_oval", "dirt_road")
_FALL_AWAY = ("dirt_road", "dirt_oval", "since", "from", "oval", "formula_car")
"""The columns that a narrow terminal does not have, the first one first."""


def driver_table(answer: Mapping[str, Any], width: int, title: str | None = None) -> Table:
    """A row for each driver of an answer of GET /drivers, in its order, for a terminal of `width` columns.

    On a narrow terminal the safety ratings fall away, then columns; the line below the table says which. No
    name and no number is cut. What is to be said of the other names stands below, too.
    """
    drivers = {name: value for name, value in answer.items() if "error" not in value}
    missed = [f"{name}: {value['error']}" for name, value in answer.items() if "error" in value]
    measuring = Console(width=10_000, file=io.StringIO())
    for wide, absent in ((True, ()), *((False, _FALL_AWAY[:count]) for count in range(len(_FALL_AWAY) + 1))):
        table = _table(drivers, absent, wide=wide)
        if measuring.measure(table).maximum <= width:
            break
    table.title, table.title_justify = title, "left"
    if not drivers and missed:
        codes = {value.get("code") for value in answer.values()}
        unknown = codes <= {"not_found", "invalid_name"}
        missed.insert(0, f"None of these {'names was found' if unknown else 'drivers can be shown'}.")
        table.show_header, table.box = False, None
    if drivers and absent:
        missed.append(f"A wider terminal also shows: {', '.join(_heading(column) for column in absent)}.")
    if missed:
        table.caption, table.caption_justify, table.min_width = Text("\n".join(missed)), "left", width - 1
    return table


def _table(drivers: Mapping[str, Any], absent: Sequence[str], *, wide: bool) -> Table:
    """The table without `absent` columns; `wide` has safety ratings and more room."""
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, padding=(0, int(wide)))
    columns = [column for column in ("from", "since", *_ORDER) if column not in absent]
    table.add_column("Driver", overflow="fold")
    for column in columns:
        table.add_column(
            _HEADINGS[column][not wide], justify="left" if column == "from" else "right", no_wrap=True
        )
    for name, value in drivers.items():
        info = value["member_info"]
        cells: dict[str, Text] = {
            "from": Text(info.get("country_code") or info.get("flair_shortname") or ""),
            "since": Text(str(info.get("member_since", ""))[:4]),
        }
        by_category = {licence.get("category"): licence for licence in info.get("licenses", [])}
        cells |= {category: _licence(by_category.get(category), wide) for category in _ORDER}
        table.add_row(Text(info.get("display_name", name)), *[cells[column] for column in columns])
    return table


def _heading(column: str) -> str:
    return _HEADINGS[column][0].lower() if column in _ORDER else column


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
