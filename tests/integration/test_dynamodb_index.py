"""A refresh of the index in DynamoDB: what it writes, what it costs, and what is left when it is cut off.

On a real moto server. What both indexes have in common is in tests/contract/test_index_contract.py.
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.index_lists import GivenLists, crowd, row
from tests.support.indexes import NOW, refreshed_table, ticks
from tests.support.stores import create_table, dynamo_client, moto_endpoint

from pitboard.drivers.errors import StoreError
from pitboard.drivers.index import MOST_CUST_ID
from pitboard.drivers.members import Members
from pitboard.drivers.model import IdEntry
from pitboard.stores import dynamodb, dynamodb_publisher
from pitboard.stores.dynamodb import DynamoStore
from pitboard.stores.dynamodb_index import LOOK_SECONDS, DynamoIndex

DAY = 86400.0


@pytest.fixture(scope="module")
def client():
    with moto_endpoint() as endpoint:
        yield dynamo_client(endpoint)


@pytest.fixture
def table(client):
    return create_table(client, "custid", "name")


class WatchedClient:
    """Passes everything on; counts requests, and items by what is done to them. Fails from the `fails`th
    BatchWriteItem on."""

    def __init__(self, client: Any, fails: int | None = None) -> None:
        self._client = client
        self._fails = fails
        self.requests: Counter[str] = Counter()
        self.put: list[str] = []
        self.deleted: list[str] = []
        self.consistent: list[bool] = []

    def __getattr__(self, operation):
        def call(**request):
            self.requests[operation] += 1
            if operation == "batch_write_item":
                self._note(request)
            for wanted in request.get("RequestItems", {}).values() if operation == "batch_get_item" else ():
                self.consistent.append(wanted["ConsistentRead"])
            return getattr(self._client, operation)(**request)

        return call

    def _note(self, request: Any) -> None:
        if self._fails is not None and self.requests["batch_write_item"] >= self._fails:
            raise ClientError({"Error": {"Code": "ValidationException"}}, "BatchWriteItem")
        ((_, changes),) = request["RequestItems"].items()
        for change in changes:
            if "PutRequest" in change:
                self.put.append(change["PutRequest"]["Item"]["name"]["S"])
            else:
                self.deleted.append(change["DeleteRequest"]["Key"]["name"]["S"])


def items(client: Any, table: str) -> dict[str, Any]:
    pages = client.get_paginator("scan").paginate(TableName=table)
    return {item["name"]["S"]: item for page in pages for item in page["Items"]}


def entries(client: Any, table: str) -> dict[str, int]:
    """The customer ids by the keys of all entries."""
    found = items(client, table)
    return {k: int(v["cust_id"]["N"]) for k, v in found.items() if k.startswith(("INDEX:", "SHARED:"))}


def test_only_what_changed_is_written(client, table):
    refreshed_table(client, table, GivenLists(crowd(300)))
    watched = WatchedClient(client)
    rows = [*crowd(300)[1:], row("Driver 2x", 301)]
    rows[9] = row("Driver 11", 11, 4321)
    _, done = refreshed_table(watched, table, GivenLists(rows), NOW + DAY)
    assert {key for key in watched.put if key.startswith("INDEX:")} == {"INDEX:driver 11", "INDEX:driver 2x"}
    assert watched.deleted == ["INDEX:driver 1"]
    assert (done.written, done.deleted, done.unchanged) == (2, 1, 298)


def test_a_refresh_that_changes_nothing_writes_the_ranks_and_when_it_was(client, table):
    refreshed_table(client, table, GivenLists(crowd(100)))
    watched = WatchedClient(client)
    refreshed_table(watched, table, GivenLists(crowd(100)), NOW + DAY)
    assert watched.put == [f"RANKS:{int(NOW + DAY)}:0", "INDEX"]
    assert not watched.deleted


def test_entries_have_no_end_and_the_parts_of_old_ranks_do(client, table):
    refreshed_table(client, table, GivenLists(crowd(3)))
    found = items(client, table)
    assert {key for key, item in found.items() if "ttl" in item} == {f"RANKS:{int(NOW)}:0"}
    assert int(found[f"RANKS:{int(NOW)}:0"]["ttl"]["N"]) == NOW + dynamodb_publisher.PARTS_KEPT


@pytest.mark.parametrize("cut_at", [1, 2, 3, 4, 5, 6, 7])
def test_a_run_that_is_cut_off_leaves_nothing_behind_for_the_next_one(client, table, cut_at):
    """Some names leave, some come, some change hands and some become shared, with a cut at every request."""
    first = [*crowd(100), row("Ann", 201), row("Bo", 202), row("Cy", 203)]
    refreshed_table(client, table, GivenLists(first))
    between = [*crowd(100, starts=11)[:60], *(row(f"New {n}", n) for n in range(300, 340)), row("Ann", 202)]
    between += [row("Bo", 201), row("Cy", 203), row("Cy", 204)]
    with pytest.raises(StoreError):
        refreshed_table(WatchedClient(client, cut_at), table, GivenLists(between), NOW + DAY)
    last = [*crowd(100, starts=12)[20:], row("Ann", 203), row("Cy", 201), row("Cy", 204)]
    refreshed_table(client, table, GivenLists(last), NOW + 2 * DAY)
    fresh = create_table(client, "custid", "name")
    refreshed_table(client, fresh, GivenLists(last), NOW + 2 * DAY)
    assert items(client, table)["INDEX"] == items(client, fresh)["INDEX"]
    assert entries(client, table) == entries(client, fresh)


def test_damaged_entries_are_replaced_or_deleted_by_the_next_refresh(client, table, caplog):
    refreshed_table(client, table, GivenLists(crowd(5)))
    whole = items(client, table)["INDEX:driver 2"]
    client.put_item(TableName=table, Item={"name": {"S": "INDEX:driver 1"}})
    client.put_item(TableName=table, Item={**whole, "stats": {"B": b"abc"}})
    client.put_item(TableName=table, Item={**whole, "name": {"S": "INDEX:somebody else"}})
    client.put_item(TableName=table, Item={"name": {"S": "INDEX:nobody"}, "cust_id": {"N": "-5"}})
    client.put_item(TableName=table, Item={**whole, "name": {"S": "INDEX:driver 4"}, "shown": {"N": "4"}})
    reader = DynamoIndex(client, table)
    for _ in range(2):
        assert set(reader.find([f"driver {n}" for n in range(1, 5)])) == {"driver 3"}
    assert sum("is damaged" in message for message in caplog.messages) == 3, "each is said once"
    refreshed_table(client, table, GivenLists(crowd(5)), NOW + DAY)
    assert entries(client, table) == {f"INDEX:driver {n}": n for n in range(1, 6)}
    assert len(reader.find([f"driver {n}" for n in range(1, 6)])) == 5


def test_an_index_whose_ranks_are_gone_is_refreshed_all_the_same(client, table):
    refreshed_table(client, table, GivenLists(crowd(5)))
    client.delete_item(TableName=table, Key={"name": {"S": f"RANKS:{int(NOW)}:0"}})
    done, published = refreshed_table(client, table, GivenLists(crowd(5)), NOW + 40 * DAY)
    assert done.whole
    assert published.unchanged == 5
    assert DynamoIndex(client, table).ranks().as_of == NOW + 40 * DAY


def test_the_ids_and_misses_in_the_same_table_are_left_alone(client, table):
    store = DynamoStore(client, create_table(client, "drivers", "name"), table)
    kept = IdEntry("driver 1", 9, "iRacing", time.time() + 1000)
    store.keep_ids([kept])
    refreshed_table(client, table, GivenLists(crowd(5)))
    refreshed_table(client, table, GivenLists(crowd(3)), NOW + DAY)
    assert store.ids(["driver 1"]) == {"driver 1": kept}


def test_a_distribution_that_is_larger_than_an_item_may_be_is_kept_in_parts(client, table, monkeypatch):
    monkeypatch.setattr(dynamodb_publisher, "PART", 100)
    refreshed_table(client, table, GivenLists(crowd(900)))
    assert sum(key.startswith("RANKS:") for key in items(client, table)) > 3
    ranks = DynamoIndex(client, table).ranks()
    assert ranks.rank("oval", "DE", 1900) == {"world": 1, "of": 900, "country": 1, "country_of": 900}
    refreshed_table(client, table, GivenLists(crowd(900)), NOW + DAY)


def test_a_page_costs_one_request_at_half_the_price(client, table):
    refreshed_table(client, table, GivenLists(crowd(60)))
    watched = WatchedClient(client)
    reader = DynamoIndex(watched, table)
    assert len(reader.find([f"driver {n}" for n in range(1, 51)])) == 50
    assert (watched.requests, watched.consistent) == ({"batch_get_item": 1}, [False])


def test_ranks_are_read_when_they_are_needed_and_looked_at_again_after_minutes(client, table):
    refreshed_table(client, table, GivenLists(crowd(10)))
    watched, now = WatchedClient(client), [100.0]
    reader = DynamoIndex(watched, table, lambda: now[0])
    assert not watched.requests
    reader.ranks()
    reader.ranks()
    assert watched.requests == {"batch_get_item": 2}, "the head and the parts, once"
    now[0] += LOOK_SECONDS - 1
    reader.ranks()
    assert watched.requests == {"batch_get_item": 2}
    now[0] += 2
    reader.ranks()
    assert watched.requests == {"batch_get_item": 3}, "the head alone: it is the same"


def test_without_the_newer_ranks_the_present_ones_stay_and_the_reason_is_logged(client, table, caplog):
    refreshed_table(client, table, GivenLists(crowd(10)))
    reader = DynamoIndex(client, table, ticks())
    ranks = reader.ranks()
    client.put_item(TableName=table, Item={"name": {"S": "INDEX"}, "made": {"N": "5"}})
    assert reader.ranks() is ranks
    client.put_item(
        TableName=table,
        Item={"name": {"S": "INDEX"}, "made": {"N": "5"}, "drivers": {"N": "1"}, "parts": {"N": "1"}}
        | {"lists": {"S": "{}"}},
    )
    assert reader.ranks() is ranks
    client.delete_table(TableName=table)
    assert reader.ranks() is ranks
    assert caplog.text.count("the ranks of the driver index cannot be read") == 3


def test_a_refresh_is_more_patient_with_throttling_than_a_reader(client, table, monkeypatch):
    monkeypatch.setattr(dynamodb, "FIRST_PAUSE", 0.0001)
    monkeypatch.setattr(dynamodb, "LONGEST_PAUSE", 0.0001)

    class Throttled(WatchedClient):
        def _note(self, request: Any) -> None:
            if self.requests["batch_write_item"] <= 3 * dynamodb.ATTEMPTS:
                error = {"Error": {"Code": "ProvisionedThroughputExceededException"}}
                raise ClientError(error, "BatchWriteItem")

    refreshed_table(Throttled(client), table, GivenLists(crowd(3)))
    assert len(entries(client, table)) == 3


class Asking(WatchedClient):
    """Members ask to be forgotten at the first write of a refresh. Also the source of what they asked for."""

    def __init__(self, client: Any, *names: str) -> None:
        super().__init__(client)
        self.members = Members()
        self._names = names
        self.writes = 0

    def _note(self, request: Any) -> None:
        super()._note(request)
        self.writes += 1
        if self.writes == 1:
            self.members = self.members.forgetting(self._names)

    def current(self) -> Members:
        return self.members

    def change(self, edit: Any) -> Members:
        self.members = edit(self.members)
        return self.members


def test_who_asks_to_be_forgotten_while_the_index_is_published_is_taken_out_again(client, table):
    asking = Asking(client, "driver 2")
    _, done = refreshed_table(asking, table, GivenLists(crowd(5)), members=asking)
    assert asking.put.count("INDEX:driver 2") == 1
    assert asking.deleted == ["INDEX:driver 2"]
    assert set(entries(client, table)) == {f"INDEX:driver {n}" for n in (1, 3, 4, 5)}
    assert (done.written, done.deleted, done.unchanged) == (5, 1, 4)


def test_a_wish_of_somebody_who_is_not_in_the_index_changes_nothing_in_it(client, table):
    asking = Asking(client, "nobody here")
    _, done = refreshed_table(asking, table, GivenLists(crowd(5)), members=asking)
    assert set(entries(client, table)) == {f"INDEX:driver {n}" for n in range(1, 6)}
    assert (done.written, done.deleted, done.unchanged) == (5, 0, 5)
    assert asking.put.count("INDEX") == 2


def test_of_two_entries_with_one_customer_id_one_is_deleted(client, table):
    """A run that is cut off between a new name and the old one leaves both."""
    refreshed_table(client, table, GivenLists(crowd(3)))
    whole = items(client, table)["INDEX:driver 2"]
    client.put_item(TableName=table, Item={**whole, "name": {"S": "INDEX:driver two"}})
    watched = WatchedClient(client)
    refreshed_table(watched, table, GivenLists(crowd(3)), NOW + DAY)
    assert len(watched.deleted) == 1
    assert set(entries(client, table)) == {f"INDEX:driver {n}" for n in range(1, 4)}


def test_two_threads_that_look_for_ranks_at_once_read_them_once(client, table):
    """The one that waited finds that there is nothing to do any more."""
    refreshed_table(client, table, GivenLists(crowd(3)))
    entered, go = threading.Event(), threading.Event()

    class Held(WatchedClient):
        def __getattr__(self, operation: str) -> Any:
            entered.set()
            go.wait(10)
            return super().__getattr__(operation)

    watched = Held(client)
    reader = DynamoIndex(watched, table, lambda: 100.0)
    with ThreadPoolExecutor(2) as threads:
        asks = [threads.submit(reader.ranks) for _ in range(2)]
        assert entered.wait(10)
        go.set()
        assert asks[0].result() is asks[1].result()
    assert watched.requests == {"batch_get_item": 2}


def test_an_index_of_many_pages_is_read_whole(client, table):
    """A scan gives a megabyte at a time. Here a page is of one item."""
    refreshed_table(client, table, GivenLists(crowd(5)))

    class Paged(WatchedClient):
        def __getattr__(self, operation: str) -> Any:
            call = super().__getattr__(operation)
            return lambda **request: call(**request, **({"Limit": 1} if operation == "scan" else {}))

    paged = Paged(client)
    before = items(client, table)
    _, done = refreshed_table(paged, table, GivenLists(crowd(5)), NOW + DAY)
    assert (done.written, done.deleted, done.unchanged) == (0, 0, 5)
    assert paged.requests["scan"] >= len(before)


def test_the_highest_customer_id_is_read_back_as_any_other(client, table):
    rows = [row("Ann Tester", MOST_CUST_ID), row("Bo Demo", MOST_CUST_ID - 1), row("Cy Invented", 1)]
    refreshed_table(client, table, GivenLists(rows))
    _, done = refreshed_table(client, table, GivenLists(rows), NOW + DAY)
    assert (done.written, done.deleted, done.unchanged) == (0, 0, 3)


def test_a_sweep_leaves_what_is_about_nobody(client, table):
    refreshed_table(client, table, GivenLists([*crowd(3), row("Bo", 8), row("Bo", 9)]))
    store = DynamoStore(client, table, table)
    store.documents.put("BUDGET", {"n": 1}, expected=None)
    store.claim(["INDEX", "driver 1"], "me", NOW * 2)
    assert (
        store.sweep(
            lambda key, cust_id: (key, cust_id) not in (("bo", 8), ("driver 1", 1), ("driver 1", None))
        )
        == 3
    )
    assert set(items(client, table)) == {
        "DOCUMENT:BUDGET", "INDEX", "INDEX:driver 2", "INDEX:driver 3", "LEASE:INDEX",
        f"RANKS:{int(NOW)}:0", "SHARED:bo:9",
    }  # fmt: skip
    store.sweep(lambda *_: False)
    assert set(items(client, table)) == {"DOCUMENT:BUDGET", "INDEX", "LEASE:INDEX", f"RANKS:{int(NOW)}:0"}
