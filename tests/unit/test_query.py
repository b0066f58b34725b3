"""How the names of a request are read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers.names import LONGEST, InvalidNameError, parse
from pitboard.drivers.service import LONGEST_REMEMBERED
from pitboard.http import query
from pitboard.http.problems import Problem


def test_names_are_split_at_commas_before_decoding():
    assert query.asked_names(b"names=Ann%2C+Jr.,Bo&name=C,D&other=x") == ["Ann, Jr.", "Bo", "C,D"]


def test_names_that_differ_only_in_case_are_all_kept():
    assert query.asked_names(b"names=Ann,ANN,ann") == ["Ann", "ANN", "ann"]


@pytest.mark.parametrize(
    ("raw", "name"), [(b"100%", "100%"), (b"%zz", "%zz"), (b"a%2", "a%2"), (b"%2B", "+"), (b"a+b", "a b")]
)
def test_percent_encoding_is_decoded_and_invalid_encoding_is_kept(raw, name):
    assert query.asked_names(b"name=" + raw) == [name]


@pytest.mark.parametrize("raw", [b"%ff", b"%C3", b"%ED%A0%80", b"\xff"])
def test_bytes_that_are_not_utf_8_are_a_problem(raw):
    with pytest.raises(Problem) as refused:
        query.asked_names(b"name=" + raw)
    assert (refused.value.status, refused.value.code) == (400, "invalid_name")


def test_overlong_queries_are_not_kept_in_the_cache():
    before = query._remembered.cache_info().currsize
    for number in range(50):
        query.asked_names(b"names=Ann,%d%b" % (number, b"+" * 9_000))
    assert query._remembered.cache_info().currsize <= before + 1


@given(st.lists(st.binary(max_size=30), max_size=60))
def test_any_query_gives_names_or_a_problem(parts):
    try:
        asked = query.asked_names(b"&".join(b"names=" + part for part in parts))
    except Problem:
        return
    assert 1 <= len(asked) <= 50


@pytest.mark.parametrize(
    "raw", [b"", b"names", b"names=", b"names=,,", b"name=", b"Names=Ann", b"namesx=Ann"]
)
def test_a_query_without_names_is_told_how_to_ask(raw):
    with pytest.raises(Problem, match=r"\?names=NAME,NAME") as refused:
        query.asked_names(raw)
    assert (refused.value.status, refused.value.code) == (400, "no_names")


def test_fifty_names_are_a_request_and_one_more_are_not():
    fifty = [f"Driver {n}" for n in range(50)]
    assert query.checked(fifty) == fifty
    with pytest.raises(Problem, match="At most 50 names a request; this one has 51") as refused:
        query.checked([*fifty, "Ann"])
    assert (refused.value.status, refused.value.code) == (400, "too_many_names")


def test_names_are_refused_when_none_of_them_can_be_one():
    assert query.checked(["", "Ann Tester", "x" * 1000]) == ["", "Ann Tester", "x" * 1000]
    with pytest.raises(Problem) as refused:
        query.checked(["x" * 1000, "a\0b"])
    assert (refused.value.status, refused.value.code) == (400, "invalid_name")
    with pytest.raises(InvalidNameError, match=re.escape(refused.value.detail)):
        parse("a\0b")


def test_what_many_ask_for_is_read_once_and_each_has_a_list_of_its_own():
    first, again = (
        query.asked_names(b"names=Kept+One,Kept+Two"),
        query.asked_names(b"names=Kept+One,Kept+Two"),
    )
    assert first == again == ["Kept One", "Kept Two"]
    assert first is not again
    hits = query._known_page.cache_info().hits
    query.asked_names(b"names=Kept+One,Kept+Two")
    assert query._known_page.cache_info().hits == hits + 1


def test_a_page_that_is_longer_than_one_of_names_is_not_remembered():
    longest = LONGEST_REMEMBERED
    before = query._known_page.cache_info().currsize
    query.asked_names(b"names=Ann&" + b"x" * (longest - 9))
    assert query._known_page.cache_info().currsize == before
    query.asked_names(b"names=Ann&" + b"x" * (longest - 10))
    assert query._known_page.cache_info().currsize == min(before + 1, 1_000)


def test_a_name_as_long_as_one_may_be_is_remembered_and_a_longer_text_is_not():
    before = query._remembered.cache_info().currsize
    assert query._decoded(b"Q" * (4 * LONGEST + 1))
    assert query._remembered.cache_info().currsize == before
    assert query._decoded(b"Q" * 4 * LONGEST)
    assert query._remembered.cache_info().currsize == min(before + 1, 20_000)
