"""Charts, races, cars and shared look-ups: what is kept, what an odd answer may not delete, who waits."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pitboard.drivers.cars import CarService
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import RefusedError, UnreachableError, WithheldError
from pitboard.drivers.history import HistoryService
from pitboard.drivers.members import MOST_LISTED, Audience, Members
from pitboard.drivers.races import RaceService
from pitboard.drivers.single_flight import SingleFlight
from pitboard.stores.sqlite import SqliteStore

HOUR = 3600.0
POINT = {"when": "2026-01-01", "value": 1350}
LOST = UnreachableError("Lost.")


class Upstream:
    """iRacing as a test sets it: each answer is a value, or an error to raise."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "chart": {"data": [POINT]},
            "career": {"stats": [{"category": "Dirt Oval", "starts": 9, "wins": 2, "avg_incidents": 1.5}]},
            "recent_races": {"races": [{"subsession_id": 8, "car_id": 3}]},
            "cars": [{"car_id": 3, "car_name": " Cup ", "categories": ["oval"]}],
        }
        self.asked: Counter[str] = Counter()

    def back_at(self) -> float:
        return 0.0

    def _answer(self, what: str) -> Any:
        self.asked[what] += 1
        if isinstance(answer := self.answers[what], Exception):
            raise answer
        return answer

    def chart(self, cust_id, category_id, chart_type, context):
        assert (cust_id, category_id, chart_type) in ((7, 3, 1), (7, 3, 3))
        return self._answer("chart")

    def career(self, cust_id, context):
        return self._answer("career")

    def recent_races(self, cust_id, context):
        return self._answer("recent_races")

    def cars(self, context):
        return self._answer("cars")


class Home:
    def __init__(self, store: SqliteStore, pool: ThreadPoolExecutor, **more: Any) -> None:
        self.store = store
        self.now = 1_800_000_000.0
        self.upstream = Upstream()
        deps = Dependencies(store, self.upstream, pool, pool, pool, clock=lambda: self.now, **more)  # type: ignore[arg-type]
        self.charts = HistoryService(deps)
        self.cars = CarService(deps)
        self.races = RaceService(deps, self.cars)

    def chart(self, kind: str = "irating") -> dict[str, Any]:
        return json.loads(self.charts.history(7, "dirt_oval", kind, 5.0))

    def raced(self) -> dict[str, Any]:
        return json.loads(self.races.races(7, 5.0))


@pytest.fixture
def home(tmp_path) -> Iterator[Home]:
    store = SqliteStore(tmp_path / "k.sqlite3")
    with ThreadPoolExecutor(8) as pool:
        yield Home(store, pool)
    store.close()


def test_a_chart_has_its_points_and_the_career_of_its_category(home):
    answer = home.chart()
    assert answer["points"] == [POINT]
    assert answer["career"] == {"starts": 9, "wins": 2, "top5": 0, "poles": 0, "avg_incidents": 1.5}
    assert answer["_meta"]["state"] == "fresh"
    home.chart()
    assert home.upstream.asked == {"chart": 1, "career": 1}


def test_a_safety_rating_is_told_with_its_class(home):
    home.upstream.answers["chart"] = {
        "data": [{"when": "2026-01-01", "value": 2266}, {"when": "x", "value": 9100}]
    }
    assert home.chart("safety_rating")["points"] == [
        {"when": "2026-01-01", "value": 2.66, "class": "D"},
        {"when": "x", "value": 1.0, "class": "?"},
    ]


def test_a_chart_is_asked_for_again_after_twelve_hours_and_its_career_after_36(home):
    home.chart()
    home.now += 14 * HOUR
    assert home.chart()["_meta"]["state"] == "fresh"
    assert home.upstream.asked == {"chart": 2, "career": 1}
    home.now += 28 * HOUR
    home.chart()
    assert home.upstream.asked == {"chart": 3, "career": 2}


@pytest.mark.parametrize("odd", [{"data": []}, {}, {"data": [{"when": "2026-01-01"}]}, LOST])
def test_a_chart_that_was_given_before_is_not_lost_by_an_odd_answer(home, odd):
    home.chart()
    home.now += 14 * HOUR
    home.upstream.answers["chart"] = odd
    answer = home.chart()
    assert answer["points"] == [POINT]
    assert answer["_meta"]["state"] == "stale"
    home.now += 50  # iRacing is not asked again within the minute
    home.chart()
    assert home.upstream.asked["chart"] == 2
    home.now += 11
    home.chart()
    assert home.upstream.asked["chart"] == 3


def test_a_driver_without_races_has_an_empty_chart(home):
    home.upstream.answers["chart"] = {"data": []}
    assert home.chart()["points"] == []


@pytest.mark.parametrize("odd", [{"stats": []}, {}])
def test_a_career_does_not_vanish(home, odd):
    home.chart()
    home.now += 44 * HOUR
    home.upstream.answers["career"] = odd
    assert home.chart()["career"]["starts"] == 9


@pytest.mark.parametrize("career", [LOST, {"stats": []}, {"stats": [{"category": "Oval", "starts": 1}, 5]}])
def test_a_chart_comes_without_a_career_that_cannot_be_had(home, career):
    home.upstream.answers["career"] = career
    assert home.chart()["career"] is None


def test_a_driver_who_is_nobody_is_not_asked_for_again_for_six_hours(home):
    home.upstream.answers["chart"] = RefusedError("No such driver.")
    for _ in range(2):
        with pytest.raises(RefusedError):
            home.chart()
    assert home.upstream.asked["chart"] == 1
    home.now += 6 * HOUR
    with pytest.raises(RefusedError):
        home.chart()


def test_a_chart_that_failed_is_unavailable_for_a_minute(home):
    home.upstream.answers["chart"] = LOST
    with pytest.raises(UnreachableError, match="Lost"):
        home.chart()
    home.now += 20
    with pytest.raises(UnreachableError) as caught:
        home.chart()
    assert caught.value.retry_after == 40


def test_races_have_their_cars_and_are_not_lost_by_an_odd_answer(home):
    assert home.raced()["races"] == [
        {"subsession_id": 8, "car_id": 3, "car_name": "Cup", "category": "oval"}
        | {"irating_change": None, "safety_rating_change": None}
    ]
    home.now += 28 * HOUR
    home.upstream.answers["recent_races"] = {"races": []}
    answer = home.raced()
    assert len(answer["races"]) == 1
    assert answer["_meta"]["state"] == "stale"


class Listed:
    """A host's list of very many names without customer ids."""

    def current(self) -> Members:
        names = {f"driver {n}": 0 for n in range(MOST_LISTED - 1)}
        return Members(Audience.LISTED, listed=names | {"ann": 7})


def test_a_chart_of_who_is_not_listed_reads_nothing_however_long_the_list(home, monkeypatch):
    def read(_):
        raise AssertionError("read")

    monkeypatch.setattr(home.store, "records", read)
    with ThreadPoolExecutor() as pool, pytest.raises(WithheldError):
        Home(home.store, pool, members=Listed()).charts.history(9, "dirt_oval", "irating", 5.0)


def test_a_chart_of_who_is_listed_is_shown(home):
    with ThreadPoolExecutor(8) as pool:
        assert Home(home.store, pool, members=Listed()).chart()["points"] == [POINT]


def begun(subsession: int, at: str) -> dict[str, Any]:
    return {"subsession_id": subsession, "session_start_time": at}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([begun(1, "2026-05-01T10:00:00Z"), begun(2, "2026-05-02T09:00:00Z")], [2, 1]),
        ([begun(2, "2026-05-02T09:00:00Z"), begun(1, "2026-05-01T10:00:00Z")], [2, 1]),
        ([begun(4, "2026-05-01T10:00:00Z"), begun(3, "2026-05-01T10:00:00.000Z")], [4, 3]),
        ([begun(1, "2026-05-01T10:00:00Z"), begun(2, "2026-05-01T10:00:00.123456789Z")], [2, 1]),
        ([{"subsession_id": 1}, begun(2, "2026-05-01T10:00:00Z"), begun(3, "soon")], [2, 1, 3]),
    ],
    ids=["oldest first", "newest first", "at the same time", "within a second", "without a time"],
)
def test_races_are_told_newest_first_whatever_order_iracing_has(home, given, told):
    home.upstream.answers["recent_races"] = {"races": given}
    assert [race["subsession_id"] for race in home.raced()["races"]] == told


def test_a_chart_goes_from_the_oldest_day_to_the_newest_and_points_of_one_day_keep_their_order(home):
    days = ["2026-01-02", "2026-01-03", "2026-01-01", "2026-01-03"]
    home.upstream.answers["chart"] = {"data": [{"when": day, "value": n} for n, day in enumerate(days)]}
    assert [point["value"] for point in home.chart()["points"]] == [2, 0, 1, 3]


def test_an_empty_list_of_cars_is_no_list(home):
    home.upstream.answers["cars"] = []
    with pytest.raises(UnreachableError, match="empty"):
        home.cars.cars(5.0)
    assert home.cars.known(5.0) == {}
    home.now += 61
    home.upstream.answers["cars"] = [{"car_id": 4, "car_name": "Van", "categories": ["tank", "oval"]}]
    assert home.cars.known(5.0) == {4: {"car_id": 4, "car_name": "Van", "category": "oval"}}
    home.now += 28 * HOUR
    home.upstream.answers["cars"] = [{"car_id": 5, "car_name": "Bus"}]
    assert home.cars.known(5.0) == {5: {"car_id": 5, "car_name": "Bus"}}


# --- one piece of work a key


def test_all_who_ask_share_one_piece_of_work_and_the_next_one_is_new():
    begun, go = threading.Event(), threading.Event()
    works: list[int] = []

    def work() -> int:
        works.append(1)
        begun.set()
        assert go.wait(10)
        return len(works)

    with ThreadPoolExecutor(8) as pool, ThreadPoolExecutor(8) as askers:
        flights = SingleFlight[int](pool)
        first = askers.submit(flights.once, "key", 10.0, work)
        assert begun.wait(10)
        with pytest.raises(UnreachableError, match="in time") as caught:
            flights.once("key", 0.01, work)  # he gives up alone
        assert caught.value.retry_after == 2
        go.set()
        assert first.result(10) == 1
        assert flights.once("key", 10.0, work) == 2


class Refusing(ThreadPoolExecutor):
    """Takes no work the first time, as when the machine has no thread left."""

    refused = False

    def submit(self, *work, **named):
        if not self.refused:
            self.refused = True
            raise RuntimeError("can't start new thread")
        return super().submit(*work, **named)


def test_a_piece_of_work_that_could_not_be_begun_is_begun_by_the_next_who_asks():
    with Refusing(1) as pool:
        flights = SingleFlight[int](pool)
        with pytest.raises(UnreachableError, match="could not be begun"):
            flights.once("key", 10.0, lambda: 7)
        assert flights.once("key", 10.0, lambda: 7) == 7


def test_no_more_than_200_pieces_of_work_are_under_way_at_a_time():
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        flights = SingleFlight[bool](pool)
        for number in range(200):
            with pytest.raises(UnreachableError, match="in time"):
                flights.once(str(number), 0.0, lambda: go.wait(10))
        with pytest.raises(UnreachableError, match="Too much") as caught:
            flights.once("other", 10.0, lambda: True)
        assert caught.value.retry_after == 5
        go.set()


def test_who_waits_when_the_program_ends_is_told_at_once():
    begun, go = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return go.wait(10)

    with ThreadPoolExecutor(8) as pool, ThreadPoolExecutor(8) as askers:
        flights = SingleFlight[bool](pool)
        waiting = askers.submit(flights.once, "key", 10.0, work)
        assert begun.wait(10)
        flights.stop()
        with pytest.raises(UnreachableError, match="about to end"):
            waiting.result(5)
        with pytest.raises(UnreachableError, match="about to end"):
            flights.once("key", 10.0, work)
        go.set()


def test_what_the_work_raises_all_askers_get():
    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        SingleFlight[float](pool).once("key", 10.0, lambda: 1 / 0)
