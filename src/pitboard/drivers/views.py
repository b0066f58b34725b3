"""What goes out for one driver: the kept body with ranks, with or without the profile's fields.

Making it costs a decoding and an encoding, so a view is held until record, state or ranks change.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pitboard.drivers import records
from pitboard.drivers.freshness import DAY
from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.model import CLOCK_DOUBT, Record
from pitboard.drivers.ranks import Ranks

MOST_HELD = 10_000
"""Views that are held, some 20 MB. When there are more, all are made anew."""

_VERSION = struct.Struct("<ddd")


@dataclass(frozen=True, slots=True)
class View:
    """A driver as shown. The JSON object is `head`, the age in whole seconds, and `tail`.

    `version` stands for the content without the age. `state` is `fresh`, `stale` or `partial`. From `until`
    on (Unix seconds) the view must be made anew; before `since` too, for the clock was set back.
    """

    head: bytes
    tail: bytes
    version: bytes
    state: str
    as_of: float
    since: float
    until: float

    def encoded(self, now: float) -> bytes:
        """The JSON object, with `_meta`."""
        return b"%b%d%b" % (self.head, self.age(now), self.tail)

    def age(self, now: float) -> int:
        """Whole seconds since the content was right."""
        return max(0, int(now - self.as_of))

    def by_day(self) -> "View":
        """The same for those who shall not learn when somebody asked for it: `as_of` is the beginning of its
        UTC day, and nothing else tells a time."""
        day = self.as_of - self.as_of % DAY
        head = self.head.replace(_as_of(self.as_of), _as_of(day))
        return replace(self, head=head, version=head, as_of=day, until=float("inf"))


class Views:
    """Makes views and holds them. Safe for threads: what two make at once is the same."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[object, Ranks, View]] = {}

    def of_record(self, record: Record, ranks: Ranks, now: float, *, profile: bool) -> View:
        """A kept record. Without `profile` its state is that of the licences alone."""
        key = (record.key, "whole" if profile else "licences")
        made_of = (record.as_of, record.profile_until)
        held = self._held.get(key)
        if held and held[0] == made_of and held[1] is ranks and held[2].since <= now < held[2].until:
            return held[2]
        view = _record_view(record, ranks, now, profile=profile)
        return self._hold(key, made_of, ranks, view)

    def of_index(self, key: str, driver: IndexedDriver, ranks: Ranks) -> View:
        """A driver of whom only the index knows."""
        held = self._held.get((key, "index"))
        if held and held[0] == driver and held[1] is ranks:
            return held[2]
        body = records.encode(_with_ranks(records.indexed(driver), ranks))
        view = _view(body, "partial", "index", ranks.as_of, (0.0, ranks.as_of), (0.0, 0.0))
        return self._hold((key, "index"), driver, ranks, view)

    def _hold(self, key: tuple[str, str], made_of: object, ranks: Ranks, view: View) -> View:
        if len(self._held) >= MOST_HELD:
            self._held = {}
        self._held[key] = made_of, ranks, view
        return view


def _record_view(record: Record, ranks: Ranks, now: float, *, profile: bool) -> View:
    driver = _with_ranks(records.decoded(record.body), ranks)
    if not profile:
        driver = {"cust_id": record.cust_id, "member_info": driver.get("member_info", {})}
    body = records.encode(driver)
    due = record.due(now) if profile else record.licences_due(now)
    ends = min(record.fresh_until, abs(record.profile_until)) if profile else record.fresh_until
    doubtful = record.as_of - CLOCK_DOUBT  # before this the record is due: the clock was set back
    lasts = (now, doubtful if now < doubtful else float("inf")) if due else (doubtful, ends)
    state = "partial" if profile and record.partial else "stale" if due else "fresh"
    version = (record.profile_until if profile else 0.0, ranks.as_of)
    return _view(body, state, "iracing", record.as_of, version, lasts)


def kept_view(body: bytes, state: str, as_of: float) -> View:
    """An answer of iRacing's that is no driver, such as a chart."""
    return _view(records.encode(records.decoded(body)), state, "iracing", as_of, (0.0, 0.0), (0.0, 0.0))


def _view(
    body: bytes,
    state: str,
    source: str,
    as_of: float,
    version: tuple[float, float],
    lasts: tuple[float, float],
) -> View:
    head = b'%b,"_meta":{"state":"%b",%b' % (body[:-1], state.encode(), _as_of(as_of))
    tail = b',"source":"%b"}}' % source.encode()
    tag = _VERSION.pack(as_of, *version) + state.encode() + source.encode()
    return View(head, tail, tag, state, as_of, *lasts)


def _as_of(seconds: float) -> bytes:
    """The end of a view's head."""
    return b'"as_of":"%b","age":' % records.iso(seconds).encode()


def _with_ranks(driver: dict[str, Any], ranks: Ranks) -> dict[str, Any]:
    """The same driver; each rated licence gets its rank."""
    info = driver.get("member_info", {})
    country = str(info.get("country_code") or "")
    for licence in info.get("licenses", []):
        if isinstance(licence, dict) and (rank := _rank(licence, country, ranks)):
            licence["rank"] = rank
    return driver


def _rank(licence: Mapping[str, Any], country: str, ranks: Ranks) -> dict[str, int] | None:
    irating = licence.get("irating")
    if not isinstance(irating, int) or isinstance(irating, bool) or irating < 0:
        return None
    return ranks.rank(str(licence.get("category")), country, irating)
