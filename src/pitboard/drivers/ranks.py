"""World and country ranks, from a small distribution of all iRatings.

A refresh of the index leaves behind how many drivers have which iRating, by category and country. A rank
is then one more than the number of drivers with a higher iRating, so that an iRating that has changed
since has its rank at once, and nobody's entry has to be written when others pass by.
"""

import json
import struct
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise

WORLD = ""
"""The key of the counts of all countries together."""


class Counts:
    """How many drivers have which iRating: rising iRatings, each with its number of drivers."""

    __slots__ = ("_above", "_ratings", "of")

    def __init__(self, counts: Mapping[int, int]) -> None:
        self._ratings = array("i", sorted(counts))
        falling = accumulate(map(counts.__getitem__, reversed(self._ratings)))
        self._above = array("i", [0, *falling])
        self.of = self._above[-1]

    def rank(self, irating: int) -> int:
        """1 for the best. Drivers with the same iRating have the same rank."""
        return min(self._above[len(self._ratings) - bisect_right(self._ratings, irating)] + 1, self.of)

    def items(self) -> Iterator[tuple[int, int]]:
        """(iRating, drivers), rising."""
        last = len(self._ratings)
        return (
            (rating, self._above[last - at] - self._above[last - at - 1])
            for at, rating in enumerate(self._ratings)
        )


class Tally:
    """Counts rated drivers while an index is built."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, dict[int, int]]] = {}

    def add(self, category: str, country: str, irating: int, drivers: int = 1) -> None:
        """Counts drivers, in the world and in the country (if it is known)."""
        countries = self._counts.setdefault(category, {})
        for key in {WORLD, country}:
            counts = countries.setdefault(key, {})
            counts[irating] = counts.get(irating, 0) + drivers

    def ranks(self, as_of: float) -> "Ranks":
        """The distribution as counted so far."""
        return Ranks(
            as_of,
            {
                category: {country: Counts(counts) for country, counts in countries.items()}
                for category, countries in self._counts.items()
            },
        )


class Ranks:
    """The distribution of one refresh. `as_of` is its time in Unix seconds; 0 when there is none yet."""

    __slots__ = ("_counts", "as_of")

    def __init__(self, as_of: float = 0.0, counts: Mapping[str, Mapping[str, Counts]] | None = None) -> None:
        self.as_of = as_of
        self._counts = counts or {}

    def rank(self, category: str, country: str, irating: int) -> dict[str, int] | None:
        """`{"world", "of", "country", "country_of"}`; the last two only for a country with rated drivers.

        None when nobody of the category has been counted. `of` is the number of drivers who were rated at
        `as_of`; a driver below all of them has the last rank.
        """
        countries = self._counts.get(category, {})
        if (world := countries.get(WORLD)) is None:
            return None
        rank = {"world": world.rank(irating), "of": world.of}
        if country and (own := countries.get(country)):
            rank |= {"country": own.rank(irating), "country_of": own.of}
        return rank

    # --- as kept

    def encoded(self) -> dict[str, bytes]:
        """The counts, compressed, by category: some 100 kB for 500,000 drivers."""
        return {category: _encode(countries) for category, countries in self._counts.items()}

    @classmethod
    def decoded(cls, as_of: float, encoded: Mapping[str, bytes]) -> "Ranks":
        """What `encoded` gave. Raises ValueError for bytes that it cannot have given."""
        return cls(as_of, {category: _decode(data) for category, data in encoded.items()})


_HEADER = struct.Struct("<I")


def _encode(countries: Mapping[str, Counts]) -> bytes:
    """A JSON object of the number of iRatings by country, then all iRatings as steps, then all counts.

    Whole arrays, since a function that starts has to read them quickly.
    """
    sizes, steps, counts = {}, array("H"), array("I")
    for country, own in sorted(countries.items()):
        pairs = list(own.items())
        sizes[country] = len(pairs)
        ratings = [rating for rating, _ in pairs]
        steps.extend(rating - before for before, rating in pairwise([0, *ratings]))
        counts.extend(count for _, count in pairs)
    head = json.dumps(sizes).encode()
    return zlib.compress(
        _HEADER.pack(len(head)) + head + _little(steps).tobytes() + _little(counts).tobytes()
    )


class _Encoded(Mapping[str, Counts]):
    """The counts of one category by country, each made when it is asked for first."""

    def __init__(self, sizes: Mapping[str, int], steps: "array[int]", counts: "array[int]") -> None:
        ends = list(accumulate(sizes.values()))
        self._ranges = dict(zip(sizes, pairwise([0, *ends]), strict=True))
        self._steps = steps
        self._counts = counts
        self._made: dict[str, Counts] = {}

    def __getitem__(self, country: str) -> Counts:
        if (made := self._made.get(country)) is None:
            first, end = self._ranges[country]
            ratings = accumulate(self._steps[first:end])
            made = self._made[country] = Counts(dict(zip(ratings, self._counts[first:end], strict=True)))
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._ranges)

    def __len__(self) -> int:
        return len(self._ranges)


def _decode(data: bytes) -> Mapping[str, Counts]:
    steps, counts = array("H"), array("I")
    try:
        plain = zlib.decompress(data)
        first = _HEADER.size + _HEADER.unpack_from(plain)[0]
        sizes: dict[str, int] = json.loads(plain[_HEADER.size : first])
        middle = first + sum(sizes.values()) * steps.itemsize
        steps.frombytes(plain[first:middle])
        counts.frombytes(plain[middle:])
        if not len(steps) == len(counts) == sum(sizes.values()):
            raise ValueError("The distribution is cut short.")  # noqa: TRY301 - one place words all damage
    except (zlib.error, struct.error, ValueError, TypeError, AttributeError) as error:
        raise ValueError("The distribution is damaged.") from error
    return _Encoded(sizes, _little(steps), _little(counts))


def _little(numbers: "array[int]") -> "array[int]":
    """The array with little-endian bytes, or back from them."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
