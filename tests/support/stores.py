"""Stores to test: SQLite in a file, DynamoDB as emulated by moto and by dynalite, both on loopback."""

import io
import sqlite3
import subprocess
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.support import needs
from tests.support.clock import Clock
from werkzeug.serving import WSGIRequestHandler, make_server

from pitboard.drivers.ports import Documents, Store
from pitboard.stores.dynamodb import CLIENT_CONFIG, DynamoDocuments, DynamoStore
from pitboard.stores.sqlite import SqliteStore

HERE = Path(__file__).parents[1] / "contract"

DYNALITE = """
const server = require('dynalite')({ createTableMs: 0, deleteTableMs: 0 });
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
"""
"""The process ends with its standard input, so that a crashed test run leaves none behind."""


@dataclass
class StoreUnderTest:
    """Opens stores of one kind. Each `open` gives a new store on the same data, like another process."""

    opener: Callable[[Clock], Store]
    token_documents: Callable[[], Documents]
    spoil: Callable[[str, str, str, Any], None]
    """Writes a value past the store: (table, key, field, value). None takes the field away, if it can be."""
    clock: Clock = field(default_factory=lambda: Clock(1_800_000_000.25))
    opened: list[Store] = field(default_factory=list)

    def open(self) -> Store:
        self.opened.append(self.opener(self.clock))
        return self.opened[-1]

    def close(self) -> None:
        for store in self.opened:
            store.close()


def sqlite_under_test(folder: Path) -> StoreUnderTest:
    path = folder / "contract.sqlite3"

    def spoil(table: str, key: str, field: str, value: Any) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            if value is None and not _nullable(db, table, field):
                pytest.skip("SQLite has no row without it")
            db.execute(f"UPDATE {table} SET {field} = ? WHERE key = ?", (value, key))
            db.execute("UPDATE changes SET version = version + 1")

    backend = StoreUnderTest(lambda clock: SqliteStore(path, clock), lambda: backend.open().documents, spoil)
    return backend


def _nullable(db: sqlite3.Connection, table: str, field: str) -> bool:
    columns = {row[1]: row[3] for row in db.execute(f"PRAGMA table_info({table})")}
    return not columns[field]


def dynamo_under_test(client: Any) -> StoreUnderTest:
    """Stores on three new tables."""
    drivers, custid = create_table(client, "drivers", "name"), create_table(client, "custid", "name")
    auth = create_table(client, "auth", "username")
    places = {"records": (drivers, ""), "ids": (custid, ""), "leases": (drivers, "LEASE:")}
    places["documents"] = (drivers, "DOCUMENT:")

    def spoil(table: str, key: str, field: str, value: Any) -> None:
        name, prefix = places[table]
        change = "REMOVE #it" if value is None else "SET #it = :it"
        request: dict[str, Any] = (
            {"ExpressionAttributeValues": {":it": _item(value)}} if value is not None else {}
        )
        client.update_item(
            TableName=name,
            Key={"name": {"S": prefix + key}},
            UpdateExpression=change,
            ExpressionAttributeNames={"#it": field},
            **request,
        )

    return StoreUnderTest(
        lambda clock: DynamoStore(client, drivers, custid, clock),
        lambda: DynamoDocuments(client, auth, "username"),
        spoil,
    )


def _item(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's notation; bytes are compressed, as bodies are."""
    if isinstance(value, bytes):
        return {"B": zlib.compress(value)}
    return {"S": value} if isinstance(value, str) else {"N": repr(value)}


def create_table(client: Any, kind: str, key: str) -> str:
    """Makes an empty table with the string key `key`; gives its name, which no other table has."""
    name = f"ir_{kind}_{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.05})
    return name


def dynamo_client(endpoint: str) -> Any:
    """A client as the functions have it, but patient: on a busy machine boto would otherwise repeat a
    `CreateTable` whose answer is late, and be told that the table exists."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="invented",
        aws_secret_access_key="invented",
        config=CLIENT_CONFIG.merge(Config(connect_timeout=60, read_timeout=60)),
    )


class _Silent(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def moto_endpoint() -> Iterator[str]:
    """Moto's server, which does one DynamoDB request after the other here: moto itself checks the condition
    of a write and writes in two steps, between which another thread's write is lost (5.2.5,
    `Table.put_item`). DynamoDB does both at once."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    moto, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def one_by_one(environ: Any, start_response: Any) -> Any:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return moto(environ, start_response)
        # Outside the lock: a client may be stopped, as Lambda stops a process, before it has sent all.
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        with turn:
            return moto(environ | {"wsgi.input": io.BytesIO(body)}, start_response)

    server = make_server("127.0.0.1", 0, one_by_one, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def dynalite_endpoint() -> Iterator[str]:
    """Skips (in CI: fails) if Node or the package is missing."""
    needs.program("node", needs.NODE)
    if not (HERE / "node_modules" / "dynalite").is_dir():
        needs.miss("dynalite is missing: run `npm ci` in tests/contract")
    process = subprocess.Popen(
        ["node", "-e", DYNALITE], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
