"""Answers of iRacing's that are no drivers (charts, races, cars): kept with two clocks, asked for once."""

from collections.abc import Callable, Mapping
from typing import Any

from pitboard.drivers import misses, records
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import RefusedError, UnreachableError, UpstreamError, WithheldError
from pitboard.drivers.freshness import Lifetime
from pitboard.drivers.misses import NOT_FOUND
from pitboard.drivers.model import CallContext, IdEntry, Record
from pitboard.drivers.service import HOST, LOOKUP_SECONDS, Asker, lookup_context
from pitboard.drivers.single_flight import SingleFlight

Fetch = Callable[[CallContext], Mapping[str, Any]]
"""Asks iRacing and gives the JSON object to be kept. Raises an `UpstreamError`."""


class KeptAnswers:
    """Keeps answers like drivers, each under a key in capitals, and asks once however many want one.

    `lookup_seconds`: how long a look-up goes on behind the answer; None: no longer than the asker waits.
    """

    def __init__(self, dependencies: Dependencies, *, lookup_seconds: float | None = LOOKUP_SECONDS) -> None:
        self._deps = dependencies
        self._flights = SingleFlight[Record](dependencies.lookups)
        self._lookup_seconds = lookup_seconds

    def stop(self) -> None:
        """Begins no more look-ups and ends the waits for them."""
        self._flights.stop()

    def _answer(
        self, key: str, cust_id: int, lifetime: Lifetime, fetch: Fetch, seconds: float, asker: Asker = HOST
    ) -> Record:
        """What is kept under `key` while it is fresh, else a new answer, waited for up to `seconds`.

        Raises an `UpstreamError` when there is nothing kept and iRacing does not answer; what is kept is
        given instead wherever possible. Raises `WithheldError`.
        """
        if cust_id and not self._deps.members.current().shows_id(cust_id):
            raise WithheldError("This driver is not shown here.")
        context = lookup_context(self._lookup_seconds, seconds, asker.client)

        def ask() -> Record:
            return self._fresh(key) or self._ask(key, cust_id, lifetime, fetch, context)

        try:
            return self._fresh(key) or self._flights.once(key, seconds, ask)
        except UpstreamError:
            if older := self._kept(key):
                return older
            raise

    def _state(self, kept: Record) -> str:
        return "stale" if kept.licences_due(self._deps.clock()) else "fresh"

    def _kept(self, key: str) -> Record | None:
        return self._deps.store.records([key]).get(key)

    def _fresh(self, key: str) -> Record | None:
        kept = self._kept(key)
        return None if kept is None or kept.licences_due(self._deps.clock()) else kept

    def _ask(self, key: str, cust_id: int, lifetime: Lifetime, fetch: Fetch, context: CallContext) -> Record:
        """Asks iRacing, unless it said a while ago that there is no such driver, or could not answer."""
        now = self._deps.clock()
        entry, back_at = self._deps.store.ids([key]).get(key), self._deps.upstream.back_at()
        if entry and (miss := misses.for_entry(entry, now, back_at)):
            if miss == NOT_FOUND:
                raise RefusedError("iRacing has no such driver.")
            raise UnreachableError(miss.error, retry_after=miss.retry_after)
        try:
            body = fetch(context)
        except RefusedError:
            self._remember(misses.remembered(key, None, context, now))
            raise
        except UpstreamError as error:
            self._remember(misses.remembered(key, error, context, now))
            raise
        return self._keep(key, cust_id, lifetime, body)

    def _keep(self, key: str, cust_id: int, lifetime: Lifetime, body: Mapping[str, Any]) -> Record:
        now = self._deps.clock()
        record = Record(
            key=key,
            cust_id=cust_id,
            body=records.encode(body),
            as_of=now,
            fresh_until=lifetime.fresh_until(now, self._deps.rng),
            stale_until=lifetime.stale_until(now),
        )
        self._deps.store.keep([record])
        return record

    def _remember(self, entry: IdEntry | None) -> None:
        if entry:
            self._deps.store.keep_ids([entry])
