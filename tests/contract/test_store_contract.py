"""The contract of `pitboard.drivers.ports.Store`, the same for every store."""

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.clock import Clock
from tests.support.stores import (
    dynalite_endpoint,
    dynamo_client,
    dynamo_under_test,
    moto_endpoint,
    sqlite_under_test,
)

from pitboard.drivers import names
from pitboard.drivers.errors import StoreError
from pitboard.drivers.members import DOCUMENT as MEMBERS
from pitboard.drivers.members import Members
from pitboard.drivers.model import Document, IdEntry, Record
from pitboard.drivers.records import encode

LAWS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def moto():
    with moto_endpoint() as endpoint:
        yield dynamo_client(endpoint)


@pytest.fixture(scope="session")
def dynalite():
    with dynalite_endpoint() as endpoint:
        yield dynamo_client(endpoint)


@pytest.fixture(params=["sqlite", "moto", "dynalite"])
def backend(request, tmp_path):
    if request.param == "sqlite":
        backend = sqlite_under_test(tmp_path)
    else:
        backend = dynamo_under_test(request.getfixturevalue(request.param))
    yield backend
    backend.close()


@pytest.fixture
def clock(backend) -> Clock:
    return backend.clock


@pytest.fixture
def store(backend):
    return backend.open()


def record(clock, key="ann tester", **changes):
    as_of = clock.now
    whole = Record(key, 1001, b'{"cust_id":1001}', as_of, as_of + 60.5, as_of + 600.5, as_of + 30.125)
    return replace(whole, **changes)


def entry(clock, key="ann tester", **changes):
    return replace(IdEntry(key, 1001, "iRacing", clock.now + 600), **changes)


# --- records


def test_what_was_kept_comes_back_as_it_was(store, clock):
    kept = record(clock, body='{"display_name":"Zoë Ångström","n":1.5}'.encode())
    store.keep([kept])
    assert store.records(["ann tester"]) == {"ann tester": kept}


def test_only_the_records_there_are_come_back(store, clock):
    store.keep([record(clock)])
    assert set(store.records(["ann tester", "bo demo"])) == {"ann tester"}


def test_no_keys_give_no_records_and_no_entries(store):
    assert store.records([]) == {}
    assert store.ids([]) == {}
    store.keep([])
    store.keep_ids([])
    store.forget([])
    assert store.claim([], "me", 1.0) == set()
    store.release([], "me")


def test_more_records_than_fit_one_request_of_any_store(store, clock):
    many = [record(clock, f"driver {n}", cust_id=n) for n in range(230)]
    store.keep(iter(many))
    assert store.records([r.key for r in many]) == {r.key: r for r in many}


def test_a_body_as_large_as_iracing_gives(store, clock):
    """300 kB, of digits that do not shrink to less than half of that."""
    body = b'{"x":"' + os.urandom(150_000).hex().encode() + b'"}'
    store.keep([record(clock, body=body)])
    assert store.records(["ann tester"])["ann tester"].body == body


def test_a_newer_record_replaces_the_older_one(store, clock):
    store.keep([record(clock)])
    clock.now += 10
    newer = record(clock, cust_id=1002)
    store.keep([newer])
    assert store.records(["ann tester"]) == {"ann tester": newer}


def test_a_profile_is_added_to_a_record_of_the_same_time(store, clock):
    store.keep([record(clock, profile_until=0.0)])
    whole = record(clock, profile_until=clock.now + 60)
    store.keep([whole])
    assert store.records(["ann tester"]) == {"ann tester": whole}


def test_of_two_records_under_one_key_in_one_batch_the_last_stays(store, clock):
    last = record(clock, cust_id=1002, as_of=clock.now + 1)
    store.keep([record(clock), last])
    assert store.records(["ann tester"]) == {"ann tester": last}


def test_a_record_past_its_end_is_not_given_though_nobody_has_deleted_it(store, clock):
    kept = record(clock)
    store.keep([kept])
    clock.now = kept.stale_until - 0.01
    assert store.records([kept.key])
    clock.now = kept.stale_until
    assert store.records([kept.key]) == {}


def test_one_process_reads_what_another_has_written(backend, clock):
    one, other = backend.open(), backend.open()
    one.keep([record(clock)])
    assert other.records(["ann tester"])


@LAWS
@given(text=st.text(min_size=1, max_size=40))
def test_every_name_that_can_be_asked_for_can_be_kept(backend, store, text):
    try:
        key = names.parse(text).key
    except names.InvalidNameError:
        return
    kept = record(backend.clock, key)
    store.keep([kept])
    assert store.records([key]) == {key: kept}


bodies = st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(), min_size=1).map(encode)
finite = st.floats(min_value=-4e9, max_value=4e9, allow_nan=False).map(lambda x: round(x, 6))


@LAWS
@given(cust_id=st.integers(1, 2**31), as_of=finite, fresh=finite, profile=finite, body=bodies)
def test_no_field_of_a_record_changes_on_the_way(backend, store, cust_id, as_of, fresh, profile, body):
    key = f"law {uuid.uuid4().hex}"
    kept = Record(key, cust_id, body, as_of, fresh, backend.clock.now + 1, profile)
    store.keep([kept])
    assert store.records([key]) == {key: kept}


# --- ids


def test_an_id_and_a_negative_answer_come_back(store, clock):
    known = entry(clock)
    nobody = entry(clock, "bo demo", cust_id=None, reason="not_found")
    store.keep_ids([known, nobody])
    assert store.ids(["ann tester", "bo demo", "cy absent"]) == {"ann tester": known, "bo demo": nobody}


def test_an_id_comes_back_with_a_failure_and_a_doubt_beside_it(store, clock):
    known = entry(clock, failed_until=clock.now + 60.5, doubted_at=clock.now - 3600.25)
    store.keep_ids([known])
    assert store.ids(["ann tester"]) == {"ann tester": known}


def test_a_later_entry_replaces_an_earlier_one_also_with_less_in_it(store, clock):
    store.keep_ids([entry(clock)])
    nobody = entry(clock, cust_id=None, reason="not_found")
    store.keep_ids([nobody])
    assert store.ids(["ann tester"]) == {"ann tester": nobody}


def test_an_entry_past_its_end_is_not_given(store, clock):
    store.keep_ids([entry(clock)])
    clock.now += 600
    assert store.ids(["ann tester"]) == {}


def test_more_ids_than_fit_one_request_of_any_store(store, clock):
    many = [entry(clock, f"driver {n}", cust_id=n + 1, origin="index") for n in range(230)]
    store.keep_ids(iter(many))
    assert store.ids([e.key for e in many]) == {e.key: e for e in many}


def test_a_forgotten_name_is_gone_from_records_and_ids_alike(store, clock):
    for key in ("ann tester", "bo demo"):
        store.keep([record(clock, key)])
        store.keep_ids([entry(clock, key)])
    store.forget(["ann tester", "cy absent"])
    assert set(store.records(["ann tester", "bo demo"])) == {"bo demo"}
    assert set(store.ids(["ann tester", "bo demo"])) == {"bo demo"}


def test_a_sweep_deletes_what_may_not_be_kept_and_nothing_else(store, clock):
    for number, key in enumerate(("ann tester", "bo demo")):
        store.keep([record(clock, key, cust_id=7 + number)])
        store.keep_ids([entry(clock, key, cust_id=7 + number)])
        store.claim([key], "somebody", clock.now + 60)
    store.keep([record(clock, "HISTORY:7:oval:irating", cust_id=7), record(clock, "CARS", cust_id=0)])
    store.documents.put("BUDGET", {"left": 1}, expected=None)
    members = Members().forgetting(["ann tester"], [7])
    assert store.sweep(members.keeps) == 4
    kept = ["bo demo", "CARS"]
    assert set(store.records([*kept, "ann tester", "HISTORY:7:oval:irating"])) == set(kept)
    assert set(store.ids(["ann tester", "bo demo"])) == {"bo demo"}
    assert store.claim(["ann tester", "bo demo"], "me", clock.now + 60) == {"ann tester"}
    assert store.documents.get("BUDGET")
    assert store.sweep(members.keeps) == 1  # the lease that was just taken


# --- leases


def test_a_lease_is_had_by_one_owner_until_it_is_over(store, clock):
    until = clock.now + 5
    assert store.claim(["a", "b"], "me", until) == {"a", "b"}
    assert store.claim(["b", "c"], "you", until) == {"c"}
    clock.now = until - 0.01
    assert store.claim(["a"], "you", until + 5) == set()
    clock.now = until
    assert store.claim(["a"], "you", until + 5) == {"a"}


def test_a_lease_taken_by_a_clock_that_was_ahead_binds_nobody(store, clock):
    clock.now += 365 * 86400
    store.claim(["a"], "me", clock.now + 60)
    clock.now -= 365 * 86400
    assert store.claim(["a"], "you", clock.now + 60) == {"a"}
    assert store.claim(["a"], "me", clock.now + 60) == set()


@pytest.mark.parametrize(("holder", "other"), [("a", "b"), ("b", "a")])
def test_a_lease_is_anothers_whatever_the_two_are_called(store, clock, holder, other):
    store.claim(["name"], holder, clock.now + 5)
    assert store.claim(["name"], other, clock.now + 5) == set()


def test_an_owner_may_take_its_own_lease_again(store, clock):
    store.claim(["a"], "me", clock.now + 5)
    assert store.claim(["a"], "me", clock.now + 9) == {"a"}
    clock.now += 6
    assert store.claim(["a"], "you", clock.now + 5) == set()


def test_only_the_owner_gives_a_lease_up(store, clock):
    store.claim(["a", "b"], "me", clock.now + 5)
    store.release(["a", "b"], "you")
    assert store.claim(["a"], "you", clock.now + 5) == set()
    store.release(["a", "b", "never taken"], "me")
    assert store.claim(["a", "b"], "you", clock.now + 5) == {"a", "b"}


def test_a_lease_is_neither_record_nor_entry_nor_in_their_way(store, clock):
    kept = record(clock, "a")
    store.keep([kept])
    store.claim(["a", "b"], "me", clock.now + 5)
    assert store.records(["a", "b"]) == {"a": kept}
    assert store.ids(["a", "b"]) == {}
    store.keep([kept])
    assert store.claim(["a"], "you", clock.now + 5) == set()


def test_many_workers_race_for_leases_and_each_lease_has_one_winner(backend, clock):
    keys, stores, begin = (
        [f"name {n}" for n in range(5)],
        [backend.open() for _ in range(3)],
        threading.Barrier(16),
    )

    def race(worker: int) -> set[str]:
        begin.wait(30)
        return stores[worker % 3].claim(keys, f"worker {worker}", clock.now + 60)

    with ThreadPoolExecutor(16) as workers:
        taken = list(workers.map(race, range(16)))
    assert sorted(key for some in taken for key in some) == keys


# --- documents


@pytest.fixture(params=["shared", "token"])
def documents(request, backend):
    """The shared documents and those of the token: in AWS different tables with different keys."""
    return backend.open().documents if request.param == "shared" else backend.token_documents()


def test_a_document_begins_with_version_one_and_counts_on(documents):
    assert documents.get("BUDGET") is None
    assert documents.put("BUDGET", {"level": 1.5}, expected=None)
    assert documents.get("BUDGET") == Document({"level": 1.5}, 1)
    assert documents.put("BUDGET", {"level": 0.5, "why": "späte Öffnung"}, expected=1)
    assert documents.get("BUDGET") == Document({"level": 0.5, "why": "späte Öffnung"}, 2)


def test_whoever_has_an_old_version_changes_nothing(documents):
    documents.put("BUDGET", {"level": 1}, expected=None)
    assert not documents.put("BUDGET", {"level": 2}, expected=None)
    documents.put("BUDGET", {"level": 3}, expected=1)
    assert not documents.put("BUDGET", {"level": 4}, expected=1)
    assert documents.get("BUDGET") == Document({"level": 3}, 2)


def test_a_version_of_a_document_that_is_not_there_matches_nothing(documents):
    assert not documents.put("BUDGET", {"level": 2}, expected=1)
    assert documents.get("BUDGET") is None


def test_documents_of_different_keys_do_not_meet(documents):
    documents.put("ONE", {"n": 1}, expected=None)
    assert documents.put("TWO", {"n": 2}, expected=None)
    assert documents.get("ONE") == Document({"n": 1}, 1)


def test_a_document_is_no_record(store, clock):
    store.documents.put("HISTORY:1:oval:irating", {"n": 1}, expected=None)
    assert store.records(["HISTORY:1:oval:irating"]) == {}
    kept = record(clock, "HISTORY:1:oval:irating")
    store.keep([kept])
    assert store.documents.get("HISTORY:1:oval:irating") == Document({"n": 1}, 1)


def test_no_increment_of_many_workers_is_lost(backend):
    stores = [backend.open() for _ in range(3)]
    stores[0].documents.put("N", {"n": 0}, expected=None)

    def add(worker: int) -> None:
        documents, added = stores[worker % 3].documents, 0
        while added < 3:
            seen = documents.get("N")
            added += documents.put("N", {"n": seen.value["n"] + 1}, expected=seen.version)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(add, range(8)))
    assert stores[1].documents.get("N") == Document({"n": 24}, 25)


# --- the rest


def test_a_purge_takes_what_is_over_and_nothing_else(store, clock):
    store.keep([record(clock), record(clock, "bo demo", stale_until=clock.now + 10)])
    store.keep_ids([entry(clock), entry(clock, "bo demo", until=clock.now + 10)])
    store.documents.put("BUDGET", {}, expected=None)
    clock.now += 10
    store.purge(clock.now)
    assert set(store.records(["ann tester", "bo demo"])) == {"ann tester"}
    assert set(store.ids(["ann tester", "bo demo"])) == {"ann tester"}
    assert store.documents.get("BUDGET")


def test_a_store_that_works_answers_a_ping(store):
    store.ping()


def test_threads_may_share_a_store(store, clock):
    def work(n: int) -> bool:
        kept = record(clock, f"driver {n}", cust_id=n)
        store.keep([kept])
        store.keep_ids([entry(clock, kept.key)])
        return store.records([kept.key]) == {kept.key: kept} and bool(store.ids([kept.key]))

    with ThreadPoolExecutor(8) as workers:
        assert all(workers.map(work, range(48)))


def test_errors_are_store_errors_with_a_sentence(backend, moto):
    """Asked of DynamoDB alone; what a broken file says is in test_sqlite_file.py."""
    from pitboard.stores.dynamodb import DynamoStore

    absent = DynamoStore(moto, "ir_absent", "ir_absent")
    with pytest.raises(StoreError, match="The table ir_absent does not exist; run `pitboard deploy`"):
        absent.ping()


# --- damage


TIMES = ("as_of", "fresh_until", "stale_until", "profile_until")
SPOILED_RECORDS = [
    *((field, value) for field in TIMES for value in ("soon", None, 1e100, -1e100)),
    *(("cust_id", value) for value in ("seven", None, -1, 1.5)),
    *(("body", value) for value in ("text", None, b'{"cust_id":10', b"", b"[]", b"{}", b"7", b"\xff")),
    *(("body", value) for value in (b'{"member_info":[]}', b'{"member_info":{"licenses":null}}')),
]
SPOILED_ENTRIES = [
    ("cust_id", "seven"), ("cust_id", -1), ("origin", 7), ("origin", None), ("reason", 7), ("reason", None),
    ("until", "soon"), ("until", None), ("until", 1e100), ("failed_until", "soon"), ("doubted_at", -1e100),
]  # fmt: skip


@pytest.fixture(params=SPOILED_RECORDS, ids=str)
def spoiled(request, backend, store, clock):
    """A store in which the record of Ann is damaged and that of Bo is not."""
    store.keep([record(clock), record(clock, "bo demo")])
    _spoil(backend, "records", *request.param)
    return backend.open()


@pytest.fixture(params=SPOILED_ENTRIES, ids=str)
def spoiled_ids(request, backend, store, clock):
    """The same for their entries."""
    store.keep_ids([entry(clock), entry(clock, "bo demo")])
    _spoil(backend, "ids", *request.param)
    return backend.open()


def _spoil(backend, table, field, value):
    if (field == "origin" and value == 7) or (field == "reason" and value == 7):
        value = b"7"  # SQLite makes a text of a number
    backend.spoil(table, "ann tester", field, value)


def said(caplog):
    """What Pitboard has said; the emulators talk, too."""
    return [line.getMessage() for line in caplog.records if line.name.startswith("pitboard")]


def test_a_damaged_record_is_a_miss_for_its_name_alone_and_is_said_once(spoiled, clock, caplog):
    for _ in range(2):
        assert spoiled.records(["ann tester", "bo demo"]) == {"bo demo": record(clock, "bo demo")}
    assert len(said(caplog)) == 1
    assert "ann tester" not in said(caplog)[0]


def test_a_damaged_record_is_replaced_by_the_next_renewal(spoiled, clock):
    clock.now += 10
    spoiled.keep([record(clock)])
    assert spoiled.records(["ann tester"]) == {"ann tester": record(clock)}


def test_a_damaged_entry_is_a_miss_for_its_name_alone_and_is_said_once(spoiled_ids, clock, caplog):
    for _ in range(2):
        assert spoiled_ids.ids(["ann tester", "bo demo"]) == {"bo demo": entry(clock, "bo demo")}
    assert len(said(caplog)) == 1
    assert "ann tester" not in said(caplog)[0]


def test_a_damaged_entry_is_replaced_by_the_next_one(spoiled_ids, clock):
    spoiled_ids.keep_ids([entry(clock)])
    assert spoiled_ids.ids(["ann tester"]) == {"ann tester": entry(clock)}


@pytest.mark.parametrize("value", ["soon", None])
def test_a_damaged_lease_binds_nobody(backend, store, clock, value):
    store.claim(["ann tester"], "one", clock.now + 60)
    backend.spoil("leases", "ann tester", "until", value)
    assert store.claim(["ann tester", "bo demo"], "other", clock.now + 60) == {"ann tester", "bo demo"}


@pytest.mark.parametrize("field", ["cust_id", "body"])
def test_a_sweep_goes_on_past_what_is_damaged(backend, store, clock, field):
    store.keep([record(clock), record(clock, "bo demo")])
    backend.spoil("records", "ann tester", field, "spoiled")
    assert store.sweep(lambda key, _: key != "bo demo") == 1


@pytest.mark.parametrize("value", ['{"half":', "[]", "7"])
def test_a_document_that_cannot_be_read_is_said_once_and_made_anew(backend, store, value, caplog):
    store.documents.put("BUDGET", {"n": 1}, expected=None)
    backend.spoil("documents", "BUDGET", "value", value)
    assert store.documents.get("BUDGET") is None
    assert store.documents.put("BUDGET", {"n": 2}, expected=None)
    assert store.documents.get("BUDGET") == Document({"n": 2}, 1)
    assert len(said(caplog)) == 1


def test_of_two_who_make_a_damaged_document_anew_one_is_first(backend, store):
    store.documents.put("BUDGET", {"n": 1}, expected=None)
    backend.spoil("documents", "BUDGET", "value", "{")
    one, other = backend.open().documents, backend.open().documents
    assert (one.get("BUDGET"), other.get("BUDGET")) == (None, None)
    assert one.put("BUDGET", {"n": 2}, expected=None)
    assert not other.put("BUDGET", {"n": 3}, expected=None)
    assert other.get("BUDGET") == Document({"n": 2}, 1)


def test_what_members_have_asked_for_is_not_made_anew_when_it_is_damaged(backend, store):
    """Else everybody would be shown."""
    store.documents.put(MEMBERS, Members().forgetting(["ann tester"]).as_document(), expected=None)
    backend.spoil("documents", MEMBERS, "value", '{"half":')
    for _ in range(2):
        with pytest.raises(StoreError, match="restore it from a backup"):
            store.documents.get(MEMBERS)
