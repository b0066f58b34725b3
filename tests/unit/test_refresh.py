"""A refresh of the index: which lists it takes, tries again, keeps or leaves out."""

from contextlib import contextmanager
from typing import Any

import pytest

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import RateLimitedError, RefusedError, UnreachableError
from pitboard.drivers.members import Audience, Gate, Members
from pitboard.drivers.ranks import Ranks
from pitboard.drivers.refresh import IndexRefusedError, ListReport, Newcomer, Progress, refresh

NOW = 1_800_000_000.0
DAY = 86400.0
BROKEN = UnreachableError("It broke off.")


def row(cust_id: int, name: str = "", irating: int = 1500, country: str = "DE") -> tuple[str, ...]:
    name = name or f"Driver {cust_id}"
    return (name, str(cust_id), country, "10", "2", "5.5", "A 2.96", str(irating), "-1")


class Writer:
    def __init__(self) -> None:
        self.newcomers: list[Newcomer] = []
        self.ids: list[int] = []
        self.report: ListReport | None = None
        self.ranks = b""

    def put(self, newcomers, numbers) -> None:
        self.newcomers += newcomers
        self.ids += [cust_id for cust_id, _ in numbers]

    def finish(self, report, ranks) -> None:
        self.report, self.ranks = report, ranks


class Builder:
    """`refresh.Builder` in memory. `before` is the number of drivers of the index in use."""

    def __init__(self, older: dict[str, ListReport] | None = None, before: int = 0) -> None:
        self.older = older or {}
        self.before = before
        self.lists: dict[str, Writer] = {}
        self.done: dict[str, ListReport] = {}
        self.kept: list[str] = []
        self.ends: list[str] = []
        self.known: list[int] = []

    @contextmanager
    def writing(self, category):
        writer = Writer()
        yield writer
        self.lists[category], self.done[category] = writer, writer.report or ListReport(0, 0, 0)

    def cust_ids(self):
        return self.known

    def keep_older(self, category) -> None:
        self.kept.append(category)

    def drivers(self) -> tuple[int, int]:
        return len({i for one in self.lists.values() for i in one.ids}), self.before

    def publish(self) -> int:
        self.ends.append("published")
        return 3

    def discard(self) -> None:
        self.ends.append("discarded")


class Lists:
    """Each list is rows, or an error; of several the next time the next one."""

    def __init__(self, **lists: Any) -> None:
        self.lists = {category: [row(1), row(2, irating=2000)] for category in CATEGORIES} | lists
        self.asked: list[str] = []

    def rows(self, category, context, received):
        self.asked.append(category)
        told = self.lists[category]
        if isinstance(told, tuple):
            told, *rest = told
            self.lists[category] = tuple(rest) if rest[1:] else rest[0]
        if isinstance(told, Exception):
            raise told
        received(100, 200)
        yield from told


def run(lists: Lists, builder: Builder, **more: Any):
    return refresh(lists, builder, clock=lambda: NOW, **{"sleep": lambda _: None, **more})


def test_every_list_is_read_once_and_the_index_published():
    lists, builder = Lists(), Builder()
    told: list[Progress] = []
    done = run(lists, builder, progress=told.append)
    assert lists.asked == list(CATEGORIES)
    assert builder.ends == ["published"]
    assert (done.drivers, done.shared_names, done.rows, done.whole) == (2, 3, 10, True)
    assert builder.lists["oval"].newcomers == [
        Newcomer(1, "driver 1", "Driver 1", "DE"),
        Newcomer(2, "driver 2", "Driver 2", "DE"),
    ]
    assert [one.newcomers for one in builder.lists.values()][1:] == [[]] * 4, "names are read once"
    assert [one.ids for one in builder.lists.values()] == [[1, 2]] * 5
    assert builder.done["oval"] == ListReport(NOW, 2, 2, {})
    assert [p.finished for p in told[:2]] == [False, True]
    assert told[0] == Progress("oval", 2, None, 100, 200)
    assert done.seconds >= 0


def test_ranks_count_the_rated_by_country():
    builder = Builder()
    run(
        Lists(oval=[row(1), row(2, irating=2000), row(3, irating=-1), row(4, irating=0, country="FR")]),
        builder,
    )
    ranks = Ranks.decoded(NOW, {"oval": builder.lists["oval"].ranks})
    assert ranks.rank("oval", "DE", 1500) == {"world": 2, "of": 3, "country": 2, "country_of": 2}
    assert ranks.rank("oval", "FR", 0) == {"world": 3, "of": 3, "country": 1, "country_of": 1}


def test_a_row_that_cannot_be_used_is_counted_by_its_reason():
    rows = [row(1), row(1), ("x",), (), row(0), row(5, name="\x00"), row(6, irating=10**6)]
    builder = Builder()
    done = run(Lists(oval=rows), builder)
    assert builder.lists["oval"].ids == [1]
    assert builder.done["oval"].rows == 7
    assert builder.done["oval"].drivers == 2, "of the one with odd numbers name and id are kept"
    assert sorted(done.skipped.values()) == [1, 1, 1, 1, 2]
    assert done.skipped["wrong number of columns"] == 2


def test_a_list_that_breaks_off_is_begun_three_times_after_pauses_that_grow():
    pauses: list[float] = []
    lists, builder = Lists(oval=(BROKEN, BROKEN, [row(1)])), Builder()
    done = run(lists, builder, sleep=pauses.append)
    assert pauses == [5, 10]
    assert lists.asked[:4] == ["oval", "oval", "oval", list(CATEGORIES)[1]]
    assert done.whole


def test_a_list_that_breaks_off_three_times_is_the_older_one_for_a_week():
    for age, kept in ((7 * DAY, ["oval"]), (7 * DAY + 1, [])):
        lists = Lists(oval=BROKEN)
        builder = Builder({"oval": ListReport(NOW - age, 2, 2)})
        done = run(lists, builder)
        assert lists.asked.count("oval") == 3
        assert builder.kept == kept
        assert list(done.kept) == kept
        assert list(done.missing) == ([] if kept else ["oval"])
        assert not done.whole
        assert builder.ends == ["published"]


def test_a_refused_list_is_asked_for_once():
    lists = Lists(oval=RefusedError("No."))
    done = run(lists, Builder())
    assert lists.asked.count("oval") == 1
    assert done.missing == {"oval": "No."}


def test_what_is_wrong_with_the_account_or_the_budget_ends_the_refresh():
    lists, builder = Lists(dirt_oval=RateLimitedError("Full.")), Builder()
    with pytest.raises(RateLimitedError):
        run(lists, builder)
    assert builder.ends == []
    assert list(builder.done) == ["oval"], "what was read stays for the next time"


def test_what_was_read_before_is_not_read_again():
    lists, builder = Lists(), Builder()
    builder.done["oval"] = ListReport(NOW - 100, 2, 2, {"no name": 1})
    builder.known = [1]
    done = run(lists, builder)
    assert "oval" not in lists.asked
    assert done.resumed == ["oval"]
    assert (done.rows, done.skipped) == (10, {"no name": 1})
    assert [one.cust_id for one in builder.lists["dirt_oval"].newcomers] == [2]


def test_without_any_list_the_first_error_of_iracing_s_is_raised():
    everything = {category: RefusedError("No.") for category in CATEGORIES}
    with pytest.raises(RefusedError):
        run(Lists(**everything), Builder())
    empty: dict[str, Any] = {category: [] for category in CATEGORIES}
    with pytest.raises(IndexRefusedError, match=r"No list could be used.*no driver"):
        run(Lists(**empty), Builder())


@pytest.mark.parametrize(("before", "taken"), [(4, True), (5, False)])
def test_a_list_with_less_than_half_of_its_drivers_is_damage(before, taken):
    builder = Builder({"oval": ListReport(NOW - DAY, before, before)})
    done = run(Lists(), builder)
    assert (list(done.kept) == []) == taken
    assert ("oval" in builder.done) == taken


@pytest.mark.parametrize(("before", "end"), [(4, "published"), (5, "discarded")])
def test_an_index_with_less_than_half_of_its_drivers_is_damage(before, end):
    builder = Builder(before=before)
    if end == "published":
        run(Lists(), builder)
    else:
        with pytest.raises(IndexRefusedError, match="2 drivers, the one in use 5"):
            run(Lists(), builder)
    assert builder.ends == [end]


def test_a_list_of_members_makes_a_small_index_and_ranks_count_everybody():
    builder = Builder(before=500)
    gate = Gate(Members(Audience.LISTED, listed={"driver 2": 0}))
    run(Lists(), builder, gate=gate)
    assert builder.ends == ["published"]
    oval = builder.lists["oval"]
    assert (oval.ids, [one.cust_id for one in oval.newcomers]) == ([2], [2])
    assert [one.ids for one in builder.lists.values()] == [[2]] * 5
    assert builder.done["oval"].drivers == 2
    rank = Ranks.decoded(NOW, {"oval": oval.ranks}).rank("oval", "DE", 1500)
    assert rank is not None
    assert rank["of"] == 2


def test_a_long_list_is_handed_over_5000_rows_at_a_time():
    told: list[Progress] = []
    builder = Builder({"oval": ListReport(NOW - DAY, 9, 9)})
    run(Lists(oval=[row(number) for number in range(1, 5_002)]), builder, progress=told.append)
    oval = [one for one in told if one.category == "oval"]
    assert [(one.rows, one.rows_before, one.finished) for one in oval] == [
        (5_000, 9, False),
        (5_001, 9, False),
        (5_001, 9, True),
    ]
    assert len(builder.lists["oval"].ids) == 5_001
