"""How the names of a request are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    with pytest.raises(Problem):
        query.asked_names(b"name=" + raw)


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
