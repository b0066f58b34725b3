"""The service on a real store, with drivers who come, go and change names, and an upstream that fails."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.fuzz.conftest import effort
from tests.support.clock import Clock

from pitboard.drivers import freshness, names
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import (
    MaintenanceError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.model import CallContext, Room
from pitboard.drivers.service import Asker, DriverService
from pitboard.stores.sqlite import SqliteStore

NAMES = ("Ann Tester", "Bo Demo", "Jiří Čestný", "Zoë O'Hara-Lee")
CODES = {"not_found", "pending", "invalid_name", "unavailable"}
TROUBLE: dict[str, UpstreamError | None] = {
    "": None,
    "unreachable": UnreachableError("Broken off."),
    "limited": RateLimitedError("Later.", retry_after=30),
    "maintenance": MaintenanceError("Later."),
    "refused": RefusedError("No."),
}


class World:
    """iRacing: who has which name, and what goes wrong. `odd`: it answers that nobody is there."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.drivers: dict[int, str] = {n + 1: name for n, name in enumerate(NAMES)}
        self.had: dict[str, set[int]] = {name: {n + 1} for n, name in enumerate(NAMES)}
        self.gone_at: dict[str, float] = {}
        self.trouble = {"search": "", "members": "", "profile": ""}
        self.odd = False

    def name(self, cust_id: int, name: str) -> None:
        self.drivers[cust_id] = name
        self.had.setdefault(name, set()).add(cust_id)

    def _fail(self, call: str) -> None:
        if error := TROUBLE[self.trouble[call]]:
            raise error

    def back_at(self) -> float:
        return 0.0

    def room(self, _: CallContext, wanted: int) -> Room:
        return Room(wanted)

    def search(self, name: str, _: CallContext) -> Sequence[tuple[int, str]]:
        self._fail("search")
        found = [(i, shown) for i, shown in self.drivers.items() if name.lower() in shown.lower()]
        return [] if self.odd else found

    def members(self, ids: Sequence[int], _: CallContext) -> Mapping[int, Mapping[str, Any]]:
        self._fail("members")
        licences = [{"category": "oval", "irating": 1350}]
        return {
            i: {"cust_id": i, "display_name": self.drivers[i], "licenses": licences}
            for i in ids
            if i in self.drivers and not self.odd
        }

    def profile(self, cust_id: int, _: CallContext) -> Mapping[str, Any]:
        self._fail("profile")
        info = {"cust_id": cust_id, "display_name": self.drivers.get(cust_id, "")}
        return {"cust_id": cust_id, "member_info": info, "recent_events": []}


class Queue:
    def __init__(self) -> None:
        self.names: list[tuple[str, bool]] = []

    def enqueue(self, asked: Sequence[str], *, profiles: bool = False, soon: bool = False) -> None:
        self.names += [(name, profiles) for name in asked]


class Service(RuleBasedStateMachine):
    """Each name has one answer, about the driver of that name, and in the end everybody is found."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="pitboard-fuzz-")
        self.clock = Clock()
        self.world = World(self.clock)
        self.queue = Queue()
        self.store = SqliteStore(Path(self.folder) / "p.sqlite3", self.clock)
        self.calls, self.plans = ThreadPoolExecutor(8), ThreadPoolExecutor(4)
        dependencies = Dependencies(
            self.store,
            cast("Any", self.world),  # charts are not asked for here
            self.calls,
            self.calls,
            self.calls,
            clock=self.clock,
        )
        self.service = DriverService(dependencies, self.plans, self.queue)
        self.was_odd = False

    @rule(
        asked=st.lists(
            st.sampled_from((*NAMES, "Nobody Here", " ann  TESTER ", "\0")), min_size=1, unique=True
        ),
        profile=st.booleans(),
        web_page=st.booleans(),
    )
    def ask(self, asked: list[str], profile: bool, web_page: bool) -> None:
        answer = json.loads(
            self.service.page(asked, 10.0, Asker("192.0.2.1", profile=profile, web_page=web_page)).body
        )
        assert list(answer) == asked
        for name, found in answer.items():
            if "cust_id" not in found:
                assert found["code"] in CODES
                assert found["code"] != "pending" or "limited" in self.world.trouble.values()
                self._is_rightly_missing(name, found["code"])
                continue
            shown = found["member_info"]["display_name"]
            assert names.same(shown, name)
            assert found["cust_id"] in self.world.had[shown]
        assert not self.service._flights

    def _is_rightly_missing(self, asked: str, code: str) -> None:
        if code != "not_found" or self.was_odd:
            return
        there = [name for name in self.world.drivers.values() if names.same(name, asked)]
        left = max((at for name, at in self.world.gone_at.items() if names.same(name, asked)), default=0.0)
        alone = len(there) == 1
        assert not alone or left > self.clock.now - freshness.NOT_FOUND_KEPT - 1, f"{asked!r} is there"

    @rule()
    def renew(self) -> None:
        queued, self.queue.names = self.queue.names, []
        if queued:
            self.service.renew([name for name, _ in queued], {name for name, profile in queued if profile})

    @rule(call=st.sampled_from(("search", "members", "profile")), what=st.sampled_from(sorted(TROUBLE)))
    def trouble(self, call: str, what: str) -> None:
        self.world.trouble[call] = what

    @rule(odd=st.booleans())
    def odd_answers(self, odd: bool) -> None:
        self.world.odd = odd
        self.was_odd |= odd

    @rule(seconds=st.sampled_from((1.0, 61.0, 3700.0, 7 * 3600.0, 2 * 86400.0)))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(name=st.sampled_from(NAMES), other=st.sampled_from(NAMES))
    def a_name_changes_hands(self, name: str, other: str) -> None:
        """The holder of `name` takes a new one, and the holder of `other`, if there is one, takes `name`."""
        ids = {shown: cust_id for cust_id, shown in self.world.drivers.items()}
        if name in ids:
            self.world.name(ids[name], f"{name} II")
            self.world.gone_at[name] = self.clock.now
        if other in ids and other != name:
            self.world.name(ids[other], name)
            self.world.gone_at[other] = self.clock.now

    def teardown(self) -> None:
        """Whatever was wrong: two days later all is right again."""
        try:
            self.world.odd, self.world.trouble = False, dict.fromkeys(self.world.trouble, "")
            self.clock.now += 3 * 86400.0
            for _ in range(3):
                self.ask(list(NAMES), True, False)
                self.renew()
                self.clock.now += 3700.0
            page = json.loads(self.service.page(list(NAMES), 10.0).body)
            ids = {shown: cust_id for cust_id, shown in self.world.drivers.items()}
            assert {n: f.get("cust_id") for n, f in page.items()} == {n: ids.get(n) for n in NAMES}
        finally:
            self.plans.shutdown()
            self.calls.shutdown()
            self.store.close()
            shutil.rmtree(self.folder)


Service.TestCase.settings = effort(25)
TestService = Service.TestCase
