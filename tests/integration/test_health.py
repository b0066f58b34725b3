"""GET /health under faults: a real server, a real file, the simulator as iRacing."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import urllib3
from tests.support.local_server import Backend, local_server
from tests.support.waiting import wait_until

from pitboard.drivers.errors import StoreError, UpstreamError
from pitboard.drivers.model import Record
from pitboard.stores import sqlite_file


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    monkeypatch.setattr(sqlite_file, "LOOK_SECONDS", 0.0)
    with local_server(tmp_path, latency=0.005, link_latency=0.005) as backend:
        yield backend


def health(backend: Backend) -> dict[str, Any]:
    """What GET /health says, after it was found to be in the contract's form."""
    answer = urllib3.request("GET", f"{backend.base_url}/health", timeout=20)
    said: dict[str, Any] = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert set(said) == {"status", "version", "checks"}
    assert (answer.status, said["status"]) in ((200, "healthy"), (200, "degraded"), (503, "unhealthy"))
    for check in said["checks"].values():
        assert isinstance(check["ok"], bool)
        assert check["detail"]
    return said


def ill(backend: Backend) -> tuple[str, set[str]]:
    """The status, and the parts that are not well."""
    said = health(backend)
    return said["status"], {name for name, check in said["checks"].items() if not check["ok"]}


def ask(backend: Backend, seed: int, wait: float = 3.0) -> dict[str, Any]:
    (driver,) = backend.drivers(1, seed=seed)
    name = driver.display_name
    fields = {"name": name, "wait": str(wait)}
    answer: dict[str, Any] = urllib3.request("GET", f"{backend.base_url}/drivers", fields=fields).json()
    return answer[name]


def test_a_server_that_has_answered_is_healthy(backend: Backend) -> None:
    assert ill(backend) == ("healthy", set())
    assert "cust_id" in ask(backend, 1)
    assert ill(backend) == ("healthy", set())
    assert "answered" in health(backend)["checks"]["upstream"]["detail"]


FAULTS: dict[str, Callable[[Any], object]] = {
    "hangs": lambda faults: faults.add("hang", "lookup/drivers", times=1000),
    "resets": lambda faults: faults.add("reset", "lookup/drivers", times=1000),
    "cuts": lambda faults: faults.add("cut", "lookup/drivers", times=1000),
    "says 500": lambda faults: faults.add("status", "lookup/drivers", times=1000),
    "says 401": lambda faults: faults.add("status", "lookup/drivers", times=1000, status=401),
    "says 429": lambda faults: faults.add("status", "lookup/drivers", times=1000, status=429),
    "answers with HTML": lambda faults: faults.add("html", "lookup/drivers", times=1000),
    "answers with half of a JSON": lambda faults: faults.add("bad_json", "lookup/drivers", times=1000),
    "is in maintenance": lambda faults: setattr(faults, "maintenance", True),
    "has links that hang": lambda faults: faults.add("hang", "link", times=1000),
    "has links that are broken": lambda faults: faults.add("status", "link", times=1000),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_iracing_that_fails_is_degraded_while_known_drivers_are_served(backend: Backend, fault: str) -> None:
    assert "cust_id" in ask(backend, 1)
    FAULTS[fault](backend.simulator.faults)
    for seed in range(2, 5):
        ask(backend, seed, wait=0)
    wait_until(lambda: ill(backend) == ("degraded", {"upstream"}), 30)
    assert "cust_id" in ask(backend, 1)


def test_it_is_healthy_again_once_iracing_has_answered(backend: Backend) -> None:
    backend.simulator.faults.add("status", "lookup/drivers", times=3)
    assert ask(backend, 2)["code"] == "unavailable"
    assert ill(backend) == ("degraded", {"upstream"})
    assert "cust_id" in ask(backend, 3)
    assert ill(backend) == ("healthy", set())


def test_a_budget_that_is_used_up_is_said(backend: Backend) -> None:
    ask(backend, 1)
    backend.home.store.documents.put(
        "BUDGET",
        {"level": 0.0, "at": time.time()},
        expected=backend.home.store.documents.get("BUDGET").version,
    )
    said = health(backend)
    assert (said["status"], said["checks"]["upstream"]["ok"]) == ("degraded", False)
    assert "budget" in said["checks"]["upstream"]["detail"]


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "access_denied", ""])
def test_a_token_that_cannot_be_had_is_said_also_between_the_attempts(backend: Backend, error: str) -> None:
    backend.simulator.faults.add("status", "token", times=1000, error=error)
    with suppress(UpstreamError):
        backend.home.tokens.access_token(time.monotonic() + 5)
    assert ill(backend) == ("degraded", {"token"})
    backend.home.tokens._clock = lambda: time.time() + 50  # the next attempt could begin
    assert ill(backend) == ("degraded", {"token"})


def test_a_full_disk_is_said_until_a_write_is_kept(backend: Backend) -> None:
    store = backend.home.store
    ask(backend, 1)
    store._writer.rows("PRAGMA max_page_count = 1", ())
    now = time.time()
    with pytest.raises(StoreError, match="full"):
        store.keep([Record(f"k{n}", 1, bytes(4000), now, now + 9, now + 99) for n in range(50)])
    store.file.look()
    said = health(backend)
    assert said["checks"]["store"]["ok"]
    store._writer.rows("PRAGMA max_page_count = 1000000", ())
    assert ill(backend) == ("healthy", set())


def test_a_write_that_still_fails_is_degraded(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(backend, 1)
    backend.home.store._writer.rows("PRAGMA query_only = ON", ())
    with pytest.raises(StoreError):
        backend.home.store.purge(0.0)
    assert ill(backend) == ("degraded", {"writes"})
    assert "cust_id" in ask(backend, 1)
    backend.home.store._writer.rows("PRAGMA query_only = OFF", ())
    assert ill(backend) == ("healthy", set())


def test_a_damaged_database_is_unhealthy(backend: Backend) -> None:
    path = backend.home.store.path
    ask(backend, 1)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"x" * (size - 4096))
    for connection in (backend.home.store._reader, backend.home.store._writer):
        connection.close()  # what SQLite holds in memory is dropped
    status, parts = ill(backend)
    assert status == "unhealthy"
    assert "store" in parts


def test_documents_that_are_no_json_are_no_error(backend: Backend) -> None:
    ask(backend, 1)
    with closing(sqlite3.connect(backend.home.store.path)) as db, db:
        db.execute("UPDATE documents SET value = '{'")
    assert health(backend)["status"] == "healthy"


def test_a_deleted_database_is_said(backend: Backend) -> None:
    ask(backend, 1)
    backend.home.store.path.unlink()
    said = health(backend)
    assert said["status"] == "healthy"
    assert "deleted" in said["checks"]["store"]["detail"]


def test_a_database_that_is_something_else_is_unhealthy(backend: Backend, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("something else")
    other.rename(backend.home.store.path)
    status, parts = ill(backend)
    assert status == "unhealthy"
    assert "store" in parts


def test_a_look_that_takes_too_long_is_answered_nevertheless(backend: Backend) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with backend.home.store.documents._connection._lock:
            held.set()
            let_go.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    try:
        assert health(backend)["status"] == "unhealthy"
    finally:
        let_go.set()
        holder.join()
    wait_until(lambda: health(backend)["status"] == "healthy")


def test_an_index_that_is_old_or_never_came_is_said(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ill(backend) == ("healthy", set())
    monkeypatch.setattr(backend.home, "_started_at", time.time() - 2 * 3600)
    assert ill(backend) == ("degraded", {"index"})
