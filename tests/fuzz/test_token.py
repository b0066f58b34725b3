"""Three processes that share a token, with a token service that fails in every way, and kills."""

import time
from collections.abc import Mapping
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.fuzz.conftest import effort
from tests.support.clock import Clock
from tests.support.documents import MemoryDocuments

from pitboard.drivers.errors import (
    MaintenanceError,
    RateLimitedError,
    Remedy,
    StoreError,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.model import Document
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.oauth import DeniedError, Grant
from pitboard.iracing.token_state import HOUR, LOGINS_AN_HOUR
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import NoAnswerError

PROCESSES = 3
LIFETIME = 600.0
CREDENTIALS = Credentials("client", "hush", "ann@example.org", "hush")
FATES = ("refused connection", "lost answer", "maintenance", "limited", "unknown client", "killed")
which = st.integers(0, PROCESSES - 1)


class KilledError(BaseException):
    """The process is gone: nothing after this line of it runs."""


class MortalDocuments:
    """The documents as one process sees them, which writes nothing after its end."""

    def __init__(self, documents: MemoryDocuments) -> None:
        self._documents = documents
        self.dead = False

    def get(self, key: str) -> Document | None:
        if self.dead:
            raise KilledError
        return self._documents.get(key)

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        if self.dead:
            raise KilledError
        return self._documents.put(key, value, expected=expected)


class TokenService:
    """iRacing's token endpoint for one account, as strict as iRacing."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fates: list[str] = []
        self.logins: list[float] = []
        self.access: dict[str, float] = {}
        self.good_refresh = ""
        self.answered: set[str] = set()
        self.count = 0

    def login(self, _: Credentials, __: float) -> Grant:
        fate = self._fate()
        if fate == "unknown client":  # is believed for good after a probe (docs/adr/0030)
            fate = "maintenance"
        if fate != "refused connection":
            self.logins.append(self.clock.now)
        return self._grant(fate)

    def refresh(self, _: Credentials, refresh_token: str, __: float) -> Grant:
        assert refresh_token not in self.answered, "a refresh token is sent again after its answer"
        fate = self._fate()
        if fate in ("", "lost answer", "killed"):
            good, self.good_refresh = self.good_refresh, ""
            if fate == "":
                self.answered.add(refresh_token)
            if refresh_token != good:
                raise DeniedError("It is spent.", Remedy.CHECK_LOGIN, error="invalid_grant")
        return self._grant(fate)

    def probe(self, _: Credentials, __: float) -> None:
        if fate := self._fate():
            self._fail(fate)

    def _fate(self) -> str:
        return self.fates.pop(0) if self.fates else ""

    def _grant(self, fate: str) -> Grant:
        if fate in ("", "lost answer", "killed"):
            self.count += 1
            self.good_refresh = f"refresh-{self.count}"
            self.access[f"access-{self.count}"] = self.clock.now + LIFETIME
        if fate:
            self._fail(fate)
        return Grant(f"access-{self.count}", LIFETIME, self.good_refresh, 7 * 86400.0)

    def _fail(self, fate: str) -> None:
        if fate == "killed":
            raise KilledError
        raise {
            "refused connection": NoAnswerError("No way.", sent=False),
            "lost answer": NoAnswerError("Lost.", sent=True),
            "maintenance": MaintenanceError("Later."),
            "limited": RateLimitedError("Wait.", retry_after=90),
            "unknown client": DeniedError("Who?", Remedy.CHECK_CLIENT, error="invalid_client"),
        }.get(fate, UnreachableError(fate))


class SharedToken(RuleBasedStateMachine):
    """Only good tokens are handed out, at most four logins an hour are made, and a token comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.service = TokenService(self.clock)
        self.documents = MemoryDocuments()
        self.seen: list[MortalDocuments] = []
        self.keepers: list[TokenKeeper] = []
        for n in range(PROCESSES):
            self._start(n)

    def _start(self, n: int) -> None:
        seen = MortalDocuments(self.documents)
        keeper = TokenKeeper(
            seen,
            cast("Any", self.service),
            CREDENTIALS,
            clock=self.clock,
            worker=lambda: f"process-{n}",
        )
        self.seen[n : n + 1] = [seen]
        self.keepers[n : n + 1] = [keeper]

    def _ask(self, n: int, *, rejected: str = "", may_login: bool = True) -> str:
        keeper, now = self.keepers[n], time.monotonic()
        logins = len(self.service.logins)
        try:
            if rejected:
                token = keeper.replace(rejected, now, may_login=may_login)
            else:
                token = keeper.access_token(now, may_login=may_login)
        except (UpstreamError, StoreError) as error:
            pause = getattr(error, "retry_after", None)
            assert pause is None or 0 <= pause <= 3700
            return ""
        except KilledError:
            self._start(n)
            return ""
        finally:
            assert may_login or len(self.service.logins) == logins
        assert token != rejected
        return token

    @rule(n=which)
    def ask(self, n: int) -> None:
        token = self._ask(n)
        assert not token or self.clock.now < self.service.access[token]

    @rule(n=which)
    def ask_without_login(self, n: int) -> None:
        self._ask(n, may_login=False)

    @rule(n=which)
    def refused_with_401(self, n: int) -> None:
        if token := self._ask(n):
            self._ask(n, rejected=token)

    @rule(fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=3))
    def trouble_ahead(self, fates: list[str]) -> None:
        self.service.fates = fates

    @rule()
    def the_session_is_revoked(self) -> None:
        self.service.good_refresh = ""

    @rule(n=which)
    def restart(self, n: int) -> None:
        self._start(n)

    @rule(seconds=st.sampled_from((0.5, 5.0, 20.0, 41.0, 300.0, 560.0, 601.0, 3601.0)))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def the_account_is_not_locked(self) -> None:
        logins = self.service.logins
        for n, first in enumerate(logins):
            assert sum(at < first + HOUR for at in logins[n:]) <= LOGINS_AN_HOUR

    @invariant()
    def the_status_can_be_told(self) -> None:
        for n in range(PROCESSES):
            status = self.keepers[n].status()
            assert 0 <= status.logins_left <= LOGINS_AN_HOUR
            assert 0 <= status.expires_in <= LIFETIME

    def teardown(self) -> None:
        """When the service is well again, every process has a token within an hour and some."""
        self.service.fates = []
        for _ in range(90):
            self.clock.now += 50
            tokens = [self._ask(n) for n in range(PROCESSES)]
            if all(tokens):
                return
        raise AssertionError("there is no token any more")


SharedToken.TestCase.settings = effort(60)
TestToken = SharedToken.TestCase
