"""The plan for names that are missing or due: ids, then licences, fifty a call, then profiles.

A plan runs in a thread of its own and may outlive the request that started it, so that the next ask finds
what it brought. It goes in steps: licences are asked for as soon as some ids are known, and each name is
settled as soon as its record is written, so that no name waits for the slowest. It begins no more calls
than the budget has: with ten calls left for twenty names it brings nine names with their licences.
"""

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from pitboard.drivers import freshness, misses, names, records
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import (
    RateLimitedError,
    RefusedError,
    StoreError,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.misses import NOT_FOUND, PENDING, UNAVAILABLE, WITHHELD, Miss
from pitboard.drivers.model import CallContext, IdEntry, Priority, Record, Room
from pitboard.drivers.names import Name

if TYPE_CHECKING:
    from pitboard.drivers.index import IndexedDriver

MEMBERS_A_CALL = 50
"""Most ids in one `member/get`. iRacing documents no limit; clients are seen to send small lists."""

GATHERED = 0.25
"""Seconds that a known id waits for others to share a call, while searches are out; longer when the first
search took longer, for then the others do, too."""

log = logging.getLogger(__name__)

Settle = Callable[[str, Miss | None], None]
"""Called once a key: None when its record is in the store, else why there is none."""

Failed = Callable[["Target", UpstreamError], object]
"""Called before `Settle`, for a name that iRacing failed at or was not asked for because it fails."""

Work = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Target:
    """A name to work on and what is kept of it, if anything. `profile`: its profile is wanted, too. `has_id`:
    its customer id is known, so that it needs no search of its own."""

    name: Name
    record: Record | None = None
    profile: bool = False
    has_id: bool = False


@dataclass(slots=True)
class _State:
    """Where a run stands: names to search, ids without licences (since when), records without profiles; the
    ids that were known and that iRacing left out of its answer."""

    searches: deque[str] = field(default_factory=deque)
    ids: dict[str, int] = field(default_factory=dict)
    began: float = 0.0
    ids_since: float = 0.0
    profiles: deque[Record] = field(default_factory=deque)
    searched: set[str] = field(default_factory=set)
    left_out: dict[str, int] = field(default_factory=dict)
    searching: int = 0


class Plan:
    """One run for a set of names. `run` settles every key exactly once, whatever happens.

    A key is settled after its lease is given up: whoever is told may begin a plan of his own at once.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        targets: Mapping[str, Target],
        context: CallContext,
        settle: Settle,
        failed: Failed = lambda _, __: None,
    ) -> None:
        self._deps = dependencies
        self._targets = dict(targets)
        self._context = context
        self._tell = settle
        self._tell_failed = failed
        self._owner = uuid.uuid4().hex
        self._indexed: Mapping[str, IndexedDriver] = {}
        self._state = _State()
        self._finished: SimpleQueue[Work] = SimpleQueue()
        self._calls: dict[Future[Any], Sequence[str]] = {}
        self._outcomes: dict[str, Miss | None] = {}
        self._learnt: dict[str, IdEntry] = {}
        self._lost: dict[str, tuple[int | None, UpstreamError]] = {}
        self._leased: set[str] = set()
        self._stopped = False

    def run(self) -> None:
        """Works until every name is settled or the context's deadline has passed."""
        try:
            if not self._context.is_over:  # else it had to queue for too long
                self._leave_out()
                self._run()
            self._settle_all(self._targets, PENDING)
        except StoreError as error:
            log.error("a plan failed: %s", error)  # noqa: TRY400 - a sentence, not a defect
            self._settle_all(self._targets, UNAVAILABLE)
        except Exception:  # not pending: who asked would come again at once, and it would fail again
            log.exception("a plan failed")
            self._settle_all(self._targets, UNAVAILABLE)

    def stop(self) -> None:
        """Ends the run soon, from any thread: names that are not settled are pending, leases are given up."""
        self._stopped = True
        self._finished.put(lambda: None)

    def _run(self) -> None:
        others = set(self._targets)
        pause = 0.05
        while others and not self._stopped:
            mine = self._claim(others)
            if mine:
                self._begin(mine)
                self._work()
            self._settle_all(mine, PENDING)
            others -= mine
            if self._context.priority is not Priority.READER:
                break
            if not others or time.monotonic() + pause >= self._context.deadline:
                break
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
            self._look_for(others)
            others &= self._targets.keys()

    def _leave_out(self) -> None:
        """Settles the names that the budget has no call for before their leases are taken: each is a write of
        its own in DynamoDB, and a crawl of random names would pay for a hundred a page."""
        room = self._room(len(self._targets) + 1)
        if not room.refusal or room.alone:
            return
        searched = [key for key, target in self._targets.items() if not (target.record or target.has_id)]
        left_out = searched[_searches(room) :] if room.calls else list(self._targets)
        for key in left_out:
            self._note_failed(key, room.refusal)
        self._settle_all(left_out, misses.for_error(room.refusal, self._deps.worded))

    # --- leases and settling

    def _claim(self, keys: Iterable[str]) -> set[str]:
        """Takes the leases that nobody else has, for as long as this plan may go on."""
        until = self._deps.clock() + max(0.0, self._context.deadline - time.monotonic()) + 5
        mine = self._deps.store.claim(list(keys), self._owner, until)
        self._leased |= mine
        return mine

    def _settle(self, key: str, outcome: Miss | None) -> None:
        """Notes what came of a name; `_tell_outcomes` follows when what has finished is taken in."""
        self._outcomes.setdefault(key, outcome)

    def _tell_outcomes(self) -> None:
        """Writes what was learnt and gives up the leases of the names that are settled, each in one go; then
        tells what came of them."""
        self._write_down()
        outcomes, self._outcomes = self._outcomes, {}
        held = [key for key in outcomes if key in self._leased]
        self._leased.difference_update(held)
        try:
            if held:
                self._deps.store.release(held, self._owner)
        finally:  # leases that the store would not give up run out by themselves
            for key, outcome in outcomes.items():
                target = self._targets.pop(key)
                self._tell(key, None if target.record else outcome)

    def _write_down(self) -> None:
        """What was learnt of names since the last time. One request writes it all in DynamoDB, and twenty
        searches end close together."""
        lost, self._lost = self._lost, {}
        learnt, self._learnt = self._learnt, {}
        now, known = self._deps.clock(), self._deps.store.ids(list(lost)) if lost else {}
        for key, (cust_id, error) in lost.items():
            kept = known.get(key)
            if cust_id is not None:
                kept = kept or IdEntry(key, cust_id, "iRacing", now + freshness.ID_KEPT)
                kept = replace(kept, cust_id=cust_id)
            if entry := misses.remembered(key, error, self._context, now, kept):
                learnt[key] = entry
        if learnt:
            self._deps.store.keep_ids(learnt.values())

    def _settle_all(self, keys: Iterable[str], otherwise: Miss) -> None:
        """Ends with these names, whatever has come of them."""
        for key in list(keys):
            if key in self._targets:
                self._settle(key, otherwise)
        self._tell_outcomes()

    def _look_for(self, waiting: set[str]) -> None:
        """Settles what another process has brought meanwhile. Asks iRacing nothing."""
        now, store, back_at = self._deps.clock(), self._deps.store, self._deps.upstream.back_at()
        for key, record in store.records(list(waiting)).items():
            if not _due(record, now, profile=self._targets[key].profile):
                self._settle(key, None)
        for key, entry in store.ids(list(waiting)).items():
            if miss := misses.for_entry(entry, now, back_at):
                self._settle(key, miss)
        self._tell_outcomes()

    # --- the steps

    def _begin(self, mine: set[str]) -> None:
        """Sorts the names by what they lack."""
        self._state = state = _State(began=time.monotonic())
        now, back_at = self._deps.clock(), self._deps.upstream.back_at()
        targets = self._looked_again(mine)
        self._indexed = self._deps.index.find(list(targets))
        unknown = []
        for key, target in targets.items():
            if target.record and not target.record.licences_due(now):
                self._has_licences(target.record)
            elif target.record:
                self._identified({key: target.record.cust_id})
            elif key in self._indexed:
                self._identified({key: self._indexed[key].cust_id})
            else:
                unknown.append(key)
        for key, entry in (self._deps.store.ids(unknown) if unknown else {}).items():
            if miss := misses.for_entry(entry, now, back_at):
                self._settle(key, miss)
            elif entry.cust_id is not None:
                self._identified({key: entry.cust_id})
        state.searches.extend(key for key in unknown if key not in self._outcomes and key not in state.ids)

    def _looked_again(self, mine: set[str]) -> dict[str, Target]:
        """With what others have brought between our reader's look and our lease: nothing is asked twice."""
        absent = [key for key in sorted(mine) if self._targets[key].record is None]
        for key, record in (self._deps.store.records(absent) if absent else {}).items():
            self._targets[key] = replace(self._targets[key], record=record)
        return {key: self._targets[key] for key in mine}

    def _work(self) -> None:
        """Begins what can be begun and takes in what has finished, until nothing is left to wait for."""
        while not self._stopped:
            self._ask()
            self._tell_outcomes()
            if not self._calls:
                if self._state.ids:  # they waited for searches that there is no call for
                    continue
                return
            try:
                self._finished.get(timeout=self._patience())()
                while True:
                    self._finished.get_nowait()()
            except Empty:
                if self._context.is_over:
                    self._cut_off()
                    return
        for call in self._calls:
            call.cancel()
        self._calls.clear()

    def _patience(self) -> float:
        """Seconds until something has to be done although nothing has finished."""
        end = self._context.deadline
        if self._state.ids:
            end = min(end, self._gathered_at())
        return max(0.0, end - time.monotonic())

    def _gathered_at(self) -> float:
        """When ids that are known have waited enough for others."""
        state = self._state
        return state.ids_since + max(GATHERED, state.ids_since - state.began)

    def _ask(self) -> None:
        """Licences before searches before profiles, as many as the budget has."""
        state = self._state
        gathered = time.monotonic() >= self._gathered_at()
        while state.ids and (
            not (state.searching or state.searches) or gathered or len(state.ids) >= MEMBERS_A_CALL
        ):
            some = dict(list(state.ids.items())[:MEMBERS_A_CALL])
            for key in some:
                del state.ids[key]
            ids = sorted(set(some.values()))
            self._start(list(some), self._members_came, some, self._deps.upstream.members, ids)
        if state.searches:
            self._ask_searches()
        if state.profiles and not state.searches and not state.ids:
            self._ask_profiles()

    def _ask_searches(self) -> None:
        """Searches for as many names as there are calls for, licences included; the rest must come again."""
        state = self._state
        wanted = len(state.searches) + 1
        room = self._room(wanted)
        if room.alone and self._calls:
            return  # what comes of that call decides about these
        for _ in range(min(len(state.searches), _searches(room))):
            key = state.searches.popleft()
            state.searched.add(key)
            state.searching += 1
            self._start([key], self._search_came, key, self._find, self._targets[key].name)
        if state.searches and room.refusal and not room.alone:
            later = misses.for_error(room.refusal, self._deps.worded)
            while state.searches:
                self._note_failed(key := state.searches.popleft(), room.refusal)
                self._settle(key, later)

    def _ask_profiles(self) -> None:
        """Asks for as many profiles as there are calls for, but for one that searches still need."""
        state = self._state
        room = self._room(len(state.profiles) + bool(state.searching))
        if room.alone and self._calls:
            return
        for _ in range(min(len(state.profiles), room.calls - bool(state.searching))):
            record = state.profiles.popleft()
            call = self._deps.upstream.profile
            self._start([record.key], self._profile_came, record, call, record.cust_id)
        while state.profiles and room.refusal and not room.alone:
            self._note_failed(key := state.profiles.popleft().key, room.refusal)
            self._settle(key, None)

    def _room(self, wanted: int) -> Room:
        """What the budget has. Calls that nobody waits for may wait for it instead."""
        if self._context.priority is Priority.BACKGROUND:
            return Room(wanted + 1)
        return self._deps.upstream.room(self._context, wanted)

    def _start(
        self, keys: Sequence[str], came: Callable[..., None], what: Any, call: Callable[..., Any], about: Any
    ) -> None:
        """Begins a call for these names; `came(what, call)` runs in this plan's thread when it is done."""
        begun = self._deps.submit(self._context.priority, call, about, self._context)
        self._calls[begun] = keys
        begun.add_done_callback(lambda done: self._finished.put(lambda: self._took(came, what, done)))

    def _took(self, came: Callable[..., None], what: Any, done: Future[Any]) -> None:
        if self._calls.pop(done, None) is not None:
            came(what, done)

    # --- names to ids

    def _find(self, name: Name, context: CallContext) -> int | None:
        return exact_match(name, self._deps.upstream.search(name.shown, context))

    def _search_came(self, key: str, search: Future[int | None]) -> None:
        self._state.searching -= 1
        try:
            cust_id = search.result()
        except UpstreamError as error:
            self._failed({key: None}, error)
            return
        if cust_id is None:
            self._nobody(key)
            return
        if withhold_also(self._deps, key, cust_id):
            if self._targets[key].record:
                self._deps.store.forget([key])
            self._settle(key, WITHHELD)
            return
        until = self._deps.clock() + freshness.ID_KEPT
        self._learnt[key] = IdEntry(key, cust_id, "iRacing", until)
        self._identified({key: cust_id})

    def _identified(self, ids: Mapping[str, int]) -> None:
        if not self._state.ids:
            self._state.ids_since = time.monotonic()
        self._state.ids |= ids

    def _nobody(self, key: str) -> None:
        """Remembers for some hours that nobody has this name; a known driver must be gone for sure."""
        if key in self._state.left_out and not self._is_gone(key):
            self._settle(key, UNAVAILABLE)
            return
        if self._targets[key].record:
            self._deps.store.forget([key])
            self._targets[key] = replace(self._targets[key], record=None)
        if entry := misses.remembered(key, None, self._context, self._deps.clock()):
            self._learnt[key] = entry
        self._settle(key, NOT_FOUND)

    def _is_gone(self, key: str) -> bool:
        """Whether search and licences have known nothing of this driver before. If not, that they do now is
        remembered: one odd answer must not delete what is known."""
        now, record, cust_id = self._deps.clock(), self._targets[key].record, self._state.left_out[key]
        kept = self._deps.store.ids([key]).get(key) or IdEntry(key, cust_id, "iRacing", 0.0)
        seen_at = record.as_of if record else 0.0
        if misses.is_confirmed(kept.doubted_at, seen_at, now):
            return True
        first = kept.doubted_at if seen_at < kept.doubted_at <= now else now
        shown = record or key in self._indexed
        pause = freshness.DOUBT_PAUSE if shown else freshness.FAILURE_KEPT
        until = max(kept.until, now + freshness.ID_KEPT)
        entry = replace(kept, cust_id=cust_id, until=until, failed_until=now + pause, doubted_at=first)
        self._deps.store.keep_ids([entry])
        log.warning("iRacing's answers leave out a driver who is known; he is kept for now")
        return False

    # --- ids to licences

    def _members_came(self, ids: Mapping[str, int], call: Future[Mapping[int, Mapping[str, Any]]]) -> None:
        """Writes the licences that came. A name whose id is nobody's any more, or belongs to a driver of
        another name by now, is searched for: it changed hands."""
        try:
            members = call.result()
        except UpstreamError as error:
            self._failed(ids, error)
            return
        batch, again, strangers = [], [], []
        for key, cust_id in ids.items():
            member = members.get(cust_id)
            if member is None or self._lost_licences(key, member):
                self._state.left_out[key] = cust_id
                again.append(key)
            elif names.same(str(member.get("display_name", "")), self._targets[key].name.shown):
                batch.append(self._record(key, member))
            else:
                strangers.append(key)
        self._deps.store.keep(batch)
        if strangers:
            self._deps.store.forget(strangers)
            for key in strangers:
                self._state.left_out.pop(key, None)
                self._targets[key] = replace(self._targets[key], record=None)
        for record in batch:
            self._has_licences(record)
        self._search_again([*again, *strangers])

    def _lost_licences(self, key: str, member: Mapping[str, Any]) -> bool:
        """Whether a driver has no licence any more: nobody ever loses them all."""
        older = self._older(key, member["cust_id"])
        return bool(older and not member.get("licenses") and records.has_licences(older.body))

    def _older(self, key: str, cust_id: int) -> Record | None:
        """What is kept of this driver; None when it is of another one who had the name before."""
        record = self._targets[key].record
        return record if record and record.cust_id == cust_id else None

    def _search_again(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key in self._state.searched:
                disagree = UnreachableError("iRacing's answers about this driver disagree.")
                self._failed({key: self._state.left_out.get(key)}, disagree)
            else:
                self._state.searches.append(key)

    def _record(self, key: str, member: Mapping[str, Any]) -> Record:
        now, rng, cust_id = self._deps.clock(), self._deps.rng, int(member["cust_id"])
        older, indexed = self._older(key, cust_id), self._indexed.get(key)
        if indexed and indexed.cust_id != cust_id:
            indexed = None
        lifetime = freshness.licences(records.last_login(member), now)
        return Record(
            key=key,
            cust_id=cust_id,
            body=records.body(member, older=older.body if older else None, indexed=indexed),
            as_of=now,
            fresh_until=lifetime.fresh_until(now, rng),
            stale_until=freshness.LICENCES.stale_until(now),
            profile_until=_profile_until(older, member, now) if older else 0.0,
        )

    def _has_licences(self, record: Record) -> None:
        """The licences are written; what is left is the profile, if it is wanted."""
        target = self._targets[record.key] = replace(self._targets[record.key], record=record)
        if target.profile and record.profile_due(self._deps.clock()):
            self._state.profiles.append(record)
        else:
            self._settle(record.key, None)

    # --- ids to profiles

    def _profile_came(self, record: Record, call: Future[Mapping[str, Any]]) -> None:
        try:
            profile = call.result()
        except RefusedError:
            self._without_profile(record, freshness.PROFILE.fresh)
        except UpstreamError as error:
            if isinstance(error, UnreachableError) and not self._context.cut_off:
                self._without_profile(record, freshness.FAILURE_KEPT)
            self._note_failed(record.key, error)
        else:
            until = freshness.PROFILE.fresh_until(self._deps.clock(), self._deps.rng)
            body = records.with_profile(record.body, profile)
            self._deps.store.keep([replace(record, body=body, profile_until=until)])
        self._settle(record.key, None)

    def _without_profile(self, record: Record, seconds: float) -> None:
        """Leaves the profile alone for some time; an older one stays."""
        until = self._deps.clock() + seconds
        self._deps.store.keep([replace(record, profile_until=-until if record.partial else until)])

    # --- what failed

    def _failed(self, ids: Mapping[str, int | None], error: UpstreamError) -> None:
        """Settles names that the upstream had no answer for; their ids stay known, as far as they are."""
        if self._context.cut_off:
            return  # they are settled as pending
        for key, cust_id in ids.items():
            self._lost[key] = cust_id, error
            self._note_failed(key, error)
            self._settle(key, misses.for_error(error, self._deps.worded))

    def _note_failed(self, key: str, error: UpstreamError) -> None:
        if not isinstance(error, RateLimitedError) and not self._context.cut_off:
            self._tell_failed(self._targets[key], error)

    def _cut_off(self) -> None:
        """The deadline has passed while calls were out. A name whose call hangs is remembered."""
        hanging = [key for call, keys in self._calls.items() if not call.cancel() for key in keys]
        self._calls.clear()
        lost = {key: None for key in hanging if not self._targets[key].record}
        self._failed(lost, UnreachableError("iRacing has not answered in time."))


def _searches(room: Room) -> int:
    """How many searches to begin: all calls but one, for the licences of those who are found."""
    return max(room.calls - 1, min(room.calls, 1))


def _due(record: Record, now: float, *, profile: bool) -> bool:
    return record.due(now) if profile else record.licences_due(now)


def _profile_until(older: Record, member: Mapping[str, Any], now: float) -> float:
    """Until when the profile that is known is fresh: no longer, if there was a race; and no later than it
    could have been set to now, for the clock may have been set back."""
    latest = now + freshness.PROFILE.fresh * (1 + freshness.JITTER)
    until = max(-latest, min(older.profile_until, latest))
    return min(until, now) if until > 0 and records.has_raced(older.body, member) else until


def withhold_also(dependencies: Dependencies, key: str, cust_id: int) -> bool:
    """Whether the driver who was found for a name may not be shown (`Members.refusing`). Then the name is
    withheld from now on, so that it is not searched for again."""
    if dependencies.members.current().keeps(key, cust_id):
        return False
    try:
        members = dependencies.members.change(lambda members: members.refusing(key, cust_id))
        if key in members.renamed:
            log.warning(
                "a name on the list has a new owner, who is withheld until `pitboard allow` names him"
            )
    except StoreError as error:
        log.warning("a further name to withhold could not be noted: %s", error)
    return True


def exact_match(name: Name, rows: Iterable[tuple[int, str]]) -> int | None:
    """The id of the one driver who has this very name, else None. Never the nearest.

    Nobody, too, when two drivers have names that differ in case only: what is kept is kept under the
    name in lower case, so the one would be shown for the other.
    """
    same = {cust_id for cust_id, shown in rows if names.same(shown, name.shown)}
    return same.pop() if len(same) == 1 else None
