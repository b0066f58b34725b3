"""The rules of the token's document, one by one, at their edges."""

from typing import Any

import pytest

from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    Remedy,
    UnreachableError,
)
from pitboard.drivers.model import CLOCK_DOUBT
from pitboard.iracing.oauth import DeniedError, Grant
from pitboard.iracing.pauses import LONGEST_PAUSE
from pitboard.iracing.token_state import LEASE, TokenState
from pitboard.iracing.tokens import GRANT_SECONDS
from pitboard.iracing.transport import NoAnswerError

NOW = 1_800_000_000.0
HOUR = 3600.0
LOST = UnreachableError("Lost.")
DENIED = DeniedError("No.", Remedy.CHECK_LOGIN, error="access_denied")
UNKNOWN_CLIENT = DeniedError("Who?", Remedy.CHECK_CLIENT, error="invalid_client")


def state(lifetime: float = 600.0) -> TokenState:
    return TokenState().granted(Grant("access", lifetime, "refresh", 3600), NOW, refreshed=False)


def test_a_token_is_not_sent_in_its_last_five_seconds():
    """It would end on its way, and iRacing's 401 would cost a renewal and a second call."""
    assert state().valid(NOW + 594.9)
    assert not state().valid(NOW + 595.0)
    assert state().due(NOW + 595.0)


def test_a_token_is_due_a_minute_before_its_end_and_a_short_one_at_half_its_life():
    assert not state().due(NOW + 539.0)
    assert state().due(NOW + 540.0)
    assert not state().due(NOW + 529.0, jitter=10.0)
    assert state().due(NOW + 530.0, jitter=10.0)
    assert not state(60).due(NOW + 29.0)
    assert state(60).due(NOW + 30.0)


def test_a_token_issued_by_a_clock_that_was_set_back_since_is_not_sent():
    assert state().valid(NOW - CLOCK_DOUBT)
    assert not state().valid(NOW - CLOCK_DOUBT - 1)


def test_without_a_token_nothing_is_valid_and_all_is_due():
    empty = TokenState()
    assert not empty.valid(0.0)
    assert empty.due(0.0)
    assert not empty.refreshable(0.0)
    assert empty.refusal(0.0) is None
    assert empty.login_refusal(0.0) is None
    assert empty.document() == dict.fromkeys(empty.document(), 0) | {
        name: "" for name, value in empty.document().items() if isinstance(value, str)
    } | {"logins": []}


def test_a_refresh_token_is_tried_until_its_end():
    assert state().refreshable(NOW + 3599.9)
    assert not state().refreshable(NOW + 3600.0)


def test_a_refresh_token_without_a_lifetime_is_tried_for_a_week():
    unsaid = TokenState().granted(Grant("access", 600, "refresh", None), NOW, refreshed=False)
    assert unsaid.refreshable(NOW + 7 * 24 * HOUR - 1)
    assert not unsaid.refreshable(NOW + 7 * 24 * HOUR)


def test_a_refresh_without_a_new_refresh_token_leaves_the_old_one_and_its_end():
    kept = state().granted(Grant("newer", 600, None, None), NOW + 500, refreshed=True)
    assert (kept.access_token, kept.refresh_token, kept.refresh_until) == ("newer", "refresh", NOW + 3600)
    lost = state().granted(Grant("newer", 600, None, None), NOW + 500, refreshed=False)
    assert lost.refresh_token == ""


def test_a_lease_outlasts_a_refresh_and_a_login_that_both_hang():
    """Else a second worker would begin a grant while the first one's is under way: one of them is lost."""
    assert LEASE >= 2 * GRANT_SECONDS + 10


def test_a_lease_holds_others_back_for_its_time_and_not_its_owner():
    leased = state().leased("one", NOW)
    assert leased.leased_by_another("two", NOW)
    assert leased.leased_by_another("two", NOW + LEASE - 0.1)
    assert not leased.leased_by_another("two", NOW + LEASE)
    assert not leased.leased_by_another("one", NOW)
    assert not leased.leased_by_another("two", NOW - 0.1), "written by a clock that was set back since"
    assert leased.released("two") == leased
    assert leased.released("one") == state()


def test_logins_count_for_an_hour_from_either_side_of_now():
    book = TokenState(logins=(NOW + HOUR + 1, NOW + HOUR, NOW, NOW - HOUR + 1, NOW - HOUR))
    assert book.recent_logins(NOW) == (NOW - HOUR + 1, NOW, NOW + HOUR)
    assert book.login_booked(NOW + 1).logins == (NOW, NOW + HOUR, NOW + HOUR + 1, NOW + 1)


def test_a_fifth_login_waits_until_the_first_is_an_hour_old():
    four = TokenState(logins=tuple(NOW + number * 100 for number in range(4)))
    three = TokenState(logins=four.logins[:3])
    assert three.login_refusal(NOW + 400) is None
    refusal = four.login_refusal(NOW + 400)
    assert isinstance(refusal, RateLimitedError)
    assert refusal.retry_after == HOUR - 400
    assert four.login_refusal(NOW + HOUR) is None
    late = four.login_refusal(NOW + HOUR - 0.5)
    assert late is not None
    assert late.retry_after == 1.0
    five = TokenState(logins=(*four.logins, NOW + 400))  # written by an older version, say
    refusal = five.login_refusal(NOW + 500)
    assert refusal is not None
    assert refusal.retry_after == HOUR + 100 - 500


def test_failures_hold_grants_back_twice_as_long_each_time_up_to_45_seconds():
    failing, pauses = TokenState(), []
    for _ in range(8):
        failing = failing.refresh_failed(LOST, "print", NOW)
        pauses.append(failing.cool_until - NOW)
    assert pauses == [2, 4, 8, 16, 32, 45, 45, 45]
    assert failing.failures == 8
    spread = TokenState().refresh_failed(LOST, "print", NOW, 0.75)
    assert spread.cool_until == NOW + 1.5


def test_a_pause_that_iracing_asks_for_is_kept_if_it_is_longer():
    asked = TokenState().refresh_failed(RateLimitedError("Wait.", retry_after=90.0), "print", NOW)
    assert asked.cool_until == NOW + 90
    assert (
        TokenState().refresh_failed(MaintenanceError("M.", retry_after=1.0), "p", NOW).cool_until == NOW + 2
    )


def test_after_a_failure_no_grant_is_asked_for_until_the_pause_is_over():
    cooled = TokenState().refresh_failed(LOST, "print", NOW)
    refusal = cooled.refusal(NOW + 0.5)
    assert isinstance(refusal, UnreachableError)
    assert (str(refusal), refusal.retry_after) == ("Lost.", 1.5)
    assert cooled.refusal(NOW + 2) is None
    assert cooled.refusal(NOW - LONGEST_PAUSE - 60) is None, "so far ahead no pause was ever written"
    assert isinstance(cooled.trouble(NOW + 2), UnreachableError)
    assert state().trouble(NOW) is None


def test_only_iracing_s_own_limit_holds_back_who_proves_credentials():
    cooled = TokenState().refresh_failed(LOST, "print", NOW)
    assert cooled.refusal(NOW, proving=True) is None
    limited = TokenState().refresh_failed(RateLimitedError("Wait.", retry_after=90.0), "print", NOW)
    assert isinstance(limited.refusal(NOW, proving=True), RateLimitedError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MaintenanceError("M."), MaintenanceError),
        (RateLimitedError("R."), RateLimitedError),
        (LOST, UnreachableError),
        (UNKNOWN_CLIENT, CredentialsError),
    ],
    ids=["maintenance", "limit", "lost", "unknown client"],
)
def test_what_held_a_grant_back_is_told_as_it_was(error, kind):
    told = TokenState().refresh_failed(error, "print", NOW).refusal(NOW)
    assert type(told) is kind
    assert str(told) == str(error)
    assert getattr(told, "remedy", None) == getattr(error, "remedy", None)


def test_a_remedy_that_is_not_known_is_to_log_in():
    odd = TokenState(refused_why="No.", refused_remedy="from a newer version")
    assert odd.denial().remedy is Remedy.LOG_IN


def test_a_refused_refresh_discards_the_token_unless_the_fault_may_pass():
    refused = state().refresh_failed(DENIED, "print", NOW)
    assert not refused.refreshable(NOW)
    assert (refused.refused_fingerprint, refused.refused_why) == ("print", "No.")
    assert refused.failures == 0
    passing = state().refresh_failed(UNKNOWN_CLIENT, "print", NOW)
    assert passing.refreshable(NOW)
    assert passing.refused_fingerprint == ""
    assert passing.failures == 1


def test_refused_credentials_log_in_again_only_on_request_or_changed():
    refused = TokenState().login_failed(DENIED, "print", NOW)
    told = refused.login_refusal(NOW, "print")
    assert isinstance(told, CredentialsError)
    assert (str(told), told.remedy) == ("No.", Remedy.CHECK_LOGIN)
    assert refused.login_refusal(NOW, "other") is None
    assert refused.login_refusal(NOW) is None
    assert refused.login_refusal(NOW, "print", proving=True) is None


def test_an_unknown_client_is_refused_at_a_login_only_after_the_service_had_accepted_it():
    assert TokenState().login_failed(UNKNOWN_CLIENT, "print", NOW).refused_fingerprint == ""
    assert TokenState().login_failed(UNKNOWN_CLIENT, "print", NOW, proven=True).refused_fingerprint == "print"


def test_a_rate_limited_login_blocks_logins_as_long_as_it_says_and_20_seconds_without():
    asked = TokenState().login_failed(RateLimitedError("Wait.", retry_after=900.0), "print", NOW)
    for proving in (False, True):
        refusal = asked.login_refusal(NOW + 1, "print", proving=proving)
        assert isinstance(refusal, RateLimitedError)
        assert (str(refusal), refusal.retry_after) == ("Wait.", 899.0)
    assert asked.login_refusal(NOW + 900) is None
    assert asked.refusal(NOW) is None
    unsaid = TokenState().login_failed(RateLimitedError("Wait."), "print", NOW)
    assert unsaid.blocked_until == NOW + 20


def test_a_lost_login_is_repeated_after_20_seconds_then_after_15_minutes():
    once = TokenState().login_booked(NOW).login_failed(LOST, "print", NOW)
    refusal = once.login_refusal(NOW + 19)
    assert isinstance(refusal, UnreachableError)
    assert refusal.retry_after == 1.0
    assert once.login_refusal(NOW + 20) is None
    assert once.login_refusal(NOW + 1, proving=True) is None
    for failures in (2, 3):
        more = TokenState(logins=(NOW,), login_failures=failures)
        assert more.login_refusal(NOW + 899) is not None
        assert more.login_refusal(NOW + 900) is None


def test_a_login_that_was_never_sent_counts_for_nobody():
    booked = TokenState().login_booked(NOW - 100).login_booked(NOW)
    unsent = booked.login_failed(NoAnswerError("No connection.", sent=False), "print", NOW)
    assert (unsent.logins, unsent.login_failures, unsent.failures) == ((NOW - 100,), 0, 1)
    sent = booked.login_failed(NoAnswerError("No answer.", sent=True), "print", NOW)
    assert (sent.logins, sent.login_failures) == ((NOW - 100, NOW), 1)


def test_a_grant_ends_what_was_held_against_the_one_before():
    bad = TokenState(
        failures=3, login_failures=2, cool_until=NOW + 40, refused_fingerprint="print", logins=(NOW,)
    )
    for refreshed, left in ((True, "print"), (False, "")):
        good = bad.granted(Grant("access", 600, "refresh", 3600), NOW, refreshed=refreshed)
        assert (good.failures, good.login_failures, good.cool_until) == (0, 0, 0.0)
        assert good.refused_fingerprint == left
        assert good.logins == (NOW,)


def test_only_the_token_that_is_held_can_be_discarded():
    assert state().without("access").access_token == ""
    assert state().without("access").access_until == 0.0
    for other in ("", "Access", "zzz"):
        assert state().without(other) == state()
    assert not state().without_refresh("refresh").refreshable(NOW)
    for other in ("Refresh", "zzz"):
        assert state().without_refresh(other) == state()


def test_a_document_is_read_back_as_it_was_written():
    numbers: dict[str, Any] = {
        name: [] if isinstance(value, list) else type(value)(7)
        for name, value in TokenState().document().items()
    }
    full = TokenState(**{**numbers, "logins": (1.5, 2.0)})
    assert TokenState.parse(full.document()) == full


def test_what_is_wrong_in_a_document_is_left_at_nothing():
    read = TokenState.parse(
        {
            "access_token": "with\nline",
            "refresh_token": "sécret",
            "lease_owner": "wörker",
            "access_until": "soon",
            "refresh_until": 1e15,
            "cool_until": float("nan"),
            "lease_until": -9e14,
            "failures": 2.0,
            "logins": [NOW, "x", 1e15, 3],
            "unknown": 1,
        }
    )
    assert read == TokenState(lease_owner="wörker", lease_until=-9e14, failures=2, logins=(NOW, 3.0))
    assert TokenState.parse({"logins": NOW}).logins == ()
    assert TokenState.parse({"access_token": [NOW], "cool_why": (NOW,)}) == TokenState()
