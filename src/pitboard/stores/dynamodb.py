"""The store in DynamoDB: `ir_drivers` and `ir_custid` for the service, `ir_auth` for the token alone.

Facts about DynamoDB in here are from its developer guide: at most 100 keys a BatchGetItem and 25 a
BatchWriteItem, either may leave some of them undone; items past their TTL are deleted days late and are
read until then; numbers have 38 digits, so a float fits.

Every read is consistent: a page is composed from what its own plan has just written.
"""

import json
import math
import random
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import Document, IdEntry, Record

CLIENT_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=32,
)
"""For the boto client that the stores are given: quick to give up, since throttling is retried in here."""

MOST_READ = 100
MOST_WRITTEN = 25

ATTEMPTS = 8
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
"""Eight tries with pauses of up to 0.05, 0.1, 0.2 ... 2 s: at most 7 s, 3.5 s on average."""

PARALLEL_LEASES = 16

THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
    }
)

_LEASE = "LEASE:"
_DOCUMENT = "DOCUMENT:"

Item = dict[str, Any]
"""An item in DynamoDB's own notation: {"name": {"S": "..."}}."""


class DynamoStore:
    """`ports.Store` on two tables, both with the key attribute `name` and the TTL attribute `ttl`.

    `client` is a boto client for DynamoDB with `CLIENT_CONFIG`; clients are safe for threads. Leases and
    documents lie beside the records under keys in capitals, which no lower-cased name can be.
    """

    def __init__(
        self, client: Any, drivers: str, custid: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._drivers = _Table(client, drivers, "name")
        self._custid = _Table(client, custid, "name")
        self._clock = clock
        self.documents = DynamoDocuments(client, drivers, "name", _DOCUMENT)

    def records(self, keys: Sequence[str]) -> dict[str, Record]:
        now = self._clock()
        found = (_record(item) for item in self._drivers.read(keys))
        return {record.key: record for record in found if record.stale_until > now}

    def keep(self, records: Iterable[Record]) -> None:
        self._drivers.write(_record_item(record) for record in records)

    def ids(self, keys: Sequence[str]) -> dict[str, IdEntry]:
        now = self._clock()
        found = (_id_entry(item) for item in self._custid.read(keys))
        return {entry.key: entry for entry in found if entry.until > now}

    def keep_ids(self, entries: Iterable[IdEntry]) -> None:
        self._custid.write(_id_item(entry) for entry in entries)

    def forget(self, keys: Sequence[str]) -> None:
        self._drivers.delete(keys)
        self._custid.delete(keys)

    def claim(self, keys: Sequence[str], owner: str, until: float) -> set[str]:
        def take(key: str) -> bool:
            lease = {"name": _s(_LEASE + key), "owner": _s(owner), "until": _n(until), "ttl": _ttl(until)}
            return self._drivers.put_if(
                lease,
                "attribute_not_exists(#key) OR #until <= :now OR #owner = :owner",
                {"#until": "until", "#owner": "owner"},
                {":now": _n(self._clock()), ":owner": _s(owner)},
            )

        return {key for key, taken in zip(keys, self._each(take, keys), strict=True) if taken}

    def release(self, keys: Sequence[str], owner: str) -> None:
        def give_up(key: str) -> bool:
            return self._drivers.delete_if(
                _LEASE + key, "#owner = :owner", {"#owner": "owner"}, {":owner": _s(owner)}
            )

        self._each(give_up, keys)

    def purge(self, now: float) -> int:  # noqa: ARG002 - the port's; DynamoDB deletes by itself
        return 0

    def ping(self) -> None:
        self._drivers.get("PING")
        self._custid.get("PING")

    def close(self) -> None:
        self._threads.shutdown()

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(PARALLEL_LEASES, "pitboard-lease")

    def _each(self, work: Callable[[str], bool], keys: Sequence[str]) -> list[bool]:
        """Conditional writes cannot be batched, so those of several keys go side by side."""
        return [work(key) for key in keys] if len(keys) < 2 else list(self._threads.map(work, keys))


class DynamoDocuments:
    """`ports.Documents` as items of a table: under `key_attribute`, with `prefix` before the key."""

    def __init__(self, client: Any, table: str, key_attribute: str, prefix: str = "") -> None:
        self._table = _Table(client, table, key_attribute)
        self._prefix = prefix

    def get(self, key: str) -> Document | None:
        item = self._table.get(self._prefix + key)
        return Document(json.loads(item["value"]["S"]), int(item["version"]["N"])) if item else None

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        mark = uuid.uuid4().hex
        item = {
            self._table.key: _s(self._prefix + key),
            "value": _s(json.dumps(value)),
            "version": _n((expected or 0) + 1),
            "mark": _s(mark),
        }
        if expected is None:
            written = self._table.put_if(item, "attribute_not_exists(#key)", {}, {})
        else:
            names, values = {"#version": "version"}, {":expected": _n(expected)}
            written = self._table.put_if(item, "#version = :expected", names, values)
        return written or self._was_ours(key, mark)

    def ping(self) -> None:
        """Raises `StoreError` if the table cannot be read."""
        self._table.get("PING")

    def _was_ours(self, key: str, mark: str) -> bool:
        """Whether a refused write is there nevertheless: its answer was lost, and the client's repetition
        of it found the version taken, by itself."""
        item = self._table.get(self._prefix + key)
        return bool(item) and item.get("mark", {}).get("S") == mark


class _Table:
    """One table by its name and key attribute. Errors leave here as `StoreError`."""

    def __init__(self, client: Any, name: str, key: str) -> None:
        self._client = client
        self._name = name
        self.key = key

    def get(self, key: str) -> Item:
        """The item, {} if there is none."""
        request = {"TableName": self._name, "Key": {self.key: _s(key)}, "ConsistentRead": True}
        item: Item = self._call("get_item", **request).get("Item", {})
        return item

    def read(self, keys: Sequence[str]) -> Iterator[Item]:
        """The items there are."""
        for some in _batches(dict.fromkeys(keys), MOST_READ):
            wanted = {"Keys": [{self.key: _s(key)} for key in some], "ConsistentRead": True}
            yield from self._read_all({self._name: wanted})

    def _read_all(self, wanted: Mapping[str, Any]) -> Iterator[Item]:
        for pause in _pauses():
            answer = self._call("batch_get_item", RequestItems=wanted)
            yield from answer.get("Responses", {}).get(self._name, [])
            wanted = answer.get("UnprocessedKeys", {})
            if not wanted:
                return
            time.sleep(pause)
        raise self._throttled()

    def write(self, items: Iterable[Item]) -> None:
        """Puts items. Of two with the same key the last stays: DynamoDB refuses both in one batch."""
        distinct = {item[self.key]["S"]: item for item in items}
        self._write_all({"PutRequest": {"Item": item}} for item in distinct.values())

    def delete(self, keys: Sequence[str]) -> None:
        self._write_all({"DeleteRequest": {"Key": {self.key: _s(key)}}} for key in dict.fromkeys(keys))

    def _write_all(self, requests: Iterable[Item]) -> None:
        for some in _batches(requests, MOST_WRITTEN):
            left = {self._name: some}
            for pause in _pauses():
                left = self._call("batch_write_item", RequestItems=left).get("UnprocessedItems", {})
                if not left:
                    break
                time.sleep(pause)
            else:
                raise self._throttled()

    def put_if(self, item: Item, condition: str, names: Mapping[str, str], values: Item) -> bool:
        """Puts the item if the condition holds (`#key` is the key attribute); whether it did."""
        names = {**({"#key": self.key} if "#key" in condition else {}), **names}
        return self._conditional("put_item", {"Item": item}, condition, names, values)

    def delete_if(self, key: str, condition: str, names: Mapping[str, str], values: Item) -> bool:
        """Deletes the item if the condition holds; whether it did."""
        return self._conditional("delete_item", {"Key": {self.key: _s(key)}}, condition, names, values)

    def _conditional(
        self, operation: str, what: Item, condition: str, names: Mapping[str, str], values: Item
    ) -> bool:
        request: Item = {"TableName": self._name, "ConditionExpression": condition, **what}
        request |= {"ExpressionAttributeNames": names} if names else {}
        request |= {"ExpressionAttributeValues": values} if values else {}
        try:
            self._call(operation, **request)
        except _ConditionError:
            return False
        return True

    def _call(self, operation: str, **request: Any) -> Item:
        """One request, repeated with growing random pauses while DynamoDB throttles."""
        for pause in _pauses():
            try:
                answer: Item = getattr(self._client, operation)(**request)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code == "ConditionalCheckFailedException":
                    raise _ConditionError from None
                if code not in THROTTLED:
                    raise StoreError(self._sentence(code)) from None
            except BotoCoreError as error:
                raise StoreError(f"The table {self._name} cannot be reached ({_kind(error)}).") from None
            else:
                return answer
            time.sleep(pause)
        raise self._throttled()

    def _throttled(self) -> StoreError:
        return StoreError(f"The table {self._name} is throttled; look at its capacity and its hot keys.")

    def _sentence(self, code: str) -> str:
        if code == "ResourceNotFoundException":
            return f"The table {self._name} does not exist; run `pitboard deploy`."
        if code == "AccessDeniedException":
            return f"The role may not use the table {self._name}; run `pitboard deploy` to mend it."
        return f"The table {self._name} refused a request ({code})."


class _ConditionError(Exception):
    """A conditional write was refused."""


def _pauses() -> Iterator[float]:
    """Pauses in seconds, random up to a bound that doubles ("full jitter", AWS' architecture blog)."""
    for attempt in range(ATTEMPTS):
        yield random.uniform(0.0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))  # noqa: S311 - spreads


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _kind(error: BotoCoreError) -> str:
    """The kind of a botocore error; its text may hold the endpoint and more."""
    return type(error).__name__.removesuffix("Error")


# --- items ---------------------------------------------------------------------------------------


def _record_item(record: Record) -> Item:
    return {
        "name": _s(record.key),
        "cust_id": _n(record.cust_id),
        "body": {"B": zlib.compress(record.body, 6)},  # a write unit is 1 KB, and JSON shrinks to a quarter
        "as_of": _n(record.as_of),
        "fresh_until": _n(record.fresh_until),
        "stale_until": _n(record.stale_until),
        "profile_until": _n(record.profile_until),
        "ttl": _ttl(record.stale_until),
    }


def _record(item: Item) -> Record:
    return Record(
        key=item["name"]["S"],
        cust_id=int(item["cust_id"]["N"]),
        body=zlib.decompress(item["body"]["B"]),
        as_of=float(item["as_of"]["N"]),
        fresh_until=float(item["fresh_until"]["N"]),
        stale_until=float(item["stale_until"]["N"]),
        profile_until=float(item["profile_until"]["N"]),
    )


def _id_item(entry: IdEntry) -> Item:
    item = {
        "name": _s(entry.key),
        "origin": _s(entry.origin),
        "until": _n(entry.until),
        "reason": _s(entry.reason),
        "ttl": _ttl(entry.until),
    }
    return item if entry.cust_id is None else {**item, "cust_id": _n(entry.cust_id)}


def _id_entry(item: Item) -> IdEntry:
    cust_id = item.get("cust_id")
    return IdEntry(
        key=item["name"]["S"],
        cust_id=int(cust_id["N"]) if cust_id else None,
        origin=item["origin"]["S"],
        until=float(item["until"]["N"]),
        reason=item["reason"]["S"],
    )


def _s(text: str) -> Item:
    return {"S": text}


def _n(number: float) -> Item:
    return {"N": repr(number)}


def _ttl(until: float) -> Item:
    """The TTL attribute: whole Unix seconds, never before `until`."""
    return {"N": str(math.ceil(until))}
