"""The plan and the service where the outside fails in ways that nothing real does on demand."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import OutageError, RateLimitedError, StoreError, UpstreamError
from pitboard.drivers.misses import PENDING, UNAVAILABLE, Miss
from pitboard.drivers.model import CallContext, Room
from pitboard.drivers.names import parse
from pitboard.drivers.plan import Plan, Target
from pitboard.drivers.service import BEFORE_THE_ANSWER, DriverService
from pitboard.stores.sqlite import SqliteStore


class Upstream:
    """iRacing, as a test sets it: `search` is what a search does."""

    def __init__(self) -> None:
        self.search = lambda _, __: [(7, "Ann Tester")]
        self.contexts: list[CallContext] = []
        self.refusal: UpstreamError | None = None

    def back_at(self) -> float:
        return 0.0

    def room(self, context: CallContext, wanted: int) -> Room:
        self.contexts.append(context)
        return Room(0, self.refusal) if self.refusal else Room(wanted)

    def members(self, ids, context):
        return {i: {"cust_id": i, "display_name": "Ann Tester", "licenses": []} for i in ids}


class Leases(SqliteStore):
    """A real store that notes until when leases are taken."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.until: list[float] = []
        self.broken = ""

    def claim(self, keys, owner, until):
        if self.broken == "claim":
            raise StoreError("The table is throttled.")
        self.until.append(until)
        return super().claim(keys, owner, until)

    def keep(self, records):
        if self.broken == "keep":
            raise StoreError("The disk is full.")
        super().keep(records)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def deps(tmp_path, upstream) -> Iterator[Dependencies]:
    store = Leases(tmp_path / "p.sqlite3")
    with ThreadPoolExecutor(8) as pool:
        yield Dependencies(store, upstream, pool, pool, pool)
    store.close()


def run(deps: Dependencies, seconds: float = 5.0) -> dict[str, Miss | None]:
    name = parse("Ann Tester")
    settled: dict[str, Miss | None] = {}
    Plan(deps, {name.key: Target(name)}, CallContext(time.monotonic() + seconds), settled.__setitem__).run()
    return settled


def test_a_plan_that_crashes_settles_its_names_and_gives_its_leases_up(deps, upstream, caplog):
    upstream.members = lambda _, __: 1 / 0
    assert run(deps) == {"ann tester": UNAVAILABLE}
    assert "a plan failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert deps.store.claim(["ann tester"], "another", time.time() + 5) == {"ann tester"}


@pytest.mark.parametrize("broken", ["claim", "keep"])
def test_a_plan_whose_store_fails_settles_its_names(deps, broken, caplog):
    deps.store.broken = broken
    assert run(deps) == {"ann tester": UNAVAILABLE}
    assert "a plan failed" in caplog.text


def test_a_plan_that_had_to_queue_for_too_long_asks_nothing(deps, upstream):
    assert run(deps, seconds=-1.0) == {"ann tester": PENDING}
    assert not upstream.contexts
    assert not deps.store.until


@pytest.mark.parametrize(
    ("refusal", "miss"),
    [
        (RateLimitedError("The budget is used up.", retry_after=3.2), PENDING.after(4)),
        (OutageError("iRacing is down.", retry_after=3), Miss("unavailable", "iRacing is down.", 3)),
    ],
)
def test_a_plan_without_a_call_takes_no_lease(deps, upstream, refusal, miss):
    """In DynamoDB each lease is a write: a crawl of random names would be billed for a hundred a page."""
    upstream.refusal = refusal
    assert run(deps) == {"ann tester": miss}
    assert deps.store.until == []


def test_a_lease_lasts_a_little_longer_than_the_plan_may(deps):
    """Else a worker that begins in the plan's last moment would ask a second time for what is on its way."""
    begun = time.time()
    assert run(deps, seconds=5.0) == {"ann tester": None}
    (until,) = deps.store.until
    assert begun + 5.0 + 4.0 < until < time.time() + 5.0 + 6.0


class Queue:
    def __init__(self) -> None:
        self.names: list[str] = []

    def enqueue(self, names, *, profiles=False, soon=False):
        self.names += names


def test_where_the_answer_freezes_the_home_a_plan_ends_before_the_answer(deps, upstream):
    """In Lambda what runs on after the answer stands still, with its leases held."""
    asked, release = threading.Event(), threading.Event()

    def hang(_, __):
        asked.set()
        release.wait(10)
        return []

    upstream.search = hang
    queue = Queue()
    try:
        with ThreadPoolExecutor(1) as planners:
            service = DriverService(deps, planners, queue, lookup_seconds=None)
            begun = time.monotonic()
            pending = service.begin(["Ann Tester"], 1.0)
            (flight,) = pending.waiting
            assert flight.result(timeout=5)
            assert asked.is_set()
            end = upstream.contexts[0].deadline
            assert begun + 1.0 - BEFORE_THE_ANSWER <= end <= begun + 1.0 - BEFORE_THE_ANSWER + 0.25
            answer = json.loads(service.soon(pending, 1.0).body)
            assert answer["Ann Tester"]["code"] in ("pending", "unavailable")
            assert BEFORE_THE_ANSWER >= 0.2
    finally:
        release.set()
