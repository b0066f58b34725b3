"""ir-index' own part: the lease, what it says of a refresh and what it counts. The real function is in
test_lambda_index.py."""

import time

import pytest

from pitboard.aws import index_home
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.index_home import LONGEST, IndexHome
from pitboard.drivers.errors import MaintenanceError, StoreError
from pitboard.drivers.ports import Telemetry
from pitboard.drivers.refresh import IndexRefusedError, Refreshed
from pitboard.settings import UpstreamSettings
from pitboard.stores.dynamodb_publisher import Published


class Counts(Telemetry):
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        assert metric == "index_refreshes"
        self.outcomes.append(labels["outcome"])


class Leases:
    """The store, of which a refresh needs one lease."""

    def __init__(self, *_) -> None:
        self.documents = None
        self.free = True
        self.until = 0.0
        self.owners: list[str] = []

    def claim(self, keys, owner, until):
        assert keys == ["INDEX"]
        self.until = until
        self.owners.append(owner)
        return set(keys) if self.free else set()

    def release(self, keys, owner):
        assert (keys, owner) == (["INDEX"], self.owners[-1])
        self.free = True
        self.until = 0.0


@pytest.fixture
def home(monkeypatch):
    monkeypatch.setattr(index_home, "client", lambda *_, **__: None)
    monkeypatch.setattr(index_home, "DynamoStore", Leases)
    settings = FunctionSettings.read({"ENVIRONMENT": "dev"})
    return IndexHome(settings, UpstreamSettings.read({}), Counts())


def refreshing(monkeypatch, what):
    """Lets a refresh end like this."""

    def refresh(*_):
        if isinstance(what, Exception):
            raise what
        return what

    monkeypatch.setattr(index_home, "refresh_index", refresh)


@pytest.mark.parametrize(("kept", "outcome"), [({}, "whole"), ({"oval": "No answer."}, "partly")])
def test_a_refresh_says_what_it_read_and_what_it_wrote(home, monkeypatch, kept, outcome):
    done = Refreshed(5, 0, 10, {}, [], kept, {}, 1.5)
    refreshing(monkeypatch, (done, Published(3, 2, 1)))
    answer = home.refresh({})
    assert answer == {**done.as_dict(), "written": 3, "deleted": 2}
    assert home._telemetry.outcomes == [outcome]


def test_the_lease_outlives_the_longest_run_and_is_given_back(home, monkeypatch):
    held: list[float] = []
    refreshing(monkeypatch, MaintenanceError("Later."))
    real = home._refresh

    def refresh():
        held.append(home._store.until - time.time())
        return real()

    monkeypatch.setattr(home, "_refresh", refresh)
    home.refresh({})
    assert LONGEST + 55 < held[0] <= LONGEST + 60
    assert home._store.until == 0.0
    home.refresh({})
    assert len(set(home._store.owners)) == 2


def test_while_a_refresh_runs_another_one_does_nothing(home):
    home._store.free = False
    assert home.refresh({})["error"]["code"] == "busy"
    assert home._telemetry.outcomes == []
    assert not home._store.free


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (IndexRefusedError("Too few drivers."), "refused", "Too few drivers."),
        (MaintenanceError("iRacing is in maintenance.", retry_after=9), "maintenance", "in maintenance"),
    ],
)
def test_what_kept_a_refresh_from_its_end_is_said_and_counted(home, monkeypatch, error, code, sentence):
    refreshing(monkeypatch, error)
    said = home.refresh({})["error"]
    assert said["code"] == code
    assert sentence in said["message"]
    assert home._telemetry.outcomes == ["failed"]
    assert home._store.until == 0.0


def test_a_store_that_fails_fails_the_function_and_gives_the_lease_back(home, monkeypatch):
    refreshing(monkeypatch, StoreError("No."))
    with pytest.raises(StoreError):
        home.refresh({})
    assert home._telemetry.outcomes == ["failed"]
    assert home._store.until == 0.0
