"""What drivers have raced: the last races one by one, and the charts that lead up to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pitboard.simulator.catalogue import CATEGORIES, SERIES, Car, Category, Series, Track
from pitboard.simulator.population import DAY, NO_IRATING, Driver, Outing, Population

REMEMBERED = 12
"""Races of a driver's past that are known one by one. iRacing shows the last ten."""

ENDURANCE = 303
"""The series in which teams race: the winner is a team."""

_QUARTER_HOUR = 900
_BRIDGE = 60


@dataclass(frozen=True, slots=True)
class Race:
    """An official race as one driver drove it. Positions count from 1; ratings are before and after.

    Safety ratings are times 100, `start` is Unix seconds, `best_lap` is in 1/10000 s (-1: none).
    """

    subsession_id: int
    category: Category
    series: Series
    car: Car
    track: Track
    start: float
    grid: int
    finish: int
    laps: int
    best_lap: int
    incidents: int
    strength: int
    winner: int
    group: int
    old_irating: int
    new_irating: int
    old_sr: int
    new_sr: int


def races(population: Population, driver: Driver) -> Iterator[Race]:
    """A driver's last official races, newest first. The newest in a category led to the present ratings."""
    standings = {category: population.standing(driver.cust_id, category) for category in CATEGORIES}
    irating = {category: standing.irating or NO_IRATING for category, standing in standings.items()}
    sr = {category: standing.sr for category, standing in standings.items()}
    for label, outing in _newest_first(population, driver):
        category = outing.category
        before = max(irating[category] - outing.irating_change, 50)
        sr_before = min(max(sr[category] - outing.sr_change, 5), 499)
        yield _race(
            population,
            driver,
            label,
            outing,
            standings[category].group,
            (before, irating[category]),
            (sr_before, sr[category]),
        )
        irating[category], sr[category] = before, sr_before


def irating_chart(population: Population, driver: Driver, category: Category) -> list[tuple[date, int]]:
    """Day and iRating, oldest first, from 1350 to the present one. Empty for somebody without an iRating."""
    born = population.born_standing(driver.cust_id, category)
    driven = list(races(population, driver))
    known = [race for race in driven if race.category is category][::-1]
    if born.irating is None and not known:
        return []
    draw = population.draw(driver.cust_id, f"irating/{category.id}")
    end = known[0].old_irating if known else born.irating or NO_IRATING
    bridge = [
        max(50, round(NO_IRATING + (end - NO_IRATING) * share + draw.gauss(0, 60)))
        for share in _shares(born.starts)
    ]
    return _dated(driver, driven, known, [NO_IRATING, *bridge, end], [race.new_irating for race in known])


def sr_chart(population: Population, driver: Driver, category: Category) -> list[tuple[date, int]]:
    """Day and licence class times 1000 plus safety rating times 100, oldest first, from rookie 2.50 to the
    present one. Empty for somebody who never raced."""
    born = population.born_standing(driver.cust_id, category)
    driven = list(races(population, driver))
    known = [race for race in driven if race.category is category][::-1]
    if born.irating is None and not known:
        return []
    draw = population.draw(driver.cust_id, f"sr/{category.id}")
    end = 1000 * born.group + (known[0].old_sr if known else born.sr)
    bridge = [
        1000 * (1 + int(share * (born.group - 1))) + draw.randint(200, 499) for share in _shares(born.starts)
    ]
    return _dated(
        driver, driven, known, [1250, *bridge, end], [1000 * race.group + race.new_sr for race in known]
    )


def _newest_first(population: Population, driver: Driver) -> Iterator[tuple[str, Outing]]:
    """What was raced while the simulator runs, then the past; each with a label that never changes."""
    outings = population.outings(driver.cust_id)
    for number in reversed(range(len(outings))):
        yield f"new{number}", outings[number]
    for number, outing in enumerate(_past(population, driver)):
        yield f"old{number}", outing


def _past(population: Population, driver: Driver) -> Iterator[Outing]:
    draw = population.draw(driver.cust_id, "past")
    left = {category: population.born_standing(driver.cust_id, category).starts for category in CATEGORIES}
    count = min(REMEMBERED, sum(left.values()))
    joined = datetime.combine(driver.member_since, datetime.min.time(), UTC).timestamp()
    longest_gap = (driver.last_login - joined - 2 * DAY) / (count + 1)
    start = driver.last_login - 3600
    for _ in range(count):
        start -= min(3600 + draw.expovariate(1 / DAY), longest_gap)
        category = draw.choices(list(left), list(left.values()))[0]
        left[category] -= 1
        yield Outing(
            category, start // _QUARTER_HOUR * _QUARTER_HOUR, round(draw.gauss(2, 42)), draw.randint(-25, 30)
        )


def _race(
    population: Population,
    driver: Driver,
    label: str,
    outing: Outing,
    group: int,
    irating: tuple[int, int],
    sr: tuple[int, int],
) -> Race:
    draw = population.draw(driver.cust_id, f"race/{label}")
    series = draw.choice(SERIES[outing.category.id])
    field = draw.randint(series.field // 2, series.field)
    gained = outing.irating_change > 0
    finish = draw.randint(1, field // 2) if gained else draw.randint(field // 2 + 1, field)
    unhurt = finish < field - 2
    lap = series.lap_seconds * draw.uniform(0.98, 1.06)
    return Race(
        subsession_id=int(outing.start - 1.2e9) // _QUARTER_HOUR * 100 + draw.randrange(100),
        category=outing.category,
        series=series,
        car=draw.choice(series.cars),
        track=draw.choice(series.tracks),
        start=outing.start,
        grid=min(max(finish + draw.randint(-5, 5), 1), field),
        finish=finish,
        laps=series.laps if unhurt else draw.randint(0, series.laps - 1),
        best_lap=round(lap * 10_000) if unhurt else -1,
        incidents=draw.choice((0, 0, 1, 2, 4, 4, 6, 8, 12)),
        strength=max(600, round(irating[0] * draw.uniform(0.75, 1.1))),
        winner=driver.cust_id if finish == 1 else population.cust_id(draw.randrange(len(population))),
        group=group,
        old_irating=irating[0],
        new_irating=irating[1],
        old_sr=sr[0],
        new_sr=sr[1],
    )


def _shares(starts: int) -> list[float]:
    """Where the chart's points before the known races lie, as shares of the time from joining to them."""
    points = min(_BRIDGE, max(0, starts - REMEMBERED))
    return [(point + 1) / (points + 1) for point in range(points)]


def _dated(
    driver: Driver, driven: list[Race], known: list[Race], before: list[int], values: list[int]
) -> list[tuple[date, int]]:
    """Puts the points on days; of several on one day the last one counts.

    `before` are the values from joining to the first of the `known` races (or, if there is none, to the
    oldest race in another category), evenly spread; `values` are those after each known race.
    """
    begin = driver.member_since + timedelta(days=1)
    length = (_day((known[0] if known else driven[-1]).start) - begin).days - 1
    points: dict[date, int] = {}
    for number, value in enumerate(before):
        points[begin + timedelta(days=max(0, length) * number // (len(before) - 1))] = value
    for race, value in zip(known, values, strict=True):
        points[_day(race.start)] = value
    return list(points.items())


def _day(start: float) -> date:
    return datetime.fromtimestamp(start, UTC).date()
