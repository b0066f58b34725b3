"""Many Lambdas at once ask for a token: one grant goes out, whatever DynamoDB they meet at."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.stores import create_table, dynalite_endpoint, dynamo_client, moto_endpoint

from pitboard.iracing.credentials import Credentials
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import Transport
from pitboard.simulator import Simulator
from pitboard.stores.dynamodb import DynamoDocuments

WORKERS = 32
ROUNDS = 3


@pytest.fixture(scope="module", params=[moto_endpoint, dynalite_endpoint], ids=["moto", "dynalite"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as endpoint:
        yield dynamo_client(endpoint)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(latency=0.05) as simulator:
        yield simulator


def worker(simulator: Simulator, documents: DynamoDocuments) -> TokenKeeper:
    """A Lambda's keeper: it shares nothing with the others but the table."""
    own = simulator.client
    credentials = Credentials(own.id, own.secret, own.username, own.password)
    return TokenKeeper(documents, OAuth(simulator.oauth_url, Transport()), credentials)


def test_of_32_workers_one_renews_and_nobody_fails(simulator: Simulator, client: Any) -> None:
    documents = DynamoDocuments(client, create_table(client, "auth", "username"), "username")
    key = f"TOKEN:{simulator.client.username.lower()}"
    simulator.set_logins_left(12)
    worker(simulator, documents).access_token(time.monotonic() + 10)
    for _ in range(ROUNDS):
        document = documents.get(key)
        assert document
        ended = {**document.value, "access_until": time.time() - 1}
        assert documents.put(key, ended, expected=document.version)
        simulator.calls.clear()
        start = threading.Barrier(WORKERS)

        def ask(keeper: TokenKeeper, start: threading.Barrier = start) -> str:
            start.wait()
            return keeper.access_token(time.monotonic() + 25)

        with ThreadPoolExecutor(WORKERS) as pool:
            tokens = set(pool.map(ask, [worker(simulator, documents) for _ in range(WORKERS)]))
        grants = [(c.parameters["grant_type"], c.status) for c in simulator.calls.select("token")]
        assert grants == [("refresh_token", 200)]
        renewed = documents.get(key)
        assert renewed
        assert tokens == {renewed.value["access_token"]}
        assert not renewed.value["lease_owner"]
