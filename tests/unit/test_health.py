"""The rule of GET /health, and what is made of the last calls."""

import pytest

from pitboard.drivers.errors import (
    MaintenanceError,
    RateLimitedError,
    RefusedError,
    StoreError,
    UnreachableError,
)
from pitboard.drivers.health import FAILURES, HANGS_AFTER, RECENT, LastCalls, Part, State, judged, looked
from pitboard.drivers.model import CallContext

FINE, ILL, VITAL = Part(True, "Fine."), Part(False, "Ill."), Part(False, "Gone.", vital=True)
CALM = CallContext(1e12)


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ([], State.HEALTHY),
        ([FINE, FINE], State.HEALTHY),
        ([FINE, ILL], State.DEGRADED),
        ([ILL, ILL], State.DEGRADED),
        ([FINE, VITAL], State.UNHEALTHY),
        ([ILL, VITAL], State.UNHEALTHY),
    ],
)
def test_the_worst_part_decides(parts: list[Part], state: State) -> None:
    assert judged({str(number): part for number, part in enumerate(parts)}).state is state


@pytest.mark.parametrize("error", [StoreError("The disk is on strike."), KeyError("oops"), RecursionError()])
def test_a_part_that_cannot_be_looked_at_is_not_well_and_the_others_are_looked_at(error: Exception) -> None:
    def fails() -> Part:
        raise error

    found = looked({"one": fails, "other": lambda: FINE})
    assert found.state is State.DEGRADED
    assert [check["ok"] for check in found.checks.values()] == [False, True]
    assert "oops" not in str(found.checks)


class Calls:
    def __init__(self) -> None:
        self.now = 1000.0
        self.last = LastCalls(lambda: self.now)

    def ends(self, error: Exception | None = None, context: CallContext = CALM) -> None:
        try:
            with self.last.one(context):
                if error:
                    raise error
        except type(error or ValueError()):
            pass

    @property
    def ok(self) -> bool:
        return self.last.part().ok


GONE = UnreachableError("No answer.")


def test_without_a_call_nothing_is_wrong() -> None:
    assert Calls().ok


@pytest.mark.parametrize("error", [GONE, MaintenanceError("Maintenance.")])
def test_the_first_failure_is_trouble_when_nothing_was_answered_lately(error: Exception) -> None:
    calls = Calls()
    calls.ends(error)
    assert not calls.ok
    calls.ends()
    assert calls.ok
    calls.now += RECENT + 1
    calls.ends(error)
    assert not calls.ok


def test_a_single_failure_beside_answers_is_none_and_several_in_a_row_are() -> None:
    calls = Calls()
    calls.ends()
    for _ in range(FAILURES - 1):
        calls.ends(GONE)
        assert calls.ok
    calls.ends(GONE)
    assert not calls.ok
    assert "No answer." in calls.last.part().detail


def test_a_refusal_of_the_question_is_an_answer() -> None:
    calls = Calls()
    for _ in range(FAILURES):
        calls.ends(RefusedError("404"))
    assert calls.ok


@pytest.mark.parametrize(
    ("error", "context"),
    [(RateLimitedError("The budget."), CALM), (GONE, CallContext(0.0, hurried=True))],
)
def test_what_says_nothing_about_iracing_is_not_counted(error: Exception, context: CallContext) -> None:
    calls = Calls()
    for _ in range(FAILURES):
        calls.ends(error, context)
    assert calls.ok


def test_a_call_that_hangs_is_trouble_before_it_has_failed() -> None:
    calls = Calls()
    calls.ends()
    with calls.last.one(CALM):
        calls.now += HANGS_AFTER - 1
        assert calls.ok
        calls.now += 2
        assert not calls.ok
        calls.ends()  # another one is answered
        assert calls.ok
    assert calls.ok
