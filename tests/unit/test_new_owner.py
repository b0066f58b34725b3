"""Nobody is shown what is another driver's: a name that has a new owner."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import pytest

from pitboard.drivers import records
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import UnreachableError
from pitboard.drivers.freshness import ID_KEPT
from pitboard.drivers.guard import GuardedStore
from pitboard.drivers.index import CategoryStats, IndexedDriver
from pitboard.drivers.kept_members import KeptMembers
from pitboard.drivers.members import Audience, Members
from pitboard.drivers.misses import WITHHELD, Miss
from pitboard.drivers.model import CallContext, IdEntry, Record, Room
from pitboard.drivers.names import parse
from pitboard.drivers.plan import Plan, Target
from pitboard.drivers.ranks import Ranks
from pitboard.drivers.service import Asker, DriverService
from pitboard.ops.members import told
from pitboard.stores.sqlite import SqliteStore

OVAL = {"category": "oval", "group_id": 2, "safety_rating": 2.5}


def licensed(cust_id: int, name: str = "Ann Tester") -> dict[str, Any]:
    return {"cust_id": cust_id, "display_name": name, "licenses": [OVAL]}


class Upstream:
    """iRacing: driver 7 has the name; driver 5 had it before, and is gone or has another one."""

    def __init__(self) -> None:
        self.known = {7: licensed(7)}

    def back_at(self) -> float:
        return 0.0

    def room(self, _, wanted: int) -> Room:
        return Room(wanted)

    def search(self, _, __):
        return [(7, "Ann Tester")]

    def members(self, ids, _):
        return {i: self.known[i] for i in ids if i in self.known}


class Index:
    """The driver index of yesterday."""

    def __init__(self, driver: IndexedDriver) -> None:
        self._driver = driver

    def find(self, keys):
        return {key: self._driver for key in keys if key == "ann tester"}

    def ranks(self) -> Ranks:
        return Ranks()


@pytest.fixture
def deps(tmp_path) -> Iterator[Dependencies]:
    store, upstream = SqliteStore(tmp_path / "p.sqlite3"), cast("Any", Upstream())
    with ThreadPoolExecutor(4) as pool:
        yield Dependencies(store, upstream, pool, pool, pool)
    store.close()


def looked_up(deps: Dependencies, before: Record | None = None) -> Record:
    settled: dict[str, object] = {}
    targets = {"ann tester": Target(parse("Ann Tester"), before)}
    Plan(deps, targets, CallContext(time.monotonic() + 20), settled.__setitem__).run()
    assert settled == {"ann tester": None}
    return deps.store.records(["ann tester"])["ann tester"]


def test_a_driver_who_took_over_a_name_has_no_profile_of_the_one_before(deps):
    profile = {"recent_events": [{"subsession_id": 1}], "member_info": {"country_code": "NO"}}
    then = time.time() - 86400
    before = Record("ann tester", 5, records.body(licensed(5), profile), then, then, then + 9e6, then + 9e4)
    deps.store.keep([before])
    kept = looked_up(deps, before)
    assert json.loads(kept.body) == {"cust_id": 7, "member_info": licensed(7)}
    assert kept.partial


def test_a_driver_without_licences_who_took_over_a_name_is_shown(deps):
    cast("Any", deps.upstream).known = {7: licensed(7) | {"licenses": []}}
    then = time.time() - 86400
    before = Record("ann tester", 5, records.body(licensed(5)), then, then, then + 9e6)
    deps.store.keep([before])
    assert looked_up(deps, before).cust_id == 7


def test_a_driver_who_took_over_a_name_has_no_starts_of_the_one_in_the_index(deps):
    cast("Any", deps.upstream).known[5] = licensed(5, "Ann Renamed")
    stats = {"oval": CategoryStats("A", 4.0, 5000, 1400, 900, 80, 1.5)}
    index = Index(IndexedDriver(5, "Ann Tester", "NO", stats))
    kept = looked_up(replace(deps, index=index))
    assert json.loads(kept.body) == {"cust_id": 7, "member_info": licensed(7)}


class Queue:
    def __init__(self) -> None:
        self.names: list[str] = []

    def enqueue(self, names, *, profiles=False, soon=False):
        self.names += names


def test_a_web_page_that_is_answered_from_the_index_has_nothing_renewed_that_is_fresh(deps):
    now, queue = time.time(), Queue()
    deps.store.keep([Record("ann tester", 7, records.body(licensed(7)), now, now + 900, now + 9000)])
    indexed = replace(deps, index=Index(IndexedDriver(7, "Ann Tester", "NO")))
    with ThreadPoolExecutor(1) as planners:
        service = DriverService(indexed, planners, queue)
        service.begin(["Ann Tester"], 0.0, Asker(profile=False, web_page=True))
    assert queue.names == []


def test_a_web_page_is_told_the_new_owner_and_not_the_one_in_the_index(deps):
    now = time.time()
    deps.store.keep([Record("ann tester", 7, records.body(licensed(7)), now, now + 900, now + 9000)])
    indexed = replace(deps, index=Index(IndexedDriver(5, "Ann Tester", "NO")))
    web_page = Asker(profile=False, web_page=True)
    with ThreadPoolExecutor(1) as planners:
        service = DriverService(indexed, planners, Queue())
        answer = json.loads(service.page(["Ann Tester"], 0.0, web_page).body)
        assert service.customer_id("Ann Tester", 0.0, web_page) == (7, "iRacing")
    assert answer["Ann Tester"]["cust_id"] == 7


class Listed:
    """A service of a host who shows the members on a list alone."""

    def __init__(self, deps: Dependencies, listed: dict[str, int], planners: ThreadPoolExecutor) -> None:
        self.kept = KeptMembers(lambda: deps.store.documents, Audience.LISTED, 0.0)
        self.kept.change(lambda members: members.listing(listed))
        guarded = replace(deps, store=GuardedStore(deps.store, self.kept), members=self.kept)
        self.service = DriverService(guarded, planners, Queue())
        self.searches: list[str] = []
        upstream, search = cast("Any", deps.upstream), deps.upstream.search

        def noted(shown: str, context: CallContext):
            self.searches.append(shown)
            return search(shown, context)

        upstream.search = noted

    def code(self) -> str:
        answer = json.loads(self.service.page(["Ann Tester"], 5.0, Asker(profile=False)).body)["Ann Tester"]
        return answer.get("code") or f"shows {answer['cust_id']}"


@pytest.fixture
def listed(deps):
    with ThreadPoolExecutor(1) as planners:
        yield lambda names: Listed(deps, names, planners)


def test_who_took_over_the_name_of_a_listed_member_has_not_agreed_and_is_not_shown(listed):
    host = listed({"ann tester": 5})
    assert [host.code(), host.code()] == ["withheld"] * 2
    assert host.searches == ["Ann Tester"], "once it is known nothing is asked any more"
    assert not host.kept.current().shows_id(7)
    assert not host.kept.current().shows_id(5), "who had the name may have agreed, or had it before"


def test_who_asks_for_the_id_of_a_listed_name_with_a_new_owner_is_not_told(listed):
    host = listed({"ann tester": 5})
    assert [host.service.customer_id("Ann Tester", 5.0) for _ in range(2)] == [WITHHELD] * 2
    assert host.searches == ["Ann Tester"]


def test_a_listed_member_who_was_shown_is_not_replaced_by_who_took_over_the_name(deps, listed):
    then = time.time() - 86400
    host = listed({"ann tester": 0})
    deps.store.keep([Record("ann tester", 5, records.body(licensed(5)), then, then, then + 9e6)])
    assert host.code() == "shows 5"
    assert host.kept.current().listed == {"ann tester": 5}
    host.service.renew(["Ann Tester"])
    assert host.code() == "withheld"
    assert deps.store.records(["ann tester"]) == {}


def test_a_new_owner_is_shown_once_the_host_has_listed_him(listed):
    host = listed({"ann tester": 5})
    assert host.code() == "withheld"
    host.kept.change(lambda members: members.listing({"ann tester": 0}))
    assert host.code() == "withheld", "a file with names that is read again says nothing of a new owner"
    host.kept.change(lambda members: members.agreeing("ann tester"))
    assert host.code() == "shows 7"
    assert host.kept.current().shows_id(7)


def test_a_new_owner_in_a_league_s_roster_is_shown(listed):
    host = listed({"ann tester": 5})
    assert host.code() == "withheld"
    host.kept.change(lambda members: members.listing({"ann tester": 7}))
    assert host.code() == "shows 7"


def test_the_host_is_told_which_names_on_his_list_have_new_owners():
    members = Members(Audience.LISTED).listing({"ann tester": 5, "bo demo2": 6}).refusing("ann tester", 7)
    assert "give the names again: ann tester." in told(members, 0, unused=False)
    assert "new owners" not in told(members.agreeing("ann tester"), 0, unused=False)


# --- the id alone


class Asked:
    """A service that knows the id 5 of "Ann Tester" since `days` ago, and an iRacing that says 7."""

    def __init__(
        self, deps: Dependencies, planners: ThreadPoolExecutor, days: float, *, record: bool
    ) -> None:
        then = time.time() - days * 86400
        if record:
            kept = Record("ann tester", 5, records.body(licensed(5)), then, then + 3600, then + ID_KEPT)
            deps.store.keep([kept])
        deps.store.keep_ids([IdEntry("ann tester", 5, "iRacing", then + ID_KEPT)])
        self.service = DriverService(deps, planners, Queue())

    def custid(self) -> tuple[int, str] | Miss:
        return self.service.customer_id("Ann Tester", 5.0)


@pytest.fixture(params=[True, False], ids=["a record", "an id alone"])
def known(request, deps):
    with ThreadPoolExecutor(1) as planners:
        yield lambda days, deps=deps: Asked(deps, planners, days, record=request.param)


def test_the_id_of_a_name_is_confirmed_once_a_day(known):
    """Else who had the name before is told for a month: nothing renews what is asked for in this way."""
    assert known(0.9).custid() == (5, "store")
    asked = known(1.1)
    assert asked.custid() == (7, "iRacing")


def test_an_older_id_is_told_as_long_as_iracing_does_not_answer(deps, known):
    upstream, search = cast("Any", deps.upstream), deps.upstream.search

    def lost(_, __):
        raise UnreachableError("Lost.")

    upstream.search = lost
    asked = known(20)
    assert [asked.custid() for _ in range(2)] == [(5, "store")] * 2
    upstream.search = search
    (entry,) = deps.store.ids(["ann tester"]).values()
    deps.store.keep_ids([replace(entry, failed_until=0.0)])
    assert asked.custid() == (7, "iRacing")


def test_an_older_id_is_not_told_when_the_index_of_today_has_the_name(deps, known):
    indexed = replace(deps, index=Index(IndexedDriver(9, "Ann Tester", "NO")))
    assert known(3, indexed).custid() == (9, "index")
