"""What iRacing's answers may look like: each is checked here once, when it comes in.

Behind this door every field has its type and a value that can be true, and there are no fields but those
that Pitboard passes on or uses (`docs/adr/0035`). Source of the fields: recorded answers.

A check takes a value and gives it back, a list or an object without what is wrong in it; it raises
`WrongError` for what cannot be used at all.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pitboard.drivers.index import MOST_CUST_ID, MOST_RATING

Check = Callable[[Any, "Wrong"], Any]

MOST_ITEMS = 100_000
"""Most items of a list that are looked at. The longest known, a chart, has some thousand."""


class WrongError(ValueError):
    """A value that cannot be used. The message is a path of field names, without any value."""


class Wrong(list[str]):
    """Paths of what was left out of an answer."""


def whole(least: int, most: int) -> Check:
    """A whole number within bounds."""

    def check(value: Any, _: Wrong) -> int:
        if type(value) is int and least <= value <= most:
            return value
        raise WrongError

    return check


def number(least: float, most: float) -> Check:
    """A number within bounds: no infinity, no NaN."""

    def check(value: Any, _: Wrong) -> float:
        if type(value) in (int, float) and least <= value <= most:
            return value  # type: ignore[no-any-return]
        raise WrongError

    return check


def text(longest: int, pattern: str = "") -> Check:
    """A text of so many characters at most, all of it like the pattern."""
    like = re.compile(pattern or r"[^\ud800-\udfff\x00-\x08]*")

    def check(value: Any, _: Wrong) -> str:
        if type(value) is str and len(value) <= longest and like.fullmatch(value):
            return value
        raise WrongError

    return check


def truth(value: Any, _: Wrong) -> bool:
    """true or false."""
    if type(value) is bool:
        return value
    raise WrongError


def nullable(inner: Check) -> Check:
    """null, or what `inner` takes."""

    def check(value: Any, wrong: Wrong) -> Any:
        return None if value is None else inner(value, wrong)

    return check


def rows(inner: Check, *, whole: bool = False) -> Check:
    """A list. Items that are wrong are left out; with `whole` one of them spoils the list."""

    def check(value: Any, wrong: Wrong) -> list[Any]:
        if type(value) is not list or len(value) > MOST_ITEMS:
            raise WrongError
        good = []
        for item in value:
            try:
                good.append(inner(item, wrong))
            except WrongError as error:
                if whole:
                    raise
                wrong.append(f"[]{error}")
        return good

    return check


def form(
    required: Mapping[str, Check], vital: Mapping[str, Check] = {}, other: Mapping[str, Check] = {}
) -> Check:
    """An object with these fields. `required` ones must be there; `vital` ones may be absent or null, but
    must not be wrong, for without them the object would tell something else; `other` ones are left out when
    they are wrong. All further fields are left out."""

    def check(value: Any, wrong: Wrong) -> dict[str, Any]:
        if type(value) is not dict:
            raise WrongError
        good = {}
        for field, inner in required.items():
            good[field] = _field(field, inner, value.get(field), wrong)
        for field, inner in vital.items():
            if value.get(field) is not None:
                good[field] = _field(field, inner, value[field], wrong)
        for field, inner in other.items():
            if field in value:
                try:
                    good[field] = _field(field, inner, value[field], wrong)
                except WrongError as error:
                    wrong.append(str(error))
        return good

    return check


def _field(name: str, inner: Check, value: Any, wrong: Wrong) -> Any:
    inside = Wrong()
    try:
        return inner(value, inside)
    except WrongError as error:
        raise WrongError(f".{name}{error}") from None
    finally:
        wrong += [f".{name}{path}" for path in inside]


# --- iRacing's answers

_COUNT = whole(0, 10**9)
_ID = whole(-(10**12), 10**12)
_CUST_ID = whole(1, MOST_CUST_ID)
_NAME = text(200)
_WORD = text(80)
_DAY = text(10, r"\d{4}-\d\d-\d\d")
_MOMENT = text(40, r"\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d)?)?")
_RATING = whole(-1, MOST_RATING)
_PLACE = whole(-1, 10_000)

_LICENCE = form(
    {"category": text(40, r"[a-z_]+"), "group_id": whole(0, 100), "safety_rating": number(0, 10)},
    {"irating": _RATING, "license_level": whole(0, 1_000)},
    {
        "category_id": whole(0, 1_000),
        "category_name": _WORD,
        "cpi": number(0, 1e9),
        "tt_rating": _RATING,
        "mpr_num_races": _COUNT,
        "mpr_num_tts": _COUNT,
        "color": text(8, "[0-9A-Fa-f]*"),
        "group_name": _WORD,
        "pro_promotable": truth,
        "seq": whole(0, 1_000),
    },
)
FOUND = form({"cust_id": _CUST_ID, "display_name": _NAME})
"""One driver of lookup/drivers or league/roster."""

MEMBER = form(
    {"cust_id": _CUST_ID, "display_name": _NAME},
    {"licenses": rows(_LICENCE, whole=True)},
    {
        "member_since": _DAY,
        "last_login": _MOMENT,
        "flair_id": _ID,
        "flair_name": _WORD,
        "flair_shortname": _WORD,
        "ai": truth,
    },
)
"""One driver of member/get. A wrong licence spoils the driver: the others would tell half of the truth."""

_EVENT = form(
    {},
    {},
    {
        "event_type": _WORD,
        "subsession_id": _ID,
        "start_time": _MOMENT,
        "event_id": _ID,
        "event_name": nullable(_NAME),
        "simsession_type": whole(-1, 1_000),
        "starting_position": _PLACE,
        "finish_position": _PLACE,
        "best_lap_time": whole(-1, 10**12),
        "percent_rank": number(-1, 1_000),
        "car_id": _ID,
        "car_name": nullable(_NAME),
        "logo_url": nullable(text(300, r"[^?\s]*")),  # no signed link
        "track": form({}, {}, {"config_name": nullable(_NAME), "track_id": _ID, "track_name": _NAME}),
    },
)
PROFILE = form(
    {
        "cust_id": _CUST_ID,
        "member_info": form(
            {"cust_id": _CUST_ID},
            {},
            {"display_name": _NAME, "country": _WORD, "country_code": _WORD},
        ),
    },
    {},
    {
        "follow_counts": nullable(form({}, {}, {"followers": _COUNT, "follows": _COUNT})),
        "recent_events": rows(_EVENT),
        "activity": nullable(
            form(
                {},
                {},
                dict.fromkeys(
                    (
                        "recent_30days_count",
                        "prev_30days_count",
                        "consecutive_weeks",
                        "most_consecutive_weeks",
                    ),
                    _COUNT,
                ),
            )
        ),
    },
)
"""member/profile."""

CHART = form(
    {
        "cust_id": _CUST_ID,
        "category_id": whole(0, 1_000),
        "chart_type": whole(0, 1_000),
        "data": rows(form({"when": _DAY, "value": number(-1, 100_000)})),
    }
)
"""member/chart_data. Safety ratings are group * 1000 + rating * 100."""

CAREER = form(
    {
        "cust_id": _CUST_ID,
        "stats": rows(
            form(
                {"category": _WORD},
                {},
                dict.fromkeys(("starts", "wins", "top5", "poles"), _COUNT)
                | dict.fromkeys(("avg_finish_position", "avg_incidents"), number(0, 10_000)),
            )
        ),
    }
)
"""stats/member_career."""

_RACE = form(
    {"subsession_id": whole(1, 10**12), "session_start_time": _MOMENT},
    {
        "oldi_rating": _RATING,
        "newi_rating": _RATING,
        "old_sub_level": whole(-1, 1_000),
        "new_sub_level": whole(-1, 1_000),
        "start_position": _PLACE,
        "finish_position": _PLACE,
    },
    {
        "series_id": _ID,
        "series_name": _NAME,
        "season_year": whole(0, 10_000),
        "season_quarter": whole(0, 10),
        "race_week_num": whole(-1, 1_000),
        "car_id": _ID,
        "car_class_id": _ID,
        "license_level": whole(0, 1_000),
        "laps": _COUNT,
        "laps_led": _COUNT,
        "incidents": _COUNT,
        "points": whole(-(10**6), 10**6),
        "strength_of_field": whole(0, MOST_RATING),
        "track": form({}, {}, {"config_name": nullable(_NAME), "track_id": _ID, "track_name": _NAME}),
    },
)
RACES = form({"cust_id": _CUST_ID, "races": rows(_RACE)})
"""stats/member_recent_races, without the winner, who is somebody else."""

CARS = rows(
    form({"car_id": whole(1, 10**6), "car_name": _NAME}, {}, {"categories": rows(text(40, r"[a-z_]+"))})
)
"""car/get."""
