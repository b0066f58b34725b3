"""The call budget's arithmetic."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.drivers.budget import LIMIT, PROBE_PAUSE, WINDOW, Budget, hashed
from pitboard.drivers.errors import MaintenanceError, OutageError, RateLimitedError, UpstreamError
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

    def test_a_client_whose_calls_iracing_s_limit_refused_has_its_whole_share_again(self) -> None:
        budget = Budget(at=T0)
        for _ in range(30):
            budget = budget.take(T0, READER, client="one").budget
        budget, count = greedy(budget.paused(T0, 5, RateLimitedError.code), T0 + 5)
        assert count == 1, "while the limit lasts a page costs one call, not all of its calls"
        back = budget.resumed(T0 + 6)
        assert back.room(T0 + 6, READER, "one") == 30

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


def paused(code: str = RateLimitedError.code, seconds: float = 30.0) -> Budget:
    return Budget(at=T0).paused(T0, seconds, code)


class TestFigures:
    """The figures of a bucket of 240 calls a minute, at their edges."""

    def test_a_bucket_holds_a_quarter_and_fills_by_half_a_minute(self) -> None:
        budget = Budget(limit=240, level=10.0, at=T0)
        assert (budget.capacity, budget.rate, budget.share, budget.share_rate) == (60, 2, 30, 0.5)
        assert budget.filled(T0 + 5).level == 20
        assert budget.filled(T0 + 5).at == T0 + 5
        assert budget.filled(T0 + 600).level == 60

    def test_a_clock_set_back_by_more_than_a_minute_starts_afresh(self) -> None:
        budget = Budget(level=10.0, at=T0)
        for behind in (0.0, 1.0, WINDOW):
            assert budget.filled(T0 - behind) == budget
        back = budget.filled(T0 - WINDOW - 1)
        assert (back.at, back.level) == (T0 - WINDOW - 1, 10)

    def test_a_client_beyond_its_share_waits_for_a_bucket_five_eighths_full(self) -> None:
        budget = Budget(at=T0, clients={hashed("one"): 30.0})
        assert budget.share_left("one") == 0
        assert budget.share_left("two") == 30
        assert budget.share_left("") == math.inf
        assert budget.needed(READER, "one") == 37.5
        assert budget.needed(READER, "two") == budget.needed(READER) == 1
        assert budget.needed(BACKGROUND) == budget.needed(BACKGROUND, "one") == 30
        assert replace(budget, clients={hashed("one"): 29.0}).needed(READER, "one") == 1
        assert replace(budget, clients={hashed("one"): 29.5}).needed(READER, "one") == 37.5
        tiny = replace(budget, limit=4)
        assert tiny.needed(BACKGROUND) == 1.0

    def test_a_client_s_use_is_forgotten_at_half_a_call_a_second(self) -> None:
        budget = Budget(at=T0, clients={hashed("one"): 30.0, hashed("two"): 5.0})
        assert budget.filled(T0 + 10).clients == {hashed("one"): 25.0}
        assert budget.filled(T0 + 9).clients == {hashed("one"): 25.5, hashed("two"): 0.5}

    def test_a_block_is_as_large_as_level_and_share_allow(self) -> None:
        full = Budget(at=T0)
        assert full.take(T0, READER, 5, "one").granted == 5
        assert full.take(T0, READER, 5, "one").budget.level == 55
        assert full.take(T0, READER, 5, "one").budget.clients == {hashed("one"): 5.0}
        assert full.take(T0, READER, 40, "one").granted == 30
        assert full.take(T0, READER, 40).granted == 40
        assert full.take(T0, READER, 40).budget.clients == {}
        assert replace(full, level=3.9).take(T0, READER, 5).granted == 3
        used_up = replace(full, clients={hashed("one"): 30.0})
        assert used_up.take(T0, READER, 5, "one").granted == 1
        assert used_up.take(T0, READER, 5, "one").budget.clients == {hashed("one"): 30.0}

    def test_a_refusal_says_how_long_the_bucket_takes(self) -> None:
        empty = Budget(level=0.0, at=T0)
        assert empty.take(T0, READER).wait == 0.5
        assert empty.take(T0, BACKGROUND).wait == 15
        assert replace(empty, level=1.0).take(T0, READER).granted == 1
        assert replace(empty, level=30.0).take(T0, BACKGROUND).granted == 1
        assert replace(empty, level=29.0).take(T0, BACKGROUND).wait == 0.5

    def test_the_room_is_what_would_be_granted_one_after_the_other(self) -> None:
        full = Budget(at=T0)
        used_up = replace(full, clients={hashed("one"): 30.0})
        for budget, client in (
            (full, ""),
            (full, "one"),
            (used_up, "one"),
            (replace(used_up, level=45.5), "one"),
        ):
            count, left = 0, budget
            while (taken := left.take(T0, READER, client=client)).granted:
                count, left = count + 1, taken.budget
            assert budget.room(T0, READER, client) == count
        assert full.room(T0, BACKGROUND) == 31
        assert replace(full, level=30.0).room(T0, BACKGROUND) == 1
        assert replace(full, level=29.9).room(T0, BACKGROUND) == 0
        assert replace(full, level=0.0).room(T0, READER) == replace(full, level=-9.0).room(T0, READER) == 0
        assert paused().room(T0, READER) == 0
        probed = paused(MaintenanceError.code)
        assert (probed.room(T0 + 30, READER), probed.room(T0 + 30, BACKGROUND)) == (1, 1)
        assert replace(probed, level=-90.0).room(T0 + 30, READER) == 0

    def test_the_wait_for_several_calls_is_told(self) -> None:
        empty = Budget(level=0.0, at=T0)
        assert empty.wait_for(T0, 1, READER) == 0.5
        assert empty.wait_for(T0, 20, READER) == 10
        assert empty.wait_for(T0, 500, READER) == 30, "no more than the bucket holds"
        assert empty.wait_for(T0, 1, BACKGROUND) == 15
        assert empty.wait_for(T0, 500, BACKGROUND) == 30
        assert Budget(at=T0).wait_for(T0, 20, READER) == 0
        assert paused().wait_for(T0 + 10, 1, READER) == 20
        assert replace(empty, clients={hashed("one"): 30.0}).wait_for(T0, 1, READER, "one") == 18.75

    @pytest.mark.parametrize("level", [0.5, 20.0, 45.0, 60.0])
    @pytest.mark.parametrize("used", range(0, 31, 4))
    def test_there_is_room_for_as_many_calls_as_are_granted(self, used: int, level: float) -> None:
        budget = Budget(at=T0, level=level, clients={hashed("one"): float(used)} if used else {})
        room, granted = budget.room(T0, READER, "one"), 0
        while (taken := budget.take(T0, READER, client="one")).granted:
            budget, granted = taken.budget, granted + 1
        assert room == granted

    def test_sixteen_clients_are_remembered_those_who_used_most_and_who_asks(self) -> None:
        budget = Budget(at=T0, level=60.0)
        for number in range(16):
            budget = budget.take(T0, READER, 2 if number else 1, f"client {number}").budget
        assert len(budget.clients) == 16
        budget = budget.take(T0, READER, client="one more").budget
        assert len(budget.clients) == 16
        assert hashed("client 0") not in budget.clients
        assert budget.clients[hashed("one more")] == 1

    def test_a_pause_lasts_an_hour_at_most_and_is_over_at_its_end(self) -> None:
        assert paused(seconds=1e9).pause_left(T0) == 3600
        assert paused(seconds=-5).pause_left(T0) == 0
        assert paused().pause_left(T0 + 30) == 0
        assert replace(paused(), paused_code="").pause_left(T0) == 0
        assert paused().paused(T0, 31, "other").paused_code == "other"
        assert paused().paused(T0, 30, "other") == paused()

    def test_the_first_call_after_a_pause_is_alone(self) -> None:
        for code in (MaintenanceError.code, OutageError.code, RateLimitedError.code):
            probe = paused(code).take(T0 + 30, READER, 5)
            assert probe.granted == 1
            assert probe.budget.probing
            assert probe.budget.level == 59
            assert probe.budget.take(T0 + 30 + PROBE_PAUSE - 0.5, READER).wait == 0.5
            assert not probe.budget.paused(T0 + 31, 60, code).probing

    @pytest.mark.parametrize("error", [MaintenanceError, OutageError, RateLimitedError])
    def test_a_refusal_in_a_pause_is_of_its_kind_and_after_it_the_budget_s(
        self, error: type[UpstreamError]
    ) -> None:
        refusal = paused(error.code).refusal(T0, 7)
        assert (type(refusal), refusal.retry_after) == (error, 7)
        later = paused(error.code).refusal(T0 + 30, 7)
        assert (type(later), later.retry_after) == (RateLimitedError, 7)
        assert "used up" in str(later)

    def test_headers_lower_the_level_by_what_others_used(self) -> None:
        full = Budget(at=T0)
        assert full.reconciled(T0, 240, 150, 30).level == 150 - 60 - 30 * 2
        assert full.reconciled(T0, 240, 150, 600).level == max(150 - 60 - 120, -120)
        assert full.reconciled(T0, 240, 0, 60).level == -120
        assert full.reconciled(T0, 240, 0, 10).level == full.reconciled(T0, 240, -7, 10).level == -80
        assert full.reconciled(T0, 240, 90, -5).level == 30
        assert full.reconciled(T0, 240, 10**9, 0).level == 60
        assert full.reconciled(T0, 10**9, 10**9, 60).limit == 100_000
        assert full.reconciled(T0, 3, 3, 60).limit == 4

    def test_a_document_is_believed_within_bounds(self) -> None:
        assert Budget.parse({"limit": 10**6}).limit == 100_000
        assert Budget.parse({"limit": 3}).limit == 4
        assert Budget.parse({"level": -1e9}).level == -120
        assert Budget.parse({"level": 1e15}).level == 60
        assert Budget.parse({"limit": 100.0}).limit == 100
        uses = {"a": 3, "b": 0, "c": 1e6, "d": True, "e": "x", "f": 999_999, "g": -1}
        assert Budget.parse({"clients": uses}).clients == {"a": 3.0, "f": 999_999.0}

    def test_a_document_with_more_calls_than_the_bucket_holds_grants_a_bucket_of_them(self) -> None:
        """Found by random input: with a time that is not over yet nothing else bounded the level."""
        told = Budget.parse({"level": 120.5, "at": 1000.0})
        assert told.room(1000.0, Priority.READER) == LIMIT // 4

    def test_without_a_document_the_bucket_is_full_and_nothing_is_paused(self) -> None:
        assert Budget.parse({}).document() == {
            "limit": 240,
            "level": 60.0,
            "at": 0.0,
            "paused_until": 0.0,
            "paused_code": "",
            "probing": False,
            "back_at": 0.0,
            "clients": {},
        }
        assert Budget(limit=250).capacity == 62.5

    def test_a_client_is_kept_under_eight_characters_that_are_no_address(self) -> None:
        assert len(hashed("192.0.2.7")) == 8
        assert hashed("192.0.2.7") != hashed("192.0.2.8")
