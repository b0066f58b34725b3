"""One exception ends none of the threads that work for as long as `serve` runs.

They are: renewals and purges (`renewals`), asking again (`again`), the schedule of the driver index and the
reader of its child's log (`index_schedule`), the minutes of `/status` (`status`), getting a token (`home`),
deletions that members asked for (`members`), and the sweep of connections (`limits`, in the event loop).
"""

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.waiting import wait_until

from pitboard.drivers import again as failed_names
from pitboard.drivers.errors import StoreError
from pitboard.drivers.names import parse
from pitboard.drivers.ports import Telemetry
from pitboard.iracing.credentials import Credentials
from pitboard.local import again, index_schedule, limits, members, renewals, status
from pitboard.local.again import AskingAgain
from pitboard.local.home import LocalHome
from pitboard.local.limits import Door
from pitboard.local.members import LocalMembers
from pitboard.local.renewals import BackgroundRenewals
from pitboard.local.status import Day
from pitboard.settings import Settings
from pitboard.stores.sqlite import SqliteStore
from pitboard.telemetry import PrometheusTelemetry


class Failing:
    """Raises at its first call and is well from then on."""

    def __init__(self, error: Exception | None = None, result: object = None) -> None:
        self.calls = 0
        self.well = threading.Event()
        self._error = error or ZeroDivisionError("once")
        self._result = result

    def __call__(self, *_: object, **__: object) -> object:
        self.calls += 1
        if self.calls == 1:
            raise self._error
        self.well.set()
        return self._result


@pytest.fixture
def background(monkeypatch):
    monkeypatch.setattr(renewals, "AFTER_FAILURE", 0.01)
    background = BackgroundRenewals(Telemetry())
    yield background
    background.close()


def test_renewals_go_on_after_one_that_failed(background):
    renew = Failing()
    background.start(renew, lambda: None)
    background.enqueue(["Ann Tester"], soon=True)
    wait_until(lambda: renew.calls)
    background.enqueue(["Ann Tester"], soon=True)
    assert renew.well.wait(10)


def test_renewals_go_on_after_the_pool_itself_failed(monkeypatch):
    monkeypatch.setattr(renewals, "AFTER_FAILURE", 0.01)
    telemetry, renewed = Telemetry(), threading.Event()
    gauge = Failing()
    monkeypatch.setattr(telemetry, "gauge", gauge)
    background = BackgroundRenewals(telemetry)
    background.start(lambda *_: renewed.set(), lambda: None)
    background.enqueue(["Ann Tester"], soon=True)
    wait_until(lambda: gauge.calls)
    background.enqueue(["Bo Demo2"], soon=True)
    assert renewed.wait(10)
    background.close()


def test_the_store_is_purged_again_after_a_purge_that_failed(background, monkeypatch):
    monkeypatch.setattr(renewals, "EVERY_HOUR", 0.01)
    purge = Failing()
    background.start(lambda *_: None, purge)
    assert purge.well.wait(10)


@pytest.mark.parametrize("part", ["ask", "pause", "back_at"])
def test_asking_again_goes_on_after_a_part_of_it_failed(part, monkeypatch):
    monkeypatch.setattr(failed_names, "PROBE_PAUSE", 0.1)
    monkeypatch.setattr(again, "LOOK", 0.01)
    parts: dict[str, Any] = {"ask": lambda *_: [], "pause": lambda: 0.0, "back_at": lambda: 0.0}
    failing = Failing(result=parts[part]())
    asking = AskingAgain()
    asking.add("Ann Tester", profile=False, client=None)
    asking.start(**{**parts, part: failing})
    assert failing.well.wait(10)
    asking.close(5.0)


def test_a_childs_log_is_read_to_its_end_whatever_a_line_holds(monkeypatch):
    """Else the child would wait for ever for somebody who reads."""
    log_again = Failing()
    monkeypatch.setattr(index_schedule, "_log_again", log_again)
    index_schedule._forward(io.StringIO("one\ntwo\nthree\n"))
    assert log_again.calls == 3


def test_minutes_are_counted_on_after_one_that_failed(monkeypatch):
    monkeypatch.setattr(status, "MINUTE", 0.01)
    day = Day(PrometheusTelemetry())
    end_minute = Failing()
    monkeypatch.setattr(day, "end_minute", end_minute)
    with day:
        assert end_minute.well.wait(10)


@pytest.fixture
def home(tmp_path):
    settings = Settings.read({"PITBOARD_DB": str(tmp_path / "p.sqlite3")})
    with LocalHome(settings, Credentials("id", "secret", "ann@example.org", "password")) as home:
        yield home


def test_a_token_is_asked_for_again_after_an_attempt_that_failed_oddly(home, monkeypatch):
    access_token = Failing()
    monkeypatch.setattr(home.tokens, "access_token", access_token)
    monkeypatch.setattr(home.tokens, "pause", lambda _: None)
    home.sign_in_behind(lambda _: None)
    assert access_token.well.wait(10)


def test_a_token_is_asked_for_again_although_the_terminal_is_gone(home, monkeypatch):
    access_token, said = Failing(StoreError("The disk is full.")), Failing(BrokenPipeError())
    monkeypatch.setattr(home.tokens, "access_token", access_token)
    monkeypatch.setattr(home.tokens, "pause", lambda _: None)
    home.sign_in_behind(said)
    assert access_token.well.wait(10)


@pytest.mark.parametrize("error", [StoreError("The database is busy."), ZeroDivisionError("odd")])
def test_what_a_member_asked_for_is_deleted_after_a_deletion_that_failed(
    error, monkeypatch, tmp_path, caplog
):
    monkeypatch.setattr(members, "AGAIN_SECONDS", 0.01)
    settings = Settings.read({"PITBOARD_DB": str(tmp_path / "p.sqlite3")})
    store = SqliteStore(settings.db)
    ours = LocalMembers(settings, store)
    sweep = Failing(error, result=0)
    monkeypatch.setattr(store, "sweep", sweep)
    ours.forget_soon([parse("Ann Tester")])
    assert sweep.well.wait(10)
    assert "is not deleted yet" in caplog.text
    ours.close()
    store.close()


class Loop:
    """An event loop that runs what comes later when the test says so."""

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []

    def call_later(self, _: float, work: Callable[[], None]) -> None:
        self.later.append(work)


class Connection:
    group = ""

    def __init__(self) -> None:
        self.end = Failing()


def test_connections_are_swept_again_after_a_sweep_that_failed():
    now = [0.0]
    loop: Any = Loop()
    connection: Any = Connection()
    door = Door(10, lambda: now[0])
    door.enter(connection)
    door.keep_swept(loop)
    now[0] = limits.HEAD_SECONDS + 1
    with pytest.raises(ZeroDivisionError):
        loop.later.pop(0)()
    loop.later.pop(0)()
    assert connection.end.well.is_set()
