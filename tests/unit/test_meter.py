"""The meter's rules with a clock that stands still: what it refuses at once, and what ends a pause."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from pitboard.drivers.budget import Budget
from pitboard.drivers.errors import (
    MaintenanceError,
    OutageError,
    RateLimitedError,
)
from pitboard.drivers.health import LastCalls
from pitboard.drivers.model import CallContext, Document, Priority
from pitboard.iracing import meter as meter_module
from pitboard.iracing.meter import KEY, Meter, _rate_limit

NOW = 1_800_000_000.0
CALM = {"X-RateLimit-Limit": "240", "X-RateLimit-Remaining": "239", "X-RateLimit-Reset": str(NOW + 60)}


class Documents:
    """`ports.Documents` in memory, with a count of reads; `lost` writes find that somebody was faster."""

    def __init__(self) -> None:
        self.held: Document | None = None
        self.reads = self.writes = self.lost = 0

    def get(self, key: str) -> Document | None:
        assert key == KEY
        self.reads += 1
        return self.held

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        if self.lost:
            self.lost -= 1
            return False
        assert expected == (self.held.version if self.held else None)
        self.held = Document(dict(value), (expected or 0) + 1)
        self.writes += 1
        return True

    def set(self, budget: Budget) -> None:
        self.held = Document(budget.document(), (self.held.version if self.held else 0) + 1)


class Bench:
    def __init__(self) -> None:
        self.now = NOW
        self.documents = Documents()
        self.meter = self.another()

    def another(self, **more: Any) -> Meter:
        return Meter(self.documents, clock=lambda: self.now, **more)

    def set(self, **fields: Any) -> None:
        self.documents.set(Budget(**{"at": self.now, **fields}))

    @property
    def level(self) -> float:
        return self.meter.status().level


@pytest.fixture
def bench() -> Bench:
    return Bench()


def context(seconds: float = 10.0, priority: Priority = Priority.READER, client: str = "") -> CallContext:
    return CallContext(time.monotonic() + seconds, priority, client)


BACKGROUND = Priority.BACKGROUND


def test_a_call_takes_one_of_the_budget_of_its_client(bench):
    bench.meter.spend(context(client="192.0.2.7"))
    assert bench.level == 59
    assert list(bench.documents.held.value["clients"].values()) == [1.0]


def test_a_block_is_for_readers_and_is_used_for_two_seconds(bench):
    meter = bench.another(block=5)
    for _ in range(5):
        meter.spend(context())
    assert (bench.documents.writes, bench.level) == (1, 55)
    meter.spend(context())
    assert bench.level == 50
    meter.spend(context(priority=BACKGROUND))
    assert bench.level == 49, "background work takes no block and uses none"
    assert meter.room(context(), 90).calls == 49 + 4
    assert meter.room(context(priority=BACKGROUND), 90).calls == 20
    bench.now += 1.9
    meter.spend(context())
    assert bench.documents.writes == 3
    bench.now += 0.1
    meter.spend(context())
    assert bench.documents.writes == 4


def test_a_page_takes_all_its_calls_in_one_write(bench):
    """In DynamoDB functions that write one item keep each other from writing."""
    meter = bench.another(block=5)
    assert meter.room(context(), 21).calls == 21
    bench.documents.lost = 1
    for _ in range(21):
        meter.spend(context())
    assert (bench.documents.writes, bench.level) == (1, 39)
    meter.spend(context())
    assert (bench.documents.writes, bench.level) == (2, 34), "what comes after it takes a block"


def test_a_page_takes_no_more_than_its_client_has(bench):
    meter = bench.another(block=5)
    page = context(client="192.0.2.7")
    assert meter.room(page, 50).calls == 30
    meter.spend(page)
    assert bench.level == 30
    assert list(bench.documents.held.value["clients"].values()) == [30.0]


def test_a_page_that_did_not_spend_its_room_leaves_no_large_block_to_the_next(bench):
    meter = bench.another(block=5)
    meter.room(context(), 21)
    bench.now += 2
    meter.spend(context())
    assert bench.level == 55


def test_background_work_and_a_store_that_writes_fast_take_one_call(bench):
    meter = bench.another(block=5)
    meter.room(context(), 21)
    meter.spend(context(priority=BACKGROUND))
    assert bench.level == 59
    bench.meter.room(context(), 21)
    bench.meter.spend(context())
    assert bench.level == 58


def test_a_call_is_refused_when_others_were_faster_for_a_second(bench, monkeypatch):
    """Not for forty tries: each takes as long as the store, and all calls of a page wait for one another."""
    seconds = [100.0]
    monkeypatch.setattr(meter_module, "_pause_after_conflict", lambda _: None)
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    put = bench.documents.put

    def slow_put(*given: Any, **more: Any) -> bool:
        seconds[0] += 0.4
        return bool(put(*given, **more))

    monkeypatch.setattr(bench.documents, "put", slow_put)
    bench.documents.lost = 40
    with pytest.raises(RateLimitedError, match="contended") as caught:
        bench.meter.spend(CallContext(110.0))
    assert caught.value.retry_after == 1
    assert bench.documents.lost == 37


def test_a_reader_is_refused_at_once_if_his_call_comes_in_more_than_a_second(bench, monkeypatch):
    bench.set(level=-1.1)
    waits: list[float] = []
    monkeypatch.setattr(bench.meter._stopping, "wait", waits.append)
    with pytest.raises(RateLimitedError) as caught:
        bench.meter.spend(context(60))
    assert caught.value.retry_after == pytest.approx(1.05)
    assert not waits


def test_a_call_that_would_come_too_late_for_itself_is_refused_at_once(bench):
    bench.set(level=0.0)
    with pytest.raises(RateLimitedError):
        bench.meter.spend(context(0.65, BACKGROUND))


def test_nobody_comes_back_before_there_can_be_a_call_nor_all_at_once(bench, monkeypatch):
    """In DynamoDB each attempt is a read, and those that come together get in each other's way."""
    bounds: list[tuple[float, float]] = []
    waits: list[float] = []

    def wait(seconds: float) -> None:
        assert not waits, "it came back too early"
        waits.append(seconds)
        bench.now += seconds

    def earliest(least: float, most: float) -> float:
        bounds.append((least, most))
        return least

    monkeypatch.setattr(bench.meter._stopping, "wait", wait)
    monkeypatch.setattr("pitboard.iracing.meter.random.uniform", earliest)
    bench.set(level=0.0)
    bench.meter.spend(context(60, BACKGROUND))
    assert len(waits) == 1
    assert all(most > least for least, most in bounds)


def test_an_empty_bucket_is_read_once_a_second(bench):
    bench.set(level=-20.0)
    for _ in range(3):
        with pytest.raises(RateLimitedError):
            bench.meter.spend(context())
    assert bench.documents.reads == 1
    bench.now += 0.9
    with pytest.raises(RateLimitedError):
        bench.meter.spend(context())
    assert bench.documents.reads == 1
    bench.now += 0.1
    with pytest.raises(RateLimitedError):
        bench.meter.spend(context())
    assert bench.documents.reads == 2
    bench.now -= 50
    with pytest.raises(RateLimitedError):
        bench.meter.spend(context())
    assert bench.documents.reads == 3, "the clock was set back"


@pytest.mark.parametrize(("error", "begin"), [(MaintenanceError, "maintenance"), (OutageError, "outage")])
def test_nobody_waits_for_the_end_of_a_maintenance_or_an_outage(bench, error, begin):
    if begin == "maintenance":
        assert bench.meter.maintenance({}) == 3.0
    else:
        bench.meter.failed(time.monotonic(), surely=True)
    for priority in Priority:
        with pytest.raises(error) as caught:
            bench.meter.spend(context(60, priority))
        assert caught.value.retry_after == 3.0
    refusal = bench.meter.room(context(), 5).refusal
    assert isinstance(refusal, error)
    bench.now += 3
    bench.meter.spend(context())  # the probe
    with pytest.raises(error):
        bench.meter.spend(context())
    assert bench.meter.back_at() == 0.0
    assert bench.meter.answered()
    assert not bench.meter.answered()
    assert bench.meter.back_at() == bench.now
    bench.meter.spend(context())


def test_a_probe_ends_the_outage_although_somebody_has_read_the_budget_of_before_it(bench):
    """GET /health reads the budget while calls take from it."""
    bench.meter.failed(time.monotonic(), surely=True)
    bench.now += 3
    get = bench.documents.get

    def slow(key: str) -> Document | None:
        before = get(key)
        bench.documents.get = get
        bench.meter.spend(context())  # the probe
        return before

    bench.documents.get = slow
    bench.meter.status()
    assert bench.meter.answered()
    assert bench.meter.back_at() == bench.now


def test_the_first_call_after_a_pause_is_alone(bench):
    assert not bench.meter.room(context(), 90).alone
    bench.meter.failed(time.monotonic(), surely=True)
    bench.now += 0.05
    assert not bench.meter.room(context(), 5).alone, "there is no call during the pause"
    bench.now += 3
    room = bench.meter.room(context(), 5)
    assert (room.calls, room.alone) == (1, True)
    assert not bench.meter.room(context(), 1).refusal
    bench.meter.spend(context())
    bench.now += 0.05
    assert not bench.meter.room(context(), 5).alone
    bench.meter.answered()
    bench.now += 0.05
    assert bench.meter.room(context(), 5).calls == 5
    bench.set(level=0.5, paused_code="outage", paused_until=bench.now - 1)
    bench.now += 0.05
    assert not bench.meter.room(context(), 5).alone, "there is no call at all"


def test_five_failures_in_a_row_are_an_outage(bench):
    begun = time.monotonic()
    for _ in range(4):
        bench.meter.failed(begun)
    assert bench.meter.room(context(), 1).calls == 1
    bench.meter.answered()
    bench.meter.failed(begun)  # it was begun before the answer
    for _ in range(4):
        bench.meter.failed(time.monotonic())
    assert bench.meter.room(context(), 1).calls == 1
    bench.meter.failed(time.monotonic())
    bench.now += 0.05
    assert bench.meter.room(context(), 1).calls == 0
    assert bench.documents.held.value["paused_until"] == NOW + 3
    writes = bench.documents.writes
    bench.now += 1
    bench.meter.failed(begun)
    assert bench.documents.writes == writes, "it was begun before the outage was seen"


def test_the_room_is_looked_up_twenty_times_a_second_at_most(bench):
    for seconds, reads in ((0.0, 1), (0.04, 1), (0.02, 2), (-9.0, 3)):
        bench.now += seconds
        assert bench.meter.room(context(), 7).calls == 7
        assert bench.documents.reads == reads


def test_when_iracing_was_back_is_looked_up_as_seldom(bench):
    for seconds, reads in ((0.0, 1), (0.0, 1), (0.04, 1), (0.02, 2), (-9.0, 3)):
        bench.now += seconds
        assert bench.meter.back_at() == 0.0
        assert bench.documents.reads == reads


def test_the_room_says_when_the_rest_may_be_asked(bench):
    bench.set(level=4.0)
    room = bench.meter.room(context(), 6)
    assert room.calls == 4
    assert room.refusal.retry_after == 1.0
    assert bench.meter.room(context(), 4).refusal is None


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "30"}, 30.0),
        ({"Retry-After": "0"}, 1.0),
        ({}, 15.5),
        ({**CALM, "Date": "Fri, 15 Jan 2027 08:00:20 GMT"}, 40.5),
        ({**CALM, "Retry-After": "soon", "Date": "Fri, 15 Jan 2027 08:01:00 GMT"}, 1.0),
    ],
    ids=["said", "said to be over", "not said", "until the reset", "unreadable"],
)
def test_after_a_rate_limit_nothing_is_asked_until_its_end(bench, headers, pause):
    assert bench.meter.rate_limited(headers) == pause
    assert bench.documents.held.value["paused_until"] == NOW + pause
    with pytest.raises(RateLimitedError):
        bench.another().spend(context())


def test_a_maintenance_lasts_as_long_as_it_says(bench):
    assert bench.meter.maintenance({"Retry-After": "120"}) == 120
    assert bench.documents.held.value["paused_until"] == NOW + 120


def test_a_pause_ends_what_is_left_of_a_block(bench):
    meter = bench.another(block=5)
    meter.spend(context())
    meter.maintenance({})
    with pytest.raises(MaintenanceError):
        meter.spend(context())


def test_headers_of_a_busy_account_lower_the_budget_and_others_cost_nothing(bench):
    date = {"Date": "Fri, 15 Jan 2027 08:00:00 GMT"}
    bench.meter.spend(context())
    reads, writes = bench.documents.reads, bench.documents.writes
    bench.meter.heard({**CALM, **date})
    bench.meter.heard({})
    assert (bench.documents.reads, bench.documents.writes) == (reads, writes)
    bench.meter.heard({**CALM, **date, "X-RateLimit-Remaining": "200"})
    assert bench.level == 200 - 60 - 120
    bench.meter.heard({**CALM, **date, "X-RateLimit-Limit": "120"})
    assert bench.meter.status().limit == 120


def test_the_reset_is_compared_with_the_answer_s_own_clock():
    for late, left in ((0, 60.0), (20, 40.0), (60, 0.0), (90, 0.0), (-30, 60.0)):
        minute, second = divmod(late + 60, 60)
        sent = f"Fri, 15 Jan 2027 {'07:59' if minute < 1 else f'08:{minute - 1:02}'}:{second:02} GMT"
        assert _rate_limit({**CALM, "Date": sent}) == (240, 239, left)


@pytest.mark.parametrize(
    "headers",
    [{}, {**CALM, "X-RateLimit-Limit": "many"}, {**CALM, "X-RateLimit-Reset": "inf"}, {**CALM, "Date": "x"}],
)
def test_headers_that_cannot_be_read_say_nothing(headers):
    assert _rate_limit(headers) is None


def test_a_write_is_tried_again_when_another_was_faster_but_not_for_ever(bench):
    bench.documents.lost = 3
    bench.meter.spend(context())
    assert bench.level == 59
    bench.documents.lost = 2
    bench.meter.maintenance({})
    assert bench.documents.held.value["paused_code"] == MaintenanceError.code
    bench.set(level=60.0)
    bench.documents.lost = 1000
    bench.now += 5
    meter_attempts = meter_module._ATTEMPTS
    assert meter_attempts == 40
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meter_module, "_pause_after_conflict", lambda _: None)
        with pytest.raises(RateLimitedError, match="contended") as caught:
            bench.meter.spend(context())
        assert caught.value.retry_after == 1
        assert bench.documents.lost == 960
        bench.meter.maintenance({})  # gives up without an error: the next failure pauses again
        assert bench.documents.lost == 920


def test_a_meter_that_is_stopped_grants_nothing(bench):
    bench.meter.stop()
    assert bench.meter.stopped
    with pytest.raises(RateLimitedError, match="about to end") as caught:
        bench.meter.spend(context())
    assert caught.value.retry_after == 1


def test_health_says_whether_calls_may_be_made(bench):
    last = LastCalls(lambda: 100.0)
    part = bench.meter.part(last)
    assert (part.ok, part.more) == (True, {"budget_left": 60})
    bench.set(level=1.0)
    assert bench.meter.part(last).ok
    bench.set(level=0.9)
    part = bench.meter.part(last)
    assert (part.ok, part.more, part.detail) == (
        False,
        {"budget_left": 0},
        "The call budget is used up for the moment.",
    )
    bench.set(level=-5.0)
    assert bench.meter.part(last).more == {"budget_left": 0}
    bench.meter.maintenance({"Retry-After": "90"})
    part = bench.meter.part(last)
    assert (part.ok, part.detail) == (False, "No calls for 90 s: maintenance.")
