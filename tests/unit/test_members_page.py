"""How often /members may be used: strangers can neither use it up nor fill what the host needs."""

import asyncio
import threading
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from tests.support.waiting import wait_until

from pitboard.drivers.errors import StoreError
from pitboard.drivers.names import parse
from pitboard.local import members_page
from pitboard.local.members import LocalMembers
from pitboard.local.members_page import MembersPage
from pitboard.settings import Settings
from pitboard.stores.sqlite import SqliteStore


class Asking:
    """The page of a home, asked from any address, without a socket."""

    def __init__(self, members: LocalMembers) -> None:
        self._app = Starlette(routes=MembersPage(members).routes)

    def __call__(self, address: str, name: str) -> int:
        return asyncio.run(self._post(address, urlencode({"name": name}).encode()))

    async def _post(self, address: str, body: bytes) -> int:
        sent: list[int] = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message.get("status", 0))

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/members",
            "headers": [],
            "query_string": b"",
            "client": (address, 1),
        }
        await self._app(scope, receive, send)
        return sent[0]


@pytest.fixture
def members(tmp_path):
    members = LocalMembers(Settings.read({"PITBOARD_DB": str(tmp_path / "p.sqlite3")}))
    yield members
    members.close()


@pytest.fixture
def asking(members):
    return Asking(members)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(members_page, "FREE", 10)


def test_forty_networks_cannot_keep_another_member_from_asking(asking, few):
    for number in range(2):
        assert [asking(f"192.0.2.{number}", f"Ann Tester{number}{n}") for n in range(6)] == [200] * 5 + [429]
    assert [asking("192.0.2.9", f"Bob Tester{n}") for n in range(2)] == [200, 429], "one for each network"
    assert asking("192.0.2.10", "Carl Tester") == 200


def test_one_ipv6_site_is_one_network(asking):
    assert [asking(f"2001:db8:0:{n:x}::1", f"Ann Tester{n}") for n in range(6)] == [200] * 5 + [429]
    assert asking("2001:db8:1::1", "Bob Tester") == 200


def test_the_host_hears_of_many_requests_once(asking, few, caplog):
    for number in range(14):
        asking(f"192.0.2.{number}", f"Ann Tester{number}")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "10 requests" in caplog.text
    assert "192.0.2" not in caplog.text


def test_what_networks_are_remembered_has_a_bound(asking, monkeypatch):
    monkeypatch.setattr(members_page, "MOST_NETWORKS", 2)
    assert [asking(f"192.0.2.{n}", f"Ann Tester{n}") for n in range(3)] == [200, 200, 429]
    assert asking("192.0.2.0", "Ann Tester9") == 200


def test_the_page_leaves_room_for_what_the_host_does_himself(asking, members, monkeypatch, caplog):
    monkeypatch.setattr(members_page, "MOST_BY_PAGE", 3)
    assert [asking(f"192.0.2.{n}", f"Ann Tester{n}") for n in range(5)] == [200] * 3 + [429] * 2
    members.forget([parse("Bob Tester")])
    assert not members.kept.current().permits("bob tester")
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_request_that_could_not_be_written_does_not_count(asking, members, monkeypatch):
    def full(_):
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(members, "forget_soon", full)
        for _ in range(6):
            with pytest.raises(StoreError):
                asking("192.0.2.1", "Ann Tester")
    assert asking("192.0.2.1", "Ann Tester") == 200


def test_many_requests_are_deleted_by_one_thread(tmp_path, monkeypatch):
    settings = Settings.read({"PITBOARD_DB": str(tmp_path / "p.sqlite3")})
    store = SqliteStore(settings.db)
    members = LocalMembers(settings, store)
    go, begun, swept = threading.Event(), threading.Event(), []

    def sweep(keeps):
        begun.set()
        assert go.wait(10)
        swept.append([n for n in range(30) if not keeps(f"ann tester{n}", None)])
        return 0

    def deleting() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "pitboard-members"]

    monkeypatch.setattr(store, "sweep", sweep)
    members.watch()
    for number in range(30):
        members.forget_soon([parse(f"Ann Tester{number}")])
    assert begun.wait(10)
    assert len(deleting()) == 1
    go.set()
    wait_until(lambda: not deleting())
    assert swept[-1] == list(range(30))
    assert len(swept) <= 3
    members.close()
    store.close()
