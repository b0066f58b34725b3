"""Incomplete batches, throttling and lost answers of DynamoDB, on a real moto server.

Clients that wrap boto's make the failures; everything else they pass on.
"""

import random
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from tests.support.stores import create_table, dynamo_client, moto_endpoint

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import Document, Record
from pitboard.stores import dynamodb
from pitboard.stores.dynamodb import DynamoDocuments, DynamoStore


@pytest.fixture(scope="module")
def client():
    with moto_endpoint() as endpoint:
        yield dynamo_client(endpoint)


@pytest.fixture
def table(client):
    return create_table(client, "drivers", "name")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(dynamodb, "FIRST_PAUSE", 0.0001)


class OverloadedClient:
    """Processes only the first item of each batch, and refuses the first `refusals` requests with `code`."""

    def __init__(self, client, refusals=0, *, code="ProvisionedThroughputExceededException"):
        self._client = client
        self.refusals = refusals
        self.code = code
        self.requests = 0

    def __getattr__(self, operation):
        def call(**request):
            self.requests += 1
            if self.refusals:
                self.refusals -= 1
                raise ClientError({"Error": {"Code": self.code, "Message": "a secret detail"}}, operation)
            own = {"batch_get_item": self._some_read, "batch_write_item": self._some_written}
            return own.get(operation, getattr(self._client, operation))(**request)

        return call

    def _some_read(self, RequestItems):  # noqa: N803 - boto's
        ((table, wanted),) = RequestItems.items()
        first = {**wanted, "Keys": wanted["Keys"][:1]}
        rest = {**wanted, "Keys": wanted["Keys"][1:]}
        answer = self._client.batch_get_item(RequestItems={table: first})
        return {**answer, "UnprocessedKeys": {table: rest} if rest["Keys"] else {}}

    def _some_written(self, RequestItems):  # noqa: N803 - boto's
        ((table, requests),) = RequestItems.items()
        self._client.batch_write_item(RequestItems={table: requests[:1]})
        return {"UnprocessedItems": {table: requests[1:]} if requests[1:] else {}}


def records(count):
    return [Record(f"driver {n}", n + 1, b'{"cust_id":1}', 1.0, 2.0, 4e9) for n in range(count)]


def test_unprocessed_items_of_a_batch_are_requested_again(client, table):
    store = DynamoStore(OverloadedClient(client), table, table)
    some = records(6)
    store.keep(some)
    assert store.records([r.key for r in some]) == {r.key: r for r in some}


def test_a_batch_that_stays_incomplete_is_an_error(client, table):
    store = DynamoStore(OverloadedClient(client), table, table)
    with pytest.raises(StoreError, match="is throttled"):
        store.records([r.key for r in records(dynamodb.ATTEMPTS + 1)])
    with pytest.raises(StoreError, match="is throttled"):
        store.keep(records(dynamodb.ATTEMPTS + 1))


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_throttled_request_is_retried(client, table, code):
    overloaded = OverloadedClient(client, 3, code=code)
    assert DynamoStore(overloaded, table, table).claim(["a"], "me", 4e9) == {"a"}
    assert overloaded.requests == 4


def test_lasting_throttling_is_an_error(client, table):
    with pytest.raises(StoreError, match=f"The table {table} is throttled"):
        DynamoStore(OverloadedClient(client, 99), table, table).ping()


def test_other_errors_are_not_retried_and_show_no_details(client, table):
    overloaded = OverloadedClient(client, 1, code="AccessDeniedException")
    with pytest.raises(StoreError, match="may not use the table") as caught:
        DynamoStore(overloaded, table, table).ping()
    assert overloaded.requests == 1
    assert "secret" not in str(caught.value)


def test_pauses_are_random_up_to_a_bound_that_doubles(monkeypatch):
    monkeypatch.setattr(dynamodb, "FIRST_PAUSE", 0.05)
    first = set()
    for _ in range(200):
        pauses = list(dynamodb._pauses())
        first.add(pauses[0])
        assert len(pauses) == dynamodb.ATTEMPTS
        assert all(0 <= pause <= min(2.0, 0.05 * 2**n) for n, pause in enumerate(pauses))
    assert len(first) > 1


def test_pauses_double_up_to_two_seconds(monkeypatch):
    monkeypatch.setattr(dynamodb, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(random, "uniform", lambda least, most: most - least)
    assert list(dynamodb._pauses()) == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


class PagedClient:
    """Gives one item a page."""

    def __init__(self, client):
        self._client = client

    def scan(self, **request):
        return self._client.scan(**request, Limit=1)

    def __getattr__(self, operation):
        return getattr(self._client, operation)


def test_a_table_of_many_pages_is_read_whole(client, table):
    DynamoStore(client, table, table).keep(records(5))
    paged = dynamodb.Table(PagedClient(client), table, "name")
    assert {item["name"]["S"] for item in paged.scan("driver 1", "driver 3")} == {"driver 1", "driver 3"}
    assert set(paged.scan_ids()) == {(f"driver {n}", n + 1) for n in range(5)}


class LostAnswerClient:
    """Sends the first put twice, as botocore does when the answer to a put was lost."""

    def __init__(self, client):
        self._client = client
        self._lost = False

    def put_item(self, **request):
        if not self._lost:
            self._lost = True
            self._client.put_item(**request)
        return self._client.put_item(**request)

    def __getattr__(self, operation):
        return getattr(self._client, operation)


def test_a_write_whose_answer_was_lost_counts_as_done(client):
    """Otherwise a refresh token that was just written would look like another process's."""
    table = create_table(client, "auth", "username")
    documents = DynamoDocuments(LostAnswerClient(client), table, "username")
    assert documents.put("TOKEN:a", {"n": 1}, expected=None)
    assert documents.get("TOKEN:a") == Document({"n": 1}, 1)
    documents = DynamoDocuments(LostAnswerClient(client), table, "username")
    assert documents.put("TOKEN:a", {"n": 2}, expected=1)
    assert not documents.put("TOKEN:a", {"n": 3}, expected=1)
    assert documents.get("TOKEN:a") == Document({"n": 2}, 2)


@pytest.mark.parametrize("mark", ["", "0", "g"])
def test_a_version_that_another_has_written_is_not_ours_whatever_its_mark(client, mark):
    """Marks are random hex digits: these come before and after all of them."""
    table = create_table(client, "auth", "username")
    documents = DynamoDocuments(client, table, "username")
    assert documents.put("TOKEN:a", {"n": 1}, expected=None)
    client.update_item(
        TableName=table,
        Key={"username": {"S": "TOKEN:a"}},
        UpdateExpression="SET mark = :mark",
        ExpressionAttributeValues={":mark": {"S": mark}},
    )
    assert not documents.put("TOKEN:a", {"n": 2}, expected=None)
    assert documents.get("TOKEN:a") == Document({"n": 1}, 1)


def test_ttl_is_in_whole_seconds_rounded_up(client, table):
    store = DynamoStore(client, table, table)
    store.keep([Record("ann tester", 1, b'{"cust_id":1}', 1.0, 2.0, 4_000_000_000.25)])
    store.claim(["ann tester"], "me", 4_000_000_001.5)
    ttl = {item["name"]["S"]: item["ttl"]["N"] for item in client.scan(TableName=table)["Items"]}
    assert ttl == {"ann tester": "4000000001", "LEASE:ann tester": "4000000002"}


class RecordingClient:
    """Passes requests on, and notes of each read whether it is consistent."""

    def __init__(self, client):
        self._client = client
        self.consistent = []

    def __getattr__(self, operation):
        def call(**request):
            if operation in ("get_item", "scan"):
                self.consistent.append(request.get("ConsistentRead", False))
            for wanted in request.get("RequestItems", {}).values() if operation == "batch_get_item" else ():
                self.consistent.append(wanted.get("ConsistentRead", False))
            return getattr(self._client, operation)(**request)

        return call


def test_every_read_of_records_ids_and_documents_is_consistent(client, table):
    """Else a page would not see what its own plan has just written, nor a keeper the newest token."""
    recording = RecordingClient(client)
    store = DynamoStore(recording, table, table)
    store.records(["ann tester"])
    store.ids(["ann tester"])
    store.documents.get("BUDGET")
    store.ping()
    store.sweep(lambda *_: True)
    auth = create_table(client, "auth", "username")
    DynamoDocuments(recording, auth, "username").get("TOKEN:a")
    assert recording.consistent == [True] * 8


def test_a_body_that_is_not_compressed_is_a_miss_for_its_name_alone(client, table, caplog):
    store = DynamoStore(client, table, table, lambda: 5.0)
    kept = Record("bo", 8, b'{"cust_id":8}', 1.0, 2.0, 9.0)
    store.keep([replace(kept, key="ann"), kept])
    client.update_item(
        TableName=table,
        Key={"name": {"S": "ann"}},
        UpdateExpression="SET body = :body",
        ExpressionAttributeValues={":body": {"B": b"{}"}},
    )
    assert store.records(["ann", "bo"]) == {"bo": kept}
    assert "a record is damaged" in caplog.text
