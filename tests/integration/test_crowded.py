"""Readers beside a crowd: six clients that ask for fifty random names each, again and again, with `wait=10`.

The homes share a database as functions share their tables. What DynamoDB bills is counted, not timed.
"""

import json
import math
import random
import runpy
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.lambda_runtime import LambdaFunction, gateway_event, lambda_functions
from tests.support.local_server import local_home
from tests.support.stores import create_table, dynalite_endpoint, dynamo_client, moto_endpoint
from tests.support.waiting import wait_until

from pitboard.aws.renewals import QueueRenewals
from pitboard.drivers.budget import Budget
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.model import CallContext, IdEntry
from pitboard.drivers.service import Asker, DriverService
from pitboard.iracing.data_api import DataApi
from pitboard.iracing.meter import KEY, Meter
from pitboard.local.home import LocalHome
from pitboard.simulator import Simulator
from pitboard.stores.dynamodb import DynamoStore
from pitboard.stores.dynamodb_index import DynamoIndex

PAGES = 12
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


class Licences:
    """iRacing, with licences for whoever is asked for, and the budget's meter before it."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.room, self.back_at = meter.room, meter.back_at

    def members(self, ids: list[int], context: CallContext) -> dict[int, Any]:
        self._meter.spend(context)
        return {i: {"cust_id": i, "display_name": f"Driver {i}", "licenses": []} for i in ids}


def test_a_renewal_is_billed_as_the_costs_say(dynamodb: Any) -> None:
    """Fifty at a time, as the queue brings them."""
    cost = runpy.run_path(str(COST))
    drivers, custid = (create_table(dynamodb, kind, "name") for kind in ("drivers", "custid"))
    store = DynamoStore(dynamodb, drivers, custid)
    now = time.time()
    shown, keys = ([f"{word} {i}" for i in range(1, 51)] for word in ("Driver", "driver"))
    store.keep_ids(IdEntry(key, i, "iRacing", now + 9000) for i, key in enumerate(keys, 1))
    store.documents.put(KEY, Budget().document(), expected=None)
    with ThreadPoolExecutor(4) as pool:
        upstream: Any = Licences(Meter(store.documents))
        deps = Dependencies(store, upstream, pool, pool, pool, DynamoIndex(dynamodb, custid))
        queue = QueueRenewals(lambda: pytest.fail("nothing comes again by the queue"), "queue")
        service = DriverService(deps, pool, queue, lookup_seconds=None)
        service.renew(shown)
        made = store.records(keys).values()
        store.forget(keys)
        store.keep(replace(record, as_of=now - 9000, fresh_until=now - 5000) for record in made)
        billed = Billed(dynamodb)
        service.renew(shown)
        reads, writes = billed.reads / 50, billed.writes / 50
    renewed = store.records(keys)
    assert len(renewed) == 50
    assert all(record.as_of > now - 1 for record in renewed.values())
    larger = math.ceil(cost["RECORD_KB"]) - 1  # these records have less than a unit
    assert cost["RENEWAL_READS"] - 0.2 <= reads <= cost["RENEWAL_READS"]
    assert cost["RENEWAL_WRITES"] - 0.2 <= writes + larger <= cost["RENEWAL_WRITES"]


# --- a reader's pages beside them


Ask = Callable[[list[str], float, str], object]
"""Asks for these names without profiles, as this client, and waits for so many seconds at most."""


@dataclass(frozen=True)
class Took:
    """When something was asked and answered (monotonic seconds)."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def timed(ask: Ask, names: list[str], seconds: float, client: str) -> Took:
    began = time.monotonic()
    ask(names, seconds, client)
    return Took(began, time.monotonic())


def assert_in_time_beside_six_crawls(simulator: Simulator, homes: list[Ask], ahead: int) -> None:
    """A reader's pages of twenty unknown authors. The first is asked for when the crawls, which began with a
    full bucket, have made `ahead` calls. Each takes two seconds at most, and what a busy machine adds: it
    makes some four times as many requests to the store, one after the other, as a page that waits for
    nothing; such a page is asked for all the time beside it."""
    reader, machine, *crawlers = homes
    for ask in homes:
        ask(["Nobody"], 0.0, "203.0.113.1")  # cold starts, all on this machine's cores, would be measured
    simulator.calls.clear()
    over, at_once = threading.Event(), list[Took]()

    def crawl(number: int) -> None:
        rng = random.Random(number)
        while not over.is_set():
            crawlers[number]([f"Nobody {rng.random()}" for _ in range(50)], 10.0, f"192.0.2.{number + 10}")

    def look() -> None:
        while not over.is_set():
            at_once.append(timed(machine, ["Nobody"], 0.0, "203.0.113.1"))

    others = [threading.Thread(target=crawl, args=(number,)) for number in range(len(crawlers))]
    others.append(threading.Thread(target=look))
    for one in others:
        one.start()
    pages = []
    try:
        wait_until(lambda: simulator.calls.count(service="data") >= ahead)
        for number in range(PAGES):
            authors = [one.display_name for one in simulator.population.sample(20, seed=60 + number)]
            pages.append(timed(reader, authors, 8.0, f"198.51.100.{number}"))
            time.sleep(0.5)
    finally:
        over.set()
        for one in others:
            one.join()
    for page in pages:
        slow = max(one.seconds for one in at_once if one.ended > page.began and one.began < page.ended)
        assert page.seconds <= 2.0 + 4 * slow, [round(page.seconds, 2) for page in pages]


ahead = pytest.mark.parametrize("ahead", [0, 10], ids=["with-them", "after-their-first-calls"])


@pytest.mark.long
@ahead
def test_every_page_of_a_reader_beside_six_crawls_is_answered_in_time(tmp_path: Path, ahead: int) -> None:
    with Simulator() as simulator, ExitStack() as stack:
        homes = [stack.enter_context(local_home(simulator, tmp_path)) for _ in range(8)]
        homes[0].sign_in()

        def asking(home: LocalHome) -> Ask:
            def ask(names: list[str], seconds: float, client: str) -> None:
                asker = Asker(client, profile=False)
                home.service.soon(home.service.begin(names, seconds, asker), seconds)

            return ask

        assert_in_time_beside_six_crawls(simulator, [asking(home) for home in homes], ahead)


@pytest.mark.long
@ahead
def test_every_page_of_a_reader_beside_six_crawls_is_answered_in_time_in_aws(ahead: int) -> None:
    """Each client has a copy of ir-drivers, as in Lambda, and the queue has one, too. The crawlers' copies
    give way to the reader's: what he may have to wait for is the store, the budget and iRacing. DynamoDB is
    dynalite: moto takes a hundred milliseconds a request beside so many functions."""
    with (
        Simulator() as simulator,
        dynalite_endpoint() as dynamodb,
        lambda_functions(simulator, dynamodb=dynamodb) as running,
        ExitStack() as stack,
    ):
        first = running.functions["drivers"]
        assert running.functions["auth"].invoke(gateway_event("POST", "/auth"))[0] == "response"
        more = [LambdaFunction(first.handler, first.environment, first.package) for _ in range(8)]
        copies = [stack.enter_context(one) for one in more]
        for crawler in copies[2:]:
            crawler.give_way()

        def asking(copy: LambdaFunction) -> Ask:
            def ask(names: list[str], seconds: float, client: str) -> None:
                wanted = "&".join(f"name={quote(name, safe='')}" for name in names)
                target = f"/drivers?{wanted}&profile=0&wait={seconds}"
                kind, answer = copy.invoke(gateway_event("GET", target, source=client))
                assert (kind, answer["statusCode"]) == ("response", 200)

            return ask

        assert_in_time_beside_six_crawls(simulator, [asking(copy) for copy in copies], ahead)
