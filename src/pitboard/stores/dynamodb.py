"""The store in DynamoDB: `ir_drivers` and `ir_custid` for the service, `ir_auth` for the token alone.

Facts about DynamoDB in here are from its developer guide: at most 100 keys a BatchGetItem and 25 a
BatchWriteItem, either may leave some of them undone; items past their TTL are deleted days late and are
read until then; numbers have 38 digits, so a float fits.

Every read of the store is consistent: a page is composed from what its own plan has just written.
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
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import LONGEST_LEASE, Document, IdEntry, Record
from pitboard.stores import damage

Whole = TypeVar("Whole")

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
_INDEXED, _SHARED = "INDEX:", "SHARED:"
"""What stands before a name key in a lease, and in an entry of the driver index (`dynamodb_index`)."""

_NOBODYS, _NOBODYS_PREFIXES = ("INDEX", "LEASE:INDEX"), (_DOCUMENT, "RANKS:")

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
        self._drivers = Table(client, drivers, "name")
        self._custid = Table(client, custid, "name")
        self._clock = clock
        self._told = damage.Told()
        self.documents = DynamoDocuments(client, drivers, "name", _DOCUMENT)

    def records(self, keys: Sequence[str]) -> dict[str, Record]:
        now = self._clock()
        found = self._whole("a record", _record, self._drivers.read(keys))
        return {record.key: record for record in found if record.stale_until > now}

    def keep(self, records: Iterable[Record]) -> None:
        self._drivers.write(_record_item(record) for record in records)

    def ids(self, keys: Sequence[str]) -> dict[str, IdEntry]:
        now = self._clock()
        found = self._whole("an entry of a customer id", _id_entry, self._custid.read(keys))
        return {entry.key: entry for entry in found if entry.until > now}

    def _whole(self, what: str, parsed: Callable[[Item], Whole], items: Iterable[Item]) -> Iterator[Whole]:
        """What the items hold; a damaged one is left out."""
        for item in items:
            try:
                yield parsed(item)
            except _DAMAGE as error:
                self._told(what, item["name"]["S"], error)

    def keep_ids(self, entries: Iterable[IdEntry]) -> None:
        self._custid.write(_id_item(entry) for entry in entries)

    def forget(self, keys: Sequence[str]) -> None:
        self._drivers.delete(keys)
        self._custid.delete(keys)

    def claim(self, keys: Sequence[str], owner: str, until: float) -> set[str]:
        def take(key: str) -> bool:
            lease = {
                "name": string(_LEASE + key),
                "owner": string(owner),
                "until": number(until),
                "ttl": ttl(until),
            }
            return self._drivers.put_if(
                lease,
                "attribute_not_exists(#key)"
                " OR NOT attribute_type(#until, :number)"  # a damaged one binds nobody
                " OR #until <= :now OR #until > :latest OR #owner = :owner",
                {"#until": "until", "#owner": "owner"},
                {
                    ":now": number(self._clock()),
                    ":latest": number(self._clock() + LONGEST_LEASE),
                    ":owner": string(owner),
                    ":number": string("N"),
                },
            )

        return {key for key, taken in zip(keys, self._each(take, keys), strict=True) if taken}

    def release(self, keys: Sequence[str], owner: str) -> None:
        def give_up(key: str) -> bool:
            return self._drivers.delete_if(
                _LEASE + key, "#owner = :owner", {"#owner": "owner"}, {":owner": string(owner)}
            )

        self._each(give_up, keys)

    def sweep(self, keeps: Callable[[str, int | None], bool]) -> int:
        """Also deletes entries of the driver index, which lie in the table of customer ids."""
        return sum(sweep(table, keeps) for table in (self._drivers, self._custid))

    def keys_of(self, cust_ids: Sequence[int]) -> list[str]:
        """The keys under which anything of these customer ids is kept. Reads both tables."""
        wanted = set(cust_ids)
        tables = (self._drivers, self._custid)
        return [key for table in tables for key, whose in table.scan_ids() if whose in wanted]

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
        self._table = Table(client, table, key_attribute)
        self._prefix = prefix
        self._damaged: dict[str, Item] = {}
        """Items that could not be read; one is replaced as long as it is still the same."""

    def get(self, key: str) -> Document | None:
        if not (item := self._table.get(self._prefix + key)):
            return None
        try:
            value, version = json.loads(item["value"]["S"]), int(item["version"]["N"])
            if isinstance(value, dict):
                return Document(value, version)
        except (LookupError, TypeError, ValueError, RecursionError):
            pass
        if self._damaged.get(key) != item:
            damage.document_lost(key)
            self._damaged[key] = item
        return None

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        mark = uuid.uuid4().hex
        item = {
            self._table.key: string(self._prefix + key),
            "value": string(json.dumps(value)),
            "version": number((expected or 0) + 1),
            "mark": string(mark),
        }
        if expected is None:
            written = self._put_new(key, item)
        else:
            names, values = {"#version": "version"}, {":expected": number(expected)}
            written = self._table.put_if(item, "#version = :expected", names, values)
        return written or self._was_ours(key, mark)

    def _put_new(self, key: str, item: Item) -> bool:
        """Writes a document where there is none, or in the place of one that could not be read."""
        damaged = self._damaged.pop(key, None)
        if damaged is None:
            return self._table.put_if(item, "attribute_not_exists(#key)", {}, {})
        fields = ("value", "version")
        same = (f"#{f} = :{f}" if f in damaged else f"attribute_not_exists(#{f})" for f in fields)
        held = {f":{f}": damaged[f] for f in fields if f in damaged}
        return self._table.put_if(item, " AND ".join(same), {f"#{f}": f for f in fields}, held)

    def ping(self) -> None:
        """Raises `StoreError` if the table cannot be read."""
        self._table.get("PING")

    def _was_ours(self, key: str, mark: str) -> bool:
        """Whether a refused write is there nevertheless: its answer was lost, and the client's repetition
        of it found the version taken, by itself."""
        item = self._table.get(self._prefix + key)
        return bool(item) and item.get("mark", {}).get("S") == mark


class Table:
    """One table by its name and key attribute. Errors leave here as `StoreError`.

    `attempts` is how often a request is made while DynamoDB throttles.
    """

    def __init__(self, client: Any, name: str, key: str, *, attempts: int = ATTEMPTS) -> None:
        self._client = client
        self._name = name
        self._attempts = attempts
        self.key = key

    def get(self, key: str) -> Item:
        """The item, {} if there is none."""
        request = {"TableName": self._name, "Key": {self.key: string(key)}, "ConsistentRead": True}
        item: Item = self._call("get_item", **request).get("Item", {})
        return item

    def read(self, keys: Sequence[str], *, consistent: bool = True) -> Iterator[Item]:
        """The items there are. Reads that are not consistent cost half, and may lag by a second."""
        for some in _batches(dict.fromkeys(keys), MOST_READ):
            wanted = {"Keys": [{self.key: string(key)} for key in some], "ConsistentRead": consistent}
            yield from self._read_all({self._name: wanted})

    def scan(self, *prefixes: str) -> Iterator[Item]:
        """Every item whose key begins with one of the prefixes, in no order. It reads the whole table."""
        condition = " OR ".join(f"begins_with(#key, :prefix{n})" for n in range(len(prefixes)))
        request: Item = {
            "TableName": self._name,
            "FilterExpression": condition,
            "ExpressionAttributeNames": {"#key": self.key},
            "ExpressionAttributeValues": {f":prefix{n}": string(prefix) for n, prefix in enumerate(prefixes)},
        }
        while True:
            answer = self._call("scan", **request)
            yield from answer["Items"]
            if not (last := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = last

    def scan_ids(self) -> Iterator[tuple[str, int | None]]:
        """The key and the customer id, if it has one, of every item. It reads the whole table."""
        request: Item = {
            "TableName": self._name,
            "ProjectionExpression": "#key, cust_id",
            "ExpressionAttributeNames": {"#key": self.key},
            "ConsistentRead": True,
        }
        while True:
            answer = self._call("scan", **request)
            for item in answer["Items"]:
                number = item.get("cust_id", {}).get("N", "")
                yield item[self.key]["S"], int(number) if number.isdecimal() else None  # else it is damaged
            if not (last := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = last

    def _read_all(self, wanted: Mapping[str, Any]) -> Iterator[Item]:
        for pause in _pauses(self._attempts):
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
        self.change(distinct.values())

    def delete(self, keys: Sequence[str]) -> None:
        self.change(dict.fromkeys(keys))

    def change(self, changes: Iterable[Item | str]) -> None:
        """Puts the items and deletes the keys, as they come. No key may come twice."""
        requests = (
            {"DeleteRequest": {"Key": {self.key: string(change)}}}
            if isinstance(change, str)
            else {"PutRequest": {"Item": change}}
            for change in changes
        )
        for some in _batches(requests, MOST_WRITTEN):
            left = {self._name: some}
            for pause in _pauses(self._attempts):
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
        return self._conditional("delete_item", {"Key": {self.key: string(key)}}, condition, names, values)

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
        for pause in _pauses(self._attempts):
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
            return f"The role may not use the table {self._name}; `pitboard deploy` gives it the right."
        return f"The table {self._name} refused a request ({code})."


class _ConditionError(Exception):
    """A conditional write was refused."""


def _pauses(attempts: int = ATTEMPTS) -> Iterator[float]:
    """Pauses in seconds, random up to a bound that doubles ("full jitter", AWS' architecture blog)."""
    for attempt in range(attempts):
        yield random.uniform(0.0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))  # noqa: S311 - spreads


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _kind(error: BotoCoreError) -> str:
    """The kind of a botocore error; its text may hold the endpoint and more."""
    return type(error).__name__.removesuffix("Error")


def sweep(table: "Table", keeps: Callable[[str, int | None], bool], *, index: bool = True) -> int:
    """Deletes the items of one table of whom `keeps` says no (`ports.Store.sweep`), also entries of the
    driver `index`; gives their number."""
    spared = () if index else (_INDEXED, _SHARED)
    found = ((key, cust_id) for key, cust_id in table.scan_ids() if not key.startswith(spared))
    keys = [key for key, cust_id in found if not _stays(key, cust_id, keeps)]
    table.delete(keys)
    return len(keys)


def _stays(key: str, cust_id: int | None, keeps: Callable[[str, int | None], bool]) -> bool:
    """What `keeps` says of an item; all that is about nobody stays."""
    if key in _NOBODYS or key.startswith(_NOBODYS_PREFIXES):
        return True
    if key.startswith(_SHARED):
        key, _, number = key.rpartition(":")
        cust_id = int(number) if number.isdecimal() else cust_id
    for prefix in (_LEASE, _INDEXED, _SHARED):
        key = key.removeprefix(prefix)
    return keeps(key, cust_id)


# --- items ---------------------------------------------------------------------------------------


def _record_item(record: Record) -> Item:
    return {
        "name": string(record.key),
        "cust_id": number(record.cust_id),
        "body": {"B": zlib.compress(record.body, 6)},  # a write unit is 1 KB, and JSON shrinks to a quarter
        "as_of": number(record.as_of),
        "fresh_until": number(record.fresh_until),
        "stale_until": number(record.stale_until),
        "profile_until": number(record.profile_until),
        "ttl": ttl(record.stale_until),
    }


def _record(item: Item) -> Record:
    """Raises one of `_DAMAGE`."""
    times = (float(item[field]["N"]) for field in ("as_of", "fresh_until", "stale_until", "profile_until"))
    body = zlib.decompress(item["body"]["B"])
    return damage.record(item["name"]["S"], int(item["cust_id"]["N"]), body, *times)


_DAMAGE = (LookupError, TypeError, ValueError, zlib.error)
"""What reading a damaged item raises: an attribute is missing, has another type or another value."""


def _id_item(entry: IdEntry) -> Item:
    item = {
        "name": string(entry.key),
        "origin": string(entry.origin),
        "until": number(entry.until),
        "reason": string(entry.reason),
        "failed_until": number(entry.failed_until),
        "doubted_at": number(entry.doubted_at),
        "ttl": ttl(entry.until),
    }
    return item if entry.cust_id is None else {**item, "cust_id": number(entry.cust_id)}


def _id_entry(item: Item) -> IdEntry:
    """Raises one of `_DAMAGE`."""
    cust_id = item.get("cust_id")
    return damage.entry(
        item["name"]["S"],
        int(cust_id["N"]) if cust_id else None,
        item["origin"]["S"],
        float(item["until"]["N"]),
        item["reason"]["S"],
        _optional(item, "failed_until"),
        _optional(item, "doubted_at"),
    )


def _optional(item: Item, field: str) -> float:
    """A number that older items have not."""
    return float(item[field]["N"]) if field in item else 0.0


def string(text: str) -> Item:
    """A string in DynamoDB's notation."""
    return {"S": text}


def number(value: float) -> Item:
    """A number in DynamoDB's notation."""
    return {"N": repr(value)}


def ttl(until: float) -> Item:
    """The TTL attribute: whole Unix seconds, never before `until`."""
    return {"N": str(math.ceil(until))}
