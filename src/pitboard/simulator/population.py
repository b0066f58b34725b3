"""A hundred thousand invented drivers, each worked out from a number when it is asked for."""

import random
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import islice
from math import ceil, exp, log
from statistics import NormalDist
from zlib import crc32

from pitboard.simulator.catalogue import (
    CATEGORIES,
    HOMES,
    SCOTLAND,
    UNAFFILIATED,
    Category,
    Flair,
)
from pitboard.simulator.names import Names

DAY = 86400.0
NO_IRATING = 1350
"""What member/profile says of somebody without an iRating, and where everybody starts."""

_FIRST_ID, _ID_GAP = 100_000, 7
_MASK = (1 << 64) - 1


class Trait(StrEnum):
    """What a client may stumble over. A driver may have several."""

    NEVER_RACED = "never_raced"
    NULL_ACTIVITY = "null_activity"
    EMPTY_COUNTRY = "empty_country"
    SCOTTISH = "scottish"
    UNAFFILIATED = "unaffiliated"
    NO_RECENT_EVENTS = "no_recent_events"
    PROFILE_DISABLED = "profile_disabled"
    UNRATED_CATEGORY = "unrated_category"
    PRO = "pro"
    PRO_WC = "pro_wc"
    HOMONYM = "homonym"
    """Others have the same name but for the number."""


@dataclass(frozen=True, slots=True)
class Driver:
    """Who somebody is. `country` may be empty; `last_login` (Unix seconds) is the one at the start."""

    cust_id: int
    display_name: str
    flair: Flair
    country: str
    country_code: str
    member_since: date
    last_login: float
    traits: frozenset[Trait]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a driver stands in a category. `irating` is None for somebody who has never raced in it.

    `sr` is the safety rating times 100.
    """

    starts: int
    wins: int
    irating: int | None
    sr: int
    group: int
    tt_rating: int


@dataclass(frozen=True, slots=True)
class Outing:
    """A race driven while the simulator runs: when (Unix seconds) and what it changed."""

    category: Category
    start: float
    irating_change: int
    sr_change: int


class Population:
    """`size` drivers. The same seed gives the same drivers; dates are counted back from `now`.

    Safe for threads. `now` is Unix seconds, by default the present.
    """

    def __init__(self, size: int = 120_000, seed: int = 1, now: float | None = None) -> None:
        self.size = size
        self.seed = seed
        self.now = time.time() if now is None else now
        self._names = Names(size, seed)
        self._salt = _mix(seed)
        self._lock = threading.Lock()
        self._renamed: dict[int, str] = {}
        self._outings: dict[int, tuple[Outing, ...]] = {}
        self.version = 0
        """Grows when somebody races or is renamed."""

    # --- who there is ---

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        """Every customer id, ascending."""
        return (self.cust_id(number) for number in range(self.size))

    def __contains__(self, cust_id: object) -> bool:
        return isinstance(cust_id, int) and self._number(cust_id) is not None

    def driver(self, cust_id: int) -> Driver | None:
        """The driver with this customer id, or None."""
        number = self._number(cust_id)
        return None if number is None else self._driver(number)

    def find(self, name: str) -> Driver | None:
        """The driver whose whole display name this is, in any case, or None."""
        for number, renamed in list(self._renamed.items()):
            if renamed.casefold() == name.casefold():
                return self._driver(number)
        number_of = self._names.number(name)
        return None if number_of is None or number_of in self._renamed else self._driver(number_of)

    def search(self, text: str, most: int = 50) -> list[Driver]:
        """The first `most` drivers whose names hold `text` in any case, sorted by name.

        If `text` is somebody's whole name, that driver is always among them.
        """
        renamed = dict(self._renamed)
        found = [n for _, n in self._names.containing(text, most + len(renamed)) if n not in renamed]
        found += [n for n, name in renamed.items() if text.casefold() in name.casefold()]
        drivers = sorted(map(self._driver, found), key=lambda d: d.display_name.casefold())[:most]
        exact = self.find(text)
        if exact and exact not in drivers:
            drivers[-1] = exact
            drivers.sort(key=lambda d: d.display_name.casefold())
        return drivers

    def sample(self, n: int, seed: int = 0) -> list[Driver]:
        """`n` different drivers who have raced, as authors for a forum page. Needs a larger population."""
        draw = random.Random(f"{self.seed}/{seed}").sample(range(self.size), min(self.size, 2 * n + 50))
        racing = (d for d in map(self._driver, draw) if Trait.NEVER_RACED not in d.traits)
        return list(islice(racing, n))

    def having(self, *traits: Trait) -> Iterator[Driver]:
        """The drivers who have all these traits."""
        wanted = set(traits)
        return (d for d in map(self._driver, range(self.size)) if wanted <= d.traits)

    # --- what they have driven ---

    def standing(self, cust_id: int, category: Category) -> Standing:
        """Where a driver stands now. Raises KeyError for an unknown customer id."""
        number = self._known(cust_id)
        return self._with_outings(number, category, self._standing(number, category))

    def name_and_location(self, cust_id: int) -> tuple[str, str]:
        """Display name and country code, for the long files; the code is empty where the country is.

        Raises KeyError for an unknown customer id.
        """
        number = self._known(cust_id)
        bits = self._bits(number, 1)
        return self._name(number), "" if _hides_country(bits) else HOMES[bits % len(HOMES)].code

    def born_standing(self, cust_id: int, category: Category) -> Standing:
        """Where a driver stood when the simulator started."""
        return self._standing(self._known(cust_id), category)

    def outings(self, cust_id: int) -> tuple[Outing, ...]:
        """The races driven while the simulator runs, oldest first."""
        return self._outings.get(self._known(cust_id), ())

    def ranking(self, category: Category) -> Sequence[int]:
        """The customer ids of everybody in a category's statistics file, by iRating, best first.

        Some who never raced in it are in there too, at the end. Takes a good part of a second.
        """
        rated: list[tuple[int, int]] = []
        for number in range(self.size):
            standing = self._with_outings(number, category, self._standing(number, category))
            if standing.irating is not None or number % 8 == 0:
                rated.append((-(standing.irating or -1), number))
        rated.sort()
        return array("q", (self.cust_id(number) for _, number in rated))

    # --- how the world moves ---

    def race(self, cust_id: int, category: Category, at: float, irating: int = 40, sr: int = 8) -> None:
        """Lets a driver finish a race that starts `at` and changes iRating and safety rating (x 100).

        Raises KeyError for an unknown customer id.
        """
        number = self._known(cust_id)
        with self._lock:
            before = self.standing(cust_id, category)
            irating = max(irating, 50 - (before.irating or NO_IRATING))
            sr = min(max(before.sr + sr, 5), 499) - before.sr
            outing = Outing(category, at, irating, sr)
            self._outings[number] = (*self._outings.get(number, ()), outing)
            self.version += 1

    def rename(self, cust_id: int, name: str) -> None:
        """Gives a driver another display name. Raises KeyError for an unknown customer id, ValueError
        for a name that somebody else has: rename that driver first."""
        number = self._known(cust_id)
        with self._lock:
            holder = self.find(name)
            if holder is not None and holder.cust_id != cust_id:
                raise ValueError(f"{name} is the name of customer {holder.cust_id}.")
            self._renamed[number] = name
            self.version += 1

    # --- from a number to a driver ---

    def cust_id(self, number: int) -> int:
        """The customer id of a member number from 0 to `size` - 1; the older the member, the smaller."""
        return _FIRST_ID + number * _ID_GAP + self._bits(number, 0) % _ID_GAP

    def _number(self, cust_id: int) -> int | None:
        number = (cust_id - _FIRST_ID) // _ID_GAP
        return number if 0 <= number < self.size and self.cust_id(number) == cust_id else None

    def _known(self, cust_id: int) -> int:
        number = self._number(cust_id)
        if number is None:
            raise KeyError(cust_id)
        return number

    def draw(self, cust_id: int, what: str) -> random.Random:
        """A source of chance that is the same whenever it is asked for."""
        return random.Random(_mix(self._salt ^ cust_id << 32 ^ crc32(what.encode())))

    def _bits(self, number: int, salt: int) -> int:
        return _mix(self._salt + number * 64 + salt)

    def _name(self, number: int) -> str:
        return self._renamed.get(number) or self._names.name(number)

    def _days(self, number: int) -> float:
        """Days of membership: they joined at an even pace in the fifteen years up to three weeks ago."""
        return 21 + 15 * 365 * (1 - number / self.size)

    def _driver(self, number: int) -> Driver:
        bits = self._bits(number, 1)
        nation = HOMES[bits % len(HOMES)]
        flair = nation
        if nation.code == "GB" and (bits >> 8) % 4 == 0:
            flair = SCOTLAND
        elif (bits >> 10) % 30 == 0:
            flair = UNAFFILIATED
        traits = set(self._traits(number, bits))
        if flair is SCOTLAND:
            traits |= {Trait.SCOTTISH, Trait.EMPTY_COUNTRY}
        if flair is UNAFFILIATED:
            traits.add(Trait.UNAFFILIATED)
        joined = self.now - DAY * self._days(number)
        away = DAY * (bits >> 24 & 0xFFFF) / 0x10000
        away *= 3 if bits & 0x700 else 400
        last_login = self.now - min(away, self.now - joined - 10 * DAY)
        return Driver(
            cust_id=self.cust_id(number),
            display_name=self._name(number),
            flair=flair,
            country="" if Trait.EMPTY_COUNTRY in traits else nation.name,
            country_code=flair.code or nation.code,
            member_since=(datetime.fromtimestamp(joined, UTC)).date(),
            last_login=last_login,
            traits=frozenset(traits),
        )

    def _traits(self, number: int, bits: int) -> Iterator[Trait]:
        standings = [self._standing(number, category) for category in CATEGORIES]
        groups = {standing.group for standing in standings}
        raced = number in self._outings or any(standing.starts for standing in standings)
        if not raced:
            yield Trait.NEVER_RACED
        if any(standing.irating is None for standing in standings):
            yield Trait.UNRATED_CATEGORY
        if 6 in groups:
            yield Trait.PRO
        if 7 in groups:
            yield Trait.PRO_WC
        if not raced or (bits >> 40) % 16 == 0:
            yield Trait.NULL_ACTIVITY
        if _hides_country(bits):
            yield Trait.EMPTY_COUNTRY
        if not raced or (bits >> 48) % 20 == 0:
            yield Trait.NO_RECENT_EVENTS
        if (bits >> 52) % 64 == 0:
            yield Trait.PROFILE_DISABLED
        if self._names.shared(number):
            yield Trait.HOMONYM

    def _standing(self, number: int, category: Category) -> Standing:
        bits = self._bits(number, 2 + category.slot)
        if (bits & 0xFFF) >= category.rated_share * 0x1000:
            return _UNRATED
        starts = min(_STARTS[bits >> 12 & 0xFFF], 3 + int(self._days(number)))
        irating = _IRATINGS[bits >> 24 & 0xFFF]
        sr = 100 + (bits >> 36 & 0xFFFF) % 400
        wins = starts * ((bits >> 52 & 0xF) + (irating >> 9)) // 160
        tt_rating = NO_IRATING + ((bits >> 56) - 128 if bits >> 56 & 3 == 0 else 0)
        return Standing(starts, min(wins, starts), irating, sr, _group(bits, starts, irating), tt_rating)

    def _with_outings(self, number: int, category: Category, base: Standing) -> Standing:
        if not self._outings or number not in self._outings:
            return base
        mine = [outing for outing in self._outings[number] if outing.category is category]
        if not mine:
            return base
        irating = (base.irating or NO_IRATING) + sum(outing.irating_change for outing in mine)
        sr = base.sr + sum(outing.sr_change for outing in mine)
        return replace(base, starts=base.starts + len(mine), irating=irating, sr=sr)


def _mix(value: int) -> int:
    """64 well-stirred bits of a number (the finaliser of SplitMix64)."""
    value = (value + 1) * 0x9E3779B97F4A7C15 & _MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK
    return value ^ value >> 31


def _hides_country(bits: int) -> bool:
    return (bits >> 44) % 40 == 0


def _group(bits: int, starts: int, irating: int) -> int:
    """Licence class 1 to 7: rookies first, then the more starts the higher; few are professionals."""
    luck = bits >> 60
    if starts < 6:
        return 1
    if irating > 6000 and luck < 6:
        return 7
    if irating > 4500 and luck < 8:
        return 6
    return 2 + min(3, (starts // 12 + luck) // 6)


_UNRATED = Standing(0, 0, None, 250, 1, NO_IRATING)


def _quantiles(middle: float, spread: float) -> tuple[int, ...]:
    """4096 values of a log-normal distribution, ascending."""
    normal = NormalDist(log(middle), spread)
    return tuple(ceil(exp(normal.inv_cdf((n + 0.5) / 4096))) for n in range(4096))


_IRATINGS = _quantiles(1620, 0.52)
_STARTS = _quantiles(48, 1.3)
