"""The local home and the local server, with the simulator as iRacing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pitboard.local.credentials import find
from pitboard.local.demo_forum import forum_routes
from pitboard.local.home import LocalHome
from pitboard.local.server import listen, make_local_app, running
from pitboard.settings import Settings
from pitboard.simulator import Simulator
from pitboard.telemetry import PrometheusTelemetry


@dataclass(frozen=True)
class Backend:
    """A running backend. `secrets` are texts that no answer may hold; `lacks` names the features that its
    surroundings do not have: `compression`."""

    base_url: str
    simulator: Any
    secrets: tuple[str, ...]
    home: Any = None
    telemetry: Any = None
    lacks: frozenset[str] = frozenset()

    def drivers(self, count: int, seed: int = 1) -> list[Any]:
        """Drivers that the simulator knows: `cust_id`, `display_name`."""
        found = list(self.simulator.population.sample(count, seed=seed))
        assert len(found) == count, "a test about no driver says nothing"
        return found


@contextmanager
def local_home(
    simulator: Simulator, folder: Path, clock: Callable[[], float] = time.time, /, **changes: str
) -> Iterator[LocalHome]:
    """The local home on a simulator, with an own database in `folder`. `changes` go to its environment."""
    environment = simulator.environment() | changes
    settings = replace(Settings.read(environment), db=folder / "pitboard.sqlite3")
    with LocalHome(settings, find(environment), PrometheusTelemetry(), clock) as home:
        yield home


@contextmanager
def local_server(folder: Path, port: int = 0, /, **options: Any) -> Iterator[Backend]:
    """Simulator, local home and server. `options` go to the simulator."""
    with (
        Simulator(**options) as simulator,
        local_home(simulator, folder) as home,
        listen("127.0.0.1", port) as door,
    ):
        authors = [driver.display_name for driver in simulator.population.sample(20, seed=7)]
        telemetry = PrometheusTelemetry()
        app = make_local_app(home, telemetry, forum_routes(authors))
        with running(app, [door]):
            environment = simulator.environment()
            secrets = tuple(environment[f"PITBOARD_{part}"] for part in ("CLIENT_SECRET", "PASSWORD"))
            yield Backend(f"http://127.0.0.1:{door.getsockname()[1]}", simulator, secrets, home, telemetry)
