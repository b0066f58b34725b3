"""The plan for names that are missing or due: ids, then licences in one call for fifty, then profiles.

A plan runs in a thread of its own and may outlive the request that started it, so that the next ask
finds what it brought. Where a driver index is loaded, `store.ids` already knows the ids and the
searches fall away.
"""

import contextvars
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pitboard.drivers import freshness, names, records
from pitboard.drivers.errors import RateLimitedError, RefusedError, UnreachableError, UpstreamError
from pitboard.drivers.model import CallContext, IdEntry, Priority, Record
from pitboard.drivers.names import Name
from pitboard.drivers.page import NOT_FOUND, PENDING, UNAVAILABLE, Miss
from pitboard.drivers.ports import Store, Telemetry, Upstream

MEMBERS_A_CALL = 50
"""Most ids in one `member/get`. iRacing documents no limit; clients are seen to send small lists."""

log = logging.getLogger(__name__)

T = TypeVar("T")

Settle = Callable[[str, Miss | None], None]
"""Called once a key: None when its record is in the store, else why there is none."""


@dataclass(frozen=True, slots=True)
class Target:
    """A name to work on and what is kept of it, if anything."""

    name: Name
    record: Record | None = None


def miss_for(error: UpstreamError, worded: Callable[[Exception], str]) -> Miss:
    """The miss for a name when the upstream failed, in the home's words. A spent budget only means later."""
    retry_after = None if error.retry_after is None else max(1, int(error.retry_after + 0.999))
    if isinstance(error, RateLimitedError):
        return Miss(PENDING.code, PENDING.error, retry_after or PENDING.retry_after)
    return Miss(UNAVAILABLE.code, worded(error), retry_after or UNAVAILABLE.retry_after)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What every plan works with; one set a home.

    `callers` makes the upstream calls, `behind` those that nobody waits for: they may have to wait for the
    budget, and must not do so in the threads that readers need. `worded` is the home's sentence for an error
    of the upstream, with its remedy.
    """

    store: Store
    upstream: Upstream
    callers: Executor
    behind: Executor
    clock: Callable[[], float] = time.time
    rng: random.Random = field(default_factory=random.Random)
    telemetry: Telemetry = field(default_factory=Telemetry)
    worded: Callable[[Exception], str] = str

    def submit(self, priority: Priority, call: Callable[..., T], *arguments: object) -> Future[T]:
        """Runs a call in the pool for it, within the caller's context (the request id is in there)."""
        pool = self.callers if priority is Priority.READER else self.behind
        return pool.submit(contextvars.copy_context().run, call, *arguments)


class Plan:
    """One run for a set of names. `run` settles every key exactly once, whatever happens.

    Keys are settled after their leases are given up: whoever is told may begin a plan of his own at once.
    """

    def __init__(
        self, dependencies: Dependencies, wanted: Mapping[str, Target], context: CallContext, settle: Settle
    ) -> None:
        self._deps = dependencies
        self._wanted = dict(wanted)
        self._context = context
        self._tell = settle
        self._outcomes: dict[str, Miss | None] = {}
        self._owner = uuid.uuid4().hex

    def run(self) -> None:
        """Works until every name is settled or the context's deadline has passed."""
        keys = list(self._wanted)
        if self._context.is_over:  # it had to queue for too long
            self._tell_all(keys, PENDING)
            return
        try:
            lease = self._deps.clock() + max(0.0, self._context.deadline - time.monotonic()) + 5
            mine = self._deps.store.claim(keys, self._owner, lease)
            try:
                self._bring({key: self._wanted[key] for key in keys if key in mine})
            finally:
                self._deps.store.release(list(mine), self._owner)
            self._tell_all(mine, PENDING)
            if self._context.priority is Priority.READER:
                self._await_others({key for key in keys if key not in mine})
            self._tell_all(self._wanted, PENDING)
        except Exception:
            log.exception("a plan failed")
            self._tell_all(self._wanted, UNAVAILABLE)

    def _settle(self, key: str, outcome: Miss | None) -> None:
        self._outcomes.setdefault(key, outcome)

    def _tell_all(self, keys: Iterable[str], otherwise: Miss) -> None:
        """Tells the outcomes of these keys; of those without one that they are as before, or `otherwise`."""
        for key in list(keys):
            if wanted := self._wanted.pop(key, None):
                self._tell(key, self._outcomes.get(key, None if wanted.record else otherwise))

    def _bring(self, wanted: Mapping[str, Target]) -> None:
        wanted = self._looked_again(wanted)
        now = self._deps.clock()
        due = {k: w for k, w in wanted.items() if w.record is None or w.record.licences_due(now)}
        held = {k: w.record for k, w in wanted.items() if k not in due and w.record is not None}
        if due:
            ids = self._identify(due)
            renewed, lost = self._licences(due, ids)
            if lost:
                again = {key: Target(due[key].name) for key in lost}
                found, gone = self._licences(again, self._search(again))
                self._nobody(gone)
                renewed |= found
            held |= renewed
        self._profiles(held)

    def _looked_again(self, wanted: Mapping[str, Target]) -> dict[str, Target]:
        """With what others have brought between our reader's look and our lease: nothing is asked twice."""
        absent = [key for key, name in wanted.items() if name.record is None]
        brought = self._deps.store.records(absent) if absent else {}
        return {key: replace(name, record=brought.get(key, name.record)) for key, name in wanted.items()}

    # --- names to ids

    def _identify(self, due: Mapping[str, Target]) -> dict[str, int]:
        ids = {key: wanted.record.cust_id for key, wanted in due.items() if wanted.record}
        unknown = [key for key in due if key not in ids]
        for key, entry in self._deps.store.ids(unknown).items():
            if entry.reason:
                self._settle(key, NOT_FOUND if entry.reason == NOT_FOUND.code else UNAVAILABLE)
            elif entry.cust_id is not None:
                ids[key] = entry.cust_id
        return ids | self._search({k: due[k] for k in unknown if k not in ids and k not in self._outcomes})

    def _search(self, unknown: Mapping[str, Target]) -> dict[str, int]:
        """Asks iRacing for each name, side by side; keeps what it said, a `no` too."""
        who = self._context.priority
        calls = {self._deps.submit(who, self._find, wanted.name): key for key, wanted in unknown.items()}
        until = self._deps.clock() + freshness.ID_KEPT
        found, nobody = {}, []
        for call in _finished(calls, self._context.deadline):
            key = calls[call]
            try:
                cust_id = call.result()
            except UpstreamError as error:
                self._failed({key: None}, error)
                continue
            if cust_id is None:
                nobody.append(key)
            else:
                found[key] = cust_id
        self._deps.store.keep_ids(IdEntry(key, cust_id, "iRacing", until) for key, cust_id in found.items())
        self._nobody(nobody)
        return found

    def _nobody(self, keys: Iterable[str]) -> None:
        """Remembers for some hours that nobody has these names."""
        keys = list(keys)
        if known := [key for key in keys if self._wanted[key].record]:
            self._deps.store.forget(known)
        until = self._deps.clock() + freshness.NOT_FOUND_KEPT
        self._deps.store.keep_ids(IdEntry(key, None, "iRacing", until, NOT_FOUND.code) for key in keys)
        for key in keys:
            self._settle(key, NOT_FOUND)

    def _failed(self, ids: Mapping[str, int | None], error: UpstreamError) -> None:
        """Settles names that the upstream had no answer for. A fault of its is remembered for a minute, in
        which nobody asks for them; a refusal for our credentials or our rate is not, it says nothing about
        the driver. Nor does a call that the context's end has cut off: the asker was in a hurry."""
        if isinstance(error, UnreachableError) and self._context.is_over:
            return
        if isinstance(error, UnreachableError):
            until = self._deps.clock() + freshness.FAILURE_KEPT
            self._deps.store.keep_ids(
                IdEntry(key, cust_id, "iRacing", until, UNAVAILABLE.code) for key, cust_id in ids.items()
            )
        for key in ids:
            self._settle(key, None if self._wanted[key].record else miss_for(error, self._deps.worded))

    def _find(self, name: Name) -> int | None:
        return exact_match(name, self._deps.upstream.search(name.shown, self._context))

    # --- ids to licences

    def _licences(
        self, due: Mapping[str, Target], ids: Mapping[str, int]
    ) -> tuple[dict[str, Record], list[str]]:
        """Renews the licences of all, fifty a call. Gives the records written, and the keys whose id is
        nobody's any more, or now belongs to a driver of another name: the name changed hands."""
        kept: dict[str, Record] = {}
        gone: list[str] = []
        strangers: list[str] = []
        keys = [key for key in due if key in ids]
        for start in range(0, len(keys), MEMBERS_A_CALL):
            some = keys[start : start + MEMBERS_A_CALL]
            members = self._members(some, ids)
            if members is None:
                continue
            batch = {}
            for key in some:
                member = members.get(ids[key])
                if member is None:
                    gone.append(key)
                elif names.same(str(member.get("display_name", "")), due[key].name.shown):
                    batch[key] = self._record(key, due[key].record, member)
                else:
                    strangers.append(key)
            self._deps.store.keep(batch.values())
            kept |= batch
        if strangers:
            self._deps.store.forget(strangers)
        return kept, [*gone, *strangers]

    def _members(self, keys: list[str], ids: Mapping[str, int]) -> Mapping[int, Mapping[str, Any]] | None:
        try:
            return self._deps.upstream.members(sorted({ids[key] for key in keys}), self._context)
        except UpstreamError as error:
            self._failed({key: ids[key] for key in keys}, error)
            return None

    def _record(self, key: str, older: Record | None, member: Mapping[str, Any]) -> Record:
        now, rng = self._deps.clock(), self._deps.rng
        return Record(
            key=key,
            cust_id=int(member["cust_id"]),
            body=records.body(member, older=older.body if older else None),
            as_of=now,
            fresh_until=freshness.LICENCES.fresh_until(now, rng),
            stale_until=freshness.LICENCES.stale_until(now),
            profile_until=_not_after(older.profile_until, now) if older else 0.0,
        )

    # --- ids to profiles

    def _profiles(self, held: Mapping[str, Record]) -> None:
        """Brings the profiles that are due, side by side, and writes each as it comes."""
        now = self._deps.clock()
        calls: dict[Future[Mapping[str, Any]], Record] = {}
        for key, record in held.items():
            if record.profile_due(now):
                calls[self._deps.submit(self._context.priority, self._profile, record.cust_id)] = record
            else:
                self._settle(key, None)
        for call in _finished(calls, self._context.deadline):
            record = calls[call]
            try:
                profile = call.result()
            except RefusedError:
                self._without_profile(record, freshness.PROFILE.fresh)
            except UnreachableError:
                if not self._context.is_over:
                    self._without_profile(record, freshness.FAILURE_KEPT)
            except UpstreamError:
                log.debug("no profile for now")
            else:
                self._with_profile(record, profile)
            self._settle(record.key, None)

    def _profile(self, cust_id: int) -> Mapping[str, Any]:
        return self._deps.upstream.profile(cust_id, self._context)

    def _with_profile(self, record: Record, profile: Mapping[str, Any]) -> None:
        until = freshness.PROFILE.fresh_until(self._deps.clock(), self._deps.rng)
        body = records.with_profile(record.body, profile)
        self._deps.store.keep([replace(record, body=body, profile_until=until)])

    def _without_profile(self, record: Record, seconds: float) -> None:
        """Leaves the profile alone for some time; an older one stays."""
        until = self._deps.clock() + seconds
        self._deps.store.keep([replace(record, profile_until=-until if record.partial else until)])

    # --- names that another process works on

    def _await_others(self, waiting: set[str]) -> None:
        """Waits for what another process brings, by looking into the store; asks iRacing nothing."""
        pause = 0.05
        while waiting and time.monotonic() + pause < self._context.deadline:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
            self._look_for(waiting)

    def _look_for(self, waiting: set[str]) -> None:
        now, store = self._deps.clock(), self._deps.store
        for key, record in store.records(list(waiting)).items():
            if not record.due(now):
                waiting.discard(key)
                self._settle(key, None)
        for key, entry in store.ids(list(waiting)).items():
            if entry.reason:
                waiting.discard(key)
                self._settle(key, NOT_FOUND if entry.reason == NOT_FOUND.code else UNAVAILABLE)


def _not_after(profile_until: float, now: float) -> float:
    """The same, but no later than it could have been set to now: the clock may have been set back."""
    latest = now + freshness.PROFILE.fresh * (1 + freshness.JITTER)
    return max(-latest, min(profile_until, latest))


def exact_match(name: Name, rows: Iterable[tuple[int, str]]) -> int | None:
    """The id of the one driver who has this very name, else None. Never the nearest.

    Nobody, too, when two drivers have names that differ in case only: what is kept is kept under the
    name in lower case, so the one would be shown for the other.
    """
    same = {cust_id for cust_id, shown in rows if names.same(shown, name.shown)}
    return same.pop() if len(same) == 1 else None


def _finished(calls: Iterable[Future[T]], deadline: float) -> Iterator[Future[T]]:
    """The calls as they finish, until the deadline; what is not begun by then never begins."""
    calls = list(calls)
    try:
        yield from as_completed(calls, timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        for call in calls:
            call.cancel()
