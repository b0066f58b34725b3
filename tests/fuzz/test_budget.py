"""Three processes that share a call budget, with all that iRacing says about limits and outages."""

import time

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.fuzz.conftest import effort
from tests.support.clock import Clock
from tests.support.documents import MemoryDocuments

from pitboard.drivers.budget import LIMIT, WINDOW
from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.model import CallContext, Priority
from pitboard.iracing.meter import Meter

PROCESSES = 3
which = st.integers(0, PROCESSES - 1)


class SharedBudget(RuleBasedStateMachine):
    """In no minute more than three quarters of the limit; and after every trouble there are calls again."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        documents = MemoryDocuments()
        self.meters = [Meter(documents, clock=self.clock) for _ in range(PROCESSES)]
        self.granted: list[float] = []
        self.pauses: list[float] = []

    @rule(n=which, times=st.integers(1, 70), priority=st.sampled_from(Priority), who=st.sampled_from("abc"))
    def spend(self, n: int, times: int, priority: Priority, who: str) -> None:
        for _ in range(times):
            try:
                self.meters[n].spend(CallContext(time.monotonic(), priority, who))
            except UpstreamError as error:
                self.pauses.append(error.retry_after or 0.0)
                return
            self.granted.append(self.clock.now)

    @rule(n=which, wanted=st.integers(1, 60), who=st.sampled_from("abc"))
    def room(self, n: int, wanted: int, who: str) -> None:
        room = self.meters[n].room(CallContext(time.monotonic() + 5, Priority.READER, who), wanted)
        assert 0 <= room.calls <= wanted
        assert (room.refusal is None) == (room.calls == wanted)

    @rule(seconds=st.sampled_from((0.1, 0.5, 1.0, 5.0, 15.0, 61.0)))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(
        n=which, left=st.integers(0, LIMIT), reset=st.integers(-60, 120), limit=st.sampled_from((LIMIT, 0, 9))
    )
    def heard(self, n: int, left: int, reset: int, limit: int) -> None:
        said = {"limit": limit, "remaining": left, "reset": int(self.clock.now + reset)}
        self.meters[n].heard({f"X-RateLimit-{name}".lower(): str(value) for name, value in said.items()})

    @rule(n=which, headers=st.sampled_from(({}, {"Retry-After": "7"}, {"Retry-After": "99999"})))
    def limited(self, n: int, headers: dict[str, str]) -> None:
        self.meters[n].rate_limited(headers)

    @rule(n=which, headers=st.sampled_from(({}, {"Retry-After": "30"})))
    def maintenance(self, n: int, headers: dict[str, str]) -> None:
        self.meters[n].maintenance(headers)

    @rule(n=which, times=st.integers(1, 6))
    def failed(self, n: int, times: int) -> None:
        for _ in range(times):
            self.meters[n].failed(time.monotonic())

    @rule(n=which)
    def answered(self, n: int) -> None:
        self.meters[n].answered()

    @invariant()
    def no_minute_has_too_many_calls(self) -> None:
        since = self.clock.now - WINDOW
        assert sum(at > since for at in self.granted) <= 0.75 * LIMIT

    @invariant()
    def nobody_is_sent_away_for_more_than_an_hour(self) -> None:
        assert all(0 <= pause <= 3700 for pause in self.pauses)

    def teardown(self) -> None:
        """An hour is the longest pause that is believed; after it a call is granted."""
        for _ in range(3):
            self.clock.now += 3700
            before = len(self.granted)
            self.spend(0, 1, Priority.READER, "a")
            if len(self.granted) > before:
                return
            self.meters[0].answered()
        raise AssertionError("no call is granted any more")


SharedBudget.TestCase.settings = effort(60)
TestBudget = SharedBudget.TestCase
