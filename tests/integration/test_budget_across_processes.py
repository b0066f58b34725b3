"""The call budget when many processes or threads take from one document at once."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.stores import create_table, dynamo_client, moto_endpoint

from pitboard.drivers.budget import Budget
from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.model import CallContext, Priority
from pitboard.iracing.meter import KEY, Meter
from pitboard.stores.dynamodb import DynamoDocuments
from pitboard.stores.sqlite import SqliteDocuments, SqliteStore

SECONDS = 3.0

PROCESS = """
import json, random, sys, time
from pathlib import Path
from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.model import CallContext, Priority
from pitboard.iracing.meter import Meter
from pitboard.stores.sqlite import SqliteStore
path, seed, until = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
rng, store, granted = random.Random(seed), SqliteStore(path), []
meter = Meter(store.documents, block=rng.choice([1, 5]))
while time.time() < until or len(granted) < 2:  # on a busy machine some have hardly begun by then
    priority = rng.choice(list(Priority))
    client = rng.choice(["", "192.0.2.1", f"198.51.100.{seed}"])
    try:
        meter.spend(CallContext(time.monotonic() + rng.choice([0.0, 0.3]), priority, client))
        granted.append(time.time())
    except UpstreamError:
        time.sleep(rng.uniform(0.0, 0.01))
print(json.dumps(granted))
store.close()
"""


def most_in_any_window(grants, seconds):
    """The largest number of grants within `seconds`, wherever they begin."""
    grants, first, most = sorted(grants), 0, 0
    for last, at in enumerate(grants):
        while at - grants[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def check(grants, budget, spare):
    """`spare` are calls of blocks that may be used up to two seconds after they were taken."""
    for window in (0.1, 0.5, 1.0, 2.0, SECONDS):
        # grants are noted a moment after they were taken
        allowed = budget.capacity + budget.rate * (window + 0.5) + spare
        assert most_in_any_window(grants, window) <= allowed


@pytest.mark.parametrize("limit", [240, 2400])
def test_sixteen_processes_on_one_file_never_take_more_than_the_bucket_gives(tmp_path, limit):
    path = tmp_path / "budget.sqlite3"
    store = SqliteStore(path)
    budget = Budget(limit=limit, level=limit / 4, at=time.time())
    store.documents.put(KEY, budget.document(), expected=None)
    store.close()
    until = time.time() + 6 + SECONDS  # starting sixteen interpreters takes a while
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(path), str(seed), str(until)], stdout=subprocess.PIPE
        )
        for seed in range(16)
    ]
    grants = [at for process in processes for at in json.loads(process.communicate(timeout=100)[0])]
    assert all(process.returncode == 0 for process in processes)
    assert len(grants) >= 2 * 16
    check(grants, budget, spare=16 * 4)


def test_thirty_two_threads_on_dynamodb_never_take_more_than_the_bucket_gives():
    with moto_endpoint() as endpoint:
        client = dynamo_client(endpoint)
        table = create_table(client, "drivers", "name")
        budget = Budget(limit=480, level=120.0, at=time.time())
        DynamoDocuments(client, table, "name").put(KEY, budget.document(), expected=None)
        until = time.time() + SECONDS
        grants: list[float] = []

        def spend(_):
            meter = Meter(DynamoDocuments(client, table, "name"))
            while time.time() < until or len(grants) < 10:  # a busy machine has hardly begun by then
                try:
                    meter.spend(CallContext(time.monotonic() + 0.3, Priority.READER, "192.0.2.1"))
                    grants.append(time.time())
                except UpstreamError:
                    time.sleep(0.01)

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(spend, range(32)))
        check(grants, budget, spare=0)


def test_a_starved_process_reads_the_budget_once_a_second(tmp_path):
    path = tmp_path / "budget.sqlite3"
    store = SqliteStore(path)

    class Counting(SqliteDocuments):
        reads = 0

        def get(self, key):
            Counting.reads += 1
            return super().get(key)

    now = 1_800_000_000.0
    documents = Counting(store.file)
    documents.put(KEY, Budget(level=0.0, at=now).document(), expected=None)
    meter = Meter(documents, clock=lambda: now)
    with ThreadPoolExecutor(32) as pool:
        refused = list(pool.map(lambda _: refusal(meter), range(320)))
    assert all(refused)
    assert Counting.reads <= 32  # those that began together, before the first had read
    store.close()


def refusal(meter):
    try:
        meter.spend(CallContext(time.monotonic() + 0.3, Priority.READER, "192.0.2.1"))
    except UpstreamError as error:
        return error
    return None
