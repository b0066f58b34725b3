"""How the Data API's answers are read: kinds of failure, lines of CSV, numbers, queries."""

import json
import math
import random
import time

import pytest

from pitboard.drivers.errors import CredentialsError, RefusedError, Remedy, UnreachableError
from pitboard.iracing import data_api
from pitboard.iracing.data_api import (
    LONGEST_LINE,
    DataApi,
    _cells,
    _check_asset,
    _json,
    _lines,
    _must_be_another,
    _query,
    _refusal,
    _same,
)
from pitboard.iracing.shapes import Wrong
from pitboard.iracing.transport import NoAnswerError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, data_api._UnauthorizedError),
        (403, data_api._ForbiddenError),
        (400, RefusedError),
        (404, RefusedError),
        (422, RefusedError),
        (499, RefusedError),
        (500, data_api._PassingError),
        (504, data_api._PassingError),
        (399, UnreachableError),
        (302, UnreachableError),
        (204, UnreachableError),
    ],
)
def test_each_status_has_its_kind_of_failure(status, kind):
    error = _refusal(status, {})
    assert type(error) is kind
    assert f"(status {status})" in str(error)


def test_a_token_without_the_scope_is_a_matter_of_the_client():
    error = _refusal(403, {"error": "insufficient_scope"})
    assert isinstance(error, CredentialsError)
    assert error.remedy is Remedy.REGISTER_CLIENT
    bodies: list[object] = [{"error": "other"}, {}, [], None]
    for body in bodies:
        assert type(_refusal(403, body)) is data_api._ForbiddenError
    assert isinstance(_refusal(401, {"error": "insufficient_scope"}), data_api._UnauthorizedError)


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_link_that_has_died_is_asked_for_anew(status):
    with pytest.raises(data_api._DeadLinkError, match=str(status)):
        _check_asset(status)


@pytest.mark.parametrize("status", [201, 302, 401, 402, 405, 409, 411, 429, 500, 503])
def test_another_failure_of_the_file_store_may_pass(status):
    with pytest.raises(data_api._PassingError, match=str(status)):
        _check_asset(status)
    _check_asset(200)


def lines(*parts: bytes) -> list[str]:
    return list(_lines(iter(parts)))


def test_lines_come_whole_however_the_bytes_are_cut():
    text = "a,b\r\ncä,d\n\n\r\ne,f".encode("utf-8-sig")
    for size in (1, 2, 3, 7, 100):
        parts = [text[at : at + size] for at in range(0, len(text), size)]
        assert lines(*parts) == ["a,b", "cä,d", "e,f"]
    assert lines() == lines(b"", b"\n") == []


def test_a_line_has_a_longest_length_and_spoils_no_other():
    good, bad = b"x" * LONGEST_LINE, b"x" * (LONGEST_LINE + 1)
    for parts in (
        (b"a\n" + good + b"\n" + bad + b"\nb",),
        (b"a\n", good, b"\n", bad, b"\nb"),
        (b"a\n", good[:-1], b"x\n", bad[:-1], b"x\nb"),
        (b"a\n" + good[:9], good[9:] + b"\n" + bad[:9], bad[9:], b"\nb\n"),
    ):
        a, whole, cut, b = lines(*parts)
        assert (a, len(whole), b) == ("a", LONGEST_LINE, "b")
        assert len(cut) > LONGEST_LINE
    (cut,) = lines(good, b"y")
    assert len(cut) > LONGEST_LINE
    assert lines(bad, b"x" * 10, b"\nb", b"c\n")[1:] == ["bc"]


def test_what_is_kept_of_a_line_without_end_is_bounded():
    (cut,) = lines(*[b"x" * 60_000] * 50)
    assert len(cut) <= 2 * LONGEST_LINE


def test_a_stray_quote_or_nothing_is_a_row_without_cells():
    assert _cells('a,"b,c",d') == ["a", "b,c", "d"]
    assert _cells("") == []
    assert _cells("a,b\rc,d") == []


def test_a_number_of_thousands_of_digits_spoils_its_field_not_the_answer():
    read = _json(b'{"a": ' + b"9" * 5_000 + b', "b": 7, "c": ' + b"9" * 19 + b', "d": 1' + b"0" * 19 + b"}")
    assert math.isnan(read["a"])
    assert (read["b"], read["c"]) == (7, 10**19 - 1)
    assert math.isnan(read["d"])
    assert _json(b'{"a": ' + b"9" * 25 + b"}") == {"a": 10**25 - 1}


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_json_cannot_be_read(body):
    assert _json(body) is data_api._UNREADABLE


def test_a_query_has_words_for_truth_and_keeps_the_commas_of_ids():
    assert _query({"cust_ids": "1,2", "include_licenses": True, "other": False, "text": "A B&c", "n": 1}) == (
        "cust_ids=1,2&include_licenses=true&other=false&text=A+B%26c&n=1"
    )


@pytest.mark.parametrize(
    "row", [{"display_name": "Ann Tester"}, {"display_name": "ann  tester"}, {}, 5, None]
)
def test_a_row_that_cannot_be_read_may_be_the_one_that_is_searched_for(row):
    with pytest.raises(UnreachableError):
        _must_be_another(row, "Ann Tester")
    _must_be_another({"display_name": "Ann Tester2"}, "Ann Tester")


def test_an_answer_about_somebody_else_is_none():
    _same(7, 7)
    for other in (6, 8):
        with pytest.raises(UnreachableError):
            _same(other, 7)


def test_the_log_tells_paths_that_were_wrong_and_their_number(caplog):
    data_api._tell(Wrong(), "member/get")
    assert not caplog.records
    data_api._tell(Wrong([".b", ".a", ".a", ".c", ".d", ".e", ".f"]), "member/get")
    (record,) = caplog.records
    told = record.__dict__
    assert (told["endpoint"], told["left_out"]) == ("member/get", 7)
    assert told["paths"] == [".a", ".b", ".c", ".d", ".e"]
    assert json.dumps(told["paths"])


class Counting:
    """A meter that counts failures."""

    stopped = False

    def __init__(self) -> None:
        self.failures = 0

    def failed(self, begun: float) -> None:
        assert begun <= time.monotonic()
        self.failures += 1


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between attempts, which pass at once; each as long as it may be."""
    slept: list[float] = []

    def longest(least: float, most: float) -> float:
        assert (least, most) == (0.5, 1.0)
        return most

    monkeypatch.setattr(random, "uniform", longest)
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def failing(error: Exception, times: int):
    """Work that fails some times, and the list of its attempts."""
    tried: list[int] = []

    def work() -> int:
        tried.append(1)
        if len(tried) <= times:
            raise error
        return len(tried)

    return work, tried


@pytest.mark.parametrize("error", [NoAnswerError("Lost.", sent=True), data_api._PassingError("504")])
def test_what_may_pass_is_tried_three_times_after_pauses_that_grow(pauses, error):
    meter = Counting()
    api = DataApi("http://127.0.0.1:1", None, None, meter)  # type: ignore[arg-type]
    work, tried = failing(error, 2)
    assert api._repeated(time.monotonic() + 60, work) == 3
    assert pauses == pytest.approx([0.3, 0.6])
    assert meter.failures == 2
    work, tried = failing(error, 9)
    with pytest.raises(type(error)):
        api._repeated(time.monotonic() + 60, work)
    assert (len(tried), meter.failures, len(pauses)) == (3, 5, 4)


def test_nothing_is_tried_again_when_the_pause_would_end_too_late_or_the_program_ends(pauses):
    meter = Counting()
    api = DataApi("http://127.0.0.1:1", None, None, meter)  # type: ignore[arg-type]
    lost = NoAnswerError("Lost.", sent=True)
    work, tried = failing(lost, 9)
    with pytest.raises(NoAnswerError):
        api._repeated(time.monotonic() + 0.29, work)
    assert (len(tried), pauses) == (1, [])
    meter.stopped = True
    with pytest.raises(NoAnswerError):
        api._repeated(time.monotonic() + 60, work)
    assert (len(tried), pauses) == (2, [])


@pytest.mark.parametrize(
    "error", [UnreachableError("Odd."), RefusedError("No."), data_api._ForbiddenError("403")]
)
def test_what_will_not_pass_is_tried_once(pauses, error):
    meter = Counting()
    api = DataApi("http://127.0.0.1:1", None, None, meter)  # type: ignore[arg-type]
    work, tried = failing(error, 9)
    with pytest.raises(type(error)):
        api._repeated(time.monotonic() + 60, work)
    assert (len(tried), meter.failures, pauses) == (1, 0, [])
