"""The simulator's rate limits: fixed windows that the first call opens."""

from hypothesis import given
from hypothesis import strategies as st

from pitboard.simulator.clock import Clock, Window

pauses = st.lists(st.floats(0, 30), max_size=60)


@given(st.integers(1, 9), pauses)
def test_each_window_grants_exactly_its_limit(limit, pauses):
    window, now = Window(limit, 10), 1000.0
    granted: dict[float, list[bool]] = {}
    for pause in pauses:
        now += pause
        allowed = window.take(now)
        granted.setdefault(window.resets, []).append(allowed)
        assert now < window.resets <= now + 10
        assert 0 <= window.remaining <= limit
    for answers in granted.values():
        assert answers == [True] * min(limit, len(answers)) + [False] * (len(answers) - limit)


def test_the_clock_follows_real_time_and_can_be_advanced():
    clock = Clock()
    before = clock.now()
    clock.advance(3600)
    assert 3600 <= clock.now() - before < 3660
