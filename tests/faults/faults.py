"""The faults of the matrix: how each is put, how it ends, and what must be so meanwhile and afterwards."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.bench import Bench

from pitboard.simulator import Kind

ALWAYS = 1_000_000

SOON = 5.0
"""Seconds after the end of a fault by which all is well again, if nothing else is said of it."""

COOLING = 16.0
"""The same for a token service that has failed for some seconds: refreshes are repeated 2, 4, 8 s later."""

Step = Callable[[Bench], object]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `health` is what GET /health says meanwhile; `heals` seconds after it all is well again.

    `late`: the token has ended when it begins, so that a renewal falls into it. `act` is what the host
    has to do after it, if he must. `known`: known drivers are known meanwhile. `harmless`: unknown drivers
    are found meanwhile. `aws`: it is put to that home, too. `small_disk`: the database is on a disk of 3 MB.
    """

    name: str
    put: Step
    end: Step = lambda bench: bench.simulator.faults.clear()
    health: tuple[str, ...] = ("degraded",)
    heals: float = SOON
    late: bool = False
    act: Step | None = None
    known: bool = True
    harmless: bool = False
    aws: bool = False
    small_disk: bool = False


def on(kind: Kind, endpoint: str = "data", *, times: int = ALWAYS, **more: Any) -> Step:
    """Puts a fault on calls."""
    return lambda bench: bench.simulator.faults.add(kind, endpoint, times=times, **more)


def setting(**settings: object) -> Step:
    """Sets settings of the simulator's."""

    def put(bench: Bench) -> None:
        for name, value in settings.items():
            bench.simulator.faults.set(name, value)

    return put


def both(one: Step, other: Step) -> Step:
    """Two steps."""

    def put(bench: Bench) -> None:
        one(bench)
        other(bench)

    return put


def reachable(to: bool) -> Step:
    """Whether somebody listens where iRacing should be."""
    return lambda bench: bench.simulator.set_reachable(to)


def pragma(text: str) -> Step:
    """Runs a PRAGMA on every connection that writes: for a disk that is full or a file that is read-only."""

    def put(bench: Bench) -> None:
        for connection in bench.local.store.file._connections:
            connection.rows(f"PRAGMA {text}", ())

    return put


def filled(bench: Bench) -> None:
    """Fills the disk that the database is on."""
    with suppress(OSError), _junk(bench).open("wb", 0) as junk:
        while True:
            junk.write(bytes(4096))


def emptied(bench: Bench) -> None:
    """Makes room again."""
    _junk(bench).unlink()


def _junk(bench: Bench) -> Path:
    return bench.local.store.path.with_name("junk")


def deleted(bench: Bench) -> None:
    """The database is deleted while it is used."""
    bench.local.store.path.unlink()


def replaced(bench: Bench) -> None:
    """Another, empty database is put into its place."""
    path = bench.local.store.path
    other = path.with_name("other.sqlite3")
    with closing(sqlite3.connect(other)) as made:
        made.execute("PRAGMA user_version = 0")
    shutil.move(other, path)


def clock(seconds: float) -> Step:
    """Sets this machine's clock."""

    def put(bench: Bench) -> None:
        assert bench.clock
        bench.clock.ahead = seconds

    return put


def proves(bench: Bench) -> None:
    """What `pitboard login` does."""
    bench.local.tokens.prove(time.monotonic() + 10)


def nothing(_: Bench) -> None:
    """It ends by itself."""


HEALTHY = ("healthy",)
EITHER = ("healthy", "degraded")

FAULTS = (
    # --- the network
    Fault("connection refused", reachable(False), reachable(True)),
    Fault("reset before the answer", on(Kind.RESET), aws=True),
    Fault("reset in the middle of a body", on(Kind.CUT, "link")),
    Fault("no answer at all", on(Kind.HANG), health=EITHER, heals=16.0),
    Fault("an answer at 20 bytes a second", on(Kind.DRIP), health=EITHER, heals=30.0),
    # --- answers
    Fault("half a JSON", on(Kind.BAD_JSON, "link")),
    Fault("504 with HTML", on(Kind.HTML), aws=True),
    Fault("redirect to a login page", on(Kind.REDIRECT)),
    Fault("500", on(Kind.STATUS, status=500)),
    Fault("wrong types in every answer", on(Kind.WRONG_TYPES, "link"), health=EITHER),
    Fault("dead links", on(Kind.STATUS, "link", status=403), aws=True),
    Fault("links to a foreign host", on(Kind.FOREIGN_LINK), health=EITHER),
    Fault("a body of 200 MB", on(Kind.BOMB, "link"), heals=12.0),
    Fault("200 MB in 200 kB of gzip", on(Kind.GZIP_BOMB, "link"), health=EITHER, heals=12.0),
    # --- maintenance and limits
    Fault("maintenance with a note", setting(maintenance=True), aws=True),
    Fault("maintenance without a note", setting(maintenance=True, maintenance_note=False)),
    Fault("maintenance in the older shape", setting(maintenance=True, maintenance_old_shape=True)),
    Fault("429, reset in 5 s", lambda b: limited(b, -55.0), heals=8.0),
    Fault("429, reset in the past", lambda b: limited(b, -3600.0)),
    Fault("429, no reset", both(lambda b: limited(b, 0.0), setting(limits_hidden=True)), heals=18.0),
    # --- the access token
    Fault("401, the token looks valid", on(Kind.STATUS, status=401), aws=True),
    Fault("403 for everything", on(Kind.STATUS, status=403), aws=True),
    Fault(
        "session revoked", lambda b: b.simulator.revoke_sessions(), nothing, EITHER, harmless=True, late=True
    ),
    # --- the token service
    Fault("token: refused for 503", on(Kind.STATUS, "token", status=503), heals=COOLING, late=True),
    Fault(
        "token: the answer with the new refresh token is lost",
        on(Kind.RESET, "token", times=1),
        nothing,
        EITHER,
        COOLING,
        late=True,
        harmless=True,
    ),
    Fault(
        "token: HTML with status 200",
        on(Kind.HTML, "token", status=200),
        heals=COOLING,
        late=True,
    ),
    Fault(
        "token: invalid_grant for the refresh token",
        on(Kind.STATUS, "token", times=1, error="invalid_grant"),
        nothing,
        EITHER,
        COOLING,
        late=True,
        harmless=True,
    ),
    Fault(
        "token: invalid_grant for everything",
        on(Kind.STATUS, "token", error="invalid_grant"),
        late=True,
        act=proves,
    ),
    Fault(
        "token: invalid_client",
        on(Kind.STATUS, "token", error="invalid_client"),
        heals=COOLING,
        late=True,
    ),
    Fault(
        "token: unauthorized_client, Retry-After 6 s",
        on(Kind.STATUS, "token", error="unauthorized_client", retry_after=6),
        heals=COOLING,
        late=True,
    ),
    Fault(
        "token: the scope is missing",
        both(lambda b: b.simulator.revoke_sessions(), setting(withhold_scope=True)),
        late=True,
        act=proves,
    ),
    Fault("token: no answer at all", on(Kind.HANG, "token"), health=EITHER, heals=30.0, late=True),
    # --- clocks
    Fault("iRacing's clock an hour ahead", setting(clock_skew=3600.0), health=HEALTHY, harmless=True),
    Fault("iRacing's clock an hour behind", setting(clock_skew=-3600.0), health=HEALTHY, harmless=True),
    Fault("our clock an hour ahead", clock(3600.0), clock(0.0), EITHER, harmless=True, heals=8.0),
    Fault("our clock an hour behind", clock(-3600.0), clock(0.0), EITHER, harmless=True, heals=8.0),
    # --- the file
    Fault("disk full", filled, emptied, small_disk=True),
    Fault("file read-only", pragma("query_only = ON"), pragma("query_only = OFF"), EITHER),
    Fault("database deleted", deleted, nothing, EITHER, known=False, harmless=True),
    Fault("database replaced by an empty one", replaced, nothing, EITHER, known=False, harmless=True),
)


def limited(bench: Bench, reset_shift: float) -> None:
    """iRacing's limit is used up by others; every call is answered with 429."""
    on(Kind.STATUS, status=429)(bench)
    bench.simulator.faults.set("reset_shift", reset_shift)
