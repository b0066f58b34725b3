"""The names that iRacing failed at, as arithmetic."""

from pitboard.drivers.again import WANTED, Again
from pitboard.drivers.budget import PROBE_PAUSE
from pitboard.drivers.freshness import FAILURE_KEPT

T0 = 1000.0


def waiting(*names: str) -> Again:
    failed = Again()
    for name in names:
        failed.add(name, T0, profile=False, client="reader")
    return failed


def test_without_a_failed_name_iracing_is_not_probed() -> None:
    assert Again().wait(T0) is None
    assert Again().probe(T0) == ({}, None)


def test_the_first_probe_comes_after_a_pause_and_the_next_one_after_another() -> None:
    failed = waiting("Ann")
    assert failed.wait(T0) == PROBE_PAUSE
    assert failed.wait(T0 + PROBE_PAUSE) == 0.0
    failed.probe(T0 + PROBE_PAUSE)
    assert failed.wait(T0 + PROBE_PAUSE) == PROBE_PAUSE


def test_every_name_has_its_turn_as_a_probe() -> None:
    failed = waiting("Ann", "Bob")
    assert [list(failed.probe(T0)[0]) for _ in range(3)] == [["Ann"], ["Bob"], ["Ann"]]


def test_a_name_is_asked_for_its_profile_when_one_reader_wants_it() -> None:
    failed = waiting("Ann")
    failed.add("Ann", T0, profile=True, client="reader")
    failed.add("Ann", T0, profile=False, client=None)
    assert failed.rest() == [({"Ann": True}, "reader")]
    assert failed.wait(T0) is None


def test_a_name_that_no_reader_wants_any_more_is_forgotten() -> None:
    failed = waiting("Ann", "Bob")
    failed.add("Bob", T0 + 100, profile=False, client="reader")
    assert failed.wait(T0 + WANTED) == 0.0
    assert failed.rest() == [({"Bob": False}, "reader")]
    assert waiting("Ann").wait(T0 + WANTED) is None


def test_an_answered_name_is_forgotten() -> None:
    failed = waiting("Ann", "Bob")
    failed.answered(["Ann", "Carl"])
    assert failed.rest() == [({"Bob": False}, "reader")]


def test_names_are_asked_in_full_calls_of_one_client_each_and_renewals_come_last() -> None:
    failed = Again()
    for number in range(60):
        failed.add(f"stale {number}", T0, profile=False, client=None)
        failed.add(f"new {number}", T0, profile=False, client="reader")
    failed.add("another", T0, profile=False, client="other")
    batches = [(len(names), client) for names, client in failed.rest()]
    assert batches == [(50, "reader"), (10, "reader"), (1, "other"), (50, None), (10, None)]


def test_a_crawl_does_not_fill_the_memory() -> None:
    assert len(waiting(*(str(number) for number in range(5_010)))) == 5_000


def test_a_probe_comes_every_three_seconds_and_a_name_waits_ten_minutes() -> None:
    failed = waiting("Ann")
    failed.add("Bob", T0 + 2, profile=False, client="reader")
    assert failed.wait(T0 + 2) == 1.0, "a further name does not put the probe off"
    assert failed.wait(T0 + 3) == failed.wait(T0 + 50) == 0.0
    failed.add("Ann", T0 + 5, profile=False, client="other")
    assert failed.probe(T0 + 599) == ({"Ann": False}, "other")
    assert failed.wait(T0 + 600) == 2.0
    assert failed.wait(T0 + 602) == 0.0
    assert failed.wait(T0 + 605) is None


def test_a_name_at_which_iracing_alone_fails_is_asked_less_and_less() -> None:
    failed, now, asked = waiting("Ann"), T0, 0
    while (wait := failed.wait(now)) is not None:
        now += wait
        if list(failed.probe(now)[0]):
            asked += 1
            failed.failed(now, away=False)
    assert T0 + WANTED - FAILURE_KEPT < now < T0 + WANTED + FAILURE_KEPT
    assert asked <= 15


def test_while_iracing_is_away_the_probes_keep_their_pace() -> None:
    failed = waiting("Ann")
    failed.failed(T0, away=False)
    failed.failed(T0, away=True)
    assert failed.wait(T0) == PROBE_PAUSE


def test_another_name_that_fails_is_asked_soon_and_one_that_waits_already_is_not() -> None:
    failed = waiting("Ann")
    for _ in range(9):
        failed.failed(T0, away=False)
    failed.add("Ann", T0, profile=False, client="reader")
    assert failed.wait(T0) == FAILURE_KEPT
    failed.add("Bob", T0, profile=False, client="reader")
    assert failed.wait(T0) == PROBE_PAUSE
