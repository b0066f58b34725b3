"""Driver records: what is taken over from iRacing's answers, in the shape that clients read.

The shape is iRacing's own `member/profile`, without awards, helmet, images and licence history.
Licences always come from `member/get`: there an unrated category has no `irating`, while the profile
shows the starting value 1350 as if it had been driven (both recorded).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pitboard.drivers.categories import CATEGORIES, GROUPS, SEQUENCE, licence_level
from pitboard.drivers.index import CategoryStats, IndexedDriver

_FROM_MEMBER = (
    "cust_id",
    "display_name",
    "member_since",
    "last_login",
    "flair_id",
    "flair_name",
    "flair_shortname",
    "ai",
)
_FROM_PROFILE = ("country", "country_code")
_PROFILE_PARTS = ("follow_counts", "recent_events", "activity")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8. Raises ValueError for numbers that JSON has not."""
    return _ENCODER.encode(value).encode("utf-8", "replace")


def decoded(kept: bytes) -> Any:
    """What a store has kept. Infinity and NaN, which version 0.1.0 could keep, are None."""
    return _DECODER.decode(kept.decode())


def body(
    member: Mapping[str, Any],
    profile: Mapping[str, Any] | None = None,
    older: bytes | None = None,
    indexed: IndexedDriver | None = None,
) -> bytes:
    """The JSON object of a driver.

    `member` is one entry of `member/get` with licences; `profile` an answer of `member/profile`, or None
    when it is not known (yet). `older` is a body kept before, whose profile fields stand in for those that
    are not said now.
    `indexed` is what the driver index knows: the country, until a profile says it, and starts and wins.
    """
    info = {field: member[field] for field in _FROM_MEMBER if field in member}
    if indexed and indexed.country:
        info["country_code"] = indexed.country
    parts: dict[str, Any] = {}
    if profile is not None:
        parts = {"activity": None, "recent_events": [], "follow_counts": None}
    if older is not None:
        kept = decoded(older)
        info |= _only(kept.get("member_info", {}), _FROM_PROFILE)
        parts |= _only(kept, _PROFILE_PARTS)
    if profile is not None:
        shown = profile.get("member_info")
        info |= _only(shown if isinstance(shown, Mapping) else {}, _FROM_PROFILE)
        parts |= _only(profile, _PROFILE_PARTS)
    licences = member.get("licenses")
    info["licenses"] = (
        [_licence(licence, indexed) for licence in licences] if isinstance(licences, list) else []
    )
    return encode({"cust_id": member["cust_id"], "member_info": info, **parts})


def last_login(member: Mapping[str, Any]) -> datetime | None:
    """When the driver was last on iRacing, None when it is not said."""
    return moment(member.get("last_login"))


def moment(text: object) -> datetime | None:
    """A time as iRacing writes it, None for what is none. It has up to nine decimals of the second and is in
    UTC (recorded)."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def has_licences(kept: bytes) -> bool:
    """Whether a body kept before has any licence."""
    return bool(decoded(kept).get("member_info", {}).get("licenses"))


def has_raced(older: bytes, member: Mapping[str, Any]) -> bool:
    """Whether a rating of `member` is another one than in the body kept before: then there was a race."""
    kept = decoded(older).get("member_info", {}).get("licenses", [])
    return _ratings(kept) != _ratings(member.get("licenses"))


def _ratings(licences: Any) -> list[tuple[Any, ...]]:
    known = licences if isinstance(licences, list) else []
    fields = ("category", "irating", "safety_rating", "license_level")
    return sorted(tuple(repr(x.get(f)) for f in fields) for x in known if isinstance(x, Mapping))


def with_profile(known: bytes, profile: Mapping[str, Any]) -> bytes:
    """The body `known`, with the profile fields of a newer `member/profile`; its licences stay."""
    return body(decoded(known)["member_info"], profile, known)


def _licence(licence: Any, indexed: IndexedDriver | None) -> Any:
    """A licence with the starts and wins that the index knows; as it is where it knows none."""
    if indexed is None or not isinstance(licence, Mapping):
        return licence
    stats = indexed.stats.get(str(licence.get("category")))
    return {**licence, **career(stats)} if stats else licence


def career(stats: CategoryStats) -> dict[str, Any]:
    """What the index knows of a licence and member/get does not."""
    return {"starts": stats.starts, "wins": stats.wins, "avg_incidents": stats.average_incidents}


def indexed(driver: IndexedDriver) -> dict[str, Any]:
    """A driver in the shape of `body`'s JSON, without what the index does not know."""
    info: dict[str, Any] = {"cust_id": driver.cust_id, "display_name": driver.name}
    if driver.country:
        info["country_code"] = driver.country
    info["licenses"] = [_entry(key, driver.stats[key]) for key in SEQUENCE if key in driver.stats]
    return {"cust_id": driver.cust_id, "member_info": info}


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
    return entry | career(stats)


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC, whole seconds."""
    return _iso(int(seconds))


@lru_cache(maxsize=20_000)
def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _only(source: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: source[field] for field in fields if field in source}
