"""The table of `pitboard drivers` on terminals of the usual widths."""

import io

import pytest
from rich.console import Console

from pitboard.local.table import driver_table

INFO = {
    "display_name": "Bo Demo2",
    "country_code": "DE",
    "member_since": "2012-01-01",
    "licenses": [
        {"category": category, "group_id": 4, "safety_rating": 3.2, "irating": 1500}
        for category in ("oval", "sports_car", "formula_car", "dirt_oval", "dirt_road")
    ],
}
FOUND = {"cust_id": 1, "member_info": INFO}


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


@pytest.mark.parametrize("width", [40, 50, 60, 72, 80, 106, 200])
def test_narrow_terminals_lose_columns_and_never_a_digit_or_a_letter_of_a_name(width):
    long = "Maximiliana Testarossa-Beispiel3"
    other = {**FOUND, "member_info": {**INFO, "display_name": long}}
    text = shown({"Bo Demo2": FOUND, long: other}, width)
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())
    assert "Bo Demo2" in text
    assert text.count("1500") >= 2
    assert text.count("1500") % 2 == 0
    if width >= 60:
        assert long in text


def test_what_a_narrow_terminal_does_not_show_is_said():
    assert "A wider terminal also shows: dirt road" in " ".join(shown({"Bo Demo2": FOUND}, 55).split())
    assert "wider" not in shown({"Bo Demo2": FOUND}, 80)


def test_when_nobody_was_found_the_table_says_so():
    missed = {"error": "There is no driver of this name.", "code": "not_found"}
    assert "None of these names was found." in shown({"Ann Tester": missed}, 80)
    later = {"error": "iRacing has failed several times in a row.", "code": "unavailable"}
    told = shown({"Ann Tester": missed, "Bo Demo2": later}, 80)
    assert "None of these drivers can be shown." in told
    assert "Sports" not in told
