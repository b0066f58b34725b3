"""When `serve` refreshes the driver index. The clock is the test's, nothing waits."""

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitboard.local.index_schedule import (
    JITTER,
    LOOK_SECONDS,
    IndexJob,
    IndexSchedule,
    _log_again,
    _problem,
    pause_after,
    seconds_left,
)
from pitboard.settings import SettingError, Settings

HOUR = 3600.0


class World:
    """A clock, an index that ages with it, and refreshes that end as the test says ("" is well)."""

    def __init__(self, age: float | None, *endings: str) -> None:
        self.now = 0.0
        self.made = None if age is None else -age
        self.endings = list(endings)
        self.begun: list[float] = []
        self.waits: list[float] = []

    def age(self) -> float | None:
        return None if self.made is None else self.now - self.made

    def refresh(self) -> str:
        self.begun.append(self.now)
        ending = self.endings.pop(0)
        if not ending:
            self.made = self.now
        return ending

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return not self.endings

    def run(self, hours: float, spread: float = 0.0) -> list[float]:
        """Runs until the endings are used up; gives when refreshes began."""
        IndexSchedule(hours, self.age, self.refresh, lambda: None, self.wait, lambda: spread).run()
        return self.begun


def test_without_an_index_the_first_refresh_is_at_once_and_the_next_a_day_later():
    assert World(None, "", "").run(24) == [0.0, 24 * HOUR]


def test_after_a_restart_a_young_index_is_left_as_it_is():
    assert World(10 * HOUR, "").run(24) == [14 * HOUR]


def test_an_old_index_is_refreshed_at_once():
    assert World(25 * HOUR, "").run(24) == [0.0]


def test_failures_are_retried_with_growing_pauses():
    begun = World(None, "no", "no", "no", "no", "").run(24)
    assert begun == [0.0, 0.25 * HOUR, 1.25 * HOUR, 5.25 * HOUR, 9.25 * HOUR]


def test_a_success_makes_the_pauses_short_again():
    assert World(None, "no", "no", "", "no", "").run(1) == [0.0, 900.0, 4500.0, 8100.0, 9000.0]


def test_each_failure_is_logged_once_with_its_sentence_and_the_next_attempt(caplog):
    World(None, "iRacing is in maintenance.", "").run(24)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "iRacing is in maintenance." in line
    assert "15 minutes" in line


def test_a_clock_that_is_set_is_noticed_soon():
    world = World(0.0, "")
    world.run(24)
    assert max(world.waits) <= LOOK_SECONDS


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), ZeroDivisionError("odd")])
@pytest.mark.parametrize("part", ["age", "refresh"])
def test_the_schedule_goes_on_after_a_part_of_it_failed_and_the_log_says_why(
    part, error, caplog, monkeypatch
):
    world, failures = World(None, "", ""), [error]
    well = getattr(world, part)

    def failing_once():
        if failures:
            raise failures.pop()
        return well()

    monkeypatch.setattr(world, part, failing_once)
    assert world.run(24) == [900.0, 900.0 + 24 * HOUR]
    assert "the next attempt is in 15 minutes" in caplog.text
    assert ("Permission denied" if isinstance(error, OSError) else "ZeroDivisionError: odd") in caplog.text


@given(st.floats(-1, 1), st.floats(0.5, 100))
def test_jitter_moves_a_refresh_by_a_twentieth_at_most(spread, hours):
    left = seconds_left(0.0, hours, spread)
    assert abs(left - hours * HOUR) <= JITTER * hours * HOUR + 1e-6


@given(st.integers(1, 1000), st.floats(0.01, 100))
def test_a_pause_is_never_longer_than_the_interval(failures, hours):
    assert 0 < pause_after(failures, hours) <= hours * HOUR


def test_with_zero_hours_nothing_ever_runs():
    world = World(None, "")
    with IndexSchedule(0, world.age, world.refresh, lambda: None, world.wait):
        pass
    assert world.begun == []


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "daily", "1e9"])
def test_hours_that_are_none_are_refused_by_name(text):
    with pytest.raises(SettingError, match="PITBOARD_INDEX_HOURS"):
        Settings.read({"PITBOARD_INDEX_HOURS": text})


@pytest.mark.parametrize(("text", "hours"), [("", 24.0), ("0", 0.0), ("0.5", 0.5), ("48", 48.0)])
def test_hours(text, hours):
    assert Settings.read({"PITBOARD_INDEX_HOURS": text}).index_hours == hours


# --- what a child says


def test_a_childs_log_line_keeps_its_logger_level_time_and_fields(caplog):
    line = {
        "time": "2026-11-26T15:00:00.250+00:00",
        "level": "WARNING",
        "logger": "pitboard.drivers.refresh",
        "message": "100 % of the list is broken",
        "rows": 7,
    }
    _log_again(json.dumps(line))
    (record,) = caplog.records
    assert (record.name, record.levelno, record.rows) == ("pitboard.drivers.refresh", logging.WARNING, 7)
    assert record.getMessage() == "100 % of the list is broken"
    assert record.created == 1795705200.25


@pytest.mark.parametrize("line", ["Traceback (most recent call last):", "[]", "{}", '{"level": 1}'])
def test_another_line_of_a_child_is_a_warning(line, caplog):
    _log_again(line)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert line in record.getMessage()


@pytest.mark.parametrize(
    ("said", "code", "problem"),
    [
        ('{"drivers": 1, "kept": {}, "missing": {}}\n', 0, ""),
        ('{"error": "iRacing is in maintenance."}\n', 1, "iRacing is in maintenance."),
        ('{"kept": {"oval": "Broke off."}, "missing": {}}\n', 1, "no new list of oval: Broke off."),
        ("", -9, "The refresh ended with code -9 and no result."),
        ("null", 0, "The refresh ended with code 0 and no result."),
    ],
)
def test_how_a_child_ended_is_one_sentence(said, code, problem):
    assert _problem(said, code) == problem


def test_a_refresh_that_cannot_be_started_is_a_failure_like_any_other(monkeypatch, tmp_path):
    """Python may be moved away below a server that runs, by an upgrade."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    assert IndexJob(Settings.read({})).run() == "The refresh cannot be started: No such file or directory."
