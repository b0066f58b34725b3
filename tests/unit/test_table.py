"""The table of `pitboard drivers` on terminals of the usual widths."""

import io

import pytest
from rich.console import Console

from pitboard.local.table import driver_table

FOUND = {
    "cust_id": 1,
    "member_info": {
        "display_name": "Bo Demo2",
        "country_code": "DE",
        "member_since": "2012-01-01",
        "licenses": [
            {"category": category, "group_id": 4, "safety_rating": 3.2, "irating": 1500}
            for category in ("oval", "sports_car", "formula_car", "dirt_oval", "dirt_road")
        ],
    },
}


def shown(answer, width):
    text = io.StringIO()
    Console(width=width, file=text).print(driver_table(answer, width))
    return text.getvalue()


@pytest.mark.parametrize("width", [80, 106, 200])
def test_a_name_that_was_not_found_takes_no_width_from_found_drivers(width):
    missed = {"error": "iRacing cannot be asked at the moment.", "code": "unavailable"}
    text = shown({"Ann [/x] Tester": missed, "Bo Demo2": FOUND}, width)
    assert "Ann [/x] Tester: iRacing cannot be asked at the moment." in text
    assert "Bo Demo2" in text
    assert text.count("1500") == 5
    assert "…" not in text


def test_safety_ratings_are_shown_only_on_wide_terminals():
    assert "3.20" not in shown({"Bo Demo2": FOUND}, 80)
    assert shown({"Bo Demo2": FOUND}, 106).count("3.20") == 5
