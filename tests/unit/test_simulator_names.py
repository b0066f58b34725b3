"""The simulator's names: one number for each name, one name for each number, searched as iRacing does it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers import names as forum_names
from pitboard.simulator.names import FIRST, PAIRS, SURNAMES, Names

SIZE = 120_000
NAMES = Names(SIZE, seed=1)
ALL = [NAMES.name(number) for number in range(SIZE)]


def test_no_two_members_have_the_same_name_in_any_case():
    assert len({name.casefold() for name in ALL}) == SIZE


def test_every_name_is_valid_and_already_normalized():
    assert all(forum_names.parse(name).shown == name for name in ALL[::7])
    assert all(unicodedata.is_normalized("NFC", name) for name in (*FIRST, *SURNAMES))


@given(st.integers(0, SIZE - 1), st.sampled_from([str, str.upper, str.lower, str.casefold]))
def test_a_name_in_any_case_is_found_as_its_member(number, written):
    assert NAMES.number(written(ALL[number])) == number


@given(st.text(max_size=30))
def test_a_text_is_found_only_if_a_member_has_that_name(text):
    number = NAMES.number(text)
    assert number is None or ALL[number].casefold() == text.casefold()


@pytest.mark.parametrize("change", ["{} ", " {}", "{}0", "{}x", "{}999", "x{}"])
def test_a_name_with_added_characters_is_not_found(change):
    assert NAMES.number(change.format("Jo Kerbsen")) is None
    assert NAMES.number("Jo Kerbsen") is not None


def test_every_known_difficult_kind_of_name_occurs():
    def some(test):
        return any(test(name) for name in ALL)

    assert some(lambda name: "'" in name)
    assert some(lambda name: "-" in name)
    assert some(lambda name: not name.isascii())
    assert some(lambda name: name.endswith(" Jr"))
    assert some(lambda name: name.endswith(" III"))
    assert some(lambda name: name[0].islower())
    assert some(lambda name: " van der " in name)
    assert some(lambda name: name[-1].isdigit())


def test_homonyms_differ_by_a_number_and_the_first_has_none():
    holders = [name for name, _ in NAMES.containing(ALL[0], 50) if name.rstrip("0123456789") == ALL[0]]
    assert ALL[0] in holders
    assert len(holders) > 5
    assert all(name.removeprefix(ALL[0]).isdigit() for name in holders if name != ALL[0])


@given(
    st.one_of(
        st.sampled_from(ALL),
        st.sampled_from(ALL).flatmap(
            lambda name: st.tuples(st.integers(0, len(name) - 1), st.integers(1, 12)).map(
                lambda cut: name[cut[0] : cut[0] + cut[1]]
            )
        ),
    )
)
def test_a_search_finds_the_first_50_names_with_the_text_in_order(text):
    if text.isdigit():
        assert NAMES.containing(text, 50) == []
        return
    holding = [(name, number) for number, name in enumerate(ALL) if text.casefold() in name.casefold()]
    expected = sorted(holding, key=lambda pair: pair[0].casefold())
    assert NAMES.containing(text, 50) == expected[:50]


def test_another_seed_gives_other_names():
    other = Names(SIZE, seed=2)
    assert sum(other.name(n) == ALL[n] for n in range(1000)) < 10


@pytest.mark.parametrize("size", [1, 2, 7, 500, PAIRS, PAIRS * 2])
def test_a_population_of_any_size_has_that_many_names(size):
    names = Names(size, seed=3)
    step = max(1, size // 5000)
    for number in {*range(0, size, step), size - 1}:
        assert names.number(names.name(number)) == number
    with pytest.raises(IndexError):
        names.name(size)
