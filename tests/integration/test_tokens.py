"""The token keeper over real sockets and a real file: which requests it makes, and which it does not make."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import Clock
from tests.support.fake_http import FakeHttp, Reply, fake_http_server

from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    Remedy,
    StoreError,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.model import Document  # noqa: TC001 - a dataclass field
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.token_state import LEASE, LOGIN_PAUSES, LOGINS_AN_HOUR, LONGEST_COOLING, TokenState
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import Transport
from pitboard.stores.sqlite import SqliteStore

KEY = "TOKEN:jo@example.com"
PROBE = "no-refresh-token"
"""What a probe sends as its refresh token."""

RIGHT = Credentials("app", "hush-client", "Jo@example.com", "hush-pass")
OTHER = Credentials("app", "hush-client", "Jo@example.com", "hush-other-pass")


class Bench:
    """A token endpoint, a store, and keepers on them."""

    def __init__(self, server: FakeHttp, store: SqliteStore) -> None:
        self.server = server
        self.documents = store.documents
        self.clock = Clock()

    def keeper(self, credentials: Credentials = RIGHT, documents: Any = None) -> TokenKeeper:
        oauth = OAuth(f"{self.server.url}/token", Transport())
        return TokenKeeper(documents or self.documents, oauth, credentials, clock=self.clock)

    def answers(self, *replies: Reply) -> None:
        self.server.on("/token", *replies)

    @property
    def grants(self) -> list[str]:
        """The grants that were requested: `login`, or the refresh token that was sent."""
        return [got.form.get("refresh_token", "login") for got in self.server.got]

    @property
    def state(self) -> TokenState:
        document = self.documents.get(KEY)
        return TokenState.parse(document.value) if document else TokenState()

    def write(self, **fields: Any) -> None:
        document = self.documents.get(KEY)
        value = {**(document.value if document else {}), **fields}
        assert self.documents.put(KEY, value, expected=document.version if document else None)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = SqliteStore(tmp_path / "tokens.sqlite3")
    with fake_http_server() as server:
        yield Bench(server, store)
    store.close()


def tokens(number: int, **more: Any) -> Reply:
    body = {
        "access_token": f"access-{number}",
        "token_type": "Bearer",
        "expires_in": 600,
        "refresh_token": f"refresh-{number}",
        "refresh_token_expires_in": 604800,
        "scope": "iracing.auth",
    }
    return Reply(json={k: v for k, v in {**body, **more}.items() if v is not None})


def denied(error: str, status: int = 400, **headers: str) -> Reply:
    return Reply(status, json={"error": error}, headers={k.replace("_", "-"): v for k, v in headers.items()})


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


class TestKeeping:
    def test_the_first_request_logs_in_and_later_ones_use_the_kept_token(self, bench: Bench) -> None:
        bench.answers(tokens(1))
        keeper = bench.keeper()
        assert [keeper.access_token(soon()) for _ in range(3)] == ["access-1"] * 3
        assert bench.grants == ["login"]

    def test_after_a_restart_the_token_in_the_store_is_used(self, bench: Bench) -> None:
        bench.answers(tokens(1))
        bench.keeper().access_token(soon())
        assert bench.keeper().access_token(soon()) == "access-1"
        assert bench.grants == ["login"]

    def test_after_a_restart_an_expired_token_is_refreshed(self, bench: Bench) -> None:
        bench.answers(tokens(1), tokens(2))
        bench.keeper().access_token(soon())
        bench.clock.now += 3600
        assert bench.keeper().access_token(soon()) == "access-2"
        assert bench.grants == ["login", "refresh-1"]

    @pytest.mark.parametrize(("age", "asks"), [(525, 0), (541, 1)])
    def test_a_token_is_renewed_a_minute_before_its_end(self, bench: Bench, age: float, asks: int) -> None:
        bench.answers(tokens(1), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += age
        keeper.access_token(soon())
        assert bench.grants[1:] == ["refresh-1"] * asks

    def test_a_short_lived_token_is_used_for_half_of_its_life(self, bench: Bench) -> None:
        bench.answers(tokens(1, expires_in=40), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 15
        assert keeper.access_token(soon()) == "access-1"

    def test_each_refresh_token_is_sent_once(self, bench: Bench) -> None:
        bench.answers(*[tokens(n) for n in range(1, 6)])
        keeper = bench.keeper()
        for _ in range(5):
            keeper.access_token(soon())
            bench.clock.now += 600
        assert bench.grants == ["login", "refresh-1", "refresh-2", "refresh-3", "refresh-4"]

    def test_without_a_refresh_token_there_is_a_new_login(self, bench: Bench) -> None:
        bench.answers(tokens(1, refresh_token=None), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        assert keeper.access_token(soon()) == "access-2"
        assert bench.grants == ["login", "login"]

    def test_an_expired_refresh_token_is_not_sent(self, bench: Bench) -> None:
        bench.answers(tokens(1, refresh_token_expires_in=3600), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 3601
        keeper.access_token(soon())
        assert bench.grants == ["login", "login"]

    def test_an_unreadable_document_is_ignored(self, bench: Bench) -> None:
        bench.documents.put(KEY, {"access_token": 7, "logins": "many", "lease_until": []}, expected=None)
        bench.answers(tokens(1))
        assert bench.keeper().access_token(soon()) == "access-1"


class TestDurability:
    def test_a_token_that_could_not_be_stored_is_not_returned(self, bench: Bench) -> None:
        class FullDisk:
            get = bench.documents.get

            def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
                if value["access_token"] == "access-2":
                    raise StoreError("The disk is full.")
                return bench.documents.put(key, value, expected=expected)

        bench.answers(tokens(1), tokens(2))
        keeper = bench.keeper(documents=FullDisk())
        keeper.access_token(soon())
        bench.clock.now += 600
        with pytest.raises(StoreError):
            keeper.access_token(soon())

    def test_a_returned_access_token_is_stored_with_its_refresh_token(self, bench: Bench) -> None:
        bench.answers(tokens(1))
        bench.keeper().access_token(soon())
        assert (bench.state.access_token, bench.state.refresh_token) == ("access-1", "refresh-1")
        assert bench.state.lease_owner == ""

    def test_a_login_is_recorded_before_it_is_sent(self, bench: Bench) -> None:
        gate = threading.Event()
        bench.answers(Reply(hold=gate, drop=True))
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(bench.keeper().access_token, soon())
            assert bench.server.arrived.wait(10)
            assert bench.state.logins == (bench.clock.now,)
            gate.set()
            assert isinstance(asking.exception(), UnreachableError)
        assert len(bench.state.logins) == 1

    def test_a_token_is_stored_although_another_process_writes_the_document(self, bench: Bench) -> None:
        """A document in DynamoDB may be changed by another Lambda between our read and our write."""

        class Interfering:
            get = bench.documents.get

            def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
                document: Document | None = bench.documents.get(key)
                if document and value.get("access_token") and not document.value.get("failures"):
                    bench.documents.put(key, {**document.value, "failures": 1}, expected=document.version)
                return bench.documents.put(key, value, expected=expected)

        bench.answers(tokens(1))
        assert bench.keeper(documents=Interfering()).access_token(soon()) == "access-1"
        assert bench.state.access_token == "access-1"


class TestSpentRefreshTokens:
    def test_a_spent_refresh_token_is_replaced_by_one_login(self, bench: Bench) -> None:
        bench.answers(tokens(1), denied("invalid_grant"), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        assert keeper.access_token(soon()) == "access-2"
        assert bench.grants == ["login", "refresh-1", "login"]

    def test_a_token_that_another_process_renewed_is_used_without_a_login(self, bench: Bench) -> None:
        gate = threading.Event()
        bench.answers(tokens(1), Reply(400, json={"error": "invalid_grant"}, hold=gate))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        bench.server.arrived.clear()
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(keeper.access_token, soon())
            assert bench.server.arrived.wait(10)
            bench.write(
                access_token="access-9", access_until=bench.clock.now + 600, refresh_token="refresh-9"
            )
            gate.set()
            assert asking.result() == "access-9"
        assert bench.grants == ["login", "refresh-1"]
        assert bench.state.refresh_token == "refresh-9"


class TestRefreshesWithoutAnAnswer:
    def test_a_refresh_without_an_answer_is_retried_once_with_the_same_token(self, bench: Bench) -> None:
        bench.answers(tokens(1), Reply(drop=True), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        with pytest.raises(UnreachableError):
            keeper.access_token(soon())
        with pytest.raises(UnreachableError):  # not at once
            keeper.access_token(soon())
        bench.clock.now += 3
        assert keeper.access_token(soon()) == "access-2"
        assert bench.grants == ["login", "refresh-1", "refresh-1"]

    def test_a_refresh_token_is_tried_until_it_is_answered_and_only_then_there_is_a_login(
        self, bench: Bench
    ) -> None:
        bench.answers(tokens(1), *[Reply(drop=True)] * 6, denied("invalid_grant"), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        for _ in range(6):
            with pytest.raises(UnreachableError):
                keeper.access_token(soon())
            bench.clock.now += LONGEST_COOLING
        assert keeper.access_token(soon()) == "access-2"
        assert bench.grants == ["login", *["refresh-1"] * 7, "login"]

    def test_a_failed_refresh_is_no_error_while_the_access_token_is_valid(self, bench: Bench) -> None:
        bench.answers(tokens(1), Reply(504, body=b"<html>"))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 560
        assert [keeper.access_token(soon()) for _ in range(5)] == ["access-1"] * 5
        assert bench.keeper().access_token(soon()) == "access-1"
        assert bench.grants == ["login", "refresh-1"]

    def test_the_refresh_token_is_kept_while_the_service_is_unreachable(self, bench: Bench) -> None:
        bench.answers(tokens(1), *[Reply(504, body=b"<html>")] * 6, tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        for _ in range(6):
            bench.clock.now += 600
            with pytest.raises(UnreachableError):
                keeper.access_token(soon())
        bench.clock.now += 600
        assert keeper.access_token(soon()) == "access-2"
        assert bench.grants == ["login", *["refresh-1"] * 7]


class TestTheLoginLimit:
    def exhaust(self, bench: Bench) -> TokenKeeper:
        bench.answers(*[tokens(n, refresh_token=None) for n in range(1, 10)])
        keeper = bench.keeper()
        for _ in range(LOGINS_AN_HOUR):
            keeper.access_token(soon())
            bench.clock.now += 601
        return keeper

    def test_there_are_at_most_four_logins_an_hour(self, bench: Bench) -> None:
        keeper = self.exhaust(bench)
        with pytest.raises(RateLimitedError, match="4 password logins") as caught:
            keeper.access_token(soon())
        assert caught.value.retry_after == pytest.approx(3600 - 4 * 601)
        assert len(bench.grants) == LOGINS_AN_HOUR

    def test_the_login_limit_applies_after_a_restart_and_to_prove(self, bench: Bench) -> None:
        self.exhaust(bench)
        with pytest.raises(RateLimitedError):
            bench.keeper().access_token(soon())
        with pytest.raises(RateLimitedError):
            bench.keeper().prove(soon())
        assert len(bench.grants) == LOGINS_AN_HOUR

    def test_a_login_is_allowed_when_the_first_is_an_hour_old(self, bench: Bench) -> None:
        keeper = self.exhaust(bench)
        bench.clock.now += 3600 - 4 * 601
        assert keeper.access_token(soon()) == "access-5"

    def test_logins_dated_in_the_future_do_not_count(self, bench: Bench) -> None:
        self.exhaust(bench)
        bench.clock.now -= 1e7
        bench.write(access_token="")
        assert bench.keeper().access_token(soon()) == "access-5"

    def test_a_login_that_was_not_sent_does_not_count(self, bench: Bench) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/token"
        keeper = TokenKeeper(bench.documents, OAuth(url, Transport()), RIGHT, clock=bench.clock)
        for _ in range(6):
            with pytest.raises(UnreachableError):
                keeper.access_token(soon())
            bench.clock.now += 200
        assert bench.state.logins == ()

    def test_a_login_without_an_answer_counts_and_delays_the_next(self, bench: Bench) -> None:
        bench.answers(Reply(drop=True))
        keeper = bench.keeper()
        for _ in range(9):
            with pytest.raises(UnreachableError):
                keeper.access_token(soon())
            bench.clock.now += 2
        assert bench.grants == ["login"]
        assert keeper.status().logins_left == 3

    def test_half_an_hour_of_outage_costs_one_login(self, bench: Bench) -> None:
        bench.answers(Reply(503, json={"error": "temporarily_unavailable"}))
        keeper = bench.keeper()
        for _ in range(30):
            with pytest.raises(UnreachableError):
                keeper.access_token(soon())
            bench.clock.now += 60
        assert bench.grants == ["login", *[PROBE] * 29]
        assert keeper.status().logins_left == 3

    def test_a_login_is_repeated_once_a_probe_is_answered(self, bench: Bench) -> None:
        bench.answers(Reply(drop=True), Reply(504), Reply(body=b"<html>"), denied("invalid_grant"), tokens(1))
        keeper = bench.keeper()
        for _ in range(3):
            with pytest.raises(UnreachableError):
                keeper.access_token(soon())
            bench.clock.now += LOGIN_PAUSES[0]
        assert keeper.access_token(soon()) == "access-1"
        assert bench.grants == ["login", PROBE, PROBE, PROBE, "login"]

    def test_logins_that_fail_beside_answered_probes_are_spread_over_the_hour(self, bench: Bench) -> None:
        bench.answers(Reply(504), *[denied("invalid_grant"), Reply(504)] * 3, tokens(1))
        keeper = bench.keeper()
        for _ in range(28):
            with pytest.raises(UnreachableError):
                keeper.access_token(soon())
            bench.clock.now += 60
        assert bench.grants.count("login") == 3


class TestWrongCredentials:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            ("invalid_grant", 400),
            ("access_denied", 401),
            ("invalid_scope", 400),
            ("unsupported_grant_type", 400),
        ],
    )
    def test_wrong_credentials_are_not_retried(self, bench: Bench, error: str, status: int) -> None:
        bench.answers(denied(error, status))
        for keeper in (bench.keeper(), bench.keeper()):
            for _ in range(3):
                with pytest.raises(CredentialsError):
                    keeper.access_token(soon())
                bench.clock.now += 5000
        assert bench.grants == ["login"]

    def test_a_missing_scope_is_not_retried(self, bench: Bench) -> None:
        bench.answers(tokens(1, scope=None))
        for _ in range(3):
            with pytest.raises(CredentialsError, match=r"scope iracing\.auth"):
                bench.keeper().access_token(soon())
        assert bench.grants == ["login"]

    def test_changed_credentials_are_tried(self, bench: Bench) -> None:
        bench.answers(denied("invalid_grant"), tokens(1))
        with pytest.raises(CredentialsError):
            bench.keeper().access_token(soon())
        assert bench.keeper(OTHER).access_token(soon()) == "access-1"

    def test_wrong_credentials_of_another_process_do_not_block_right_ones(self, bench: Bench) -> None:
        bench.answers(tokens(1), denied("invalid_grant"), tokens(2))
        server = bench.keeper()
        server.access_token(soon())
        with pytest.raises(CredentialsError):
            bench.keeper(OTHER).prove(soon())
        bench.clock.now += 600
        assert server.access_token(soon()) == "access-2"
        assert bench.grants == ["login", "login", "refresh-1"]

    def test_a_wrong_password_does_not_end_a_session_that_is_still_valid(self, bench: Bench) -> None:
        """The host has changed the password at iRacing, and not here yet."""
        bench.answers(tokens(1), denied("invalid_grant"), tokens(2), tokens(3), denied("invalid_grant"))
        keeper = bench.keeper()
        keeper.access_token(soon())
        with pytest.raises(CredentialsError):
            keeper.prove(soon())
        for number in (2, 3):
            bench.clock.now += 600
            assert keeper.access_token(soon()) == f"access-{number}"
        bench.clock.now += 600
        for _ in range(3):
            with pytest.raises(CredentialsError) as refused:
                keeper.access_token(soon())
            assert refused.value.remedy is Remedy.CHECK_LOGIN
        assert bench.grants == ["login", "login", "refresh-1", "refresh-2", "refresh-3"]

    @pytest.mark.parametrize(("error", "status"), [("invalid_client", 403), ("unauthorized_client", 400)])
    def test_a_client_that_is_not_known_is_asked_about_again_without_a_login(
        self, bench: Bench, error: str, status: int
    ) -> None:
        bench.answers(denied(error, status), denied(error, status), denied("invalid_grant"), tokens(1))
        for _ in range(2):
            for _ in range(3):
                with pytest.raises(CredentialsError) as refused:
                    bench.keeper().access_token(soon())
                assert refused.value.remedy is Remedy.CHECK_CLIENT
            bench.clock.now += LOGIN_PAUSES[0]
        assert bench.keeper().access_token(soon()) == "access-1"
        assert bench.grants == ["login", PROBE, PROBE, "login"]

    def test_a_client_that_is_refused_right_after_it_was_accepted_is_not_tried_again(
        self, bench: Bench
    ) -> None:
        bench.answers(Reply(504), denied("invalid_grant"), denied("unauthorized_client"))
        with pytest.raises(UnreachableError):
            bench.keeper().access_token(soon())
        for _ in range(5):
            bench.clock.now += 1000
            with pytest.raises(CredentialsError):
                bench.keeper().access_token(soon())
        assert bench.grants == ["login", PROBE, "login"]

    def test_a_refresh_whose_client_is_not_known_for_a_while_costs_no_login(self, bench: Bench) -> None:
        bench.answers(tokens(1), *[denied("invalid_client", 403)] * 3, tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        for _ in range(3):
            for _ in range(2):
                with pytest.raises(CredentialsError) as refused:
                    keeper.access_token(soon())
                assert refused.value.remedy is Remedy.CHECK_CLIENT
            bench.clock.now += LONGEST_COOLING
        assert keeper.access_token(soon()) == "access-2"
        assert bench.grants == ["login", *["refresh-1"] * 4]

    def test_missing_credentials_are_named_and_no_request_is_made(self, bench: Bench) -> None:
        nothing = Credentials("", "", "", "")
        for ask in (bench.keeper(nothing).access_token, bench.keeper(nothing).prove):
            with pytest.raises(CredentialsError, match="PITBOARD_CLIENT_ID, PITBOARD_CLIENT_SECRET"):
                ask(soon())
        assert bench.grants == []


class TestProving:
    def test_prove_logs_in_although_a_token_is_held(self, bench: Bench) -> None:
        bench.answers(tokens(1), tokens(2))
        bench.keeper().access_token(soon())
        keeper = bench.keeper()
        keeper.prove(soon())
        assert bench.grants == ["login", "login"]
        assert keeper.access_token(soon()) == "access-2"

    def test_prove_retries_refused_credentials(self, bench: Bench) -> None:
        bench.answers(denied("invalid_grant"), tokens(1))
        keeper = bench.keeper()
        with pytest.raises(CredentialsError):
            keeper.access_token(soon())
        keeper.prove(soon())
        assert bench.keeper().access_token(soon()) == "access-1"
        assert bench.grants == ["login", "login"]

    def test_prove_ignores_the_pause_after_a_failure(self, bench: Bench) -> None:
        bench.answers(Reply(504), tokens(1))
        keeper = bench.keeper()
        with pytest.raises(UnreachableError):
            keeper.access_token(soon())
        keeper.prove(soon())
        assert keeper.access_token(soon()) == "access-1"


class TestIracingsRateLimit:
    @pytest.mark.parametrize(
        "reply",
        [denied("unauthorized_client", Retry_After="900"), Reply(429, headers={"Retry-After": "900"})],
    )
    def test_no_process_logs_in_before_retry_after_has_passed(self, bench: Bench, reply: Reply) -> None:
        bench.answers(reply, tokens(1))
        with pytest.raises(RateLimitedError):
            bench.keeper().access_token(soon())
        for keeper in (bench.keeper(), bench.keeper(OTHER)):
            for ask in (keeper.access_token, keeper.prove):
                with pytest.raises(RateLimitedError) as caught:
                    ask(soon())
                assert caught.value.retry_after == pytest.approx(900)
        bench.clock.now += 901
        assert bench.keeper().access_token(soon()) == "access-1"
        assert bench.grants == ["login", "login"]

    def test_a_rate_limit_of_logins_does_not_stop_refreshes(self, bench: Bench) -> None:
        bench.answers(tokens(1), denied("unauthorized_client", Retry_After="3000"), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        with pytest.raises(RateLimitedError):
            keeper.prove(soon())
        bench.clock.now += 600
        assert keeper.access_token(soon()) == "access-2"

    def test_a_rate_limit_of_refreshes_stops_refreshes_and_logins(self, bench: Bench) -> None:
        bench.answers(tokens(1), denied("unauthorized_client", Retry_After="60"), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        for ask in (keeper.access_token, keeper.access_token, keeper.prove):
            with pytest.raises(RateLimitedError):
                ask(soon())
        bench.clock.now += 61
        assert keeper.access_token(soon()) == "access-2"
        assert bench.grants == ["login", "refresh-1", "refresh-1"]

    def test_no_login_is_tried_during_maintenance(self, bench: Bench) -> None:
        maintenance = Reply(503, json={"error": "Site Maintenance"})
        bench.answers(*[maintenance] * 5, denied("invalid_grant"), tokens(1))
        keeper = bench.keeper()
        for _ in range(5):
            with pytest.raises(MaintenanceError):
                keeper.access_token(soon())
            bench.clock.now += LONGEST_COOLING
        assert keeper.access_token(soon()) == "access-1"
        assert bench.grants == ["login", *[PROBE] * 5, "login"]

    def test_a_retry_after_of_a_day_is_believed_for_an_hour(self, bench: Bench) -> None:
        bench.answers(tokens(1), Reply(503, headers={"Retry-After": "86400"}), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        with pytest.raises(UnreachableError):
            keeper.access_token(soon())
        bench.clock.now += 3601
        assert keeper.access_token(soon()) == "access-2"


class TestAnonymousCallers:
    def test_an_anonymous_caller_causes_no_login(self, bench: Bench) -> None:
        bench.answers(tokens(1))
        with pytest.raises(CredentialsError, match="may not log in"):
            bench.keeper().access_token(soon(), may_login=False)
        assert bench.grants == []

    def test_an_anonymous_caller_may_cause_a_refresh(self, bench: Bench) -> None:
        bench.answers(tokens(1), tokens(2))
        bench.keeper().access_token(soon())
        bench.clock.now += 600
        assert bench.keeper().access_token(soon(), may_login=False) == "access-2"

    def test_an_anonymous_caller_causes_no_login_when_the_refresh_token_is_spent(self, bench: Bench) -> None:
        bench.answers(tokens(1), denied("invalid_grant"))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 600
        with pytest.raises(CredentialsError, match="may not log in"):
            keeper.access_token(soon(), may_login=False)
        assert bench.grants == ["login", "refresh-1"]
        assert bench.state.lease_owner == ""


class TestReplacing:
    def test_a_refused_token_is_renewed(self, bench: Bench) -> None:
        bench.answers(tokens(1), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 300
        assert keeper.replace("access-1", soon()) == "access-2"
        assert bench.grants == ["login", "refresh-1"]

    def test_a_refused_token_is_renewed_once_for_all_who_report_it(self, bench: Bench) -> None:
        bench.answers(tokens(1), tokens(2))
        keepers = [bench.keeper(), bench.keeper()]
        for keeper in keepers:
            keeper.access_token(soon())
        bench.clock.now += 300
        assert [k.replace("access-1", soon()) for k in (*keepers, *keepers)] == ["access-2"] * 4
        assert bench.grants == ["login", "refresh-1"]

    def test_a_token_that_was_just_issued_is_not_renewed(self, bench: Bench) -> None:
        bench.answers(tokens(1), tokens(2))
        keeper = bench.keeper()
        keeper.access_token(soon())
        for _ in range(5):
            with pytest.raises(CredentialsError, match="just issued"):
                keeper.replace("access-1", soon())
        assert bench.grants == ["login"]

    def test_a_refused_token_is_not_used_again_when_the_renewal_fails(self, bench: Bench) -> None:
        bench.answers(tokens(1), Reply(504))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 300
        with pytest.raises(UnreachableError):
            keeper.replace("access-1", soon())
        for other in (keeper, bench.keeper()):
            with pytest.raises(UnreachableError):
                other.access_token(soon())
        assert bench.grants == ["login", "refresh-1"]


class TestTheLease:
    def test_the_lease_of_a_dead_process_expires(self, bench: Bench) -> None:
        bench.answers(tokens(1))
        bench.write(lease_owner="dead", lease_until=bench.clock.now + LEASE)
        with pytest.raises(UnreachableError, match="is being renewed"):
            bench.keeper().access_token(soon(0.1))
        bench.clock.now += LEASE
        assert bench.keeper().access_token(soon()) == "access-1"

    def test_a_lease_dated_far_in_the_future_does_not_count(self, bench: Bench) -> None:
        bench.answers(tokens(1))
        bench.write(lease_owner="ahead", lease_until=bench.clock.now + 1e6)
        assert bench.keeper().access_token(soon()) == "access-1"

    def test_a_process_without_the_lease_gets_the_token_of_the_one_with_it(self, bench: Bench) -> None:
        gate = threading.Event()
        bench.answers(Reply(json=tokens(1).json, hold=gate))
        with ThreadPoolExecutor(2) as pool:
            winner = pool.submit(bench.keeper().access_token, soon())
            assert bench.server.arrived.wait(10)
            loser = pool.submit(bench.keeper().access_token, soon())
            gate.set()
            assert (winner.result(), loser.result()) == ("access-1", "access-1")
        assert bench.grants == ["login"]

    def test_nobody_waits_for_the_lease_while_the_token_is_valid(self, bench: Bench) -> None:
        gate = threading.Event()
        bench.answers(tokens(1), Reply(json=tokens(2).json, hold=gate))
        keeper = bench.keeper()
        keeper.access_token(soon())
        bench.clock.now += 560
        bench.server.arrived.clear()
        with ThreadPoolExecutor(1) as pool:
            winner = pool.submit(keeper.access_token, soon())
            assert bench.server.arrived.wait(10)
            assert keeper.access_token(soon()) == "access-1"
            assert bench.keeper().access_token(soon()) == "access-1"
            gate.set()
            assert winner.result() == "access-2"

    @pytest.mark.parametrize("reply", [Reply(504), denied("invalid_grant"), Reply(drop=True)])
    def test_the_lease_is_released_after_a_failure(self, bench: Bench, reply: Reply) -> None:
        bench.answers(reply)
        with pytest.raises(UpstreamError):
            bench.keeper().access_token(soon())
        assert bench.state.lease_owner == ""


class TestStatus:
    def test_the_status_has_lifetime_and_logins_left_and_no_token(self, bench: Bench) -> None:
        bench.answers(tokens(1))
        keeper = bench.keeper()
        assert (keeper.status().valid, keeper.status().logins_left) == (False, 4)
        keeper.access_token(soon())
        bench.clock.now += 100
        status = keeper.status()
        assert (status.valid, status.expires_in, status.age) == (True, 500, 100)
        assert (status.logins_left, status.refusal, status.blocked_until) == (3, None, 0)
        assert "access-1" not in repr(status)
        assert "access-1" not in repr(keeper) + repr(bench.state)

    def test_the_status_says_until_when_and_why_logins_are_blocked(self, bench: Bench) -> None:
        bench.answers(denied("unauthorized_client", Retry_After="900"))
        with pytest.raises(RateLimitedError):
            bench.keeper().access_token(soon())
        status = bench.keeper().status()
        assert status.blocked_until == pytest.approx(bench.clock.now + 900)
        assert "limits how often" in str(status.refusal)

    def test_the_status_says_that_credentials_were_refused(self, bench: Bench) -> None:
        bench.answers(denied("invalid_grant"))
        with pytest.raises(CredentialsError):
            bench.keeper().access_token(soon())
        refusal = bench.keeper().status().refusal
        assert isinstance(refusal, CredentialsError)
        assert refusal.remedy is Remedy.CHECK_LOGIN
        assert bench.keeper(OTHER).status().refusal is None


@pytest.mark.parametrize(
    "kind", [Reply(504), denied("invalid_client", 403), denied("invalid_grant"), Reply(drop=True)]
)
def test_errors_hold_no_secret(bench: Bench, kind: Reply) -> None:
    bench.answers(kind)
    raised: list[Callable[[float], object]] = [bench.keeper().access_token, bench.keeper().prove]
    for ask in raised:
        with pytest.raises(UpstreamError) as caught:
            ask(soon())
        error = caught.value
        assert "hush" not in repr(error) + str(error.__cause__) + str(error.__context__)
