"""What counts as damaged of what a store has read, at its edges."""

import math
from datetime import UTC, datetime

import pytest

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
