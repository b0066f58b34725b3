"""What the core's services work with; one set a home."""

import contextvars
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

from pitboard.drivers.kept_members import Everybody
from pitboard.drivers.model import Priority
from pitboard.drivers.ports import DriverIndex, MembersSource, NoIndex, Store, Telemetry, Upstream

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """`callers` makes the upstream calls that readers wait for, `behind` those that nobody waits for: they
    may have to wait for the budget, and must not do so in the threads that readers need. `lookups` runs
    look-ups that several readers share (ids, charts), each of which waits for calls. `worded` is the home's
    sentence for an error of the upstream, with its remedy. `store` and `index` are guarded by `members`
    (`guard`) wherever anybody can be withheld.
    """

    store: Store
    upstream: Upstream
    callers: Executor
    behind: Executor
    lookups: Executor
    index: DriverIndex = field(default_factory=NoIndex)
    members: MembersSource = field(default_factory=Everybody)
    clock: Callable[[], float] = time.time
    rng: random.Random = field(default_factory=random.Random)
    telemetry: Telemetry = field(default_factory=Telemetry)
    worded: Callable[[Exception], str] = str

    def submit(self, priority: Priority, call: Callable[..., T], *arguments: object) -> Future[T]:
        """Runs a call in the pool for it, within the caller's context (the request id is in there)."""
        pool = self.callers if priority is Priority.READER else self.behind
        return pool.submit(contextvars.copy_context().run, call, *arguments)
