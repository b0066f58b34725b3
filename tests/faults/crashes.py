"""Crash safety: two processes with eight threads each work on one database and are killed, over and over.

    uv run --all-groups --all-extras python tests/faults/crashes.py [--kills 2000] [--write]

Half of the lives end with a power loss: what was written after the last fsync is lost, or parts of it. Time
is virtual: minutes pass between two lives. `--write` puts the table into docs/FAULTS.md.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from tests.faults import document, lives  # noqa: E402 - it is in the checkout, not in a package
from tests.faults.power import compiled, lose_power  # noqa: E402

from pitboard.drivers.errors import UpstreamError  # noqa: E402
from pitboard.local.credentials import find  # noqa: E402
from pitboard.local.home import LocalHome  # noqa: E402
from pitboard.settings import Settings  # noqa: E402
from pitboard.simulator import Simulator  # noqa: E402

KEPT = ROOT / "build" / "crashes"
"""What a failure has left, to be looked at."""

HOUR = 3600.0

LONGEST = 0.45
"""Seconds after which half of the lives are killed at the latest."""

LICENCES, WRITTEN = 2.0, 0.06
"""The other half are killed within the second number of seconds after they have asked for licences, which
are written then, however slow the machine is. The first number is how long that is waited for: there may be
nothing to ask for, or no call left."""

PASSES = (0.0, 60.0, 600.0, 1800.0)
"""Virtual seconds between two lives."""


@dataclass(slots=True)
class Count:
    """What was seen. `lost` are ends after which there was no refresh token on the disk that was good for
    anything; `records` were read and found whole; `most_logins` is the most in any hour."""

    kills: int = 0
    power_losses: int = 0
    refreshes: int = 0
    lost: int = 0
    logins: int = 0
    most_logins: int = 0
    records: int = 0


@dataclass(slots=True)
class Machine:
    """One database, those who live on it, and iRacing."""

    folder: Path
    simulator: Simulator
    zygote: "subprocess.Popen[str]"
    rng: random.Random
    ahead: float = 0.0

    @property
    def db(self) -> Path:
        """The database that is in use."""
        return self.folder / "pitboard.sqlite3"

    @property
    def durable(self) -> Path:
        """Where its files are as they were at their last fsync."""
        return self.folder / "durable"

    def live_and_die(self, seed: int) -> None:
        """Two lives, and their end by SIGKILL at a random moment."""
        passed, before = self.rng.choice(PASSES), len(self.simulator.calls)
        self.ahead += passed
        self.simulator.clock.advance(passed)
        assert self.zygote.stdin
        assert self.zygote.stdout
        self.zygote.stdin.write(json.dumps({"ahead": self.ahead, "seed": seed}) + "\n")
        self.zygote.stdin.flush()
        pids = json.loads(self.zygote.stdout.readline())
        self._await_the_moment(before)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                raise AssertionError((self.folder / "stderr").read_text()[-2000:]) from None
        for pid in pids:
            _await_end(pid)

    def _await_the_moment(self, before: int) -> None:
        """Waits until the lives that were begun after so many calls are to be killed."""
        if self.rng.random() < 0.5:
            time.sleep(self.rng.uniform(0.01, LONGEST))
            return
        end = time.monotonic() + LICENCES
        while time.monotonic() < end:
            if any(call.endpoint == "member/get" for call in list(self.simulator.calls)[before:]):
                break
            time.sleep(0.005)
        time.sleep(self.rng.uniform(0.0, WRITTEN))

    def may_lose(self) -> bool:
        """Whether there is a database whose log is in `-wal`: the making of the file is not simulated."""
        journal = self.folder / f"{self.db.name}-journal"
        return self.begun() and not journal.exists() and (self.durable / self.db.name).exists()

    @contextmanager
    def _copy(self) -> Iterator[sqlite3.Connection]:
        """A copy of the database to look at: to open the real one would move its log into the file."""
        look = self.folder / "look"
        shutil.rmtree(look, ignore_errors=True)
        look.mkdir()
        for path in (self.db, self.folder / f"{self.db.name}-wal"):
            if path.exists():
                shutil.copy(path, look)
        with closing(sqlite3.connect(look / self.db.name)) as db:
            yield db

    def begun(self) -> bool:
        """Whether there is a database yet."""
        if not self.db.exists():
            return False
        with self._copy() as db:
            return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'documents'").fetchone())

    def look(self, count: "Count", *, records: bool) -> None:
        """Looks at what an end has left. Fails when a part of the file, or (`records`) of what is in it, is
        not whole."""
        with self._copy() as db:
            verdict = db.execute("PRAGMA integrity_check").fetchall()
            assert verdict == [("ok",)], verdict[:3]
            found = db.execute("SELECT value FROM documents WHERE key LIKE 'TOKEN:%'").fetchone()
            count.lost += self._is_lost(json.loads(found[0])["refresh_token"] if found else "")
            count.records += self._read(db) if records else 0

    def _is_lost(self, held: str) -> bool:
        """Whether iRacing has exchanged this refresh token already, or it is none."""
        token = self.simulator._oauth._refresh.get(held)
        return token is None or token.used or token.session.revoked

    def _read(self, db: sqlite3.Connection) -> int:
        for (value,) in db.execute("SELECT value FROM documents"):
            json.loads(value)
        rows = db.execute("SELECT key, cust_id, body FROM records").fetchall()
        for key, cust_id, body in rows:
            driver = self.simulator.population.driver(cust_id)
            said = json.loads(body)
            assert driver
            assert said["cust_id"] == cust_id
            assert said["member_info"]["display_name"].lower() == key == driver.display_name.lower()
            assert len(said["member_info"]["licenses"]) == 5
        return len(rows)

    @contextmanager
    def evidence(self, when: str) -> Iterator[None]:
        """Keeps the files of a failure within the block: as they were found, and as they were at their last
        fsync."""
        try:
            yield
        except BaseException as error:
            shutil.rmtree(KEPT, ignore_errors=True)
            shutil.copytree(self.folder, KEPT, ignore=shutil.ignore_patterns("look", "*.so"))
            error.add_note(f"{when}; its files are in {KEPT}")
            raise


def _await_end(pid: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.001)
    raise TimeoutError(f"process {pid} does not end")


@contextmanager
def machine(folder: Path, library: Path | None, seed: int) -> Iterator[Machine]:
    """A database with iRacing beside it; `library` is the preloaded copier of `compiled`."""
    (folder / "durable").mkdir()
    with Simulator(latency=0.004, link_latency=0.002) as simulator:
        simulator.faults.access_lifetime = 6.0  # so that tokens are renewed all the time
        names = [driver.display_name for driver in simulator.population.sample(200, seed=7)]
        db = folder / "pitboard.sqlite3"
        environment = {**os.environ, **simulator.environment(), "DURABLE": str(folder / "durable")}
        environment |= {"LD_PRELOAD": str(library)} if library else {}
        said = (folder / "stderr").open("w")
        zygote = subprocess.Popen(
            [sys.executable, lives.__file__, str(db), json.dumps(names)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        said.close()  # it is the other process's now
        try:
            yield Machine(folder, simulator, zygote, random.Random(seed))
        finally:
            zygote.kill()
            zygote.communicate()


def run(kills: int, folder: Path, seed: int = 1, *, told: bool = False) -> Count:
    """Kills so many processes and looks at what they leave. Fails when something is not whole. `told`: how
    far it is goes to standard error."""
    library, count = compiled(folder), Count()
    with machine(folder, library, seed) as world:
        while count.kills < kills:
            world.live_and_die(count.kills)
            count.kills += lives.PROCESSES
            powerless = bool(library) and world.may_lose() and world.rng.random() < 0.5
            if powerless:
                lose_power(world.db, world.durable, world.rng)
                count.power_losses += 1
            if told and not count.kills % 200:
                print(f"{count.kills} of {kills} killed", file=sys.stderr, flush=True)
            how = "a power loss" if powerless else "a kill"
            with world.evidence(f"seed {seed}, after {count.kills} kills, the last end was {how}"):
                if world.begun():
                    world.look(count, records=count.kills % 20 < lives.PROCESSES or count.kills >= kills)
        _count_grants(world, count)
        _must_work(world)
    return count


def _count_grants(world: Machine, count: Count) -> None:
    calls = world.simulator.calls.select("token")
    logins = sorted(call.at for call in calls if call.parameters["grant_type"] == "password_limited")
    count.refreshes = sum(call.parameters["grant_type"] == "refresh_token" for call in calls)
    count.logins = len(logins)
    count.most_logins = max((sum(at <= other < at + HOUR for other in logins) for at in logins), default=0)


def _must_work(world: Machine) -> None:
    """The next start finds everything in order: a token can be had, and drivers are answered."""
    world.ahead += HOUR
    world.simulator.clock.advance(HOUR)
    world.simulator.faults.clear()
    world.simulator.faults.set("latency", 0.004)
    environment = world.simulator.environment()
    settings = replace(Settings.read(environment), db=world.db)
    names = [driver.display_name for driver in world.simulator.population.sample(5, seed=7)]
    with LocalHome(settings, find(environment), clock=lambda: time.time() + world.ahead) as home:
        end = time.monotonic() + 90
        while True:
            try:
                home.tokens.access_token(time.monotonic() + 5)
                break
            except UpstreamError:
                assert time.monotonic() < end, "no token can be had any more"
                time.sleep(0.5)
        said: dict[str, Any] = json.loads(home.service.page(names, 8.0).body)
        assert all("cust_id" in one for one in said.values()), said


def table(count: Count) -> str:
    """The figures in Markdown."""
    rows = {
        "processes killed": count.kills,
        "power losses, each after two of them": count.power_losses,
        "records read and found whole": count.records,
        "refreshes of the token": count.refreshes,
        "ends that left no good refresh token": count.lost,
        "password logins, with the first one": count.logins,
        "most password logins within an hour": count.most_logins,
    }
    lines = [f"| {name} | {value:,} |\n" for name, value in rows.items()]
    return "| what | number |\n| --- | ---: |\n" + "".join(lines)


def main() -> None:
    """Reads the options, runs and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="puts the table into docs/FAULTS.md")
    given = parser.parse_args()
    print(f"seed {given.seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        count = run(given.kills, Path(folder), given.seed, told=True)
    print(table(count))
    if given.write:
        document.write("crashes", table(count))


if __name__ == "__main__":
    main()
