"""Days of virtual time in one process, with faults at random: what a home holds at the end of each."""

import gc
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.settings import Settings
from pitboard.simulator import Kind, Simulator

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a home is at some time: rows by table, kB of the file, things in memory, threads."""

    rows: int
    file: float
    """kB."""
    held: int
    """Names that are being looked up or wait for it."""
    objects: int
    """Objects of Python's, after a collection."""
    threads: int


@contextmanager
def _home(simulator: Simulator, db: Path) -> Iterator[LocalHome]:
    environment = simulator.environment()
    settings = replace(Settings.read(environment), db=db)
    with LocalHome(settings, find(environment), clock=simulator.clock.now, lookup_seconds=0.3) as home:
        yield home


def pass_days(days: int, folder: Path, pages: int = 3, seed: int = 1) -> list[Size]:
    """The size of a home at the end of each virtual day, with faults at random. So many `pages` an hour ask
    for some of 200 drivers and for names that nobody has."""
    rng, sizes = random.Random(seed), []
    with (
        Simulator(latency=0.001, link_latency=0.001) as simulator,
        _home(simulator, folder / "pitboard.sqlite3") as home,
    ):
        known = [driver.display_name for driver in simulator.population.sample(200, seed=5)]
        for _ in range(days):
            for hour in range(24):
                _fault(simulator, rng)
                for page in range(pages):
                    nobody = [f"Nobody {hour} {page} {n}" for n in range(2)]
                    home.service.page(rng.sample(known, 10) + nobody, 0.1)
                    simulator.clock.advance(DAY / 24 / pages)
                home.store.purge(simulator.clock.now())
            simulator.faults.clear()
            home.service.page(known[:20], 2.0)
            sizes.append(_size(home))
    return sizes


def _fault(simulator: Simulator, rng: random.Random) -> None:
    simulator.faults.clear()
    simulator.faults.set("latency", 0.001)
    kind = rng.choice([None, None, *(kind for kind in Kind if kind not in (Kind.HANG, Kind.DRIP, Kind.BOMB))])
    if rng.random() < 0.1:
        simulator.faults.set("maintenance", True)
    elif rng.random() < 0.1:
        simulator.revoke_sessions()
    elif kind:
        simulator.faults.add(kind, rng.choice(("data", "link")), times=rng.randint(1, 40), status=500)


def _size(home: LocalHome) -> Size:
    tables = ("records", "ids", "leases", "documents")
    rows = sum(int(home.store._reader.rows(f"SELECT count(*) FROM {table}", ())[0][0]) for table in tables)
    held = len(home.service._flights) + len(home.service._plans) + len(home.renewals._pool)
    file = home.store.path.stat().st_size / 1024
    gc.collect()
    return Size(rows, file, held, len(gc.get_objects()), threading.active_count())
