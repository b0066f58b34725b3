"""Rules that the token keeper never breaks, checked on thousands of random histories.

`World` answers the grants in this process and not over sockets, since each history is hours long.
"""

import itertools
import time
from collections.abc import Mapping
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pitboard.drivers.errors import (
    MaintenanceError,
    RateLimitedError,
    Remedy,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.model import Document
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.oauth import DeniedError, Grant
from pitboard.iracing.token_state import LOGINS_AN_HOUR, TokenState
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import NoAnswerError

CREDENTIALS = Credentials("app", "secret", "jo@example.com", "pass")


class Memory:
    """`ports.Documents` in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Document] = {}

    def get(self, key: str) -> Document | None:
        return self.kept.get(key)

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        held = self.kept.get(key)
        if (held.version if held else None) != expected:
            return False
        self.kept[key] = Document(dict(value), (expected or 0) + 1)
        return True


OUTCOMES = {
    "ok": None,
    "lost": NoAnswerError("No answer.", sent=True),
    "unsent": NoAnswerError("No connection.", sent=False),
    "broken": UnreachableError("504"),
    "maintenance": MaintenanceError("Maintenance."),
    "limited": RateLimitedError("Wait.", retry_after=900.0),
    "spent": DeniedError("No.", Remedy.CHECK_LOGIN, error="invalid_grant"),
    "wrong": DeniedError("No.", Remedy.CHECK_LOGIN, error="access_denied"),
    "client": DeniedError("No.", Remedy.CHECK_CLIENT, error="invalid_client"),
}


class World:
    """Stands in for iRacing: each grant ends with `outcome` and is recorded."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.outcome = "ok"
        self.number = 0
        self.logins: list[tuple[float, str]] = []
        self.shown: dict[str, list[str]] = {}

    def clock(self) -> float:
        return self.now

    def login(self, credentials: Credentials, deadline: float) -> Grant:
        self.logins.append((self.now, self.outcome))
        return self._grant()

    def refresh(self, credentials: Credentials, refresh_token: str, deadline: float) -> Grant:
        self.shown.setdefault(refresh_token, []).append(self.outcome)
        return self._grant()

    def probe(self, credentials: Credentials, deadline: float) -> None:
        if self.outcome not in ("ok", "spent"):
            self._grant()

    def _grant(self) -> Grant:
        if error := OUTCOMES[self.outcome]:
            raise error
        self.number += 1
        return Grant(f"access-{self.number}", 600.0, f"refresh-{self.number}", None)


steps = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 30), st.floats(0, 1200), st.just(0.0)),
        st.sampled_from([*OUTCOMES, "ok"]),
        st.sampled_from(["ask", "ask", "ask", "restart", "replace", "prove", "anonymous"]),
    ),
    min_size=5,
    max_size=60,
)


def play(history: list[tuple[float, str, str]]) -> World:
    world, documents = World(), Memory()

    def start() -> TokenKeeper:
        return TokenKeeper(documents, world, CREDENTIALS, clock=world.clock)  # type: ignore[arg-type]

    keeper, held = start(), ""
    for pause, outcome, action in history:
        world.now += pause
        world.outcome = outcome
        logins = len(world.logins)
        try:
            if action == "replace":
                held = keeper.replace(held, time.monotonic())
            elif action == "prove":
                keeper.prove(time.monotonic())
            else:
                keeper = start() if action == "restart" else keeper
                held = keeper.access_token(time.monotonic(), may_login=action != "anonymous")
        except UpstreamError:
            pass
        if action == "anonymous":
            assert len(world.logins) == logins, "an anonymous caller made a login"
        state = (
            TokenState.parse(documents.kept["TOKEN:jo@example.com"].value) if documents.kept else TokenState()
        )
        assert state.lease_owner == "", "a lease was left behind"
        if keeper.status().valid and outcome == "ok" and action == "ask":
            assert held == state.access_token
    return world


@given(steps)
@example([(0.0, "maintenance", "ask"), (2.0, "ok", "ask"), *[(0.0, "ok", "prove")] * 3])
def test_there_are_never_more_than_four_logins_in_an_hour(history: list[tuple[float, str, str]]) -> None:
    counted = [at for at, outcome in play(history).logins if outcome != "unsent"]
    for at in counted:
        assert sum(at <= other < at + 3600 for other in counted) <= LOGINS_AN_HOUR


@given(steps)
def test_a_spent_refresh_token_is_never_sent_again(
    history: list[tuple[float, str, str]],
) -> None:
    for outcomes in play(history).shown.values():
        assert not {"ok", "spent"} & set(outcomes[:-1])


@given(steps)
def test_after_a_rate_limited_login_none_follows_before_retry_after_has_passed(
    history: list[tuple[float, str, str]],
) -> None:
    logins = play(history).logins
    for (at, outcome), (following, _) in itertools.pairwise(logins):
        assert outcome != "limited" or following >= at + 900


@given(steps)
def test_wrong_credentials_are_retried_only_on_request(
    history: list[tuple[float, str, str]],
) -> None:
    unasked = [(pause, outcome, action) for pause, outcome, action in history if action != "prove"]
    logins = play(unasked).logins
    assert all(outcome not in ("spent", "wrong") for _, outcome in logins[:-1])


@given(
    st.dictionaries(
        st.sampled_from(sorted(TokenState().document())),
        st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text())),
    )
)
def test_any_document_is_read_without_an_error(value: dict[str, Any]) -> None:
    TokenState.parse(value).document()
