"""The driver index: what iRacing's lists of all drivers say, so that nobody has to be searched for.

iRacing publishes one list for each category (driver_stats_by_category, CSV). Together they name everybody
who has raced, with customer id, country, class, safety rating, iRating, starts and wins.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pitboard.drivers import names, records
from pitboard.drivers.categories import CATEGORIES, GROUPS, SEQUENCE, licence_level
from pitboard.drivers.names import InvalidNameError

COLUMNS = (
    "DRIVER", "CUSTID", "LOCATION", "STARTS", "WINS", "AVG_INC", "CLASS", "IRATING", "TTRATING",
)  # fmt: skip
"""The columns of a list that are read (of 18, recorded in November 2025)."""

MOST_CUST_ID = 2**31 - 1
"""iRacing's ids have up to seven digits; what is larger is damage."""

MOST_RATING = 20_000
"""No iRating is near this. A larger number is damage."""

_CLASS = re.compile(r"(R|D|C|B|A|P|WC|PWC) (\d\.\d\d?)")
_COUNTRY = re.compile(r"[A-Z]{2,3}")
_STATS = struct.Struct(">BBHHHIIH")
_NONE = 0xFFFF
_LETTERS = tuple(GROUPS)


class RowError(ValueError):
    """A row of a list that cannot be used. The message says why in a few words, for counting."""


@dataclass(frozen=True, slots=True)
class CategoryStats:
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


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list. `stats` is None when its numbers cannot be used; the name and the id still can."""

    key: str
    cust_id: int
    name: str
    country: str
    stats: CategoryStats | None


def parse_row(fields: Sequence[str]) -> Row:
    """Reads the values of `COLUMNS`. Raises `RowError` when the row names nobody."""
    driver, number, location, starts, wins, incidents, licence, irating, tt_rating = fields
    if (
        not number.isascii()
        or not number.isdecimal()
        or len(number) > 10
        or not 0 < int(number) <= MOST_CUST_ID
    ):
        raise RowError("no customer id")
    try:
        name = names.parse_once(driver)
    except InvalidNameError:
        raise RowError("no name") from None
    country = location.strip().upper()
    try:
        stats = CategoryStats(
            *_licence(licence),
            irating=_rating(irating),
            tt_rating=_rating(tt_rating),
            starts=_count(starts),
            wins=_count(wins),
            average_incidents=_average(incidents),
        )
    except ValueError:
        stats = None
    return Row(name.key, int(number), name.shown, country if _COUNTRY.fullmatch(country) else "", stats)


def _licence(text: str) -> tuple[str, float]:
    found = _CLASS.fullmatch(text.strip())
    if found is None:
        raise ValueError
    return "WC" if found[1] == "PWC" else found[1], float(found[2])


def _rating(text: str) -> int | None:
    """A rating; -1 stands for none."""
    value = int(text)
    if not -1 <= value <= MOST_RATING:
        raise ValueError
    return None if value < 0 else value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise ValueError
    return value


def _average(text: str) -> float:
    value = float(text)
    if not 0 <= value < 600:
        raise ValueError
    return value


# --- the compact form that stores keep


def pack(category: str, stats: CategoryStats) -> bytes:
    """One category in 18 bytes. Safety rating and incidents keep two decimals."""
    return _STATS.pack(
        CATEGORIES[category],
        _LETTERS.index(stats.licence),
        round(stats.safety_rating * 100),
        _NONE if stats.irating is None else stats.irating,
        _NONE if stats.tt_rating is None else stats.tt_rating,
        stats.starts,
        stats.wins,
        round(stats.average_incidents * 100),
    )


def unpack(packed: bytes) -> dict[str, CategoryStats]:
    """The categories that `pack` made, joined to one another in any order."""
    return dict(_unpacked(packed))


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


# --- as an answer


def body(driver: IndexedDriver) -> bytes:
    """The JSON object of a driver, in the shape of `records.body`, without what the index does not know."""
    info: dict[str, Any] = {"cust_id": driver.cust_id, "display_name": driver.name}
    if driver.country:
        info["country_code"] = driver.country
    info["licenses"] = [_entry(key, driver.stats[key]) for key in SEQUENCE if key in driver.stats]
    return records.encode({"cust_id": driver.cust_id, "member_info": info})


def _entry(category: str, stats: CategoryStats) -> dict[str, Any]:
    group_id, group_name, color = GROUPS[stats.licence]
    entry: dict[str, Any] = {
        "category_id": CATEGORIES[category],
        "category": category,
        "category_name": category.replace("_", " ").title(),
        "license_level": licence_level(group_id, stats.safety_rating),
        "safety_rating": stats.safety_rating,
        "group_name": group_name,
        "group_id": group_id,
        "color": color,
    }
    if stats.irating is not None:
        entry["irating"] = stats.irating
    if stats.tt_rating is not None:
        entry["tt_rating"] = stats.tt_rating
    return entry | records.career(stats)
