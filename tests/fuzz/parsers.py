"""What reads bytes of strangers. Each parser is given anything and may only do what its docstring says.

`scripts/fuzz.py parsers` runs them guided by coverage; test_parsers.py a short while with random input.
"""

import json
import math
from collections.abc import Callable
from typing import Any

from pitboard.drivers import names
from pitboard.drivers.budget import Budget
from pitboard.drivers.errors import UnreachableError, UpstreamError
from pitboard.drivers.names import InvalidNameError
from pitboard.http.problems import Problem
from pitboard.http.query import asked_names
from pitboard.iracing import data_api, oauth, pauses, shapes
from pitboard.iracing.links import Links
from pitboard.iracing.token_state import TokenState
from pitboard.iracing.transport import Answer
from pitboard.telemetry.redact import Redactor

NOW = 1_800_000_000.0
SECRET = "hush-hush-0123456789"
LINKS = Links("https://members-ng.iracing.com", ["files.example.org"])
SHAPES = (shapes.rows(shapes.MEMBER), shapes.PROFILE, shapes.CHART, shapes.CAREER, shapes.FOUND, shapes.RACES)


def query(data: bytes) -> None:
    """The names of a query string: some texts, or a 400."""
    try:
        found = asked_names(data)
    except Problem as problem:
        refused = problem.status
    else:
        assert 0 < len(found) <= 50
        return
    assert refused == 400


def name(data: bytes) -> None:
    """A name, which is its own name again; or `InvalidNameError`."""
    try:
        parsed = names.parse(data.decode("utf-8", "replace"))
    except InvalidNameError:
        return
    again = names.parse(parsed.shown)
    assert again == parsed
    assert names.same(parsed.shown, parsed.key)
    assert parsed.shown.isprintable()


def csv_file(data: bytes) -> None:
    """Lines of CSV, the same however they are cut; none is longer than allowed."""
    whole = list(data_api._lines(iter([data])))
    assert list(data_api._lines(data[n : n + 3] for n in range(0, len(data), 3))) == whole
    for line in whole:
        assert "\n" not in line
        data_api._cells(line)


def answer(data: bytes) -> None:
    """An answer of the Data API in each shape: what is left can be encoded as strict JSON."""
    value = data_api._json(data)
    for shape in SHAPES:
        try:
            checked = shape(value, shapes.Wrong())
        except shapes.WrongError:
            continue
        json.dumps(checked, allow_nan=False).encode()


def token_answer(data: bytes) -> None:
    """A token answer: a grant with a token that a header can hold, or an `UpstreamError`."""
    for status in (200, 400, 503):
        try:
            grant = oauth._grant(Answer(status, {}, data), refreshed=bool(len(data) % 2))
        except UpstreamError:
            continue
        assert grant.access_token.isascii()
        assert 0 < grant.lifetime < 1e9


def retry_after(data: bytes) -> None:
    """A Retry-After header: none, or 0 to an hour."""
    pause = pauses.retry_after({"Retry-After": data.decode("latin-1")})
    assert pause is None or 0 <= pause <= 3600


def token_document(data: bytes) -> None:
    """A kept document: read, its rules can be asked, and what is written is read as the same."""
    value = _object(data)
    state = TokenState.parse(value)
    for question in (state.valid, state.due, state.refreshable, state.recent_logins, state.trouble):
        question(NOW)
    state.refusal(NOW)
    state.login_refusal(NOW)
    assert TokenState.parse(json.loads(json.dumps(state.document()))) == state


def budget_document(data: bytes) -> None:
    """A kept budget: a level that its bucket can have, and a call after a while."""
    budget = Budget.parse(_object(data)).filled(NOW)
    assert math.isfinite(budget.level)
    assert -budget.limit / 2 <= budget.level <= budget.capacity
    assert budget.filled(NOW + 2 * 3700).level >= 1


def link(data: bytes) -> None:
    """A link: followed to iRacing's hosts by https, or `UnreachableError`."""
    text = data.decode("utf-8", "replace")
    try:
        LINKS.check(text)
    except UnreachableError:
        return
    scheme, _, rest = text.partition("://")
    assert scheme.lower() == "https"
    authority = rest.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    assert "@" not in authority, text


def log_line(data: bytes) -> None:
    """A log line: no secret is left in it, and a second look changes nothing."""
    redactor = Redactor()
    redactor.hide(SECRET)
    cut = len(data) // 2
    said = redactor.text(data[:cut].decode("latin-1") + SECRET + data[cut:].decode("latin-1"))
    assert SECRET not in said
    assert redactor.text(said) == said


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


PARSERS: dict[str, Callable[[bytes], None]] = {
    parser.__name__: parser
    for parser in (
        query,
        name,
        csv_file,
        answer,
        token_answer,
        retry_after,
        token_document,
        budget_document,
        link,
        log_line,
    )
}

SEEDS: dict[str, tuple[bytes, ...]] = {
    "query": (b"names=Ann%20Tester,Bo%2C+Jr.&name=%C5%98", b"name=%ff&names=,,"),
    "name": ("Jiří Čestný".encode(), b" Ann   Tester2"),
    "csv_file": (b'\xef\xbb\xbfDRIVER,CUSTID\r\n"Tester, Ann",7\n',),
    "answer": (
        b'[{"cust_id":7,"display_name":"Ann","licenses":[{"category_id":1,"irating":1e999}]}]',
        b'{"cust_id":7,"category_id":1,"chart_type":1,"data":[{"when":"2026-01-01","value":1350}]}',
        b'{"cust_id":7,"member_info":{"cust_id":7,"display_name":"Ann"},"recent_events":[]}',
        b'{"cust_id":7,"stats":[{"category_id":1,"starts":3}]}',
    ),
    "token_answer": (
        b'{"access_token":"a","scope":"iracing.auth","expires_in":600,"refresh_token":"r"}',
        b'{"error":"invalid_grant","error_description":"x"}',
    ),
    "retry_after": (b"120", b"Wed, 21 Oct 2026 07:28:00 GMT", b"1e999"),
    "token_document": (
        b'{"access_token":"a","access_from":1799999999,"access_until":1800000600,"logins":[1,1e999]}',
        b'{"failures":3,"cool_until":1800000030,"cool_code":"credentials","blocked_until":1800000030}',
    ),
    "budget_document": (b'{"level":12.5,"at":1800000000,"limit":240,"paused_until":1800000100}',),
    "link": (
        b"https://scorpio-assets.s3.amazonaws.com/x?X-Amz-Signature=y",
        b"https://user@files.example.org:443\\@evil.example/",
    ),
    "log_line": (b'{"access_token": "x", "a": "Bearer y"} https://h/?X-Amz-Signature=z password=w',),
}
"""Inputs to begin with: what is read on a good day, and some of a bad one."""
