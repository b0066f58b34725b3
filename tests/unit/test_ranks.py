"""Ranks from a distribution: by definition, as kept, and from damaged bytes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers.ranks import Ranks, Tally

DRIVERS = st.lists(
    st.tuples(st.sampled_from(["DE", "ES", "SCT", ""]), st.integers(0, 20_000) | st.integers(1340, 1360)),
    min_size=1,
)


def counted(drivers):
    tally = Tally()
    for country, irating in drivers:
        tally.add("oval", country, irating)
    return tally


@given(DRIVERS)
def test_a_rank_is_one_more_than_the_number_of_higher_iratings(drivers):
    ranks = counted(drivers).ranks(1.0)
    for country, irating in drivers:
        expected = {
            "world": 1 + sum(other > irating for _, other in drivers),
            "of": len(drivers),
        }
        if country:
            fellows = [other for theirs, other in drivers if theirs == country]
            expected |= {
                "country": 1 + sum(other > irating for other in fellows),
                "country_of": len(fellows),
            }
        assert ranks.rank("oval", country, irating) == expected


@given(DRIVERS, st.integers(0, 20_000))
def test_a_rating_that_changed_since_has_its_rank_too(drivers, irating):
    rank = counted(drivers).ranks(1.0).rank("oval", "", irating)
    assert rank["world"] == min(1 + sum(other > irating for _, other in drivers), len(drivers))


@given(DRIVERS)
def test_what_is_kept_says_the_same(drivers):
    ranks = counted(drivers).ranks(1.0)
    again = Ranks.decoded(2.0, ranks.encoded())
    assert again.as_of == 2.0
    for country, irating in drivers:
        assert again.rank("oval", country, irating) == ranks.rank("oval", country, irating)


def test_counting_many_at_once_is_counting_each():
    one, many = Tally(), Tally()
    for _ in range(3):
        one.add("oval", "DE", 1500)
    many.add("oval", "DE", 1500, 3)
    assert one.ranks(0.0).encoded() == many.ranks(0.0).encoded()


def test_nobody_counted_is_no_rank():
    assert Ranks().rank("oval", "DE", 1500) is None
    assert counted([("DE", 1500)]).ranks(1.0).rank("dirt_oval", "DE", 1500) is None


def test_a_country_without_rated_drivers_has_no_rank_of_its_own():
    rank = counted([("DE", 1500)]).ranks(1.0).rank("oval", "ES", 1600)
    assert rank == {"world": 1, "of": 1}


@given(st.binary(max_size=60))
def test_bytes_that_nobody_encoded_are_a_value_error(data):
    with pytest.raises(ValueError, match="damaged"):
        Ranks.decoded(0.0, {"oval": data})


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_byte_that_changed_is_a_value_error_or_changes_nothing(place, change):
    draw = random.Random(1)
    ranks = counted([(draw.choice(["DE", "ES"]), draw.randint(0, 9000)) for _ in range(300)]).ranks(0.0)
    data = bytearray(ranks.encoded()["oval"])
    data[place % len(data)] ^= change
    try:
        again = Ranks.decoded(0.0, {"oval": bytes(data)})
    except ValueError:
        return
    assert again.rank("oval", "DE", 4000) == ranks.rank("oval", "DE", 4000)


@pytest.mark.parametrize("head", [b"[]", b'{"DE": "x"}', b'{"DE": -1}', b'{"DE": 3}', b"{"])
def test_a_head_that_does_not_fit_is_a_value_error(head):
    import struct
    import zlib

    with pytest.raises(ValueError, match="damaged"):
        Ranks.decoded(0.0, {"oval": zlib.compress(struct.pack("<I", len(head)) + head)})


def test_a_distribution_is_kept_as_rising_iratings_with_their_numbers():
    tally = Tally()
    for country, irating, drivers in (("DE", 1500, 2), ("DE", 900, 1), ("ES", 20_000, 3), ("", 1500, 4)):
        tally.add("oval", country, irating, drivers)
    ranks = Ranks.decoded(5.0, tally.ranks(0.0).encoded())
    assert [ranks.rank("oval", "DE", irating) for irating in (20_001, 1500, 1499, 900, 1)] == [
        {"world": 1, "of": 10, "country": 1, "country_of": 3},
        {"world": 4, "of": 10, "country": 1, "country_of": 3},
        {"world": 10, "of": 10, "country": 3, "country_of": 3},
        {"world": 10, "of": 10, "country": 3, "country_of": 3},
        {"world": 10, "of": 10, "country": 3, "country_of": 3},
    ]
    assert ranks.rank("oval", "", 1500) == {"world": 4, "of": 10}
    counts = ranks._counts["oval"]
    assert list(counts[""].items()) == [(900, 1), (1500, 6), (20_000, 3)]
    assert sorted(counts) == ["", "DE", "ES"]
    assert len(counts) == 3
