"""Readers beside a crowd: six clients that ask for fifty random names each, again and again, with `wait=10`.

The homes share a database as functions share their tables. What DynamoDB bills is counted, not timed.
"""

import json
import random
import runpy
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.local_server import local_home
from tests.support.stores import create_table, dynamo_client, moto_endpoint

from pitboard.aws.renewals import QueueRenewals
from pitboard.drivers.budget import Budget
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.service import Asker, DriverService
from pitboard.iracing.data_api import DataApi
from pitboard.iracing.meter import KEY, Meter
from pitboard.simulator import Simulator
from pitboard.stores.dynamodb import DynamoStore
from pitboard.stores.dynamodb_index import DynamoIndex

COST = Path(__file__).resolve().parents[2] / "scripts" / "cost.py"


class Billed:
    """Counts the units that DynamoDB bills for a client's requests on small items."""

    def __init__(self, client: Any) -> None:
        self.reads = 0.0
        self.writes = 0.0
        client.meta.events.register("provide-client-params.dynamodb", self._count)

    def _count(self, params: Any, model: Any, **_: Any) -> None:
        each = 1.0 if params.get("ConsistentRead") else 0.5
        if model.name == "GetItem":
            self.reads += each
        elif model.name == "BatchGetItem":
            for wanted in params["RequestItems"].values():
                self.reads += len(wanted["Keys"]) * (1.0 if wanted.get("ConsistentRead") else 0.5)
        elif model.name == "BatchWriteItem":
            self.writes += sum(map(len, params["RequestItems"].values()))
        else:
            self.writes += 1


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with moto_endpoint() as endpoint:
        yield dynamo_client(endpoint)


def test_a_page_that_the_budget_has_no_call_for_is_billed_as_the_costs_say(dynamodb: Any) -> None:
    """Upstream is nobody: a call would fail the test."""
    cost = runpy.run_path(str(COST))
    drivers, custid = (create_table(dynamodb, kind, "name") for kind in ("drivers", "custid"))
    store = DynamoStore(dynamodb, drivers, custid)
    store.documents.put(KEY, Budget(level=0.0, at=time.time() + 5).document(), expected=None)
    upstream = DataApi("http://127.0.0.1:9", None, None, Meter(store.documents))  # type: ignore[arg-type]
    with ThreadPoolExecutor(4) as pool:
        deps = Dependencies(store, upstream, pool, pool, pool, DynamoIndex(dynamodb, custid))
        queue = QueueRenewals(lambda: pytest.fail("nothing comes again by the queue"), "queue")
        service = DriverService(deps, pool, queue, lookup_seconds=None)
        asked, asker = [f"Nobody {n}" for n in range(cost["ATTACK_NAMES"])], Asker("192.0.2.1")
        service.page(asked[:1], 10.0, asker)  # reads what is read once
        billed = Billed(dynamodb)
        answer = json.loads(service.page(asked, 10.0, asker).body)
    assert {one["code"] for one in answer.values()} == {"pending"}
    assert billed.writes == 0
    assert billed.reads <= cost["ATTACK_NAMES"] * cost["REFUSED_READS"] + cost["DOCUMENT_READS"]


@pytest.mark.long
def test_a_reader_beside_six_crawls_is_answered_within_two_seconds(tmp_path: Path) -> None:
    with Simulator() as simulator, ExitStack() as stack:
        homes = [stack.enter_context(local_home(simulator, tmp_path)) for _ in range(7)]
        homes[0].sign_in()
        over = threading.Event()

        def crawl(number: int) -> None:
            rng, asker = random.Random(number), Asker(f"192.0.2.{number + 10}")
            while not over.is_set():
                asked = [f"Nobody {rng.random()}" for _ in range(50)]
                service = homes[1 + number].service
                service.soon(service.begin(asked, 10.0, asker), 10.0)

        crawls = [threading.Thread(target=crawl, args=(number,)) for number in range(6)]
        for one in crawls:
            one.start()
        try:
            took = []
            for page in range(15):
                time.sleep(0.5)
                authors = [one.display_name for one in simulator.population.sample(20, seed=60 + page)]
                asker, began = Asker(f"198.51.100.{page}", profile=False), time.monotonic()
                homes[0].service.soon(homes[0].service.begin(authors, 8.0, asker), 8.0)
                took.append(time.monotonic() - began)
        finally:
            over.set()
            for one in crawls:
                one.join()
    assert sorted(took)[len(took) // 2] < 2.0, took  # a busy machine may be late at times
