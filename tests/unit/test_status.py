"""What `/status` and `pitboard top` show of the last day."""

import io
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.support.fake_http import Reply, fake_http_server

from pitboard.drivers.health import Part, judged
from pitboard.local.status import KEPT, Day, columns, report
from pitboard.local.status_page import status_page
from pitboard.local.top import NotServingError, ask, screen
from pitboard.telemetry import PrometheusTelemetry

NOW = 1_800_000_000.0
WELL = judged({"store": Part(True, "The database answers.", vital=True)})


def a_day(pages=()):
    """A day in which each of `pages` was a minute: (names known, names pending, calls, calls that failed)."""
    telemetry = PrometheusTelemetry()
    day = Day(telemetry, lambda: NOW)
    for known, pending, calls, failed in pages:
        telemetry.count("requests", route="/drivers", status="200")
        telemetry.count("names", known, state="fresh")
        telemetry.count("names", pending, state="pending")
        telemetry.count("upstream_calls", calls - failed, endpoint="member/get", outcome="ok")
        telemetry.count("upstream_calls", failed, endpoint="member/get", outcome="timeout")
        telemetry.gauge("budget_left", 33)
        day.end_minute()
    return day


def test_each_minute_has_what_happened_in_it():
    minutes = a_day([(20, 0, 1, 0), (18, 2, 5, 3)]).minutes()
    assert [minute.count.names for minute in minutes] == [20, 20, 0]
    assert [minute.count.known for minute in minutes] == [20, 18, 0]
    assert [minute.count.pending for minute in minutes] == [0, 2, 0]
    assert [minute.count.calls_failed for minute in minutes] == [0, 3, 0]
    assert minutes[-1].budget_left == 33


def test_a_day_is_kept_and_no_more():
    day = a_day([(1, 0, 0, 0)] * (KEPT + 5))
    assert len(day.minutes()) == KEPT + 1


def test_answers_with_an_error_of_the_server_count_as_failed():
    telemetry = PrometheusTelemetry()
    day = Day(telemetry, lambda: NOW)
    for status in ("200", "304", "404", "500", "503"):
        telemetry.count("requests", route="/drivers", status=status)
    (minute,) = day.minutes()
    assert (minute.count.requests, minute.count.failed) == (5, 2)


def test_sums_are_those_of_the_last_minute_hour_and_day():
    told = report(a_day([(1, 0, 1, 0)] * 90), WELL, NOW)
    assert told["last_minute"]["names"] == 1
    assert told["last_hour"]["names"] == 60
    assert told["last_day"]["names"] == 90


@given(st.lists(st.integers(0, 100), min_size=1, max_size=400), st.integers(1, 200))
def test_columns_are_few_and_lose_nothing(values, most):
    minutes = [{"calls": value} for value in values]
    shown = columns(minutes, "calls", most)
    assert 1 <= len(shown) <= most
    assert min(values) <= min(shown)
    assert max(shown) <= max(values)
    if len(values) <= most:
        assert shown == values


def test_the_page_and_the_terminal_show_what_is_not_well():
    ill = judged({"token": Part(False, "<b>iRacing</b> refused the token.")})
    told = report(a_day([(20, 1, 3, 1)]), ill, NOW)
    page = status_page(told)
    assert "&lt;b&gt;iRacing&lt;/b&gt; refused the token." in page
    assert 'class="state degraded"' in page
    assert "<script" not in page
    shown = io.StringIO()
    Console(file=shown, width=80).print(screen(told, 80))
    assert "degraded" in shown.getvalue()


def test_a_server_that_has_just_begun_has_a_page():
    assert "None since" in status_page(report(a_day(), WELL, NOW))


@pytest.mark.parametrize("told", [{"hello": 1}, [1], "hello", {"health": {}, "version": "1"}, None])
def test_top_says_that_another_program_answers(told):
    with fake_http_server() as server:
        server.on("/status.json", Reply(json=told, body=b"null"))
        port = urlsplit(server.url).port or 0
        with pytest.raises(NotServingError, match="is no Pitboard of this version"):
            ask("127.0.0.1", port)


def test_top_reads_the_status_of_a_server():
    told = report(a_day([(20, 0, 1, 0)]), WELL, NOW)
    with fake_http_server() as server:
        server.on("/status.json", Reply(json=told))
        assert ask("127.0.0.1", urlsplit(server.url).port or 0) == told
