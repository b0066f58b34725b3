"""What counts as damaged of what a store has read, at its edges."""

import math
from datetime import UTC, datetime

import pytest

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import IdEntry, Record
from pitboard.stores import damage
from pitboard.stores.damage import DamageError, Told

NOW = 1_800_000_000.0
EXACT = 2**53
"""Whole numbers up to here have a place of their own among JSON's."""


def read(cust_id: object = 7, time: object = NOW) -> Record:
    return damage.record("ann tester", cust_id, b'{"cust_id":7}', NOW, NOW, NOW, time)


@pytest.mark.parametrize("cust_id", [0, 1, EXACT])
def test_a_customer_id_is_taken_as_long_as_it_is_exact_everywhere(cust_id):
    assert int(float(cust_id)) == cust_id
    assert read(cust_id).cust_id == cust_id
    assert damage.entry("ann tester", cust_id, "iRacing", NOW, "").cust_id == cust_id


@pytest.mark.parametrize("cust_id", [-1, EXACT + 1, True, 7.0, "7"])
def test_any_other_number_is_no_customer_id(cust_id):
    with pytest.raises(DamageError, match="customer id"):
        read(cust_id)
    with pytest.raises(DamageError, match="customer id"):
        damage.entry("ann tester", cust_id, "iRacing", NOW, "")


def test_a_name_without_an_id_may_be_remembered():
    assert damage.entry("ann tester", None, "iRacing", NOW, "not_found") == IdEntry(
        "ann tester", None, "iRacing", NOW, "not_found"
    )


@pytest.mark.parametrize("time", [0, 0.0, 6e10, -6e10])
def test_a_time_is_taken_as_long_as_a_calendar_has_it(time):
    assert datetime.fromtimestamp(time, UTC)
    assert read(time=time).profile_until == time


@pytest.mark.parametrize("time", [6.1e10, -6.1e10, math.inf, -math.inf, math.nan, "soon", None])
def test_any_other_is_no_time(time):
    with pytest.raises(DamageError, match="time"):
        read(time=time)


def test_each_damage_is_said_once_and_what_was_said_fills_no_memory(caplog):
    told, error = Told(), DamageError("its body is no JSON")
    for number in range(1_000):
        for _ in range(2):
            told("a record", f"ann {number}", error)
    assert len(caplog.messages) == 1_000
    told("a record", "bo demo", error)
    told("a record", "ann 0", error)
    assert len(caplog.messages) == 1_002, "after a thousand it begins anew"
    assert not [line for line in caplog.messages if "ann" in line or "bo demo" in line]


def test_damage_that_comes_up_again_later_is_not_said_again(caplog):
    told, error = Told(), DamageError("its body is no JSON")
    for _ in range(2):
        for number in range(1_000):
            told("a record", f"ann {number}", error)
    assert len(caplog.messages) == 1_000


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b'{"cust_id":7}', ""),
        (b'{"member_info":{}}', ""),
        (b'{"member_info":{"licenses":[]}}', ""),
        ('{"cust_id":7}', "its body is no bytes"),
        (None, "its body is no bytes"),
        (b"", "its body is no JSON"),
        (b'{"cust_id":', "its body is no JSON"),
        (b"\xff", "its body is no JSON"),
        (b"[" * 100_000, "its body is no JSON"),
        (b"{}", "its body is no JSON object"),
        (b"[7]", "its body is no JSON object"),
        (b"7", "its body is no JSON object"),
        (b'{"member_info":7}', "its body is no driver's"),
        (b'{"member_info":[]}', "its body is no driver's"),
        (b'{"member_info":{"licenses":{}}}', "its body is no driver's"),
        (b'{"member_info":{"licenses":null}}', "its body is no driver's"),
    ],
)
def test_a_driver_s_body_is_taken_when_it_can_be_shown(body, wrong):
    if not wrong:
        assert damage.record("ann tester", 7, body, NOW, NOW, NOW, NOW).body == body
        return
    with pytest.raises(DamageError) as caught:
        damage.record("ann tester", 7, body, NOW, NOW, NOW, NOW)
    assert str(caught.value) == wrong


def test_what_is_kept_beside_drivers_need_not_look_like_one():
    body = b'{"member_info":7}'
    assert damage.record("HISTORY:7:oval:irating", 7, body, NOW, NOW, NOW, NOW).body == body
    with pytest.raises(DamageError, match="no JSON object"):
        damage.record("HISTORY:7:oval:irating", 7, b"[]", NOW, NOW, NOW, NOW)


def test_every_text_of_a_record_or_an_entry_is_one():
    for key in (None, 7, b"ann tester"):
        with pytest.raises(DamageError, match="its key is no text"):
            damage.record(key, 7, b'{"cust_id":7}', NOW, NOW, NOW, NOW)
        with pytest.raises(DamageError, match="its key is no text"):
            damage.entry(key, 7, "iRacing", NOW, "")
    with pytest.raises(DamageError, match="its origin is no text"):
        damage.entry("ann tester", 7, None, NOW, "")
    with pytest.raises(DamageError, match="its reason is no text"):
        damage.entry("ann tester", 7, "iRacing", NOW, None)


def test_every_time_of_a_record_or_an_entry_is_one():
    for number in range(4):
        times: list[object] = [NOW] * 4
        times[number] = "soon"
        with pytest.raises(DamageError, match="time"):
            damage.record("ann tester", 7, b'{"cust_id":7}', *times)
        if number:
            with pytest.raises(DamageError, match="time"):
                damage.entry("ann tester", 7, "iRacing", times[1], "", *times[2:])
    kept = damage.entry("ann tester", 7, "iRacing", NOW, "", NOW + 1, NOW + 2)
    assert (kept.until, kept.failed_until, kept.doubted_at) == (NOW, NOW + 1, NOW + 2)


def test_a_document_that_is_lost_is_made_anew_but_for_the_one_that_hides_members(caplog):
    for key in ("BUDGET", "TOKEN:jo@example.com"):
        damage.document_lost(key)
        assert key.partition(":")[0] in caplog.text
    assert "jo@example.com" not in caplog.text
    with pytest.raises(StoreError, match="restore it from a backup"):
        damage.document_lost("_MEMBERS"[1:])
