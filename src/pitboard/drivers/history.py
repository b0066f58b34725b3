"""The chart of the hover card: a driver's iRating or safety rating over time, and the career's numbers."""

import contextvars
from collections.abc import Mapping, Sequence
from typing import Any

from pitboard.drivers import freshness, misses, records
from pitboard.drivers.categories import CATEGORIES, CLASSES
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import RefusedError, UnreachableError, UpstreamError
from pitboard.drivers.misses import NOT_FOUND
from pitboard.drivers.model import CallContext, IdEntry, Record
from pitboard.drivers.service import HOST, LOOKUP_SECONDS, Asker, lookup_context
from pitboard.drivers.single_flight import SingleFlight
from pitboard.drivers.views import kept_view

KINDS = {"irating": 1, "safety_rating": 3}
"""chart_type of member/chart_data."""


class HistoryService:
    """Charts, kept like drivers and asked once however many want them."""

    def __init__(self, dependencies: Dependencies, *, lookup_seconds: float | None = LOOKUP_SECONDS) -> None:
        self._deps = dependencies
        self._flights = SingleFlight[Record](dependencies.lookups)
        self._lookup_seconds = lookup_seconds

    def history(self, cust_id: int, category: str, kind: str, seconds: float, asker: Asker = HOST) -> bytes:
        """The encoded answer. `category` is a key of `CATEGORIES`, `kind` one of `KINDS`.

        Waits up to `seconds`. Raises an `UpstreamError` when there is nothing kept and iRacing does not
        answer; what is kept is served instead wherever possible.
        """
        key = f"HISTORY:{cust_id}:{category}:{kind}"
        context = lookup_context(self._lookup_seconds, seconds, asker.client)
        try:
            kept = self._fresh(key) or self._flights.once(
                key, seconds, lambda: self._fresh(key) or self._ask(key, cust_id, category, kind, context)
            )
        except UpstreamError:
            older = self._deps.store.records([key]).get(key)
            if older is None:
                raise
            kept = older
        now = self._deps.clock()
        state = "stale" if kept.licences_due(now) else "fresh"
        view = kept_view(kept.body, state, kept.as_of)
        return (view.by_day() if asker.web_page else view).encoded(now)

    def stop(self) -> None:
        """Begins no more look-ups and ends the waits for them."""
        self._flights.stop()

    def _fresh(self, key: str) -> Record | None:
        kept = self._deps.store.records([key]).get(key)
        return None if kept is None or kept.licences_due(self._deps.clock()) else kept

    def _ask(self, key: str, cust_id: int, category: str, kind: str, context: CallContext) -> Record:
        """Asks iRacing, unless it said a while ago that there is no such driver, or could not answer."""
        now = self._deps.clock()
        if (entry := self._deps.store.ids([key]).get(key)) and (miss := misses.for_entry(entry, now)):
            if miss == NOT_FOUND:
                raise RefusedError("iRacing has no such driver.")
            raise UnreachableError(miss.error, retry_after=miss.retry_after)
        try:
            record = self._fetch(key, cust_id, category, kind, context)
        except RefusedError:
            self._remember(misses.remembered(key, None, context, now))
            raise
        except UpstreamError as error:
            self._remember(misses.remembered(key, error, context, now))
            raise
        self._deps.store.keep([record])
        return record

    def _remember(self, entry: IdEntry | None) -> None:
        if entry:
            self._deps.store.keep_ids([entry])

    def _fetch(self, key: str, cust_id: int, category: str, kind: str, context: CallContext) -> Record:
        within = contextvars.copy_context()
        career = self._deps.callers.submit(within.run, self._career, cust_id, category, context)
        chart = self._deps.upstream.chart(cust_id, CATEGORIES[category], KINDS[kind], context)
        points = _points(kind, chart.get("data") or [])
        if not points and self._had_points(key):
            raise UnreachableError("iRacing's answer has lost the chart that it gave before.")
        now = self._deps.clock()
        answer = {
            "cust_id": cust_id,
            "category": category,
            "kind": kind,
            "points": points,
            "career": career.result(),
        }
        return Record(
            key=key,
            cust_id=cust_id,
            body=records.encode(answer),
            as_of=now,
            fresh_until=freshness.HISTORY.fresh_until(now, self._deps.rng),
            stale_until=freshness.HISTORY.stale_until(now),
        )

    def _had_points(self, key: str) -> bool:
        older = self._deps.store.records([key]).get(key)
        return bool(older and records.decoded(older.body).get("points"))

    def _career(self, cust_id: int, category: str, context: CallContext) -> dict[str, Any] | None:
        """Starts, wins, top fives and poles of the category; None when iRacing does not say."""
        try:
            rows = self._careers(cust_id, context)
        except UpstreamError:
            return None
        wanted = category.replace("_", " ")
        # Keyed by name: category_id was 0 for a while (seen by clients of the yearly stats).
        mine = [r for r in rows if isinstance(r, Mapping) and _plain(r.get("category")) == wanted]
        return (
            {field: mine[0].get(field, 0) for field in ("starts", "wins", "top5", "poles")} if mine else None
        )

    def _careers(self, cust_id: int, context: CallContext) -> list[Any]:
        """The career in all categories: one answer serves every chart of the driver."""
        key, now = f"CAREER:{cust_id}", self._deps.clock()
        if kept := self._fresh(key):
            return list(records.decoded(kept.body).get("stats") or [])
        rows = self._deps.upstream.career(cust_id, context).get("stats") or []
        if not rows and (older := self._deps.store.records([key]).get(key)):
            return list(records.decoded(older.body).get("stats") or [])  # a career does not vanish
        self._deps.store.keep(
            [
                Record(
                    key=key,
                    cust_id=cust_id,
                    body=records.encode({"stats": rows}),
                    as_of=now,
                    fresh_until=freshness.HISTORY.fresh_until(now, self._deps.rng),
                    stale_until=freshness.HISTORY.stale_until(now),
                )
            ]
        )
        return list(rows)


def _plain(category: object) -> str:
    return str(category).lower().replace("_", " ")


def _points(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    try:
        return [_point(kind, row) for row in rows]
    except (KeyError, TypeError, ValueError):
        raise UnreachableError("iRacing's answer could not be read.") from None


def _point(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """One point. A licence value is group * 1000 + safety rating * 100: 2266 is class D 2.66 (recorded)."""
    if kind == "irating":
        return {"when": row["when"], "value": row["value"]}
    group, hundredths = divmod(int(row["value"]), 1000)
    return {"when": row["when"], "value": hundredths / 100, "class": CLASSES.get(group, "?")}
