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
    seen = []
    for _ in range(3):
        calls.ends(GONE)
        seen.append(calls.ok)
    assert seen == [True, True, False]
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


def test_the_sentence_of_the_last_calls_has_their_ages() -> None:
    calls = Calls()
    assert calls.last.part().detail == "iRacing has not been asked yet."
    calls.ends()
    calls.now += 7
    assert calls.last.part().detail == "iRacing answered 7 s ago."
    calls.now += 54  # the answer is 61 s old
    calls.ends(GONE)
    calls.now += 2
    assert calls.last.part().detail == "The last 1 call(s) to iRacing failed, 2 s ago: No answer."


def test_a_failure_within_a_minute_of_an_answer_is_none_and_a_hang_is_from_five_seconds_on() -> None:
    calls = Calls()
    calls.ends()
    calls.now += 60
    calls.ends(GONE)
    assert calls.ok
    other = Calls()
    with other.last.one(CALM):
        other.now += 5
        assert other.last.part().detail == "iRacing has not answered a call for 5 s."
    with pytest.raises(ZeroDivisionError), other.last.one(CALM):
        1 / 0  # noqa: B018 - a defect of ours is no call that is out for good
    other.now += 9
    assert other.ok


def test_a_part_says_how_it_is_and_its_numbers() -> None:
    health = judged({"one": Part(True, "Fine.", {"left": 3}), "two": ILL})
    assert health.checks == {
        "one": {"ok": True, "detail": "Fine.", "left": 3},
        "two": {"ok": False, "detail": "Ill."},
    }
