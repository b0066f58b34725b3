"""The renewal pool: names are gathered, the popular ones go first, and their number is bounded."""

from pitboard.drivers.plan import MEMBERS_A_CALL
from pitboard.drivers.renewal_pool import GATHER, MOST_WAITING, RenewalPool


def names(number: int, first: int = 0) -> list[str]:
    return [f"Driver {n}" for n in range(first, first + number)]


def test_an_empty_pool_has_nothing_to_wait_for_and_nothing_to_give() -> None:
    pool = RenewalPool()
    assert pool.wait(0.0) is None
    assert pool.take(0.0) == {}


def test_a_name_waits_for_others_to_share_its_call() -> None:
    pool = RenewalPool()
    pool.add(["One"], 100.0)
    assert pool.wait(100.0) == GATHER
    pool.add(["Two"], 100.0 + GATHER / 2)
    assert pool.wait(100.0 + GATHER / 2) == GATHER / 2, "the first name's wait does not begin anew"
    assert pool.wait(100.0 + GATHER) == 0.0
    assert set(pool.take(100.0 + GATHER)) == {"One", "Two"}


def test_a_full_call_goes_out_at_once() -> None:
    pool = RenewalPool()
    pool.add(names(MEMBERS_A_CALL - 1), 100.0)
    assert pool.wait(100.0) == GATHER
    pool.add(["Another"], 100.0)
    assert pool.wait(100.0) == 0.0


def test_the_names_that_were_asked_for_most_go_first() -> None:
    pool = RenewalPool()
    pool.add(names(MEMBERS_A_CALL), 0.0)
    pool.add(["Popular", "Known"], 1.0)
    pool.add(["Popular", "Known"], 2.0)
    pool.add(["Popular"], 3.0)
    first = pool.take(4.0)
    assert len(first) == MEMBERS_A_CALL
    assert list(first)[:2] == ["Popular", "Known"]
    assert [first["Popular"].times, first["Known"].times] == [3, 2]
    assert set(pool.take(4.0)) == set(names(2, MEMBERS_A_CALL - 2)), "of equals, those who waited longest go"


def test_what_is_taken_waits_no_more_and_the_others_wait_anew() -> None:
    pool = RenewalPool()
    pool.add(names(MEMBERS_A_CALL + 1), 0.0)
    pool.take(50.0)
    assert len(pool) == 1
    assert pool.wait(50.0) == GATHER
    assert pool.wait(50.0 + GATHER) == 0.0
    pool.take(51.0)
    assert pool.wait(51.0) is None


def test_many_askers_of_one_name_make_one_entry() -> None:
    pool = RenewalPool()
    for second in range(1_000):
        pool.add(["Popular"], float(second))
    assert len(pool) == 1
    assert pool.take(1_000.0)["Popular"].times == 1_000


def test_a_profile_is_renewed_if_any_asker_wants_it() -> None:
    pool = RenewalPool()
    pool.add(["Card", "Line"], 0.0)
    pool.add(["Card"], 0.0, profiles=True)
    pool.add(["Card", "Line"], 0.0)
    taken = pool.take(1.0)
    assert taken["Card"].profile
    assert not taken["Line"].profile


def test_a_crawl_does_not_make_it_grow_and_known_names_still_count() -> None:
    pool = RenewalPool()
    pool.add(["Popular"], 0.0)
    pool.add(names(2 * MOST_WAITING), 0.0)
    assert len(pool) == MOST_WAITING
    pool.add(["Late"], 1.0)
    pool.add(["Popular"], 1.0)
    assert len(pool) == MOST_WAITING
    first = pool.take(2.0)
    assert next(iter(first)) == "Popular"
    assert "Late" not in first
    pool.add(["Late"], 3.0)
    assert len(pool) == MOST_WAITING - MEMBERS_A_CALL + 1, "there is room again"


def test_a_closed_home_forgets_what_waits() -> None:
    pool = RenewalPool()
    pool.add(names(3), 0.0)
    pool.clear()
    assert len(pool) == 0
    assert pool.wait(10.0) is None
