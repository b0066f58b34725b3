"""The backends of `node benchmarks/addon.mjs --index`: two servers on the simulator, each with an index.

Prints one line of JSON and serves until its input ends: `url` is a server whose store knows the drivers in
`known` (pages of 20 names) and nobody else; `spent` is one whose budget is spent and whose store is empty;
`indexed` are pages of 20 other drivers who are in both indexes.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from pitboard.drivers.refresh import refresh
from pitboard.drivers.service import Asker
from pitboard.iracing.driver_lists import DriverLists
from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.local.server import listen, make_local_app, running
from pitboard.settings import Settings
from pitboard.simulator import CATEGORIES, Population, Simulator
from pitboard.stores.index_builder import IndexBuilder
from pitboard.telemetry import PrometheusTelemetry

PAGE = 20
LICENCES = Asker(profile=False)


@contextmanager
def backend(population: Population) -> Iterator[tuple[str, LocalHome]]:
    """Simulator, home with a full index, and server: its address and the home."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(population) as simulator,
        listen("127.0.0.1", 0) as door,
    ):
        environment = simulator.environment()
        settings = replace(Settings.read(environment), db=Path(folder) / "pitboard.sqlite3")
        telemetry = PrometheusTelemetry()
        with LocalHome(settings, find(environment), telemetry) as home:
            home.sign_in()
            with IndexBuilder(home.settings.db) as builder:
                refresh(DriverLists(home.upstream), builder)
            with running(make_local_app(home, telemetry, []), [door]):
                yield f"http://127.0.0.1:{door.getsockname()[1]}", home


def pages_of(population: Population, count: int) -> list[list[str]]:
    """`count` pages of drivers who are in the index, all different."""
    listed = {cust_id for category in CATEGORIES for cust_id in population.ranking(category)}
    drivers = population.sample(3 * count * PAGE, seed=7)
    names = [driver.display_name for driver in drivers if driver.cust_id in listed]
    if len(names) < count * PAGE:
        raise RuntimeError("too few drivers")
    return [names[at : at + PAGE] for at in range(0, count * PAGE, PAGE)]


def main(rounds: int) -> None:
    """Runs the two backends for so many rounds of the benchmark."""
    population = Population(size=20 * PAGE * rounds)
    pages = pages_of(population, 3 * rounds)
    with ExitStack() as stack:
        url, home = stack.enter_context(backend(population))
        spent, poor = stack.enter_context(backend(population))
        for page in pages[:rounds]:
            home.service.renew(page)
        poor.meter.rate_limited({"Retry-After": "3600"})
        told = {"url": url, "spent": spent, "known": pages[:rounds], "indexed": pages[rounds:]}
        print(json.dumps(told), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
