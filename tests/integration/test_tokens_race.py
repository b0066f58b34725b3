"""Many threads or processes ask for a token at the same time: one grant is made, and all get its token."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.waiting import wait_until

from pitboard.iracing.credentials import Credentials
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import Transport
from pitboard.simulator import Simulator
from pitboard.stores.sqlite import SqliteStore

THREADS, PROCESSES = 32, 4


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(latency=0.05) as simulator:
        yield simulator


@pytest.fixture
def path(simulator: Simulator, tmp_path: Path) -> Path:
    simulator.calls.clear()
    simulator.set_logins_left(12)
    return tmp_path / "race.sqlite3"


def keeper(simulator: Simulator, store: SqliteStore) -> TokenKeeper:
    client = simulator.client
    credentials = Credentials(client.id, client.secret, client.username, client.password)
    return TokenKeeper(store.documents, OAuth(simulator.oauth_url, Transport()), credentials)


def expire(simulator: Simulator, path: Path) -> None:
    """Lets the kept access token end."""
    store = SqliteStore(path)
    key = f"TOKEN:{simulator.client.username.lower()}"
    document = store.documents.get(key)
    assert document is not None
    ended = {**document.value, "access_until": time.time() - 1}
    assert store.documents.put(key, ended, expected=document.version)
    store.close()


def grants(simulator: Simulator) -> list[tuple[str, int]]:
    return [(call.parameters["grant_type"], call.status) for call in simulator.calls.select("token")]


@pytest.mark.parametrize("keepers", [1, 8])
def test_32_threads_cause_one_grant(simulator: Simulator, path: Path, keepers: int) -> None:
    """On one keeper, and on eight keepers that share only the file."""
    stores = [SqliteStore(path) for _ in range(keepers)]
    start = threading.Barrier(THREADS)

    def ask(held: TokenKeeper) -> str:
        start.wait()
        return held.access_token(time.monotonic() + 20)

    for round_ in range(4):
        crowd = [keeper(simulator, store) for store in stores] * (THREADS // keepers)
        with ThreadPoolExecutor(THREADS) as pool:
            tokens = set(pool.map(ask, crowd))
        assert len(tokens) == 1
        assert grants(simulator) == [("password_limited", 200)] + [("refresh_token", 200)] * round_
        expire(simulator, path)
    for store in stores:
        store.close()


CHILD = """
import os, sys, time
from pathlib import Path
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import Transport
from pitboard.stores.sqlite import SqliteStore

parts = ("CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD")
credentials = Credentials(*(os.environ[f"PITBOARD_{part}"] for part in parts))
store = SqliteStore(Path(sys.argv[1]))
for line in sys.stdin:
    keeper = TokenKeeper(store.documents, OAuth(os.environ["PITBOARD_OAUTH_URL"], Transport()), credentials)
    print(hash(keeper.access_token(time.monotonic() + 20)), flush=True)
"""


def test_four_processes_cause_one_grant(simulator: Simulator, path: Path) -> None:
    SqliteStore(path).close()
    environment = {**simulator.environment(), "PYTHONHASHSEED": "1"}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, path],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    try:
        for round_ in range(4):
            for child in children:
                assert child.stdin is not None
                child.stdin.write("go\n")
                child.stdin.flush()
            answers = {child.stdout.readline() for child in children if child.stdout}
            assert len(answers) == 1
            assert answers != {""}
            assert grants(simulator) == [("password_limited", 200)] + [("refresh_token", 200)] * round_
            expire(simulator, path)
    finally:
        for child in children:
            child.communicate()
    assert [child.returncode for child in children] == [0] * PROCESSES


def test_the_lease_of_a_killed_process_expires(simulator: Simulator, path: Path) -> None:
    """The process is killed while it waits for its grant."""
    SqliteStore(path).close()
    simulator.faults.add("hang", "token")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, path], env=simulator.environment(), stdin=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()
    wait_until(lambda: simulator.calls.count("token"))
    child.kill()
    child.communicate()
    store = SqliteStore(path)
    later = time.time() + 60
    survivor = TokenKeeper(
        store.documents,
        OAuth(simulator.oauth_url, Transport()),
        keeper(simulator, store)._credentials,
        clock=lambda: later,
    )
    assert survivor.access_token(time.monotonic() + 10)
    assert survivor.status().logins_left == 2
    store.close()
