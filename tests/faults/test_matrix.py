"""The fault matrix in its short form: every fault lasts four seconds, what must be so is asserted.

The table in docs/FAULTS.md is made by the command in tests/faults/matrix.py.
"""

import re
from collections.abc import Iterator

import pytest
from tests.faults import document
from tests.faults.faults import FAULTS, SOON, Fault
from tests.faults.matrix import Row, local_rows, may_mount

from pitboard.drivers import renewal_pool
from pitboard.drivers.budget import PROBE_PAUSE

SECONDS = 4.0

ALONE = 15.0
"""Seconds that a fault lasts which looked wrong: it is then put again, to one home alone."""

BUSY = 15.0
"""Seconds that a busy machine may add."""

CALLS = 26
"""Calls that a page of twenty unknown names may cost before they stop: all that are out at a time, some of
them with a second call for a link that has died; a stale one."""

RUN = [fault for fault in FAULTS if may_mount() or not fault.small_disk]


@pytest.fixture(scope="module")
def rows() -> Iterator[dict[str, Row]]:
    """All faults at the same time, each with a home and a simulator of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renewal_pool, "GATHER", renewal_pool.GATHER)
        yield {row.fault.name: row for row in local_rows(RUN, SECONDS, side_by_side=10)}


pytestmark = pytest.mark.xdist_group("faults")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("fault", RUN, ids=lambda fault: fault.name)
def test_a_fault_costs_little_and_passes(rows: dict[str, Row], fault: Fault) -> None:
    try:
        check(rows[fault.name], fault, SECONDS)
    except AssertionError:  # a busy machine does little in four seconds, and less for ten faults at a time
        (alone,) = local_rows([fault], ALONE, side_by_side=1)
        check(alone, fault, ALONE)


def check(row: Row, fault: Fault, seconds: float) -> None:
    if fault.known:
        assert set(row.fresh) | set(row.stale) <= {"fresh", "stale", "partial"}, "a known driver is not shown"
    expected = {"fresh", "partial"} if fault.harmless else {"unavailable", "pending"}
    assert set(row.unknown) <= expected
    assert row.health in fault.health
    assert row.logins <= 1
    if not fault.harmless:
        assert row.calls <= CALLS + seconds / PROBE_PAUSE
    assert row.well is not None
    assert row.well <= fault.heals + BUSY
    assert row.fresh_again is not None


def test_the_document_has_the_table_of_these_faults() -> None:
    table = document.read("matrix")
    named = re.findall(r"^\| (.*?) \| (local|AWS) \|", table, re.MULTILINE)
    assert {name for name, home in named if home == "local"} == {fault.name for fault in FAULTS}
    assert {name for name, home in named if home == "AWS"} == {fault.name for fault in FAULTS if fault.aws}


def test_the_documented_figures_are_within_the_bounds() -> None:
    table = document.read("matrix")
    by_name = {fault.name: fault for fault in FAULTS}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if (fault := by_name.get(cells[0])) is None:
            continue
        assert int(cells[7]) <= 1, f"{fault.name}: logins"
        well = re.match(r"([\d.]+) s", cells[8])
        assert well, f"{fault.name}: never well again"
        assert float(well[1]) <= max(fault.heals, SOON) + 1.0, f"{fault.name}: slow"
