"""One home with a simulator, as a fault meets it: known drivers, some of them stale, and unknown ones."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import urllib3
from tests.support.clock import ShiftedClock
from tests.support.local_server import local_home

from pitboard.local.home import LocalHome
from pitboard.local.server import listen, make_local_app, running
from pitboard.simulator import Population, Simulator
from pitboard.telemetry import PrometheusTelemetry

UNKNOWN, FRESH, STALE = 20, 3, 3
"""Drivers of each kind."""

LATENCY, LINK_LATENCY = 0.005, 0.002


@dataclass
class Bench:
    """A home that knows `fresh` and `stale` drivers and has a token. Names of `unknown` it has never seen."""

    home_name: str
    url: str
    simulator: Simulator
    names: Sequence[str]
    clock: ShiftedClock | None = None
    home: LocalHome | None = None
    table: Any = None
    """AWS only: the DynamoDB client and the drivers' table."""
    wait: float = 0.3
    """Seconds that the reader waits for unknown drivers. In Lambda a look-up goes no further than that."""

    def __post_init__(self) -> None:
        self._pool = urllib3.PoolManager(retries=False, maxsize=20)
        self.unknown = self.names[:UNKNOWN]
        self.fresh = self.names[UNKNOWN : UNKNOWN + FRESH]
        self.stale = self.names[UNKNOWN + FRESH : UNKNOWN + FRESH + STALE]

    @property
    def local(self) -> LocalHome:
        """The local home."""
        assert self.home
        return self.home

    def know(self) -> None:
        """Lets the home look the known drivers up, and makes some of them stale."""
        end = time.monotonic() + 30
        while set(self.states([*self.fresh, *self.stale], 8.0)) != {"fresh"}:
            assert time.monotonic() < end
        self._age()

    def _age(self) -> None:
        past, keys = time.time() - 1.0, [name.lower() for name in self.stale]
        if self.home:
            records = self.home.store.records(keys).values()
            aged = [replace(one, as_of=one.as_of + 0.001, fresh_until=past) for one in records]
            self.home.store.keep(aged)
            return
        client, table = self.table
        for key in keys:
            client.update_item(
                TableName=table,
                Key={"name": {"S": key}},
                UpdateExpression="SET fresh_until = :past",
                ExpressionAttributeValues={":past": {"N": str(past)}},
            )

    def time_passes(self, seconds: float) -> None:
        """Puts both clocks forward."""
        assert self.clock
        self.clock.ahead += seconds
        self.simulator.clock.advance(seconds)

    def ask(self, names: Sequence[str], wait: float = 0.0) -> Mapping[str, Any]:
        """GET /drivers for licences."""
        fields = [("name", name) for name in names] + [("profile", "0"), ("wait", str(wait))]
        answer = self._pool.request("GET", f"{self.url}/drivers", fields=fields, timeout=40)
        said: Mapping[str, Any] = json.loads(answer.data)
        assert answer.status == 200, said
        return said

    def states(self, names: Sequence[str], wait: float = 0.0) -> list[str]:
        """What the reader gets for each name."""
        answer = self.ask(names, wait)
        return [one["_meta"]["state"] if "_meta" in one else one["code"] for one in answer.values()]

    def health(self) -> str:
        """The word that GET /health says."""
        answer = self._pool.request("GET", f"{self.url}/health", timeout=40)
        return str(answer.json()["status"])

    def logins(self) -> int:
        """Password logins since the log of calls was cleared."""
        calls = self.simulator.calls.select("token")
        return sum(call.parameters.get("grant_type") == "password_limited" for call in calls)

    def well(self) -> tuple[bool, bool]:
        """Whether everybody is known and the home healthy, and whether nobody is stale, too."""
        states = set(self.states(self.names, 0.0 if self.home else self.wait))
        known = states <= {"fresh", "partial", "stale"} and self.health() == "healthy"
        return known, known and "stale" not in states


@contextmanager
def local_bench(folder: Path, population: Population, seed: int) -> Iterator[Bench]:
    """The local home and its server in this process."""
    clock = ShiftedClock()
    with (
        Simulator(population, latency=LATENCY, link_latency=LINK_LATENCY) as simulator,
        local_home(simulator, folder, clock, PITBOARD_INDEX_HOURS="0") as home,
        listen("127.0.0.1", 0) as door,
        running(make_local_app(home, PrometheusTelemetry()), [door]),
    ):
        home.sign_in()
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        yield Bench("local", url, simulator, names_of(population, seed), clock, home)


@contextmanager
def aws_bench(population: Population) -> Iterator[Bench]:
    """The functions under Lambda's runtime client, on moto; `names` are changed from fault to fault."""
    from tests.support.lambda_runtime import lambda_server

    with lambda_server(population=population, latency=LATENCY, link_latency=LINK_LATENCY) as backend:
        running = backend.home
        table = (running.dynamodb, running.tables["DRIVERS_TABLE"])
        yield Bench(
            "AWS", backend.base_url, backend.simulator, names_of(population, 500), table=table, wait=2.0
        )


def names_of(population: Population, seed: int) -> list[str]:
    """Names of a case's own."""
    drivers = population.sample(UNKNOWN + FRESH + STALE, seed=seed)
    return [driver.display_name for driver in drivers]
