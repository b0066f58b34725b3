"""Which texts are valid names, and when two names belong to the same driver."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers import names
from pitboard.drivers.names import InvalidNameError
from pitboard.drivers.plan import exact_match


def readable(longest: int) -> st.SearchStrategy[str]:
    """Texts without spaces and control characters. Normalizing makes a text three times as long at most, so
    30 characters are always within a name's limit of 100."""
    letters = st.characters(blacklist_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"))
    return st.text(letters, min_size=1, max_size=longest)


READABLE = readable(30)


@given(READABLE)
def test_parsing_a_parsed_name_changes_nothing(text):
    once = names.parse(text)
    assert names.parse(once.shown) == once


@given(READABLE)
def test_names_that_differ_in_unicode_form_or_case_have_the_same_key(text):
    key = names.parse(text).key
    assert names.parse(unicodedata.normalize("NFD", text)).key == key
    assert names.parse(names.parse(text).key).key == key


@given(st.lists(readable(10), min_size=1, max_size=3))
def test_white_space_of_any_kind_and_length_counts_as_one_space(words):
    assert names.same(" ".join(words), "  " + " \u00a0 ".join(words) + " ")


@pytest.mark.parametrize(("one", "other"), [("", ""), (" ", ""), ("Ann Tester", ""), ("x" * 101, "x" * 101)])
def test_a_text_that_is_no_name_is_nobodys_not_even_its_own(one, other):
    assert not names.same(one, other)
    assert not names.same(other, one)


@given(READABLE, st.integers(2, 999))
def test_a_name_with_a_numeric_suffix_is_another_driver(text, number):
    assert not names.same(text, f"{text}{number}")


@given(READABLE)
def test_no_name_has_the_key_of_the_budget_or_of_a_history(text):
    assert names.parse(text).key != "BUDGET"
    assert not names.parse(text).key.startswith("HISTORY:")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * 101, "longer"),
        ("a\x00b", "control"),
        ("a\x1b[31mb", "control"),
        ("a\u202eb", "invisible"),
        ("a\ud800b", "control"),
        ("a\u200bb", "invisible"),
    ],
)
def test_an_invalid_name_is_refused_with_a_reason(text, word):
    with pytest.raises(InvalidNameError, match=word):
        names.parse(text)


def test_a_comma_may_be_part_of_a_name():
    assert names.parse("Ann Tester, Jr.").shown == "Ann Tester, Jr."


def test_a_search_result_matches_only_if_the_whole_name_is_equal():
    rows = [(1, "Ann Tester10"), (2, "Ann Tester"), (3, "Joann Tester")]
    assert exact_match(names.parse("ann  tester"), rows) == 2
    assert exact_match(names.parse("Ann Test"), rows) is None
    assert exact_match(names.parse("Ann Tester1"), rows) is None


@pytest.mark.parametrize("asked", ["Ann McTester", "Ann Mctester", "ann mctester"])
def test_no_driver_matches_when_two_names_differ_only_in_case(asked):
    rows = [(1, "Ann McTester"), (2, "Ann Mctester")]
    assert exact_match(names.parse(asked), rows) is None


@pytest.mark.parametrize(
    ("one", "other"), [("Ann Strauß", "Ann Strauss"), ("Ann Oﬃce", "Ann Office"), ("Ann ſmith", "Ann Smith")]
)
def test_letters_that_only_case_folding_makes_equal_are_different_drivers(one, other):
    assert not names.same(one, other)
    assert exact_match(names.parse(one), [(1, other)]) is None


def test_a_name_in_capitals_is_the_same_driver():
    assert names.same("JIŘÍ ŞAHİN ΝΙΚΟΣ", "Jiří Şahi̇n Νικος")


def test_overlong_texts_are_not_kept_in_the_cache():
    before = names._remembered.cache_info().currsize
    for number in range(50):
        assert names.parse(f"Ann{' ' * 10_000}{number}").shown == f"Ann {number}"
    assert names._remembered.cache_info().currsize == before
