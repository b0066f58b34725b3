"""Outages of the token service on a virtual clock: how soon after the end there is a token, at which cost.

`Service` answers in this process and not over sockets, since outages last for days here.
"""

import itertools
import random
import time
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.test_oauth_rules import CREDENTIALS, Memory

from pitboard.drivers.errors import MaintenanceError, Remedy, UnreachableError, UpstreamError
from pitboard.drivers.ports import Telemetry
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.oauth import DeniedError, Grant
from pitboard.iracing.token_state import LOGINS_AN_HOUR
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import NoAnswerError

ASKED_EVERY = 5.0
BACK_WITHIN = 60.0 + ASKED_EVERY
HANGS = 14.0

LOST, UNSENT, HANGING, BROKEN, MALFORMED, MAINTENANCE, CLIENT = KINDS = (
    "lost", "unsent", "hanging", "broken", "malformed", "maintenance", "client"
)  # fmt: skip


class Service:
    """The token endpoint. While it is `out`, each request meets one of these faults."""

    def __init__(self, seed: int) -> None:
        self.now = 1_800_000_000.0
        self.out: tuple[str, ...] = ()
        self.logins: list[float] = []
        self._rng = random.Random(seed)
        self._newest = ""
        self._numbers = itertools.count(1)

    def clock(self) -> float:
        return self.now

    def login(self, _: Credentials, deadline: float) -> Grant:
        kind = self._fault()
        if kind != UNSENT:
            self.logins.append(self.now)
        self._raise(kind)
        return self._tokens()

    def refresh(self, _: Credentials, refresh_token: str, deadline: float) -> Grant:
        kind = self._fault()
        if kind in (LOST, HANGING, MALFORMED) and self._rng.random() < 0.5:
            self._newest = ""  # it took effect, and nobody has its answer
        self._raise(kind)
        if refresh_token != self._newest:
            raise DeniedError("Spent.", Remedy.CHECK_LOGIN, error="invalid_grant")
        return self._tokens()

    def probe(self, _: Credentials, deadline: float) -> None:
        self._raise(self._fault())

    def _fault(self) -> str:
        return self._rng.choice(self.out) if self.out else ""

    def _raise(self, kind: str) -> None:
        if kind == HANGING:
            self.now += HANGS
        error: dict[str, UpstreamError] = {
            LOST: NoAnswerError("No answer.", sent=True),
            UNSENT: NoAnswerError("No connection.", sent=False),
            HANGING: NoAnswerError("No answer in time.", sent=True),
            BROKEN: UnreachableError("504"),
            MALFORMED: UnreachableError("It could not be read."),
            MAINTENANCE: MaintenanceError("Maintenance."),
            CLIENT: DeniedError("Unknown.", Remedy.CHECK_CLIENT, error="invalid_client"),
        }
        if kind:
            raise error[kind]

    def _tokens(self) -> Grant:
        number = next(self._numbers)
        self._newest = f"refresh-{number}"
        return Grant(f"access-{number}", 600.0, self._newest, None)


def seconds_until_back(service: Service, kinds: tuple[str, ...], begins: float, lasts: float) -> float:
    """Lets an outage begin after so many seconds, with requests every few seconds; gives how long after its
    end there was a token. Every tenth request comes from a process that was just started."""
    documents, asked = Memory(), itertools.count()
    keeper = None
    begin = service.now + begins
    end = begin + lasts
    while True:
        service.out = kinds if begin <= service.now < end else ()
        if keeper is None or next(asked) % 10 == 0:
            keeper = TokenKeeper(documents, service, CREDENTIALS, clock=service.clock)  # type: ignore[arg-type]
        try:
            keeper.access_token(time.monotonic())
        except UpstreamError:
            assert service.now < end + 7200, "there is no token two hours after the end"
        else:
            if service.now >= end:
                return max(0.0, service.now - end)
        service.now += ASKED_EVERY


lengths = st.one_of(st.floats(1, 200), st.floats(1, 4000))
kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True).map(tuple)


@given(kinds, st.floats(1, 700), lengths, st.integers(0, 1000))
@example((LOST,), 100.0, 2 * 86400.0, 1)
@example((HANGING,), 595.0, 130.0, 1)
@example((MALFORMED,), 595.0, 14.0, 1)
@example((CLIENT,), 595.0, 14.0, 1)
def test_a_minute_after_an_outage_there_is_a_token_and_at_most_one_login_was_made(
    kinds: tuple[str, ...], begins: float, lasts: float, seed: int
) -> None:
    service = Service(seed)
    assert seconds_until_back(service, kinds, begins, lasts) <= BACK_WITHIN
    assert len(service.logins) <= 1 + 1  # the first token of all, and one for a refresh token that was lost


@given(kinds, lengths, st.integers(0, 1000))
@example((HANGING,), 2 * 86400.0, 1)
def test_an_outage_at_the_first_login_costs_no_more_than_that_one(
    kinds: tuple[str, ...], lasts: float, seed: int
) -> None:
    service = Service(seed)
    assert seconds_until_back(service, kinds, 0.0, lasts) <= BACK_WITHIN + HANGS
    assert len(service.logins) <= 2


@given(
    st.lists(st.tuples(kinds, st.floats(1, 300), st.floats(1, 300)), min_size=2, max_size=20), st.integers()
)
def test_a_service_that_comes_and_goes_meets_four_logins_an_hour_at_most(
    times: list[tuple[tuple[str, ...], float, float]], seed: int
) -> None:
    service, documents = Service(seed), Memory()
    keeper = TokenKeeper(documents, service, CREDENTIALS, clock=service.clock)  # type: ignore[arg-type]
    for out, lasts, quiet in times:
        for faults, seconds in ((out, lasts), ((), quiet)):
            service.out, end = faults, service.now + seconds
            while service.now < end:
                with suppress(UpstreamError):
                    keeper.access_token(time.monotonic())
                service.now += ASKED_EVERY
    for at in service.logins:
        assert sum(at <= other < at + 3600 for other in service.logins) <= LOGINS_AN_HOUR


class Told(Telemetry):
    """What was reported last, by metric; counters are added up."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def count(self, metric: str, value: float = 1, **_: str) -> None:
        self.values[metric] = self.values.get(metric, 0) + value

    def gauge(self, metric: str, value: float, **_: str) -> None:
        self.values[metric] = value


def test_the_age_of_the_token_is_told_while_it_cannot_be_renewed() -> None:
    service, told = Service(1), Told()
    keeper = TokenKeeper(Memory(), service, CREDENTIALS, clock=service.clock, telemetry=told)  # type: ignore[arg-type]
    keeper.access_token(time.monotonic())
    service.out = (BROKEN,)
    for hours in (1, 9):
        service.now += hours * 3600
        with suppress(UpstreamError):
            keeper.access_token(time.monotonic(), may_login=False)
    assert told.values["token_age_seconds"] >= 10 * 3600


def test_a_grant_that_fails_is_counted_unless_iracing_is_in_maintenance() -> None:
    service, told = Service(1), Told()
    keeper = TokenKeeper(Memory(), service, CREDENTIALS, clock=service.clock, telemetry=told)  # type: ignore[arg-type]
    for kind, failed in ((MAINTENANCE, 0), (BROKEN, 1)):
        service.out = (kind,)
        service.now += 3600
        with suppress(UpstreamError):
            keeper.access_token(time.monotonic())
        assert told.values.get("grants_failed", 0) == failed
