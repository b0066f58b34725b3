"""What is said of connections that failed, and which answers are too large or too late."""

import time
from types import SimpleNamespace

import pytest
from urllib3 import HTTPConnectionPool, Timeout
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from pitboard.drivers.errors import UnreachableError
from pitboard.iracing import transport
from pitboard.iracing.transport import NoAnswerError, Transport, _chunks, _no_answer, _whole

CONNECTION = HTTPConnection("data.example.org")
POOL = HTTPConnectionPool("data.example.org")


@pytest.mark.parametrize(
    ("error", "sent", "words"),
    [
        (NewConnectionError(CONNECTION, "refused"), False, "cannot be reached"),
        (NewConnectionError(CONNECTION, "that is not public"), False, "private network"),
        (ConnectTimeoutError("slow"), False, "cannot be reached"),
        (SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] expired"), False, "could not be verified"),
        (SSLError("handshake"), True, "secure connection"),
        (ReadTimeoutError(POOL, "", "slow"), True, "did not answer in time"),
        (TimeoutError(), True, "did not answer in time"),
        (ProtocolError("reset"), True, "broke off"),
        (OSError("reset"), True, "broke off"),
    ],
    ids=["refused", "private", "connect", "certificate", "tls", "read", "timeout", "protocol", "os"],
)
def test_each_failure_says_whether_the_request_may_have_arrived(error, sent, words):
    """A refresh token that may have arrived is spent, and a login that has not counts for nobody."""
    told = _no_answer(error, "data.example.org")
    assert told.sent is sent
    assert words in str(told)
    assert "data.example.org" in str(told)


def response(*chunks: bytes | Exception):
    """An answer whose parts come one after the other."""
    left = list(chunks)

    def read1(most: int) -> bytes:
        assert most == 64 * 1024
        part = left.pop(0) if left else b""
        if isinstance(part, Exception):
            raise part
        return part

    return SimpleNamespace(status=200, headers={"A": "b"}, read1=read1)


def test_an_answer_is_read_to_16_mb_and_no_further():
    later, half = time.monotonic() + 60, b"x" * (8 * 1024 * 1024)
    whole = _whole(response(half, half), later)
    assert (whole.status, whole.headers, whole.body) == (200, {"A": "b"}, half + half)
    with pytest.raises(UnreachableError, match="larger than 16 MB"):
        _whole(response(half, half, b"x"), later)


@pytest.mark.parametrize(("left", "connect", "read"), [(60.0, 4.0, 10.0), (7.0, 4.0, 7.0), (2.0, 2.0, 2.0)])
def test_a_connection_may_take_4_seconds_and_an_answer_10_unless_the_deadline_comes_first(
    monkeypatch, left, connect, read
):
    asked: list[Timeout] = []

    def urlopen(*_, timeout, **__):
        asked.append(timeout)
        raise OSError

    monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=lambda: 100.0))
    one = Transport()
    monkeypatch.setattr(one, "_pools", lambda *_: SimpleNamespace(urlopen=urlopen))
    with pytest.raises(NoAnswerError):
        one.get("http://data.example.org/", 100.0 + left)
    assert [(timeout.connect_timeout, timeout._read) for timeout in asked] == [(connect, read)]


def test_an_answer_that_comes_after_the_deadline_is_none():
    parts = _chunks(response(b"1", b"2"), time.monotonic() - 1)
    assert next(parts) == b"1"
    with pytest.raises(NoAnswerError, match="in time") as caught:
        next(parts)
    assert caught.value.sent


def test_an_answer_that_breaks_off_may_have_been_acted_on():
    with pytest.raises(NoAnswerError) as caught:
        list(_chunks(response(b"1", ProtocolError("reset")), time.monotonic() + 60))
    assert caught.value.sent


def test_without_time_nothing_is_sent_and_it_is_said():
    with pytest.raises(NoAnswerError, match="no time left") as caught:
        Transport().get("http://127.0.0.1:1/", time.monotonic())
    assert not caught.value.sent


def test_each_kind_of_url_has_its_own_pool_which_is_kept():
    one = Transport(request_id=lambda: "abc")
    plain, tls, public = (
        one._pools("http://a.example/"),
        one._pools("https://a.example/"),
        one._pools("https://a.example/", public=True),
    )
    assert len({id(plain), id(tls), id(public)}) == 3
    assert one._pools("http://b.example/") is plain
    assert one._pools("https://b.example/") is tls
    assert one._pools("https://b.example/", public=True) is public
    for pools in (plain, tls, public):
        assert pools.connection_pool_kw["maxsize"] == 48
    assert one._common_headers()["X-Request-Id"] == "abc"
    assert "X-Request-Id" not in Transport()._common_headers()


def test_nothing_is_kept_open_after_the_end():
    one = Transport()
    pools = [
        one._pools("http://a.example/"),
        one._pools("https://a.example/"),
        one._pools("https://a.example/", public=True),
    ]
    for some, url in zip(pools, ("http://a.example/", *["https://a.example/"] * 2), strict=True):
        some.connection_from_url(url)
    assert [len(some.pools) for some in pools] == [1, 1, 1]
    one.close()
    assert [len(some.pools) for some in pools] == [0, 0, 0]
    Transport().close()
