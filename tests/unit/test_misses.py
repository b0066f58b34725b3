"""Why a name has no driver, what is said of it, and how long that is remembered."""

import re

import pytest

from pitboard.drivers import misses
from pitboard.drivers.budget import Budget
from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    OutageError,
    RateLimitedError,
    RefusedError,
    Remedy,
    UnreachableError,
)
from pitboard.drivers.misses import NOT_FOUND, PENDING, TOO_MANY, UNAVAILABLE, WITHHELD
from pitboard.drivers.model import CallContext, IdEntry

NOW = 1_800_000_000.0
HOUR = 3600.0
CALM, CUT_OFF = CallContext(1e12), CallContext(0.0, hurried=True)
LOST = UnreachableError("Lost.")


def entry(**fields) -> IdEntry:
    return IdEntry("ann tester", **{"cust_id": None, "origin": "iRacing", "until": NOW, **fields})


SAID = [
    *(miss.error for miss in (NOT_FOUND, PENDING, TOO_MANY, UNAVAILABLE, WITHHELD)),
    *(
        str(Budget().paused(NOW, 60, code).refusal(NOW, 1))
        for code in (OutageError.code, MaintenanceError.code, RateLimitedError.code)
    ),
    str(Budget().refusal(NOW, 1)),
]


@pytest.mark.parametrize("sentence", SAID)
def test_what_a_command_says_before_it_ends_promises_no_work_that_only_a_server_does(sentence):
    assert not re.search(r"\b(soon|still|being|itself)\b", sentence, re.IGNORECASE)


@pytest.mark.parametrize(("seconds", "told"), [(-3, 1), (0.2, 1), (1.0, 1), (1.1, 2), (59.5, 60)])
def test_nobody_is_told_to_come_back_too_early_or_within_the_second(seconds, told):
    assert PENDING.after(seconds).retry_after == told


@pytest.mark.parametrize(
    ("error", "code", "retry_after"),
    [
        (RateLimitedError("Full."), "pending", 2),
        (RateLimitedError("Full.", retry_after=7.5), "pending", 8),
        (LOST, "unavailable", 60),
        (MaintenanceError("M.", retry_after=0.0), "unavailable", 1),
    ],
)
def test_a_spent_budget_means_later_and_other_failures_unavailable(error, code, retry_after):
    miss = misses.for_error(error, lambda error: f"{error} Do this.")
    assert (miss.code, miss.retry_after) == (code, retry_after)
    assert code == "pending" or miss.error == f"{error} Do this."


def test_nobody_of_a_name_is_remembered_for_six_hours():
    remembered = misses.remembered("ann tester", None, CALM, NOW)
    assert remembered == entry(until=NOW + 6 * HOUR, reason="not_found")
    assert misses.remembered("ann tester", None, CUT_OFF, NOW) == remembered
    assert misses.for_entry(remembered, NOW, 0.0) == NOT_FOUND
    assert misses.for_entry(remembered, NOW - 60, 0.0) == NOT_FOUND
    assert misses.for_entry(remembered, NOW - 61, 0.0) is None, "a clock that was ahead wrote it"


@pytest.mark.parametrize("error", [LOST, RefusedError("No.")])
def test_a_failure_is_remembered_for_a_minute_beside_what_is_known(error):
    failed = misses.remembered("ann tester", error, CALM, NOW)
    assert failed == entry(until=NOW + 60, failed_until=NOW + 60)
    assert misses.for_entry(failed, NOW + 59.5, 0.0) == UNAVAILABLE.after(1)
    assert misses.for_entry(failed, NOW + 20, 0.0) == UNAVAILABLE.after(40)
    assert misses.for_entry(failed, NOW + 60, 0.0) is None
    known = entry(cust_id=7, until=NOW + 9 * HOUR)
    assert misses.remembered("ann tester", error, CALM, NOW, known) == entry(
        cust_id=7, until=NOW + 9 * HOUR, failed_until=NOW + 60
    )
    assert misses.remembered("ann tester", error, CUT_OFF, NOW) is None


@pytest.mark.parametrize(
    "error",
    [
        RateLimitedError("Full."),
        OutageError("Out."),
        MaintenanceError("M."),
        CredentialsError("No.", Remedy.LOG_IN),
    ],
)
def test_what_says_nothing_about_the_driver_is_not_remembered(error):
    assert misses.remembered("ann tester", error, CALM, NOW) is None


def test_a_failure_from_before_iracing_was_back_says_nothing_now():
    failed = entry(failed_until=NOW + 60)
    assert misses.for_entry(failed, NOW + 10, NOW + 1) is None
    assert misses.for_entry(failed, NOW + 10, NOW) == UNAVAILABLE.after(50)
    assert misses.for_entry(failed, NOW + 10, NOW + 70) is None
    assert misses.for_entry(failed, NOW + 10, NOW + 71) == UNAVAILABLE.after(50), (
        "a clock that was ahead said so"
    )


def test_a_failure_is_believed_for_ten_minutes_at_most():
    assert misses.for_entry(entry(failed_until=NOW + 600), NOW, 0.0) == UNAVAILABLE.after(600)
    assert misses.for_entry(entry(failed_until=NOW + 601), NOW, 0.0) is None
    assert misses.for_entry(entry(cust_id=7), NOW, 0.0) is None


def test_a_driver_is_gone_when_iracing_knew_nothing_an_hour_ago_too_and_he_was_not_seen_since():
    assert misses.is_confirmed(NOW - HOUR, NOW - 2 * HOUR, NOW)
    assert not misses.is_confirmed(NOW - HOUR + 1, NOW - 2 * HOUR, NOW)
    assert not misses.is_confirmed(NOW - 2 * HOUR, NOW - 2 * HOUR, NOW)
    assert not misses.is_confirmed(0.0, 0.0, NOW)
