"""The driver index: what iRacing's lists of all drivers say, so that nobody has to be searched for.

iRacing publishes one list for each category (driver_stats_by_category, CSV). Together they name everybody
who has raced, with customer id, country, class, safety rating, iRating, starts and wins.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pitboard.drivers import names
from pitboard.drivers.categories import CATEGORIES, GROUPS
from pitboard.drivers.names import InvalidNameError

COLUMNS = (
    "DRIVER", "CUSTID", "LOCATION", "STARTS", "WINS", "AVG_INC", "CLASS", "IRATING", "TTRATING",
)  # fmt: skip
"""The columns of a list that are read (of 18, recorded in November 2025)."""

MOST_CUST_ID = 99_999_999
"""iRacing's ids have up to seven digits; what has more than eight is damage."""

MOST_RATING = 20_000
"""No iRating is near this. A larger number is damage."""

_CLASS = re.compile(r"(R|D|C|B|A|P|WC|PWC) ([0-9]\.[0-9][0-9]?)")
_COUNTRY = re.compile(r"[A-Z]{2,3}")
_STATS = struct.Struct(">BBHHHIIH")
_NONE = 0xFFFF
_MOST_INCIDENTS = 600.0
_LETTERS = tuple(GROUPS)
_PLACES = {letter: place for place, letter in enumerate(_LETTERS)}


NO_NUMBERS = "numbers that cannot be used (name and id are kept)"


class RowError(ValueError):
    """A row of a list that cannot be used. The message says why in a few words, for counting."""


class CategoryStats(NamedTuple):
    """A driver in one category. `irating` and `tt_rating` are None for the unrated.

    `average_incidents` is incidents a race.
    """

    licence: str
    safety_rating: float
    irating: int | None
    tt_rating: int | None
    starts: int
    wins: int
    average_incidents: float


@dataclass(frozen=True, slots=True)
class IndexedDriver:
    """A driver as the index knows him. `country` is ISO 3166 alpha-2, "" when it is not known.

    `stats` has the categories of whose lists he is part, by key.
    """

    cust_id: int
    name: str
    country: str
    stats: Mapping[str, CategoryStats] = field(default_factory=dict)


# --- a row of a list; a refresh reads millions of them, so what comes again and again is remembered


def parse_id(text: str) -> int:
    """CUSTID. Raises `RowError`."""
    if len(text) < 10 and text.isascii() and text.isdecimal() and 0 < (cust_id := int(text)) <= MOST_CUST_ID:
        return cust_id
    raise RowError("no customer id")


def parse_name(text: str) -> tuple[str, str]:
    """DRIVER, as shown and as key. Raises `RowError`."""
    try:
        return names.shown_and_key(text)
    except InvalidNameError:
        raise RowError("no name") from None


@lru_cache(maxsize=1_000)
def parse_country(text: str) -> str:
    """LOCATION; "" for what is no country code."""
    country = text.strip().upper()
    return country if _COUNTRY.fullmatch(country) else ""


def parse_numbers(
    category_id: int, starts: str, wins: str, incidents: str, licence: str, irating: str, tt_rating: str
) -> tuple[bytes, int]:
    """The numbers of a row as `pack` packs them, and the iRating (-1: none).

    Raises `RowError` if one of them cannot be used.
    """
    try:
        place, safety = _licence(licence)
        rating, trial = int(irating), int(tt_rating)
        if -1 <= rating <= MOST_RATING and -1 <= trial <= MOST_RATING:
            packed = _STATS.pack(
                category_id, place, safety, rating & _NONE, trial & _NONE, int(starts), int(wins),
                _hundredths(incidents),
            )  # fmt: skip
            return packed, rating
    except (ValueError, struct.error):
        pass
    raise RowError(NO_NUMBERS)


@lru_cache(maxsize=10_000)
def _licence(text: str) -> tuple[int, int]:
    """ "A 2.96" as the place of its letter and the safety rating times 100."""
    found = _CLASS.fullmatch(text.strip())
    if found is None:
        raise ValueError
    return _PLACES["WC" if found[1] == "PWC" else found[1]], round(float(found[2]) * 100)


@lru_cache(maxsize=10_000)
def _hundredths(text: str) -> int:
    value = float(text)
    if not 0 <= value < _MOST_INCIDENTS:
        raise ValueError
    return round(value * 100)


# --- the compact form that stores keep


def pack(category: str, stats: CategoryStats) -> bytes:
    """One category in 18 bytes. Safety rating and incidents keep two decimals."""
    return _STATS.pack(
        CATEGORIES[category],
        _PLACES[stats.licence],
        round(stats.safety_rating * 100),
        _NONE if stats.irating is None else stats.irating,
        _NONE if stats.tt_rating is None else stats.tt_rating,
        stats.starts,
        stats.wins,
        round(stats.average_incidents * 100),
    )


def unpack(packed: bytes) -> dict[str, CategoryStats]:
    """The categories that `pack` made, joined to one another in any order.

    Raises ValueError for bytes that it cannot have made.
    """
    try:
        return dict(_unpacked(packed))
    except (struct.error, LookupError) as error:
        raise ValueError("The entry of a driver is damaged.") from error


def split(packed: bytes) -> dict[str, bytes]:
    """The same without unpacking: the bytes of each category. Raises ValueError as `unpack`."""
    try:
        whole = [packed[at : at + _STATS.size] for at in range(0, len(packed), _STATS.size)]
        return {_KEYS[_STATS.unpack(one)[0]]: one for one in whole}
    except (struct.error, LookupError) as error:
        raise ValueError("The entry of a driver is damaged.") from error


def _unpacked(packed: bytes) -> Iterator[tuple[str, CategoryStats]]:
    for category, letter, safety, irating, tt_rating, starts, wins, incidents in _STATS.iter_unpack(packed):
        yield (
            _KEYS[category],
            CategoryStats(
                _LETTERS[letter],
                safety / 100,
                None if irating == _NONE else irating,
                None if tt_rating == _NONE else tt_rating,
                starts,
                wins,
                incidents / 100,
            ),
        )


_KEYS = {number: key for key, number in CATEGORIES.items()}
