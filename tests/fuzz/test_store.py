"""Two stores on one SQLite file, as two processes have them, beside a model of what they hold."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.fuzz.conftest import effort
from tests.support.clock import Clock

from pitboard.drivers.model import CLOCK_DOUBT, LONGEST_LEASE, Document, IdEntry, Record
from pitboard.stores.sqlite import SqliteStore

KEYS = ("ann tester", "bo demo", "jiří čestný", "HISTORY:7:5:irating")
OWNERS = ("one", "two")
keys = st.sampled_from(KEYS)
some_keys = st.lists(keys, max_size=4, unique=True)
ages = st.sampled_from((-5000.0, -1.0, 0.0, 1.0, 30.0))
ends = st.sampled_from((-1.0, 0.0, 1.0, 60.0, 7200.0))
which = st.integers(0, 1)


class Store(RuleBasedStateMachine):
    """Every answer is what the contract in `ports.Store` says of all that was written before."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="pitboard-fuzz-")
        self.clock = Clock()
        self.stores = [self.opened(), self.opened()]
        self.records: dict[str, Record] = {}
        self.ids: dict[str, IdEntry] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.documents: dict[str, Document] = {}

    def opened(self) -> SqliteStore:
        return SqliteStore(Path(self.folder) / "p.sqlite3", self.clock)

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    @rule(n=which)
    def reopen(self, n: int) -> None:
        self.stores[n].close()
        self.stores[n] = self.opened()

    @rule(seconds=st.sampled_from((0.5, 1.0, 59.0, 3600.0, -1800.0)))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(n=which, key=keys, cust_id=st.integers(1, 9), age=ages, end=ends, profile=ends)
    def keep(self, n: int, key: str, cust_id: int, age: float, end: float, profile: float) -> None:
        now = self.clock.now
        new = Record(key, cust_id, b'{"n":%d}' % cust_id, now - age, now + 1, now + end, now + profile)
        self.stores[n].keep([new])
        old = self.records.get(key)
        newer = old is None or new.as_of >= old.as_of or new.profile_until > old.profile_until
        if newer or (old and old.as_of > new.as_of + CLOCK_DOUBT):
            self.records[key] = new

    @rule(n=which, key=keys, cust_id=st.one_of(st.none(), st.integers(1, 9)), end=ends)
    def keep_id(self, n: int, key: str, cust_id: int | None, end: float) -> None:
        reason = "" if cust_id else "not_found"
        entry = IdEntry(key, cust_id, "iRacing", self.clock.now + end, reason, self.clock.now + 5, 0.0)
        self.stores[n].keep_ids([entry])
        self.ids[key] = entry

    @rule(n=which, some=some_keys)
    def forget(self, n: int, some: list[str]) -> None:
        self.stores[n].forget(some)
        for key in some:
            self.records.pop(key, None)
            self.ids.pop(key, None)

    @rule(n=which, some=some_keys, owner=st.sampled_from(OWNERS), seconds=ends)
    def claim(self, n: int, some: list[str], owner: str, seconds: float) -> None:
        now = self.clock.now
        free = set()
        for key in some:
            holder, until = self.leases.get(key, (owner, 0.0))
            if holder == owner or not now < until <= now + LONGEST_LEASE:
                free.add(key)
                self.leases[key] = owner, now + seconds
        assert self.stores[n].claim(some, owner, now + seconds) == free

    @rule(n=which, some=some_keys, owner=st.sampled_from(OWNERS))
    def release(self, n: int, some: list[str], owner: str) -> None:
        self.stores[n].release(some, owner)
        for key in some:
            if self.leases.get(key, ("", 0.0))[0] == owner:
                del self.leases[key]

    @rule(n=which, key=st.sampled_from(("TOKEN:a", "BUDGET")), behind=st.sampled_from((0, 0, 0, 1, 5)))
    def put(self, n: int, key: str, behind: int) -> None:
        kept = self.documents.get(key)
        expected = None if kept is None else max(0, kept.version - behind)
        if behind == 5:
            expected = None
        value = {"n": self.clock.now}
        wins = expected == (kept.version if kept else None)
        assert self.stores[n].documents.put(key, value, expected=expected) is wins
        if wins:
            self.documents[key] = Document(value, kept.version + 1 if kept else 1)

    @rule(n=which)
    def purge(self, n: int) -> None:
        now = self.clock.now
        self.stores[n].purge(now)
        self.records = {key: one for key, one in self.records.items() if one.stale_until > now}
        self.ids = {key: one for key, one in self.ids.items() if one.until > now}
        self.leases = {key: one for key, one in self.leases.items() if one[1] > now}

    @invariant()
    def both_give_what_was_written(self) -> None:
        now = self.clock.now
        for store in self.stores:
            shown = {key: one for key, one in self.records.items() if one.stale_until > now}
            assert store.records(KEYS) == shown
            assert store.ids(KEYS) == {key: one for key, one in self.ids.items() if one.until > now}
            for key in ("TOKEN:a", "BUDGET"):
                assert store.documents.get(key) == self.documents.get(key)


Store.TestCase.settings = effort(40)
TestStore = Store.TestCase
