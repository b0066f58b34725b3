"""Whom a host shows: wishes of members, the list, and how two states of it are joined."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.waiting import wait_until

from pitboard.drivers import names
from pitboard.drivers.errors import StoreError
from pitboard.drivers.guard import GuardedIndex, GuardedStore
from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.kept_members import KeptMembers
from pitboard.drivers.members import DOCUMENT, Audience, Gate, Members, fingerprint
from pitboard.drivers.model import Document, IdEntry, Record
from pitboard.local.members import LocalMembers
from pitboard.settings import Settings
from pitboard.stores.sqlite import SqliteStore

KEYS = st.text(min_size=1, max_size=30).map(lambda text: _key(text)).filter(bool)
IDS = st.integers(min_value=1, max_value=99_999_999)


def _key(text):
    try:
        return names.parse_once(text).key
    except names.InvalidNameError:
        return ""


class Documents:
    """`ports.Documents` in memory; can lose what it holds, or refuse."""

    def __init__(self):
        self.held: dict[str, Document] = {}
        self.broken = False

    def get(self, key):
        if self.broken:
            raise StoreError("It cannot be read.")
        return self.held.get(key)

    def put(self, key, value, *, expected):
        version = self.held[key].version if key in self.held else None
        if version == expected:
            self.held[key] = Document(json.loads(json.dumps(value)), (version or 0) + 1)
        return version == expected


@given(st.lists(KEYS, max_size=4), st.lists(IDS, max_size=3), st.dictionaries(KEYS, IDS, max_size=4))
def test_what_is_kept_comes_back_and_holds_no_name_of_who_is_withheld(keys, ids, listed):
    members = Members().listing(listed).forgetting(keys, ids).choosing(Audience.LISTED)
    kept = json.loads(json.dumps(members.as_document()))
    assert Members.of_document(kept) == members
    assert not any(members.permits(key) for key in keys)
    assert all(members.withholds_id(cust_id) for cust_id in ids)
    assert not set(keys) & kept["listed"].keys()


@given(KEYS, KEYS, IDS)
def test_who_agrees_again_is_free_by_all_names_and_ids_and_nobody_else_is(key, other, cust_id):
    members = Members().forgetting([key], [cust_id]).forgetting(["somebody else"], [100_000_000])
    members = members.forgetting([other], [cust_id])  # a further name of the same person
    free = members.readmitting(other)
    assert free.permits(key) or key == "somebody else"
    assert not free.withholds_id(cust_id)
    assert not free.permits("somebody else")


@given(st.lists(KEYS, max_size=3), st.lists(KEYS, max_size=3))
def test_what_was_asked_for_here_or_there_holds_in_both(ours, theirs):
    joined = Members().forgetting(ours).joined(Members().forgetting(theirs))
    assert not any(joined.permits(key) for key in (*ours, *theirs))


def test_a_customer_id_is_no_name():
    assert Members().forgetting(["id 7"]).withholds_id(7) is False
    assert Members().forgetting([], [7]).permits("id 7")


@pytest.mark.parametrize(
    ("key", "cust_id", "kept"),
    [
        ("ann", 7, False),
        ("ann", None, False),
        ("new name of ann", 7, False),
        ("bo", 8, True),
        ("HISTORY:7:oval:irating", 7, False),
        ("RACES:7", None, False),
        ("HISTORY:8:oval:irating", 8, True),
        ("CARS", 0, True),
    ],
)
def test_nothing_about_a_withheld_member_is_kept_under_any_key(key, cust_id, kept):
    assert Members().forgetting(["ann"], [7]).keeps(key, cust_id) is kept


def test_with_a_list_charts_stay_only_of_those_whose_id_is_on_it():
    members = Members(Audience.LISTED).listing({"bo": 8})
    keys = ("HISTORY:8:oval:irating", "HISTORY:7:oval:irating", "CARS", "bo", "ann")
    assert [members.strictly_keeps(key, None) for key in keys] == [True, False, True, True, False]


def test_a_refresh_learns_the_ids_of_names_and_lets_in_whom_it_may():
    members = Members().listing({"bo": 0}).forgetting(["ann"])
    gate = Gate(members)
    assert [gate.takes("ann", 7), gate.takes("bo", 8), gate.takes("cy", 9)] == [False, True, True]
    noted = gate.noted(members)
    assert noted.withholds_id(7)
    assert noted.listed == {"bo": 8}
    assert noted.readmitting("ann").withheld == {}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"audience": "x"},
        {"audience": "everyone", "withheld": 1, "listed": {}},
        {"audience": "listed", "chosen": True, "withheld": {}, "listed": {"ann": float("inf")}},
        {"audience": "everyone", "chosen": True, "withheld": {"a": float("nan")}, "listed": {}},
        {"audience": [], "chosen": True, "withheld": {}, "listed": {}},
    ],
)
def test_a_damaged_document_shows_nobody(value):
    documents = Documents()
    documents.held["MEMBERS"] = Document(value, 1)
    with pytest.raises(StoreError, match="cannot be read"):
        KeptMembers(lambda: documents, None, 0.0).current()


def test_what_was_read_last_holds_while_it_cannot_be_read_and_is_written_again_when_it_is_gone():
    documents = Documents()
    kept = KeptMembers(lambda: documents, None, 0.0)
    kept.change(lambda members: members.forgetting(["ann"]))
    documents.broken = True
    assert not kept.current().permits("ann")
    documents.broken = False
    documents.held.clear()
    assert not kept.current().permits("ann")
    assert not KeptMembers(lambda: documents, None, 0.0).current().permits("ann")


def test_changes_of_two_at_a_time_both_hold():
    documents = Documents()
    one, other = (KeptMembers(lambda: documents, None, 0.0) for _ in range(2))

    def slowly(members):
        if not other.current().withheld:
            other.change(lambda now: now.forgetting(["bo"]))
        return members.forgetting(["ann"])

    after = one.change(slowly)
    assert not after.permits("ann")
    assert not after.permits("bo")


def test_what_is_written_at_the_moment_in_which_a_member_asks_does_not_stay(tmp_path):
    documents = Documents()
    kept = KeptMembers(lambda: documents, None, 60.0)

    class Slow(SqliteStore):
        def _forget(self):
            """The member asks, and all is deleted, before this write."""
            kept.change(lambda members: members.forgetting(["ann"]))
            self.sweep(kept.current().keeps)

        def keep(self, records):
            self._forget()
            super().keep(records)

        def keep_ids(self, entries):
            self._forget()
            super().keep_ids(entries)

    store = Slow(tmp_path / "p.sqlite3", lambda: 1.0)
    GuardedStore(store, kept).keep(
        [Record("ann", 7, b'{"cust_id":1}', 1.0, 2.0, 3.0), Record("bo", 8, b'{"cust_id":1}', 1.0, 2.0, 3.0)]
    )
    assert set(store.records(["ann", "bo"])) == {"bo"}
    kept.change(lambda members: members.readmitting("ann"))
    GuardedStore(store, kept).keep_ids([IdEntry("ann", 7, "iRacing", 3.0)])
    assert not store.ids(["ann"])
    store.close()


def test_a_fingerprint_is_the_same_in_every_version():
    assert fingerprint("ann tester") == "9ccfaf5b2edf997afe209c9f"


def test_five_thousand_can_be_listed_and_four_thousand_withheld_and_no_more():
    documents = Documents()
    kept = KeptMembers(lambda: documents, None, 60.0)
    listed = {f"listed {number}": number for number in range(5_000)}
    kept.change(lambda members: members.listing(listed))
    kept.change(lambda members: members.forgetting([f"withheld {number}" for number in range(4_000)]))
    for edit in (
        lambda members: members.listing({"another": 9_999}),
        lambda members: members.forgetting(["another"]),
    ):
        with pytest.raises(StoreError, match="At most 5,000 members can be listed, and 4,000 names"):
            kept.change(edit)
    assert kept.current().listed == listed


def test_a_change_that_others_are_always_faster_than_is_an_error():
    class Contended(Documents):
        tries = 0

        def put(self, key, value, *, expected):
            self.tries += 1
            return False

    documents = Contended()
    with pytest.raises(StoreError, match="somebody else"):
        KeptMembers(lambda: documents, None, 60.0).change(lambda members: members.listing({"a": 1}))
    assert documents.tries == 20


@pytest.mark.parametrize(
    ("key", "own"), [("HISTORY:7:oval:irating", 7), ("CARS:", 0), ("CAREER:70", 70), ("A:x", 0)]
)
def test_what_is_kept_about_a_withheld_driver_under_our_own_keys_is_not_kept(key, own):
    members = Members().forgetting(["ann tester"], [7])
    assert members.keeps(key, None) == (own != 7)
    listed = Members(Audience.LISTED, listed={"ann tester": 70})
    assert listed.keeps(key, None)
    assert listed.strictly_keeps(key, None) == (own in (0, 70))


def test_name_keys_and_our_own_are_told_apart_by_their_first_letter():
    members = Members(Audience.LISTED, listed={"zoe": 0})
    for key in ("A", "Z", "HISTORY:1"):
        assert members.keeps(key, None)
    for key in ("a", "z", "[", "@", "", "ann tester"):
        assert not members.keeps(key, None)
    assert members.keeps("zoe", None)


def test_people_are_numbered_and_joined_when_a_mark_is_shared():
    members = Members().marking({"a"}).marking({"b"}).marking({"c", "d"})
    assert members.withheld == {"a": 1, "b": 2, "c": 3, "d": 3}
    assert members.marking({"b", "d", "e"}).withheld == {"a": 1, "b": 2, "c": 2, "d": 2, "e": 2}


def test_what_was_read_holds_for_its_seconds_and_is_then_read_again():
    documents, now = Documents(), [100.0]
    kept = KeptMembers(lambda: documents, Audience.EVERYONE, 60.0, lambda: now[0])
    told: list[Members] = []
    kept.changed = told.append
    assert kept.current().permits("ann tester")
    documents.put(DOCUMENT, Members().forgetting(["ann tester"]).as_document(), expected=None)
    now[0] = 159.9
    assert kept.current().permits("ann tester")
    now[0] = 160.0
    assert not kept.current().permits("ann tester")
    assert len(told) == 1
    documents.broken = True
    now[0] = 220.0
    assert not kept.current().permits("ann tester"), "what was read last holds"


def test_an_audience_that_was_chosen_here_is_marked_as_that():
    chosen = Members().choosing(Audience.LISTED)
    assert (chosen.audience, chosen.chosen) == (Audience.LISTED, True)
    assert Members.of_document(chosen.as_document()) == chosen
    assert Members() == Members(Audience.EVERYONE, False, {}, {})


def test_two_drivers_whose_names_differ_in_case_only_are_both_withheld_and_neither_is_listed():
    asked = Members(Audience.LISTED, listed={"bo": 0}).forgetting(["ann"])
    gate = Gate(asked)
    for key, cust_id in (("ann", 1), ("ann", 2), ("bo", 3), ("bo", 4), ("bo", 3)):
        gate.takes(key, cust_id)
    noted = gate.noted(asked)
    assert noted.withholds_id(1)
    assert noted.withholds_id(2)
    assert noted.listed == {"bo": 0}


def test_a_deleted_document_that_somebody_else_writes_first_is_not_written_over():
    documents = Documents()
    kept = KeptMembers(lambda: documents, None, 60.0)
    kept.change(lambda members: members.forgetting(["ann"]))
    (lost,) = documents.held.values()

    class Faster(Documents):
        def put(self, key, value, *, expected):
            """Another process, which knows of Bo, too, is faster."""
            if not self.held:
                more = Members.of_document(lost.value).forgetting(["bo"])
                super().put(key, more.as_document(), expected=None)
            return super().put(key, value, expected=expected)

    documents = Faster()
    after = kept.change(lambda members: members.forgetting(["cy"]))
    assert [after.permits(key) for key in ("ann", "bo", "cy", "di")] == [False, False, False, True]


# --- customer ids of members who are listed by name alone


def listing(*keys: str, **known: int) -> KeptMembers:
    documents = Documents()
    kept = KeptMembers(lambda: documents, Audience.LISTED, 60.0)
    kept.change(lambda members: members.listing(dict.fromkeys(keys, 0) | known))
    return kept


class Rows:
    """A store or an index that has some drivers."""

    def __init__(self, rows: dict[str, Record | IndexedDriver]) -> None:
        self._rows = rows
        for passed_on in ("forget", "claim", "release", "sweep", "purge", "ping", "close", "ranks"):
            setattr(self, passed_on, None)

    def _found(self, keys):
        return {key: self._rows[key] for key in keys if key in self._rows}

    find = records = _found

    def keep(self, records) -> None:
        pass


def having(**rows: Record | IndexedDriver) -> Any:
    return Rows(rows)


ANN = Record("ann", 7, b'{"cust_id":1}', 1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    "seen",
    [
        lambda kept: GuardedStore(having(ann=ANN), kept).records(["ann", "bo"]),
        lambda kept: GuardedStore(having(), kept).keep([ANN]),
        lambda kept: GuardedIndex(having(ann=IndexedDriver(7, "Ann", "DE")), kept).find(["ann", "bo"]),
    ],
    ids=["read", "written", "in the index"],
)
def test_the_customer_id_of_who_is_listed_by_name_is_noted_when_the_driver_is_seen(seen):
    kept = listing("ann", "bo")
    assert not kept.current().shows_id(7)
    seen(kept)
    assert kept.current().shows_id(7)
    assert kept.current().listed == {"ann": 7, "bo": 0}


def test_a_customer_id_that_the_host_gave_is_not_changed():
    kept = listing(ann=9)
    GuardedStore(having(ann=ANN), kept).records(["ann"])
    assert kept.current().listed == {"ann": 9}


def test_who_was_taken_off_the_list_meanwhile_does_not_come_back():
    assert Members(Audience.LISTED, listed={"bo": 0}).identifying({"ann": 7}).listed == {"bo": 0}


def test_a_page_is_served_although_a_customer_id_cannot_be_noted(caplog, monkeypatch):
    kept = listing("ann")

    def refuse(_):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(kept, "change", refuse)
    assert set(GuardedStore(having(ann=ANN), kept).records(["ann"])) == {"ann"}
    assert "The disk is full." in caplog.text


def test_who_is_withheld_is_not_shown_by_id_whoever_is_listed():
    members = Members(Audience.LISTED, listed={"ann": 7, "bo": 8}).forgetting([], [7])
    assert (members.shows_id(7), members.shows_id(8), members.shows_id(9)) == (False, True, False)
    assert Members().shows_id(9)


def test_what_is_written_of_a_member_in_the_moment_of_the_wish_leaves_no_byte(tmp_path):
    """The clean-up may be over when a look-up writes what it had begun to write before."""
    settings = Settings.read({"PITBOARD_DB": str(tmp_path / "p.sqlite3")})
    store = SqliteStore(settings.db)
    members = LocalMembers(settings, store)
    guarded = GuardedStore(store, members.kept, members.scrub_soon)
    record = Record("ann tester", 7, b'{"cust_id":7,"name":"Ann Tester"}', 1.0, 2.0, 3.0)

    class Slow(SqliteStore):
        def keep(self, records):
            members.forget([names.parse("Ann Tester")])
            super().keep(records)

    store.__class__ = Slow
    guarded.keep([record])
    wait_until(lambda: not any(b"Ann Tester" in file.read_bytes() for file in tmp_path.iterdir()))
    members.close()
    store.close()
