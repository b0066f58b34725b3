"""The call budget in a real file, shared by threads and by meters that know nothing of each other."""

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.clock import Clock

from pitboard.drivers.budget import Budget
from pitboard.drivers.errors import MaintenanceError, RateLimitedError
from pitboard.drivers.model import CallContext, Priority
from pitboard.iracing.meter import KEY, READ_AGAIN_AFTER, Meter
from pitboard.stores.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "budget.sqlite3")
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def context(seconds: float = 0.0, priority: Priority = Priority.READER) -> CallContext:
    return CallContext(time.monotonic() + seconds, priority)


def spend_all(meter: Meter, priority: Priority = Priority.READER) -> int:
    count = 0
    try:
        while True:
            meter.spend(context(priority=priority))
            count += 1
    except RateLimitedError:
        return count


def headers(remaining: int, reset: float, limit: int = 240) -> Mapping[str, str]:
    at = time.time()
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(at + reset),
    }


@pytest.mark.parametrize("block", [1, 5])
def test_many_threads_on_several_meters_never_spend_more_than_there_is(
    store: SqliteStore, clock: Clock, block: int
) -> None:
    meters = [Meter(store.documents, clock=clock, block=block) for _ in range(4)]
    start = threading.Barrier(16)

    def spend(number: int) -> int:
        start.wait()
        return spend_all(meters[number % 4])

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(spend, range(16))) == 60


def test_a_restart_finds_the_budget_as_it_was(store: SqliteStore, clock: Clock) -> None:
    assert spend_all(Meter(store.documents, clock=clock)) == 60
    assert spend_all(Meter(store.documents, clock=clock)) == 0


def test_a_refusal_says_when_there_will_be_a_call(store: SqliteStore, clock: Clock) -> None:
    meter = Meter(store.documents, clock=clock)
    spend_all(meter)
    with pytest.raises(RateLimitedError) as caught:
        meter.spend(context(0.6))
    assert caught.value.retry_after == pytest.approx(0.5)


def test_a_call_that_comes_before_the_deadline_is_waited_for(store: SqliteStore) -> None:
    """The bucket lacks 1.9 of a call. However slow the machine is, that takes 0.95 s."""
    meter = Meter(store.documents)
    begun = time.monotonic()
    store.documents.put(KEY, Budget(level=-0.9, at=time.time()).document(), expected=None)
    meter.spend(context(5))
    assert time.monotonic() - begun > 0.9


def test_a_call_with_no_time_left_for_itself_is_not_waited_for(store: SqliteStore) -> None:
    meter = Meter(store.documents)
    store.documents.put(KEY, Budget(level=0.0, at=time.time()).document(), expected=None)
    with pytest.raises(RateLimitedError):
        meter.spend(context(0.55))


def test_background_work_leaves_calls_to_readers(store: SqliteStore, clock: Clock) -> None:
    meter = Meter(store.documents, clock=clock, block=5)
    assert spend_all(meter, Priority.BACKGROUND) == 31
    assert spend_all(meter) == 29


def test_a_block_costs_one_write_and_lapses(store: SqliteStore, clock: Clock) -> None:
    meter = Meter(store.documents, clock=clock, block=5)
    for _ in range(5):
        meter.spend(context())
    document = store.documents.get(KEY)
    assert document is not None
    assert (document.version, document.value["level"]) == (1, 55)
    meter.spend(context())
    clock.now += 2.5
    meter.spend(context())
    document = store.documents.get(KEY)
    assert document is not None
    assert document.version == 3


def test_what_is_left_of_a_block_is_not_used_in_maintenance(store: SqliteStore, clock: Clock) -> None:
    meter = Meter(store.documents, clock=clock, block=5)
    meter.spend(context())
    meter.maintenance({})
    with pytest.raises(MaintenanceError):
        meter.spend(context(5))


def test_headers_that_say_nothing_new_cost_neither_read_nor_write(store: SqliteStore, clock: Clock) -> None:
    class Counting:
        reads = writes = 0

        def get(self, key: str) -> Any:
            self.reads += 1
            return store.documents.get(key)

        def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
            self.writes += 1
            return store.documents.put(key, value, expected=expected)

    documents = Counting()
    meter = Meter(documents, clock=clock)
    meter.spend(context())
    meter.heard(headers(239, 60))
    meter.heard({})
    assert (documents.reads, documents.writes) == (1, 1)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1"},
        {"X-RateLimit-Limit": "240", "X-RateLimit-Remaining": "", "X-RateLimit-Reset": "1"},
        {"X-RateLimit-Limit": "240", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "nan"},
        {"X-RateLimit-Limit": "240", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1", "Date": "x"},
    ],
)
def test_headers_that_cannot_be_read_change_nothing(
    store: SqliteStore, clock: Clock, told: Mapping[str, str]
) -> None:
    meter = Meter(store.documents, clock=clock)
    meter.heard(told)
    assert spend_all(meter) == 60
    assert 1 <= meter.rate_limited(told) <= 61


def test_a_lower_limit_is_taken_over_by_every_meter(store: SqliteStore, clock: Clock) -> None:
    Meter(store.documents, clock=clock).heard(headers(99, 60, limit=100))
    assert spend_all(Meter(store.documents, clock=clock)) in (24, 25)


def test_maintenance_is_known_to_every_meter_and_one_call_finds_its_end(
    store: SqliteStore, clock: Clock
) -> None:
    one, other = Meter(store.documents, clock=clock), Meter(store.documents, clock=clock)
    pause = one.maintenance({})
    with pytest.raises(MaintenanceError):
        other.spend(context(5))
    clock.now += pause
    other.spend(context())
    with pytest.raises(MaintenanceError):
        one.spend(context(5))
    other.answered()
    clock.now += READ_AGAIN_AFTER
    one.spend(context())
    assert one.status().paused_code == ""


def test_retry_after_decides_where_it_is_given(store: SqliteStore, clock: Clock) -> None:
    meter = Meter(store.documents, clock=clock)
    assert meter.rate_limited({"Retry-After": "7"}) == 7
    assert meter.maintenance({"Retry-After": "600"}) == 600


def test_a_readers_call_waits_a_second_in_all_however_often_others_are_faster(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six busy clients take each call as it flows in. Time passes in waits alone, so nothing depends on the
    machine."""
    clock, waits = Clock(), list[float]()
    meter = Meter(store.documents, clock=clock)
    store.documents.put(KEY, Budget(level=0.5, at=clock.now).document(), expected=None)

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        clock.now += seconds
        kept = store.documents.get(KEY)
        assert kept
        taken = Budget(level=0.5, at=clock.now).document()
        assert store.documents.put(KEY, taken, expected=kept.version)
        return False

    monkeypatch.setattr(meter._stopping, "wait", wait)
    monkeypatch.setattr("pitboard.iracing.meter.time", SimpleNamespace(monotonic=lambda: clock.now))
    with pytest.raises(RateLimitedError) as refusal:
        meter.spend(CallContext(clock.now + 8.0))
    assert len(waits) > 1, "it tried again"
    assert sum(waits) <= 1.0
    assert refusal.value.retry_after
