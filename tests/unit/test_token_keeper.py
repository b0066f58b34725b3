"""The token keeper's rules with a clock that stands still and an iRacing in this process."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    Remedy,
    StoreError,
    UnreachableError,
)
from pitboard.drivers.model import Document
from pitboard.drivers.ports import Telemetry
from pitboard.iracing import tokens
from pitboard.iracing.credentials import BrowserClient, Credentials
from pitboard.iracing.oauth import DeniedError, Grant
from pitboard.iracing.token_state import TokenState
from pitboard.iracing.tokens import TokenKeeper, TokenStatus, token_part
from pitboard.iracing.transport import NoAnswerError

NOW = 1_800_000_000.0
CREDENTIALS = Credentials("app", "secret", "jo@example.com", "pass")
SPENT = DeniedError("Spent.", Remedy.CHECK_LOGIN, error="invalid_grant")


class Documents:
    def __init__(self) -> None:
        self.held: dict[str, Document] = {}
        self.broken = False
        self.full_for = ""

    def get(self, key: str) -> Document | None:
        if self.broken:
            raise StoreError("It cannot be read.")
        return self.held.get(key)

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        if self.full_for and value["access_token"] == self.full_for:
            raise StoreError("The disk is full.")
        held = self.held.get(key)
        if (held.version if held else None) != expected:
            return False
        self.held[key] = Document(dict(value), (expected or 0) + 1)
        return True


class Told(Telemetry):
    def __init__(self) -> None:
        self.counts: list[tuple[str, str, str]] = []
        self.gauges: dict[str, float] = {}

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        self.counts.append((metric, labels.get("grant", ""), labels.get("outcome", "")))

    def gauge(self, metric: str, value: float, **labels: str) -> None:
        self.gauges[metric] = value


class Bench:
    """A keeper, its document and an iRacing that answers grants with tokens, or as `errors` say."""

    key = "TOKEN:jo@example.com"

    def __init__(self, credentials: Credentials = CREDENTIALS) -> None:
        self.now = NOW
        self.documents = Documents()
        self.errors: dict[str, Exception] = {}
        self.asked: list[str] = []
        self.deadlines: list[float] = []
        self.telemetry = Told()
        self.credentials = credentials
        self.keeper = self.another()

    def another(self, **more: Any) -> TokenKeeper:
        iracing: Any = self
        return TokenKeeper(
            self.documents,
            iracing,
            self.credentials,
            clock=lambda: self.now,
            telemetry=self.telemetry,
            **more,
        )

    def _grant(self, kind: str, deadline: float) -> Grant:
        self.asked.append(kind)
        self.deadlines.append(deadline)
        if error := self.errors.get(kind):
            raise error
        return Grant(f"access-{len(self.asked)}", 600.0, f"refresh-{len(self.asked)}", 3600.0)

    def login(self, credentials: Credentials, deadline: float) -> Grant:
        return self._grant("login", deadline)

    def refresh(self, credentials: Credentials, refresh_token: str, deadline: float) -> Grant:
        return self._grant("refresh", deadline)

    def probe(self, credentials: Credentials, deadline: float) -> None:
        self._grant("probe", deadline)

    def ask(self, seconds: float = 5.0, **more: bool) -> str:
        return self.keeper.access_token(time.monotonic() + seconds, **more)

    @property
    def state(self) -> TokenState:
        return TokenState.parse(self.documents.held[self.key].value)

    def set(self, state: TokenState) -> None:
        held = self.documents.held.get(self.key)
        self.documents.held[self.key] = Document(state.document(), (held.version if held else 0) + 1)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_token_is_kept_and_told_with_its_age(bench):
    assert bench.ask() == "access-1"
    assert bench.telemetry.gauges == {"token_age_seconds": 0.0}
    bench.now += 100
    assert bench.ask() == "access-1"
    assert bench.telemetry.gauges == {"token_age_seconds": 100.0}
    assert bench.asked == ["login"]
    assert bench.telemetry.counts == [("oauth_grants", "password_limited", "ok")]


def test_the_age_of_a_token_that_has_ended_grows_until_there_is_another(bench):
    bench.ask()
    bench.now += 700
    bench.errors = {"refresh": UnreachableError("Lost.")}
    with pytest.raises(UnreachableError):
        bench.ask()
    assert bench.telemetry.gauges == {"token_age_seconds": 700.0}
    assert ("grants_failed", "", "") in bench.telemetry.counts


def test_a_maintenance_is_no_grant_that_failed(bench):
    bench.errors = {"login": MaintenanceError("M.")}
    with pytest.raises(MaintenanceError):
        bench.ask()
    assert [name for name, _, _ in bench.telemetry.counts] == ["oauth_grants"]


def test_a_grant_may_take_its_time_whatever_the_caller_s_deadline(bench):
    begun = time.monotonic()
    assert bench.ask(0.0) == "access-1"
    assert begun + 14 <= bench.deadlines[0] <= time.monotonic() + 14


def test_a_valid_token_is_given_when_its_renewal_fails_or_the_store_is_broken(bench):
    bench.ask()
    bench.now += 545
    bench.errors = {"refresh": UnreachableError("Lost.")}
    assert bench.ask() == "access-1"
    bench.documents.broken = True
    assert bench.ask() == "access-1"
    bench.now += 50
    with pytest.raises(StoreError):
        bench.ask()


def test_a_refused_token_is_replaced_unless_it_is_younger_than_a_minute(bench):
    bench.ask()
    bench.now += 59
    with pytest.raises(CredentialsError) as caught:
        bench.keeper.replace("access-1", time.monotonic() + 5)
    assert (caught.value.retry_after, caught.value.remedy) == (1.0, Remedy.CHECK_ACCOUNT)
    bench.now += 1
    assert bench.keeper.replace("access-1", time.monotonic() + 5) == "access-2"
    assert bench.keeper.replace("access-1", time.monotonic() + 5) == "access-2", "another had it replaced"
    assert bench.asked == ["login", "refresh"]


def test_the_lease_of_a_dead_process_is_no_lease_and_that_of_a_living_one_is_waited_for(bench):
    bench.set(TokenState().leased("dead/1", NOW))
    with pytest.raises(UnreachableError) as caught:
        bench.ask(0.0)
    assert caught.value.retry_after == 1
    assert bench.asked == []
    bench.keeper = bench.another(is_dead=lambda owner: owner == "dead/1")
    assert bench.ask(0.0) == "access-1"
    assert bench.state.lease_owner == ""


def test_the_lease_is_named_after_the_worker_and_is_another_each_time(bench):
    owners: list[str] = []
    bench.keeper = bench.another(worker=lambda: "host/7")
    login = bench.login

    def noting(credentials, deadline):
        owners.append(bench.state.lease_owner)
        assert bench.state.lease_until == NOW + 40
        return login(credentials, deadline)

    bench.login = noting
    bench.ask()
    bench.keeper.prove(time.monotonic() + 5)
    assert all(owner.startswith("host/7/") and len(owner) == 7 + 16 for owner in owners)
    assert len(set(owners)) == 2
    assert bench.asked == ["login", "login"]


def test_who_waits_for_a_renewal_by_another_gets_its_token(bench):
    bench.set(TokenState().leased("other/1", NOW))
    got: list[str] = []
    waiting = threading.Thread(target=lambda: got.append(bench.ask(10.0)))
    waiting.start()
    bench.set(TokenState().granted(Grant("theirs", 600, "refresh", 3600), NOW, refreshed=False))
    waiting.join(10)
    assert got == ["theirs"]
    assert bench.asked == []


def test_a_spent_refresh_token_costs_one_login_unless_the_caller_may_not_log_in(bench):
    bench.ask()
    bench.now += 700
    bench.errors = {"refresh": SPENT}
    with pytest.raises(CredentialsError) as caught:
        bench.ask(may_login=False)
    assert caught.value.remedy is Remedy.GET_FIRST_TOKEN
    assert bench.asked == ["login", "refresh"]
    assert bench.state.refresh_token == ""
    assert bench.state.lease_owner == ""
    assert bench.ask() == "access-3"
    assert bench.asked == ["login", "refresh", "login"]
    assert len(bench.state.logins) == 2


def test_before_a_login_after_failures_a_probe_looks_whether_the_service_is_back(bench):
    bench.errors = {"login": UnreachableError("Lost.")}
    with pytest.raises(UnreachableError):
        bench.ask()
    bench.now += 21
    bench.errors = {"probe": UnreachableError("Lost.")}
    with pytest.raises(UnreachableError):
        bench.ask()
    assert bench.asked == ["login", "probe"]
    assert bench.state.failures == 2
    bench.now += 10
    bench.errors = {}
    assert bench.ask() == "access-4"
    assert bench.asked == ["login", "probe", "probe", "login"]


def test_the_status_says_how_things_stand(bench):
    empty = bench.keeper.status()
    assert empty == TokenStatus(False, 0.0, 0.0, False, 4, None, 0.0)
    bench.ask()
    bench.now += 100
    assert bench.keeper.status() == TokenStatus(True, 500.0, 100.0, True, 3, None, 0.0)
    bench.now += 500
    assert bench.keeper.status() == TokenStatus(False, 0.0, 0.0, True, 3, None, 0.0)
    for _ in range(3):
        bench.keeper.prove(time.monotonic() + 5)
    status = bench.keeper.status()
    assert status.logins_left == 0
    assert isinstance(status.refusal, RateLimitedError)
    assert status.blocked_until == NOW + 3600
    bench.now -= 1000
    assert bench.keeper.status().age == 0.0, "the clock was set back"


def test_a_host_who_logs_in_in_the_browser_is_asked_to_and_never_by_password():
    bench = Bench(BrowserClient("app"))
    bench.key = "TOKEN:browser:app"
    status = bench.keeper.status()
    assert isinstance(status.refusal, CredentialsError)
    assert status.refusal.remedy is Remedy.LOG_IN_BROWSER
    assert status.blocked_until == 0.0
    for may_login in (True, False):
        with pytest.raises(CredentialsError) as caught:
            bench.ask(may_login=may_login)
        assert caught.value.remedy is Remedy.LOG_IN_BROWSER
    bench.keeper.adopt(lambda end: bench._grant("code", end), time.monotonic() + 5)
    assert bench.ask() == "access-1"
    assert bench.keeper.status().refusal is None
    bench.now += 700
    assert bench.keeper.status().refusal is None, "it is renewed without him"
    bench.now += 3600
    assert bench.keeper.status().refusal is not None
    assert bench.asked == ["code"]
    with pytest.raises(CredentialsError, match="PITBOARD_CLIENT_ID"):
        BrowserClient("").check()


def test_a_keeper_that_is_stopped_begins_no_grant_and_gives_what_is_valid(bench):
    assert not bench.keeper.stopped
    bench.ask()
    assert bench.keeper.close(0.0)
    assert bench.keeper.stopped
    assert bench.ask() == "access-1"
    bench.now += 700
    with pytest.raises(UnreachableError):
        bench.ask()
    assert bench.asked == ["login"]
    begun = time.monotonic()
    bench.keeper.pause(60)
    assert time.monotonic() - begun < 30


def test_the_end_waits_for_a_grant_under_way(bench):
    begun, go = threading.Event(), threading.Event()
    login = bench.login

    def slow(credentials, deadline):
        begun.set()
        assert go.wait(10)
        return login(credentials, deadline)

    bench.login = slow
    asking = threading.Thread(target=bench.ask)
    asking.start()
    assert begun.wait(10)
    with pytest.raises(UnreachableError):
        bench.ask(0.0)
    assert not bench.keeper.close(0.0)
    go.set()
    assert bench.keeper.close(10.0)
    asking.join(10)
    assert bench.state.access_token == "access-1"


def test_a_document_that_was_deleted_is_written_again_from_what_is_held(bench):
    bench.ask()
    bench.documents.held.clear()
    assert bench.keeper.status().logins_left == 3
    bench.now += 700
    assert bench.ask() == "access-2"
    assert bench.asked == ["login", "refresh"]
    assert len(bench.state.logins) == 1


def a_refresh_that_cannot_be_written(bench: Bench) -> None:
    bench.ask()
    bench.now += 700
    bench.documents.full_for = "access-2"
    with pytest.raises(StoreError):
        bench.ask()


def test_tokens_that_could_not_be_written_are_written_before_anything_else_and_then_used(bench):
    a_refresh_that_cannot_be_written(bench)
    bench.now += 5
    with pytest.raises(StoreError):
        bench.ask()
    bench.documents.full_for = ""
    assert bench.ask() == "access-2"
    assert bench.asked == ["login", "refresh"]
    assert (bench.state.refresh_token, bench.state.access_from) == ("refresh-2", NOW + 700)
    assert bench.state.lease_owner == ""
    bench.now += 700
    assert bench.ask() == "access-3"
    assert bench.asked == ["login", "refresh", "refresh"]


def test_a_login_that_could_not_be_written_is_not_repeated(bench):
    bench.documents.full_for = "access-1"
    with pytest.raises(StoreError):
        bench.ask()
    bench.documents.full_for = ""
    assert bench.ask() == "access-1"
    assert bench.asked == ["login"]
    assert len(bench.state.logins) == 1


def test_tokens_that_could_not_be_written_never_replace_newer_ones(bench):
    a_refresh_that_cannot_be_written(bench)
    bench.documents.full_for = ""
    bench.now += 41  # the lease is over
    bench.errors = {"refresh": SPENT}
    assert bench.another().access_token(time.monotonic() + 5) == "access-4"
    bench.errors = {}
    assert bench.ask() == "access-4"
    assert bench.state.refresh_token == "refresh-4"
    bench.now += 700
    assert bench.ask() == "access-5", "what was given up is not written later either"


def test_the_end_writes_tokens_that_could_not_be_written(bench):
    a_refresh_that_cannot_be_written(bench)
    assert bench.keeper.close(1.0), "also while the disk is full"
    bench.documents.full_for = ""
    assert bench.keeper.close(1.0)
    assert bench.state.refresh_token == "refresh-2"


def test_an_unsent_login_counts_for_nobody(bench):
    bench.errors = {"login": NoAnswerError("No connection.", sent=False)}
    with pytest.raises(UnreachableError):
        bench.ask()
    assert bench.keeper.status().logins_left == 4
    assert bench.state.failures == 1


LOST = UnreachableError("Lost.")


@pytest.mark.parametrize(
    ("status", "ok", "detail"),
    [
        (TokenStatus(True, 9, 9, True, 3, None, 0.0), True, "A valid token is held."),
        (
            TokenStatus(True, 9, 9, True, 3, None, 0.0, LOST),
            True,
            "A valid token is held. Its renewal failed: Lost. Do this.",
        ),
        (
            TokenStatus(True, 9, 9, False, 3, LOST, 0.0),
            True,
            "A valid token is held. Its renewal failed: Lost. Do this.",
        ),
        (TokenStatus(True, 9, 9, True, 3, LOST, 0.0), True, "A valid token is held."),
        (TokenStatus(False, 0, 0, False, 3, LOST, 0.0), False, "Lost. Do this."),
        (
            TokenStatus(False, 0, 0, True, 3, LOST, 0.0),
            True,
            "No valid token is held. The next look-up renews it.",
        ),
        (
            TokenStatus(False, 0, 0, False, 3, None, 0.0),
            True,
            "No valid token is held. The next look-up makes a password login.",
        ),
    ],
)
def test_health_says_whether_there_is_or_will_be_a_token(status, ok, detail):
    part = token_part(status, lambda error: f"{error} Do this.")
    assert (part.ok, part.detail, part.more, part.vital) == (ok, detail, {"logins_left": 3}, False)


def test_who_waits_for_another_thread_s_renewal_gets_its_token_however_long_it_takes(bench, monkeypatch):
    monkeypatch.setattr(tokens, "_SLICE", 0.005)
    begun, go = threading.Event(), threading.Event()
    login = bench.login

    def slow(credentials, deadline):
        begun.set()
        assert go.wait(10)
        return login(credentials, deadline)

    bench.login = slow
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(bench.ask(20.0))) for _ in range(2)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    threads[1].join(0.05)  # some slices pass
    go.set()
    for thread in threads:
        thread.join(10)
    assert got == ["access-1", "access-1"]
    assert bench.asked == ["login"]


def test_a_token_that_another_process_got_meanwhile_is_used_whatever_its_name(bench):
    bench.ask()
    for rejected in ("aaa", "zzz"):
        assert bench.another().replace(rejected, time.monotonic() + 5) == "access-1"
    assert bench.asked == ["login"]
