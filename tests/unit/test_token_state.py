"""The rules of the token's document that the keeper's tests do not reach one by one."""

from pitboard.iracing.oauth import Grant
from pitboard.iracing.token_state import TokenState

NOW = 1_800_000_000.0


def state(lifetime: int = 600) -> TokenState:
    return TokenState().granted(Grant("access", lifetime, "refresh", 3600), NOW, refreshed=False)


def test_a_token_is_not_sent_in_its_last_five_seconds():
    """It would end on its way, and iRacing's 401 would cost a renewal and a second call."""
    assert state().valid(NOW + 594.9)
    assert not state().valid(NOW + 595.0)
    assert state().due(NOW + 595.0)


def test_a_token_is_due_a_minute_before_its_end_and_a_short_one_at_half_its_life():
    assert not state().due(NOW + 539.0)
    assert state().due(NOW + 540.0)
    assert state().due(NOW + 531.0, jitter=10.0)
    assert not state(60).due(NOW + 29.0)
    assert state(60).due(NOW + 30.0)
