"""The thread that asks again, where the store is away for a while."""

import threading
import time

import pytest
from tests.support.waiting import wait_until

from pitboard.drivers import again as names
from pitboard.drivers.errors import StoreError
from pitboard.local import again
from pitboard.local.again import AskingAgain


@pytest.fixture
def asking(monkeypatch):
    monkeypatch.setattr(names, "PROBE_PAUSE", 0.05)
    asking = AskingAgain()
    asking.add("Ann Tester", profile=False, client=None)
    yield asking
    asking.close(5.0)


def test_while_the_store_is_away_it_is_not_asked_again_and_again(asking):
    asked = []

    def pause() -> float:
        asked.append(time.monotonic())
        raise StoreError("The disk is gone.")

    asking.start(lambda _, __: [], pause, lambda: 0.0)
    wait_until(lambda: asked)
    time.sleep(again.LOOK / 2)
    assert len(asked) == 1


def test_once_the_store_is_back_it_goes_on(asking, monkeypatch):
    monkeypatch.setattr(again, "LOOK", 0.02)
    broken = [StoreError("The disk is gone.")]

    def back_at() -> float:
        if broken:
            raise broken.pop()
        return 0.0

    asked = threading.Event()

    def ask(_, __) -> list[str]:
        asked.set()
        return []

    asking.start(ask, lambda: 0.0, back_at)
    assert asked.wait(5)


def test_names_that_were_not_asked_for_because_the_store_failed_are_asked_once_it_is_back(
    asking, monkeypatch
):
    """Also those behind them in the line. A disk may fail in the moment in which iRacing is back."""
    monkeypatch.setattr(again, "LOOK", 0.02)
    for number in range(2):
        asking.add(f"Bob Tester{number}", profile=True, client=f"reader {number}")
    asked, broken = [], [StoreError("The disk is full.")]

    def ask(names, client) -> list[str]:
        if client and broken:
            raise broken.pop()
        asked.append((dict(names), client))
        return []

    asking.start(ask, lambda: 0.0, lambda: 0.0)
    wait_until(lambda: len(asked) >= 3)
    assert asked[0] == ({"Ann Tester": False}, None)
    assert sorted(asked[1:], key=str) == [({f"Bob Tester{n}": True}, f"reader {n}") for n in range(2)]
