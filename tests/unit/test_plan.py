"""The plan and the service where the outside fails in ways that nothing real does on demand."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pitboard.drivers import service as service_module
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import (
    OutageError,
    RateLimitedError,
    RefusedError,
    StoreError,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.misses import NOT_FOUND, PENDING, UNAVAILABLE, Miss
from pitboard.drivers.model import CallContext, IdEntry, Priority, Record, Room
from pitboard.drivers.names import parse
from pitboard.drivers.plan import Plan, Target, _profile_until, exact_match
from pitboard.drivers.ports import FailedNames
from pitboard.drivers.service import Asker, DriverService, lookup_context
from pitboard.stores.sqlite import SqliteStore

NOW = 1_800_000_000.0


class Upstream:
    """iRacing, as a test sets it: `search` is what a search does."""

    def __init__(self) -> None:
        self.search: Callable[[str, CallContext], list[tuple[int, str]]] = lambda _, __: [(7, "Ann Tester")]
        self.contexts: list[CallContext] = []
        self.refusal: UpstreamError | None = None
        self.calls = 0

    def back_at(self) -> float:
        return 0.0

    def room(self, context: CallContext, wanted: int) -> Room:
        self.contexts.append(context)
        return Room(self.calls, self.refusal) if self.refusal and wanted > self.calls else Room(wanted)

    def members(self, ids, context):
        return {i: {"cust_id": i, "display_name": "Ann Tester", "licenses": []} for i in ids}


class Leases(SqliteStore):
    """A real store that notes until when leases are taken."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.until: list[float] = []
        self.claimed: list[str] = []
        self.broken = ""

    def claim(self, keys, owner, until):
        if self.broken == "claim":
            raise StoreError("The table is throttled.")
        self.until.append(until)
        self.claimed += keys
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


def test_a_plan_takes_leases_for_those_whom_the_budget_has_calls_for(deps, upstream):
    """Three calls are two searches and the licences of all who are known or found."""
    upstream.calls, upstream.refusal = 3, RateLimitedError("The budget is used up.", retry_after=3.2)
    named = [parse(f"Ann Tester{number}") for number in range(6)]
    targets = {name.key: Target(name, has_id=number > 3) for number, name in enumerate(named)}
    settled: dict[str, Miss | None] = {}
    Plan(deps, targets, CallContext(time.monotonic() + 5), settled.__setitem__).run()
    assert sorted(deps.store.claimed) == [named[number].key for number in (0, 1, 4, 5)]
    assert [settled[named[number].key] for number in (2, 3)] == [PENDING.after(4)] * 2


def test_a_name_whose_licences_there_is_no_call_for_gets_no_lease(deps, upstream):
    upstream.calls, upstream.refusal = 2, RateLimitedError("The budget is used up.", retry_after=3.2)
    targets = {name: Target(parse(name)) for name in ("ann tester", "bob tester")}
    Plan(deps, targets, CallContext(time.monotonic() + 5), lambda *_: None).run()
    assert deps.store.claimed == ["ann tester"]


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
            assert begun + 0.7 <= end <= begun + 0.8 + 0.25
            answer = json.loads(service.soon(pending, 1.0).body)
            assert answer["Ann Tester"]["code"] in ("pending", "unavailable")
    finally:
        release.set()


class Waiting:
    """A service whose searches wait for `go`."""

    def __init__(self, deps: Dependencies, upstream: Upstream, planners: ThreadPoolExecutor) -> None:
        self.go = threading.Event()
        upstream.search = self.search
        self.service = DriverService(deps, planners, Queue())

    def search(self, name: str, context: CallContext) -> list[tuple[int, str]]:
        assert self.go.wait(10)
        return []

    def codes(self, *names: str, client: str = "") -> list[str]:
        pending = self.service.begin(list(names), 0.0, Asker(client, profile=False))
        answer = json.loads(self.service.soon(pending, 0.0).body)
        return [f"{value['code']} {value['retry_after']}" for value in answer.values()]


@pytest.fixture
def waiting(deps, upstream) -> Iterator[Waiting]:
    with ThreadPoolExecutor(4) as planners:
        one = Waiting(deps, upstream, planners)
        yield one
        one.go.set()
        one.service.stop()


def test_an_answer_waits_for_a_name_that_comes_in_time(deps, upstream, monkeypatch):
    with ThreadPoolExecutor(1) as planners:
        one = Waiting(deps, upstream, planners)
        upstream.search = lambda _, __: [(7, "Ann Tester")] if one.go.wait(10) else []

        def wait(*given):
            one.go.set()
            return futures.wait(*given)

        monkeypatch.setattr(service_module, "wait", wait)
        pending = one.service.begin(["Ann Tester"], 10.0, Asker(profile=False))
        assert json.loads(one.service.soon(pending, 10.0).body)["Ann Tester"]["cust_id"] == 7


def test_a_frozen_home_hands_over_what_is_still_looked_up_and_not_what_has_come(deps, upstream):
    queue, go = Queue(), threading.Event()

    def search(name: str, _: CallContext) -> list[tuple[int, str]]:
        return [(7, "Ann Tester")] if name == "Ann Tester" or not go.wait(10) else []

    upstream.search = search
    with ThreadPoolExecutor(2) as planners:
        service = DriverService(deps, planners, queue, lookup_seconds=None)
        try:
            known = service.begin(["Ann Tester"], 10.0, Asker(profile=False))
            assert json.loads(service.soon(known, 10.0).body)["Ann Tester"]["cust_id"] == 7
            assert queue.names == []
            service.soon(service.begin(["Bob Tester"], 10.0, Asker(profile=False)), 0.0)
            assert queue.names == ["Bob Tester"]
        finally:
            go.set()


def test_a_client_has_a_hundred_and_fifty_names_in_the_air_and_others_theirs(waiting):
    ours = [f"Ann {number}" for number in range(151)]
    assert waiting.codes(*ours, client="one") == ["pending 2"] * 150 + ["pending 30"]
    assert waiting.codes(ours[150], ours[0], client="one") == ["pending 30", "pending 2"]
    assert waiting.codes(ours[150], client="two") == ["pending 2"]


def test_two_thousand_names_are_in_the_air_at_a_time_whoever_asks_for_them(waiting):
    asked = [f"Ann {number}" for number in range(2_000)]
    assert set(waiting.codes(*asked)) == {"pending 2"}
    assert waiting.codes("Bob Tester", client="one") == waiting.codes("Bob Tester") == ["pending 30"]


def test_the_host_himself_has_no_share(waiting, monkeypatch):
    monkeypatch.setattr(service_module, "MOST_FLIGHTS_A_CLIENT", 1)
    assert waiting.codes("A A", "B B", "C C") == ["pending 2"] * 3


def test_a_home_that_ends_begins_no_look_up_and_answers_those_who_wait(waiting):
    pending = waiting.service.begin(["Ann Tester"], 5.0, Asker())
    (flight,) = pending.waiting
    waiting.service.stop()
    assert flight.result(timeout=5) == PENDING
    assert waiting.codes("Bob Tester") == ["pending 30"]


def test_a_name_that_cannot_be_searched_is_asked_for_again_later(deps, upstream):
    failed = Failed()
    with ThreadPoolExecutor(1) as planners:
        service = DriverService(deps, planners, Queue(), failed=failed)

        def lost(_, __):
            raise UnreachableError("Lost.")

        upstream.search = lost
        miss = service.customer_id("Ann Tester", 5.0)
        assert isinstance(miss, Miss)
        assert (miss.code, miss.retry_after) == ("unavailable", 60)
        assert failed.names == ["Ann Tester"]
        upstream.search = lambda _, __: [(7, "Ann Tester")]
        again = service.customer_id("Ann Tester", 5.0)
        assert isinstance(again, Miss), "within the minute iRacing is not asked"
        assert again.code == "unavailable"
        assert service.customer_id("Bob Tester", 5.0) == NOT_FOUND
        assert service.customer_id("Carl Tester", 5.0) == NOT_FOUND
        upstream.search = lambda _, __: [(9, "Dora Tester"), (10, "Dora Tester2")]
        assert service.customer_id("Dora Tester", 5.0) == (9, "iRacing")
        assert service.customer_id("dora tester", 5.0) == (9, "store")
        assert service.customer_id("Dora Tester", 5.0, Asker(web_page=True)) == (9, "iRacing")


def test_two_drivers_of_one_name_are_nobody():
    ann = parse("Ann Tester")
    assert exact_match(ann, [(7, "Ann Tester"), (8, "Ann Tester2")]) == 7
    assert exact_match(ann, [(7, "Ann Tester"), (7, "ann tester")]) == 7
    assert exact_match(ann, [(7, "Ann Tester"), (8, "ANN TESTER")]) is None
    assert exact_match(ann, [(8, "Ann Tester2")]) is None


def test_a_page_that_has_something_to_show_waits_one_and_a_half_seconds_for_news(waiting):
    pending = waiting.service.begin(["Ann Tester"], 5.0, Asker())
    assert pending.patience(9.0) == 9.0
    shown = replace(pending, found={"bob tester": None})
    assert (shown.patience(9.0), shown.patience(0.5)) == (1.5, 0.5)


@pytest.mark.parametrize(
    ("own", "seconds", "lasts", "hurried"),
    [(20.0, 1.0, 20.0, False), (20.0, 30.0, 30.0, False), (None, 1.0, 1.0, True), (None, 20.0, 20.0, False)],
)
def test_a_look_up_lasts_its_own_time_or_the_caller_s_if_that_is_longer(own, seconds, lasts, hurried):
    begun = time.monotonic()
    context = lookup_context(own, seconds, "one")
    assert begun + lasts <= context.deadline <= time.monotonic() + lasts
    assert (context.client, context.hurried) == ("one", hurried)


class Failed(FailedNames):
    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, name, *, profile, client):
        self.names.append(name)


def record(until: float, body: bytes = b'{"member_info":{"licenses":[]}}') -> Record:
    return Record("ann tester", 7, body, NOW, NOW, NOW, until)


@pytest.mark.parametrize(
    ("older", "until"),
    [
        (NOW + 9, NOW + 9),
        (NOW + 86400 * 1.15, NOW + 86400 * 1.15),
        (NOW + 86400 * 2, NOW + 86400 * 1.15),
        (0.0, 0.0),
        (-NOW - 9, -NOW - 9),
        (-NOW - 86400 * 2, -NOW - 86400 * 1.15),
    ],
)
def test_a_profile_stays_fresh_as_long_as_it_could_have_been_set_to(older, until):
    assert _profile_until(record(older), {"licenses": []}, NOW) == pytest.approx(until, abs=0.01)


def test_after_a_race_a_profile_is_due_at_once():
    raced = {"licenses": [{"category": "oval", "irating": 1500}]}
    assert _profile_until(record(NOW + 9), raced, NOW) == NOW
    assert _profile_until(record(NOW - 9), raced, NOW) == NOW - 9
    assert _profile_until(record(-NOW - 9), raced, NOW) == -NOW - 9


class Few(Upstream):
    """An iRacing with so many calls left; it counts what is asked."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls
        self.searched: list[str] = []
        self.asked_for: list[list[int]] = []
        self.profiles: list[int] = []
        self.no_profile: UpstreamError | None = None
        self.names: dict[int, str] = {}
        self.lock = threading.Lock()
        self.search = self.found

    def room(self, context: CallContext, wanted: int) -> Room:
        if self.calls >= wanted:
            return Room(wanted)
        return Room(self.calls, RateLimitedError("Full.", retry_after=9.0))

    def found(self, name: str, context: CallContext) -> list[tuple[int, str]]:
        with self.lock:
            self.searched.append(name)
        return [(int(name.split()[1]), name)]

    def members(self, ids, context):
        self.asked_for.append(list(ids))
        told = {i: self.names.get(i, f"Driver {i}") for i in ids}
        return {i: {"cust_id": i, "display_name": name, "licenses": []} for i, name in told.items() if name}

    def profile(self, cust_id, context):
        if self.no_profile:
            raise self.no_profile
        with self.lock:
            self.profiles.append(cust_id)
        return {"cust_id": cust_id, "member_info": {"cust_id": cust_id}}


class Probing(Few):
    """An iRacing that was away: one call goes first, and the others when it is answered."""

    def __init__(self, error: UpstreamError | None = None) -> None:
        super().__init__(0)
        self.error = error
        self.begun = 0
        self.out = 0
        self.state = "paused"

    def room(self, context: CallContext, wanted: int) -> Room:
        with self.lock:
            if self.state == "away" or (self.state == "paused" and self.out):
                return Room(0, OutageError("Away.", retry_after=3))
            if self.state == "paused":
                return Room(1, RateLimitedError("Full.", retry_after=1), alone=True)
        return Room(wanted)

    @contextmanager
    def one_call(self) -> Iterator[None]:
        with self.lock:
            if self.state == "away" or (self.state == "paused" and self.out):
                raise OutageError("Away.", retry_after=3)
            self.begun += 1
            self.out += 1
        time.sleep(0.05)  # a call that is begun beside the first one is begun by then
        with self.lock:
            self.out -= 1
            self.state = "away" if self.error else "back"
        if self.error:
            raise self.error
        yield

    def found(self, name: str, context: CallContext) -> list[tuple[int, str]]:
        with self.one_call():
            return super().found(name, context)

    def members(self, ids, context):
        with self.one_call():
            return super().members(ids, context)

    def profile(self, cust_id, context):
        with self.one_call():
            return super().profile(cust_id, context)


@pytest.mark.parametrize("known", [0, 2, 5])
@pytest.mark.parametrize("profile", [False, True])
def test_after_an_outage_a_page_is_whole_as_soon_as_its_first_call_is_answered(deps, known, profile):
    """Else it has one name of twenty, and asks again for the others seconds later."""
    upstream = Probing()
    deps.store.keep_ids(
        [IdEntry(f"driver {n}", n, "iRacing", time.time() + 900) for n in range(1, known + 1)]
    )
    assert planned(deps, upstream, 5, profile=profile) == {"found": 5}
    assert upstream.state == "back"
    assert len(upstream.profiles) == (5 if profile else 0)


@pytest.mark.parametrize("known", [0, 2, 5])
def test_while_the_outage_lasts_a_page_asks_once_and_none_of_its_names_waits(deps, known):
    upstream = Probing(UnreachableError("Lost."))
    deps.store.keep_ids(
        [IdEntry(f"driver {n}", n, "iRacing", time.time() + 900) for n in range(1, known + 1)]
    )
    outcomes = planned(deps, upstream, 5)
    assert {said.split()[0] for said in outcomes} == {"unavailable"}
    assert upstream.begun == 1


def planned(
    deps: Dependencies, upstream: Few, count: int, *, profile: bool = False, **more: Any
) -> Counter[str]:
    """Plans for `Driver 1` and so on; gives how many were settled as what."""
    iracing: Any = upstream
    deps = replace(deps, upstream=iracing)
    keys = [parse(f"Driver {number}") for number in range(1, count + 1)]
    settled: dict[str, Miss | None] = {}
    known = deps.store.ids([name.key for name in keys])
    targets = {name.key: Target(name, None, profile, has_id=name.key in known) for name in keys}
    context = CallContext(time.monotonic() + 20, **more)
    Plan(deps, targets, context, settled.__setitem__).run()
    assert settled.keys() == targets.keys()
    return Counter(f"{miss.code} {miss.retry_after}" if miss else "found" for miss in settled.values())


@pytest.mark.parametrize(
    ("calls", "found"), [(0, 0), (1, 1), (2, 1), (3, 2), (10, 9), (20, 19), (21, 20), (99, 20)]
)
def test_of_the_calls_that_are_left_one_is_kept_for_the_licences(deps, calls, found):
    upstream = Few(calls)
    states = planned(deps, upstream, 20)
    assert states == Counter({"found": found, "pending 9": 20 - found}) - Counter()
    assert len(upstream.searched) == found
    assert sorted(i for ids in upstream.asked_for for i in ids) == sorted(
        int(name.split()[1]) for name in upstream.searched
    )


def test_licences_are_asked_for_fifty_at_a_time(deps):
    upstream = Few(500)
    for number in range(1, 121):
        deps.store.keep_ids([IdEntry(f"driver {number}", number, "iRacing", time.time() + 900)])
    assert planned(deps, upstream, 120) == {"found": 120}
    assert upstream.searched == []
    assert sorted(map(len, upstream.asked_for)) == [20, 50, 50]


@pytest.mark.parametrize(("calls", "profiles"), [(1, 1), (3, 3), (5, 5), (50, 5)])
def test_profiles_take_the_calls_that_are_left_and_names_without_one_are_found_still(deps, calls, profiles):
    upstream = Few(calls)
    deps.store.keep_ids([IdEntry(f"driver {n}", n, "iRacing", time.time() + 900) for n in range(1, 6)])
    assert planned(deps, upstream, 5, profile=True) == {"found": 5}
    assert len(upstream.profiles) == profiles
    kept = deps.store.records([f"driver {n}" for n in range(1, 6)]).values()
    assert sorted(record.partial for record in kept) == sorted([False] * profiles + [True] * (5 - profiles))


def test_work_that_nobody_waits_for_may_wait_for_the_budget_instead(deps):
    assert planned(deps, Few(0), 3, priority=Priority.BACKGROUND) == {"found": 3}


def test_a_record_is_fresh_for_its_time_and_shown_for_thirty_days(deps):
    before = time.time()
    assert planned(deps, Few(9), 1, profile=True) == {"found": 1}
    (record,) = deps.store.records(["driver 1"]).values()
    assert before <= record.as_of <= time.time()
    assert 3600 * 0.85 <= record.fresh_until - record.as_of <= 3600 * 1.15
    assert record.stale_until - record.as_of == pytest.approx(720 * 3600)
    assert 86400 * 0.85 <= record.profile_until - before <= 86400 * 1.15 + 60
    (entry,) = deps.store.ids(["driver 1"]).values()
    assert (entry.cust_id, entry.origin) == (1, "iRacing")
    assert entry.until - before == pytest.approx(720 * 3600, abs=60)


@pytest.mark.parametrize(
    ("error", "seconds"), [(RefusedError("None."), 86400), (UnreachableError("Lost."), 60)]
)
def test_a_profile_that_failed_is_left_alone_for_a_day_or_a_minute(deps, error, seconds):
    upstream = Few(9)

    upstream.no_profile = error
    before = time.time()
    assert planned(deps, upstream, 1, profile=True) == {"found": 1}
    (record,) = deps.store.records(["driver 1"]).values()
    assert record.partial
    assert -record.profile_until - before == pytest.approx(seconds, abs=20)


@pytest.mark.parametrize(
    ("error", "failed_again", "noted"),
    [
        (UnreachableError("Lost."), ["Driver 1"], []),
        (OutageError("Down.", retry_after=3), ["Driver 1"], ["Driver 1"]),
        (RateLimitedError("Full.", retry_after=3), [], []),
        (None, [], []),
    ],
    ids=["lost", "outage", "no call", "answered"],
)
def test_what_failed_is_asked_again_whatever_is_remembered(deps, error, failed_again, noted):
    """Names that were not asked for because of an outage wait on; those that failed again are told."""
    upstream, failed = Few(9), Failed()
    iracing: Any = upstream
    deps = replace(deps, upstream=iracing)
    deps.store.keep_ids([IdEntry("driver 1", None, "iRacing", time.time() + 60, "", time.time() + 60)])

    def search(name: str, context: CallContext) -> list[tuple[int, str]]:
        if error:
            raise error
        return [(1, name)]

    upstream.search = search
    with ThreadPoolExecutor(1) as planners:
        service = DriverService(deps, planners, Queue(), failed=failed)
        assert service.ask_again({"Driver 1": True}, "one") == failed_again
        assert service.ask_again({}, None) == []
    assert failed.names == noted
    assert len(deps.store.records(["driver 1"])) == (error is None)
    assert upstream.profiles == [], "of a driver who is not known yet only the licences are asked for"


def test_who_wants_the_licences_joins_the_look_up_of_who_wants_the_profile_too(waiting):
    whole = waiting.service.begin(["Ann Tester"], 0.0, Asker("", profile=True))
    line = waiting.service.begin(["Ann Tester"], 0.0, Asker("", profile=False))
    assert whole.waiting == line.waiting
    other = waiting.service.begin(["Bob Tester"], 0.0, Asker("", profile=False))
    more = waiting.service.begin(["Bob Tester"], 0.0, Asker("", profile=True))
    assert other.waiting != more.waiting, "licences alone are not enough for who wants the profile"


def held(number: int, name: str, now: float, fresh: float) -> Record:
    body = json.dumps({"cust_id": number, "member_info": {"licenses": [{"category": "oval"}]}}).encode()
    return Record(name, number, body, now - 7200, now + fresh, now + 9000, now + 9000)


def run_one(deps: Dependencies, upstream: Few, record: Record | None) -> Miss | None:
    iracing: Any = upstream
    deps = replace(deps, upstream=iracing)
    name = parse("Driver 1")
    settled: dict[str, Miss | None] = {}
    context = CallContext(time.monotonic() + 20)
    Plan(deps, {name.key: Target(name, record)}, context, settled.__setitem__).run()
    return settled[name.key]


def test_a_name_that_changed_hands_is_the_new_driver(deps):
    upstream = Few(9)
    upstream.names = {5: "Somebody Else"}
    old = held(5, "driver 1", time.time(), -60)
    deps.store.keep([old])
    assert run_one(deps, upstream, old) is None
    assert upstream.asked_for == [[5], [1]]
    assert upstream.searched == ["Driver 1"]
    assert deps.store.records(["driver 1"])["driver 1"].cust_id == 1


def test_a_driver_whom_search_finds_and_licences_do_not_is_unavailable_for_a_minute(deps):
    upstream = Few(9)
    upstream.names = {1: ""}
    miss = run_one(deps, upstream, None)
    assert miss is not None
    assert (miss.code, miss.retry_after) == ("unavailable", 60)
    assert "disagree" in miss.error
    (entry,) = deps.store.ids(["driver 1"]).values()
    assert entry.cust_id == 1
    assert entry.failed_until - time.time() == pytest.approx(60, abs=20)


def test_a_known_driver_whom_iracing_leaves_out_is_kept_and_doubted(deps):
    upstream = Few(9)
    upstream.names = {1: ""}
    upstream.search = lambda _, __: []
    old = held(1, "driver 1", time.time(), -60)
    deps.store.keep([old])
    assert run_one(deps, upstream, old) is None
    assert "driver 1" in deps.store.records(["driver 1"])
    (entry,) = deps.store.ids(["driver 1"]).values()
    assert entry.failed_until - time.time() == pytest.approx(600, abs=20)
    assert entry.doubted_at == pytest.approx(time.time(), abs=20)


def test_what_another_process_brings_is_taken_over_and_iracing_not_asked(deps):
    upstream = Few(9)
    name = "driver 1"
    assert deps.store.claim([name], "another", time.time() + 60) == {name}
    bringing = threading.Timer(0.1, lambda: deps.store.keep([held(1, name, time.time(), 600)]))
    bringing.start()
    assert run_one(deps, upstream, None) is None
    assert upstream.searched == []
    bringing.join()
    deps.store.forget([name])
    deps.store.keep_ids([IdEntry(name, None, "iRacing", time.time() + 900, "not_found")])
    assert run_one(deps, upstream, None) == NOT_FOUND
    assert upstream.searched == []


def test_a_plan_looks_up_what_another_left_and_not_what_it_brought(deps, monkeypatch):
    upstream, claim, names = Few(9), deps.store.claim, ["driver 1", "driver 2"]
    claim(names, "another", time.time() + 60)

    def the_other_ends_after(keys, owner, until):
        if not (mine := claim(keys, owner, until)):
            deps.store.keep([held(1, "driver 1", time.time(), 600)])
            deps.store.release(names, "another")
        return mine

    monkeypatch.setattr(deps.store, "claim", the_other_ends_after)
    assert planned(deps, upstream, 2) == Counter(found=2)
    assert upstream.searched == ["Driver 2"]


def test_what_is_fresh_or_known_to_be_nobody_is_not_asked_for(deps):
    upstream = Few(9)
    deps.store.keep_ids([IdEntry("driver 1", None, "iRacing", time.time() + 900, "not_found")])
    assert run_one(deps, upstream, None) == NOT_FOUND
    assert run_one(deps, upstream, held(1, "driver 1", time.time(), 600)) is None
    assert (upstream.searched, upstream.asked_for) == ([], [])


class AtOnce(Executor):
    """Runs each call when it is handed over, so that all have ended when the plan looks."""

    def submit(self, call: Any, /, *arguments: Any, **named: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(call(*arguments, **named))
        except UpstreamError as error:
            done.set_exception(error)
        return done


@pytest.mark.parametrize(
    ("search", "outcome"),
    [
        (lambda name, _: [(int(name.removeprefix("Ann Tester")), name)], None),
        (lambda _, __: [], NOT_FOUND),
    ],
    ids=["found", "nobody"],
)
def test_what_many_searches_bring_is_written_in_one_go(deps, upstream, monkeypatch, search, outcome):
    """Each write is a request in DynamoDB, and the names wait for it one after the other."""
    upstream.search = search
    upstream.members = lambda ids, _: {
        i: {"cust_id": i, "display_name": f"Ann Tester{i}", "licenses": []} for i in ids
    }
    writes: list[int] = []
    keep = deps.store.keep_ids

    def keep_ids(entries: Any) -> None:
        entries = list(entries)
        writes.append(len(entries))
        keep(entries)

    monkeypatch.setattr(deps.store, "keep_ids", keep_ids)
    targets = {name.key: Target(name) for name in (parse(f"Ann Tester{number}") for number in range(1, 21))}
    settled: dict[str, Miss | None] = {}
    at_once = replace(deps, callers=AtOnce())
    Plan(at_once, targets, CallContext(time.monotonic() + 5), settled.__setitem__).run()
    assert settled == dict.fromkeys(targets, outcome)
    assert writes == [20]


def test_what_many_failures_say_is_written_in_one_go_beside_what_is_known(deps, upstream, monkeypatch):
    def search(_: str, __: CallContext) -> list[tuple[int, str]]:
        raise UnreachableError("iRacing has not answered in time.")

    upstream.search = search
    reads: list[int] = []
    ids = deps.store.ids

    def read(keys: Any) -> Any:
        reads.append(len(keys))
        return ids(keys)

    monkeypatch.setattr(deps.store, "ids", read)
    targets = {name.key: Target(name) for name in (parse(f"Ann Tester{number}") for number in range(1, 21))}
    settled: dict[str, Miss | None] = {}
    at_once = replace(deps, callers=AtOnce())
    Plan(at_once, targets, CallContext(time.monotonic() + 5), settled.__setitem__).run()
    assert {miss and miss.code for miss in settled.values()} == {UNAVAILABLE.code}
    assert reads == [20, 20], "before the searches, and after them"
    assert all(entry.failed_until > time.time() for entry in ids(list(targets)).values())


@pytest.mark.parametrize("bound", ["MOST_FLIGHTS", "MOST_FLIGHTS_A_CLIENT"])
def test_names_that_there_is_no_room_to_ask_for_again_wait_on(deps, upstream, bound, monkeypatch):
    """Else the thread that asks again takes one that was not asked for an answer, and forgets all others."""
    failed = Failed()
    monkeypatch.setattr(service_module, bound, 0)
    with ThreadPoolExecutor(1) as planners:
        service = DriverService(deps, planners, Queue(), failed=failed)
        assert service.ask_again({"Ann Tester": False, "Bob Tester": False}, "one") == [
            "Ann Tester",
            "Bob Tester",
        ]
    assert failed.names == ["Ann Tester", "Bob Tester"]
    assert not upstream.contexts
