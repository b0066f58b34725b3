"""The call budget's arithmetic."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers.budget import LIMIT, PROBE_PAUSE, WINDOW, Budget
from pitboard.drivers.errors import MaintenanceError, OutageError, RateLimitedError
from pitboard.drivers.model import Priority

T0 = 1_800_000_000.0
READER, BACKGROUND = Priority.READER, Priority.BACKGROUND

steps = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0.0, 0.5), st.floats(0.0, 90.0)),
        st.integers(1, 70),
        st.sampled_from(Priority),
    ),
    min_size=1,
    max_size=150,
)


def greedy(budget: Budget, now: float, priority: Priority = READER) -> tuple[Budget, int]:
    """Takes one by one until there is none."""
    count = 0
    while (taken := budget.take(now, priority)).granted:
        budget, count = taken.budget, count + 1
    return budget, count


@given(steps, st.integers(4, 1000))
def test_no_minute_ever_grants_more_than_three_quarters_of_the_limit(
    steps: list[tuple[float, int, Priority]], limit: int
) -> None:
    budget, now = Budget(limit=limit, level=limit / 4), T0
    grants: list[tuple[float, int]] = []
    for pause, most, priority in steps:
        now += pause
        taken = budget.take(now, priority, most)
        budget = taken.budget
        grants.append((now, taken.granted))
    for start, _ in grants:
        assert sum(n for t, n in grants if start <= t < start + WINDOW) <= 0.75 * limit


@given(steps)
def test_the_bucket_is_never_overdrawn_nor_overfull(steps: list[tuple[float, int, Priority]]) -> None:
    budget, now = Budget(), T0
    for pause, most, priority in steps:
        now += pause
        taken = budget.take(now, priority, most)
        assert 0 <= taken.granted <= most
        assert (taken.wait > 0) == (taken.granted == 0)
        budget = taken.budget
        assert 0 <= budget.level <= budget.capacity


@given(steps)
def test_after_the_wait_that_was_told_there_is_a_call(steps: list[tuple[float, int, Priority]]) -> None:
    budget, now = Budget(), T0
    for pause, most, priority in steps:
        now += pause
        taken = budget.take(now, priority, most)
        budget = taken.budget
        if taken.wait:
            assert budget.take(now + taken.wait + 1e-3, priority).granted == 1


def test_a_full_bucket_allows_a_burst_and_then_two_calls_a_second() -> None:
    budget, count = greedy(Budget(), T0)
    assert count == LIMIT / 4
    assert greedy(budget, T0 + 10)[1] == 20


def test_background_work_leaves_half_of_the_bucket_to_readers() -> None:
    budget, count = greedy(Budget(), T0, BACKGROUND)
    assert count == LIMIT / 8 + 1
    assert budget.take(T0, BACKGROUND).granted == 0
    assert greedy(budget, T0, READER)[1] == math.floor(LIMIT / 8) - 1


def test_the_document_brings_the_budget_back() -> None:
    budget = Budget(100, 3.5, T0, T0 + 5, "maintenance", probing=True)
    assert Budget.parse(budget.document()) == budget


@given(
    st.dictionaries(
        st.sampled_from(sorted(Budget().document())),
        st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text())),
    )
)
def test_any_document_can_be_read(value: dict[str, object]) -> None:
    budget = Budget.parse(value)
    taken = budget.take(T0, READER)
    assert taken.granted or 0 < taken.wait <= 3600
    assert budget.reconciled(T0, LIMIT, 1, 1).limit == LIMIT


@pytest.mark.parametrize(
    "value", [{}, {"limit": "many", "level": None}, {"limit": 0}, {"limit": -3, "at": []}]
)
def test_a_document_that_makes_no_sense_still_gives_a_call(value: dict[str, object]) -> None:
    assert Budget.parse(value).take(T0, READER).granted == 1


class TestClocksThatJump:
    def test_a_clock_slightly_behind_adds_nothing(self) -> None:
        """Two machines a second apart would otherwise fill the bucket at each other's call."""
        budget, _ = greedy(Budget(), T0)
        for _ in range(100):
            budget = budget.filled(T0 - 1).filled(T0)
        assert budget.level < 1

    def test_a_clock_set_back_an_hour_does_not_starve_the_bucket(self) -> None:
        budget, _ = greedy(Budget(), T0)
        budget = budget.take(T0 - 3600, READER).budget
        assert budget.level < 1
        assert greedy(budget, T0 - 3590)[1] == 20

    def test_a_pause_is_not_kept_for_years_when_the_clock_was_wrong(self) -> None:
        budget = Budget().paused(T0 + 1e8, 120, "maintenance")
        assert budget.take(T0, READER).granted == 1


class TestReconciling:
    def test_says_nothing_new_while_nobody_else_calls(self) -> None:
        """In each of iRacing's minutes, whatever we do, the headers match what we know."""
        budget, used = Budget(), 0
        for second in range(60):
            budget, count = greedy(budget, T0 + second)
            used += count
            told = budget.reconciled(T0 + second, LIMIT, LIMIT - used, 60 - second)
            assert told.level == pytest.approx(budget.level)

    @given(st.integers(0, 240), st.floats(-5, 4000), st.floats(0, 60))
    def test_only_ever_lowers_the_level(self, remaining: int, reset: float, level: float) -> None:
        budget = Budget(level=level, at=T0)
        assert budget.reconciled(T0, LIMIT, remaining, reset).level <= budget.level

    @given(st.integers(0, 240), st.integers(0, 60))
    def test_leaves_a_quarter_of_the_limit_to_others_until_the_reset(
        self, remaining: int, reset: int
    ) -> None:
        budget = Budget(at=T0).reconciled(T0, LIMIT, remaining, reset)
        taken = 0
        for tenth in range(reset * 10):
            budget, count = greedy(budget, T0 + tenth / 10)
            taken += count
        assert taken <= max(0, remaining - LIMIT / 4)

    def test_a_new_limit_is_taken_over(self) -> None:
        budget = Budget().reconciled(T0, 100, 99, 60)
        assert budget.limit == 100
        assert greedy(budget, T0)[1] <= 25

    def test_an_absurd_limit_is_not(self) -> None:
        assert Budget().reconciled(T0, 0, 0, 60).limit == 4


class TestPauses:
    def test_nothing_is_granted_until_a_pause_is_over(self) -> None:
        budget = Budget().paused(T0, 30, RateLimitedError.code)
        taken = budget.take(T0 + 10, READER)
        assert taken.granted == 0
        assert taken.wait == pytest.approx(20)
        assert isinstance(budget.refusal(T0 + 10, 20), RateLimitedError)
        assert budget.take(T0 + 30, READER).granted == 1

    def test_a_shorter_pause_does_not_end_a_longer_one(self) -> None:
        budget = Budget().paused(T0, 60, RateLimitedError.code).paused(T0, 5, RateLimitedError.code)
        assert budget.pause_left(T0) == 60

    def test_after_maintenance_one_call_alone_finds_out(self) -> None:
        budget = Budget().paused(T0, PROBE_PAUSE, MaintenanceError.code)
        assert isinstance(budget.refusal(T0, 1), MaintenanceError)
        now = T0 + PROBE_PAUSE
        budget, count = greedy(budget, now)
        assert count == 1
        assert greedy(budget, now + PROBE_PAUSE - 1)[1] == 0
        assert greedy(budget.resumed(T0), now + 1)[1] > 20

    def test_after_an_outage_every_client_has_its_whole_share_again(self) -> None:
        budget = Budget()
        for _ in range(25):
            budget = budget.take(T0, READER, client="one").budget
        budget = budget.paused(T0, PROBE_PAUSE, OutageError.code)
        probe = budget.take(T0 + PROBE_PAUSE, READER, client="one").budget
        back = probe.resumed(T0 + PROBE_PAUSE + 1)
        assert back.share_left("one") == back.share
        assert back.back_at == T0 + PROBE_PAUSE + 1

    def test_a_probe_that_is_never_heard_of_is_followed_by_another(self) -> None:
        budget = Budget().paused(T0, PROBE_PAUSE, MaintenanceError.code)
        budget, _ = greedy(budget, T0 + PROBE_PAUSE)
        assert greedy(budget, T0 + PROBE_PAUSE + PROBE_PAUSE)[1] == 1

    def test_a_late_answer_from_before_does_not_end_the_maintenance(self) -> None:
        budget = Budget().paused(T0, PROBE_PAUSE, MaintenanceError.code)
        assert budget.resumed(T0).pause_left(T0 + 1)
