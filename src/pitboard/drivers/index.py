"""The driver index: what iRacing's lists of all drivers say, so that nobody has to be searched for.

iRacing publishes one list for each category (driver_stats_by_category, CSV). Together they name everybody
who has raced, with customer id, country, class, safety rating, iRating, starts and wins.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
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

MOST_CUST_ID = 2**31 - 1
"""iRacing's ids have up to seven digits; what is larger is damage."""

MOST_RATING = 20_000
"""No iRating is near this. A larger number is damage."""

_CLASS = re.compile(r"(R|D|C|B|A|P|WC|PWC) ([0-9]\.[0-9][0-9]?)")
_COUNTRY = re.compile(r"[A-Z]{2,3}")
_STATS = struct.Struct(">BBHHHIIH")
_NONE = 0xFFFF
_MOST_COUNT = 2**32
_MOST_INCIDENTS = 600.0
_LETTERS = tuple(GROUPS)
_PLACES = {letter: place for place, letter in enumerate(_LETTERS)}


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


class Row(NamedTuple):
    """One row of a list. `stats` is None when its numbers cannot be used; the name and the id still can."""

    cust_id: int
    key: str
    name: str
    country: str
    stats: CategoryStats | None


def parse_row(fields: Sequence[str]) -> Row:
    """Reads the values of `COLUMNS`. Raises `RowError` when the row names nobody.

    A refresh reads millions of rows: what comes again and again (class, country) is remembered.
    """
    if len(fields) != len(COLUMNS):
        raise RowError("wrong number of columns")
    driver, number, location, starts, wins, incidents, licence, irating, tt_rating = fields
    if len(number) > 10 or not (number.isascii() and number.isdecimal()):
        raise RowError("no customer id")
    cust_id = int(number)
    if not 0 < cust_id <= MOST_CUST_ID:
        raise RowError("no customer id")
    try:
        shown, key = names.shown_and_key(driver)
    except InvalidNameError:
        raise RowError("no name") from None
    return Row(
        cust_id,
        key,
        shown,
        _country(location),
        _category_stats(starts, wins, incidents, licence, irating, tt_rating),
    )


def _category_stats(
    starts: str, wins: str, incidents: str, licence: str, irating: str, tt_rating: str
) -> CategoryStats | None:
    """The numbers of a row; None if one of them cannot be used. -1 stands for no rating."""
    try:
        letter, safety_rating = _licence(licence)
        rating, trial, begun, won = int(irating), int(tt_rating), int(starts), int(wins)
        average = float(incidents)
    except ValueError:
        return None
    if not (
        -1 <= rating <= MOST_RATING
        and -1 <= trial <= MOST_RATING
        and 0 <= begun < _MOST_COUNT
        and 0 <= won < _MOST_COUNT
        and 0 <= average < _MOST_INCIDENTS
    ):
        return None
    return CategoryStats(
        letter,
        safety_rating,
        None if rating < 0 else rating,
        None if trial < 0 else trial,
        begun,
        won,
        average,
    )


@lru_cache(maxsize=10_000)
def _licence(text: str) -> tuple[str, float]:
    found = _CLASS.fullmatch(text.strip())
    if found is None:
        raise ValueError
    return "WC" if found[1] == "PWC" else found[1], float(found[2])


@lru_cache(maxsize=1_000)
def _country(text: str) -> str:
    country = text.strip().upper()
    return country if _COUNTRY.fullmatch(country) else ""


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
