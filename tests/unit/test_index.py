"""The driver index as data: rows of iRacing's lists, the compact form, the answer made of it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers import index
from pitboard.drivers.categories import CATEGORIES, CLASSES, GROUPS, SEQUENCE, licence_level
from pitboard.drivers.index import CategoryStats, IndexedDriver, RowError
from pitboard.drivers.records import indexed
from pitboard.simulator.answers import CATEGORY_CONSTANTS

GOOD = ("1919", "694", "5.72", "A 2.96", "11424", "2187")
HUNDREDTHS = st.integers(0, 59_999).map(lambda n: n / 100)
RATINGS = st.none() | st.integers(0, index.MOST_RATING)
STATS = st.builds(
    CategoryStats,
    licence=st.sampled_from(sorted(GROUPS)),
    safety_rating=st.integers(0, 999).map(lambda n: n / 100),
    irating=RATINGS,
    tt_rating=RATINGS,
    starts=st.integers(0, 2**32 - 1),
    wins=st.integers(0, 2**32 - 1),
    average_incidents=HUNDREDTHS,
)


@given(st.dictionaries(st.sampled_from(sorted(CATEGORIES)), STATS))
def test_what_is_packed_is_unpacked_as_it_was(stats):
    packed = b"".join(index.pack(category, one) for category, one in stats.items())
    assert index.unpack(packed) == stats


@given(st.binary(min_size=1, max_size=40))
def test_bytes_that_nobody_packed_are_a_value_error_or_some_stats(data):
    with suppress(ValueError):
        assert set(index.unpack(data)) <= set(CATEGORIES)


@pytest.mark.parametrize("data", [b"\x01", bytes(18), b"\x02" + bytes(17), b"\x01\xff" + bytes(16)])
def test_a_damaged_entry_is_a_value_error(data):
    with pytest.raises(ValueError, match="damaged"):
        index.unpack(data)


@given(STATS, st.sampled_from(sorted(CATEGORIES)))
def test_a_row_is_packed_as_its_numbers_are(stats, category):
    packed, irating = index.parse_numbers(
        CATEGORIES[category],
        str(stats.starts),
        str(stats.wins),
        f"{stats.average_incidents:.2f}",
        f"{stats.licence} {stats.safety_rating:.2f}",
        "-1" if stats.irating is None else str(stats.irating),
        "-1" if stats.tt_rating is None else str(stats.tt_rating),
    )
    assert packed == index.pack(category, stats)
    assert irating == (-1 if stats.irating is None else stats.irating)


def test_a_world_champions_class_has_one_name():
    packed, _ = index.parse_numbers(5, "1", "0", "0", "PWC 4.0", "9000", "-1")
    assert index.unpack(packed)["sports_car"].licence == "WC"


@pytest.mark.parametrize("place", range(len(GOOD)))
@pytest.mark.parametrize("bad", ["", "nan", "-2", "inf", "Z 99", "1000000000000", "9" * 5000, "x\x00"])
def test_absurd_numbers_are_refused(place, bad):
    numbers = [*GOOD[:place], bad, *GOOD[place + 1 :]]
    with pytest.raises(RowError, match="numbers"):
        index.parse_numbers(5, *numbers)


def test_an_irating_that_nobody_has_is_refused():
    with pytest.raises(RowError, match="numbers"):
        index.parse_numbers(5, "1", "0", "0", "A 2.96", str(10**9), "-1")


@pytest.mark.parametrize("bad", ["", "0", "-7", "7.0", " 7", "1_000", "٧", "9" * 9, "9" * 5000, "Ann"])
def test_what_is_no_customer_id_is_refused(bad):
    with pytest.raises(RowError, match="customer id"):
        index.parse_id(bad)


def test_a_customer_id_is_a_number():
    assert index.parse_id("0598355") == 598355
    assert index.parse_id(str(index.MOST_CUST_ID)) == index.MOST_CUST_ID


@pytest.mark.parametrize("bad", ["", "  ", "A\u202eB", "x" * 101, "\x00"])
def test_what_is_no_name_is_refused(bad):
    with pytest.raises(RowError, match="name"):
        index.parse_name(bad)


@pytest.mark.parametrize(
    ("text", "code"), [("ES", "ES"), (" es ", "ES"), ("SCT", "SCT"), ("", ""), ("E5", "")]
)
def test_a_country_is_its_code_or_not_known(text, code):
    assert index.parse_country(text) == code


def test_the_answer_has_what_the_lists_say_and_no_more():
    stats = {
        "sports_car": CategoryStats("A", 2.96, 3000, None, 10, 2, 5.72),
        "oval": CategoryStats("R", 2.5, None, 1350, 0, 0, 0.0),
    }
    answer = indexed(IndexedDriver(7, "Ann Tester", "DE", stats))
    assert answer["cust_id"] == answer["member_info"]["cust_id"] == 7
    assert answer["member_info"]["country_code"] == "DE"
    oval, sports_car = answer["member_info"]["licenses"]
    assert (oval["category"], oval["group_name"], oval["license_level"]) == ("oval", "Rookie", 2)
    assert "irating" not in oval
    assert "tt_rating" not in sports_car
    assert (sports_car["irating"], sports_car["starts"], sports_car["wins"]) == (3000, 10, 2)
    assert sports_car["avg_incidents"] == 5.72


def test_a_country_that_is_not_known_is_absent():
    assert "country_code" not in indexed(IndexedDriver(7, "Ann Tester", ""))["member_info"]


@pytest.mark.parametrize(
    ("place", "good", "bad"),
    [
        (0, "65536", "4294967296"),
        (1, "65536", "4294967296"),
        (2, "599.99", "600"),
        (2, "0", "-0.01"),
        (4, "20000", "20001"),
        (4, "-1", "-2"),
        (5, "20000", "20001"),
        (5, "-1", "-2"),
    ],
)
def test_numbers_are_taken_up_to_their_bounds(place, good, bad):
    numbers = [*GOOD[:place], good, *GOOD[place + 1 :]]
    packed, irating = index.parse_numbers(5, *numbers)
    assert irating == int(numbers[4])
    assert len(packed) == 18
    with pytest.raises(RowError, match="numbers"):
        index.parse_numbers(5, *(bad if at == place else text for at, text in enumerate(GOOD)))


def test_an_id_has_up_to_eight_digits():
    assert index.parse_id("099999999") == index.MOST_CUST_ID == 99_999_999
    assert index.parse_id("1") == 1
    for bad in ("100000000", "0099999999"):
        with pytest.raises(RowError):
            index.parse_id(bad)


def test_entries_of_several_categories_are_told_apart_without_unpacking():
    one, other = (index.parse_numbers(number, *GOOD)[0] for number in (5, 1))
    assert index.split(one + other) == {"sports_car": one, "oval": other}
    assert index.split(b"") == {}
    for bad in (one[:-1], one + other[:5], b"\x02" + one[1:]):
        with pytest.raises(ValueError, match="damaged"):
            index.split(bad)


@pytest.mark.parametrize(
    ("letter", "rating", "level"),
    [("R", 0.5, 1), ("R", 1.0, 1), ("R", 4.99, 4), ("D", 2.66, 6), ("A", 2.96, 18), ("WC", 5.0, 28)],
)
def test_a_licence_has_four_levels_by_its_safety_rating(letter, rating, level):
    assert licence_level(GROUPS[letter][0], rating) == level


def test_the_facts_of_the_categories_are_iracing_s():
    """constants/categories, lookup/licenses and member/get, as recorded; the simulator answers so."""
    labels = {constant["value"]: constant["label"] for constant in CATEGORY_CONSTANTS}
    assert {labels.pop(number): name for name, number in CATEGORIES.items()} == {
        "Oval": "oval",
        "Dirt Oval": "dirt_oval",
        "Dirt Road": "dirt_road",
        "Sports Car": "sports_car",
        "Formula Car": "formula_car",
    }
    assert set(labels.values()) == {"Road"}, "it was divided into two"
    assert {number: letter for letter, (number, _, _) in GROUPS.items()} == CLASSES
    assert [GROUPS[letter][0] for letter in ("R", "D", "C", "B", "A", "P", "WC")] == [1, 2, 3, 4, 5, 6, 7]
    assert set(SEQUENCE) == set(CATEGORIES)
