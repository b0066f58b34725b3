"""Drivers as the Data API tells of them. Field names and oddities are those of recorded answers."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pitboard.simulator.catalogue import CATEGORIES, CLASSES, FLAIRS, LEAGUES, NATIONS, SERIES, Category
from pitboard.simulator.population import NO_IRATING, Driver, Population, Standing, Trait
from pitboard.simulator.races import ENDURANCE, Race, irating_chart, races, sr_chart

Json = dict[str, Any]

CATEGORY_CONSTANTS = [
    {"label": label, "value": value}
    for value, label in sorted([(2, "Road"), *((category.id, category.label) for category in CATEGORIES)])
]
"""constants/categories."""

EVENT_TYPES = [
    {"label": label, "value": value}
    for value, label in ((2, "Practice"), (3, "Qualify"), (4, "Time Trial"), (5, "Race"))
]
"""constants/event_types."""

_AWARDS = ((11, "Hundred Races"), (12, "Clean Race"), (13, "Hat Trick"), (14, "Night Owl"))
_NO_HELMET = {
    "pattern": -1,
    "color1": "N/A",
    "color2": "N/A",
    "color3": "N/A",
    "face_type": 0,
    "helmet_type": 0,
}


def found_drivers(drivers: Iterable[Driver]) -> list[Json]:
    """lookup/drivers."""
    return [
        {
            "cust_id": driver.cust_id,
            "display_name": driver.display_name,
            "helmet": _helmet(driver),
            "profile_disabled": Trait.PROFILE_DISABLED in driver.traits,
        }
        for driver in drivers
    ]


def members(population: Population, cust_ids: list[int], *, licences: bool) -> Json:
    """member/get: unknown ids are echoed in `cust_ids` and have no entry in `members`."""
    # iRacing promises no order, so this one is not the order that was asked for.
    known = [driver for driver in map(population.driver, sorted(set(cust_ids), reverse=True)) if driver]
    entries = [_member(population, driver) for driver in known]
    if licences:
        for entry, driver in zip(entries, known, strict=True):
            entry["licenses"] = _licences(population, driver)
    return {"success": True, "cust_ids": cust_ids, "members": entries}


def profile(population: Population, driver: Driver, image_url: str) -> Json:
    """member/profile: here everybody has an iRating, 1350 if need be, and positions count from 0."""
    licences = [{"irating": NO_IRATING} | licence for licence in _licences(population, driver)]
    events = sorted(_events(population, driver), key=lambda event: str(event["start_time"]), reverse=True)[:5]
    draw = population.draw(driver.cust_id, "profile")
    followers = int(draw.paretovariate(0.8)) + draw.randint(0, 40)
    return {
        "recent_awards": _awards(population, driver),
        "activity": _activity(population, driver, events),
        "success": True,
        "image_url": image_url,
        "member_info": _member(population, driver)
        | {"country": driver.country, "country_code": driver.country_code, "licenses": licences},
        "disabled": Trait.PROFILE_DISABLED in driver.traits,
        "license_history": [_history(licence) for licence in licences] + [_road(licences[1])],
        "recent_events": events,
        "cust_id": driver.cust_id,
        "is_generic_image": True,
        "follow_counts": {"followers": min(followers, 30_000), "follows": draw.randint(0, 120)},
    }


def account(population: Population, driver: Driver) -> Json:
    """member/info, about the authenticated member."""
    first, _, last = driver.display_name.partition(" ")
    licences = [{"irating": NO_IRATING} | licence for licence in _licences(population, driver)]
    return _member(population, driver) | {
        "first_name": first,
        "last_name": last,
        "on_car_name": last,
        "email": "member@example.invalid",
        "username": "member@example.invalid",
        "licenses": {licence["category"]: licence for licence in licences},
    }


def chart(population: Population, driver: Driver, category_id: int, chart_type: int) -> Json:
    """member/chart_data of types 1 (iRating), 2 (time trial rating) and 3 (licence and safety rating)."""
    category = next((c for c in CATEGORIES if c.id == category_id), None)
    points = []
    if category and chart_type == 1:
        points = irating_chart(population, driver, category)
    elif category and chart_type == 3:
        points = sr_chart(population, driver, category)
    elif category:
        tt_rating = population.standing(driver.cust_id, category).tt_rating
        points = [(when, tt_rating) for when, _ in irating_chart(population, driver, category)[-1:]]
    return {
        "blackout": False,
        "category_id": category_id,
        "chart_type": chart_type,
        "data": [{"when": when.isoformat(), "value": value} for when, value in points],
        "success": True,
        "cust_id": driver.cust_id,
    }


def recent_races(population: Population, driver: Driver) -> Json:
    """stats/member_recent_races: official races only, positions count from 1."""
    return {
        "races": [_result(population, race) for race in islice(races(population, driver), 10)],
        "cust_id": driver.cust_id,
    }


def career(population: Population, driver: Driver) -> Json:
    """stats/member_career: one row per category, the retired Road among them."""
    rows = [
        _career(population, driver, c.id, c.label, population.standing(driver.cust_id, c)) for c in CATEGORIES
    ]
    nothing = Standing(0, 0, None, 0, 1, NO_IRATING)
    return {"stats": [*rows, _career(population, driver, 2, "Road", nothing)], "cust_id": driver.cust_id}


def cars() -> list[Json]:
    """car/get, with the fields that say what a car is."""
    categories = {
        car: category for category in CATEGORIES for series in SERIES[category.id] for car in series.cars
    }
    return [
        {
            "car_id": car.id,
            "car_name": car.name,
            "car_name_abbreviated": car.name[:4].upper(),
            "categories": [category.key],
            "retired": False,
        }
        for car, category in sorted(categories.items(), key=lambda entry: entry[0].id)
    ]


def summary(population: Population, driver: Driver) -> Json:
    """stats/member_summary."""
    year = datetime.fromtimestamp(population.now, UTC).year
    own = [r for r in races(population, driver) if datetime.fromtimestamp(r.start, UTC).year == year]
    return {
        "this_year": {
            "num_official_sessions": len(own),
            "num_league_sessions": population.draw(driver.cust_id, "summary").randint(0, 20),
            "num_official_wins": sum(race.finish == 1 for race in own),
            "num_league_wins": 0,
        },
        "cust_id": driver.cust_id,
    }


def flairs() -> Json:
    """lookup/flairs: `flair_shortname` and `country_code` are absent where there is none."""
    rows = []
    for seq, flair in enumerate(FLAIRS):
        row: Json = {"flair_id": flair.id, "flair_name": flair.name, "seq": seq}
        if flair.code:
            row |= {"flair_shortname": flair.short, "country_code": flair.code}
        rows.append(row)
    return {"flairs": rows, "success": True}


def countries() -> list[Json]:
    """lookup/countries."""
    return [{"country_name": nation.name, "country_code": nation.code} for nation in NATIONS]


def licence_groups() -> list[Json]:
    """lookup/licenses."""
    return [
        {
            "license_group": group.id,
            "group_name": group.name,
            "min_num_races": 4 if group.id < 5 else None,
            "levels": [
                {
                    "license_id": (group.id - 1) * 4 + step,
                    "license_group": group.id,
                    "license": f"{group.name} {step}",
                    "short_name": f"{group.letter} {step}.0",
                    "license_letter": group.letter,
                    "color": group.color,
                }
                for step in range(1, 5)
            ],
        }
        for group in CLASSES.values()
    ]


def roster(drivers: Iterable[Driver]) -> Json:
    """What league/roster's `data_url` leads to."""
    rows = [
        {
            "cust_id": driver.cust_id,
            "display_name": driver.display_name,
            "helmet": _helmet(driver),
            "owner": place == 0,
            "admin": place == 0,
        }
        for place, driver in enumerate(drivers)
    ]
    return {"roster": rows, "success": True}


CSV_HEADER = (
    "DRIVER,CUSTID,LOCATION,CLUB_NAME,STARTS,WINS,AVG_START_POS,AVG_FINISH_POS,AVG_POINTS,TOP25PCNT,LAPS,"
    "LAPSLEAD,AVG_INC,CLASS,IRATING,TTRATING,TOT_CLUBPOINTS,CHAMPPOINTS"
)


def driver_stats(population: Population, category: Category, cust_ids: Iterable[int]) -> Iterator[bytes]:
    """driver_stats_by_category as UTF-8 CSV with a byte order mark, in parts of 500 rows."""
    yield b"\xef\xbb\xbf" + CSV_HEADER.encode() + b"\r\n"
    # Real files have rows of the wrong length, and readers have to skip them.
    yield b",0,,N/A,0,0\r\n"
    rest = iter(cust_ids)
    while part := list(islice(rest, 500)):
        yield "".join(_csv_row(population, category, cust_id) for cust_id in part).encode()


def iso(seconds: float, digits: int = 0) -> str:
    """A Unix time as ISO 8601 in UTC with so many digits of the second's fraction."""
    whole, fraction = divmod(seconds, 1)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{int(fraction * 10**digits):0{digits}d}Z" if digits else f"{text}Z"


def _helmet(driver: Driver) -> Json:
    bits = driver.cust_id * 2654435761
    return {
        "pattern": bits % 70 + 1,
        "color1": f"{bits >> 3 & 0xFFFFFF:06x}",
        "color2": f"{bits >> 7 & 0xFFFFFF:06x}",
        "color3": f"{bits >> 11 & 0xFFFFFF:06x}",
        "face_type": bits >> 5 & 7,
        "helmet_type": bits >> 8 & 1,
    }


def _member(population: Population, driver: Driver) -> Json:
    outings = population.outings(driver.cust_id)
    last_login = max([driver.last_login, *(outing.start + 1800 for outing in outings)])
    entry: Json = {
        "cust_id": driver.cust_id,
        "display_name": driver.display_name,
        "helmet": _helmet(driver),
        "last_login": iso(last_login, 9 - driver.cust_id % 4),
        "member_since": driver.member_since.isoformat(),
        "flair_id": driver.flair.id,
        "flair_name": driver.flair.name,
        "ai": False,
    }
    if driver.flair.short:
        entry["flair_shortname"] = driver.flair.short
    return entry


def _licences(population: Population, driver: Driver) -> list[Json]:
    return [_licence(c, population.standing(driver.cust_id, c)) for c in CATEGORIES]


def _licence(category: Category, standing: Standing) -> Json:
    """A licence as in member/get, where `irating` is absent for somebody who never raced."""
    group = CLASSES[standing.group]
    licence: Json = {
        "category_id": category.id,
        "category": category.key,
        "category_name": category.label,
        "license_level": (group.id - 1) * 4 + min(max(standing.sr // 100, 1), 4),
        "safety_rating": standing.sr / 100,
        "cpi": round(standing.sr * standing.sr / 6190 + 0.00941, 6),
        "tt_rating": standing.tt_rating,
        "mpr_num_races": standing.starts % 7,
        "color": group.color,
        "group_name": group.name,
        "group_id": group.id,
        "pro_promotable": group.id == 5 and (standing.irating or 0) > 6000,
        "seq": category.slot + 1,
        "mpr_num_tts": 0,
    }
    if standing.irating is not None:
        licence["irating"] = standing.irating
    return licence


def _history(licence: Json) -> Json:
    return {key: value for key, value in licence.items() if not key.startswith(("mpr_", "pro_"))}


def _road(sports_car: Json) -> Json:
    """The licence of the category that was split into sports car and formula car in 2024."""
    return _history(sports_car) | {"category_id": 2, "category": "road", "category_name": "Road", "seq": 6}


def _activity(population: Population, driver: Driver, events: list[Json]) -> Json | None:
    if Trait.NULL_ACTIVITY in driver.traits:
        return None
    draw = population.draw(driver.cust_id, "activity")
    month_ago = iso(population.now - 30 * 86400)
    lately = sum(event["start_time"] >= month_ago for event in events)
    return {
        "recent_30days_count": lately,
        "prev_30days_count": draw.randint(0, 12),
        "consecutive_weeks": draw.randint(0, 8) if lately else 0,
        "most_consecutive_weeks": draw.randint(8, 90),
    }


def _awards(population: Population, driver: Driver) -> list[Json]:
    draw = population.draw(driver.cust_id, "awards")
    day = datetime.fromtimestamp(driver.last_login, UTC).date().isoformat()
    return [
        {
            "member_award_id": driver.cust_id * 100 + award_id,
            "award_id": award_id,
            "achievement": draw.random() < 0.5,
            "award_count": draw.randint(1, 30),
            "award_date": day,
            "cust_id": driver.cust_id,
            "description": f"Awarded for: {name}.",
            "group_name": name,
            "has_pdf": False,
            "icon_url_large": f"/member_images/awards/{award_id}_128.jpg",
            "icon_url_small": f"/member_images/awards/{award_id}_64.jpg",
            "name": name,
            "viewed": True,
            "weight": award_id,
        }
        for award_id, name in draw.sample(_AWARDS, draw.randint(0, 3))
    ]


def _events(population: Population, driver: Driver) -> Iterator[Json]:
    """What recent_events come from: the last official races with what was driven around them."""
    if Trait.NO_RECENT_EVENTS in driver.traits:
        return
    draw = population.draw(driver.cust_id, "events")
    for race in islice(races(population, driver), 5):
        if draw.random() < 0.15:
            yield _league_event(draw, race)
        yield _event(race, "RACE", race.start, race.subsession_id, race.grid - 1, race.finish - 1)
        if draw.random() < 0.4:
            kind = "TIME_TRIAL" if draw.random() < 0.05 else "PRACTICE"
            yield _event(race, kind, race.start - 1725, race.subsession_id - 50, -1, draw.randint(0, 14))


def _event(race: Race, kind: str, start: float, subsession_id: int, grid: int, finish: int) -> Json:
    track: Json = {"track_id": race.track.id, "track_name": race.track.name}
    if race.track.layout:
        track["config_name"] = race.track.layout
    return {
        "event_type": kind,
        "subsession_id": subsession_id,
        "start_time": iso(start),
        "event_id": race.series.id,
        "event_name": race.series.name,
        "simsession_type": 6 if kind in ("RACE", "LEAGUE", "HOSTED") else 3,
        "starting_position": grid,
        "finish_position": finish,
        "best_lap_time": race.best_lap,
        "percent_rank": -1,
        "car_id": race.car.id,
        "car_name": race.car.name,
        "logo_url": None,
        "track": track,
    }


def _league_event(draw: random.Random, race: Race) -> Json:
    league_id, name = draw.choice(LEAGUES)
    kind = draw.choice(("LEAGUE", "HOSTED"))
    own = {
        "event_id": league_id,
        "event_name": name,
        "logo_url": f"https://images.example.invalid/{league_id}/logo.png" if kind == "LEAGUE" else None,
    }
    event = _event(
        race, kind, race.start - 7200, race.subsession_id - 800, draw.randint(-1, 24), draw.randint(0, 24)
    )
    return event | own


def _result(population: Population, race: Race) -> Json:
    start = datetime.fromtimestamp(race.start, UTC)
    winner = population.driver(race.winner)
    team = race.series.id == ENDURANCE
    livery = {"car_id": race.car.id, "pattern": 3, "color1": "0fffeb", "color2": "013037", "color3": "0fffeb"}
    return {
        "season_id": 5000 + race.series.id,
        "series_id": race.series.id,
        "series_name": race.series.name,
        "car_id": race.car.id,
        "car_class_id": 2000 + race.car.id,
        "livery": livery,
        "license_level": (race.group - 1) * 4 + min(max(race.old_sr // 100, 1), 4),
        "session_start_time": iso(race.start),
        "winner_group_id": -race.winner if team else race.winner,
        "winner_name": f"Team {race.winner}" if team or not winner else winner.display_name,
        "winner_helmet": _NO_HELMET if team or not winner else _helmet(winner),
        "winner_license_level": -1 if team else 18,
        "start_position": race.grid,
        "finish_position": race.finish,
        "qualifying_time": 0,
        "laps": race.laps,
        "laps_led": race.laps // 2 if race.finish == 1 else 0,
        "incidents": race.incidents,
        "points": max(0, 200 - 8 * race.finish),
        "strength_of_field": race.strength,
        "subsession_id": race.subsession_id,
        "old_sub_level": race.old_sr,
        "new_sub_level": race.new_sr,
        "oldi_rating": race.old_irating,
        "newi_rating": race.new_irating,
        "track": {"track_id": race.track.id, "track_name": race.track.name},
        "drop_race": False,
        "season_year": start.year,
        "season_quarter": (start.month + 2) // 3,
        "race_week_num": start.timetuple().tm_yday // 7 % 13,
    }


def _career(population: Population, driver: Driver, category_id: int, label: str, standing: Standing) -> Json:
    draw = population.draw(driver.cust_id, f"career/{category_id}")
    starts, wins = standing.starts, standing.wins
    top5 = min(starts, wins + int(starts * draw.uniform(0.1, 0.4)))
    poles = min(starts, int(wins * draw.uniform(0.4, 1.2)))
    laps = starts * draw.randint(8, 40)
    led = int(laps * wins / max(starts, 1) * 0.8)
    driven = starts > 0
    return {
        "category_id": category_id,
        "category": label,
        "starts": starts,
        "wins": wins,
        "top5": top5,
        "poles": poles,
        "avg_start_position": draw.randint(1, 14) if driven else 0,
        "avg_finish_position": draw.randint(1, 14) if driven else 0,
        "laps": laps,
        "laps_led": led,
        "avg_incidents": round(draw.uniform(1, 9), 4) if driven else 0,
        "avg_points": draw.randint(20, 140) if driven else 0,
        "win_percentage": _percent(wins, starts),
        "top5_percentage": _percent(top5, starts),
        "laps_led_percentage": _percent(led, laps),
        "poles_percentage": _percent(poles, starts),
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0


def _csv_row(population: Population, category: Category, cust_id: int) -> str:
    name, location = population.name_and_location(cust_id)
    s = population.standing(cust_id, category)
    place = 4 + cust_id % 9 if s.starts else 0
    laps = s.starts * (8 + cust_id % 23)
    grade = f"{CLASSES[s.group].letter} {s.sr / 100:.2f}"
    points, incidents = (40 + cust_id % 90, cust_id % 700 / 100) if s.starts else (0, 0)
    irating = -1 if s.irating is None else s.irating
    columns = (
        f"{name},{cust_id},{location},N/A,{s.starts},{s.wins},{place},{place},{points},{s.starts // 3}",
        f"{laps},{laps // 12},{incidents:.2f},{grade},{irating},{s.tt_rating},{s.starts * 9},{s.starts * 60}",
    )
    return ",".join(columns) + "\r\n"
