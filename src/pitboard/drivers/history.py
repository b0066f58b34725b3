"""The chart of the hover card: a driver's iRating or safety rating over time, and the career's numbers."""

import contextvars
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from pitboard.drivers import freshness, records
from pitboard.drivers.plan import Tools
from pitboard.drivers.ports import Errand, Record, UnreachableError, UpstreamError

CATEGORIES = {"oval": 1, "dirt_oval": 3, "dirt_road": 4, "sports_car": 5, "formula_car": 6}
"""iRacing's category ids (constants/categories). 2, the old road category, was split in March 2024."""

KINDS = {"irating": 1, "safety_rating": 3}
"""chart_type of member/chart_data."""

CLASSES = {1: "R", 2: "D", 3: "C", 4: "B", 5: "A", 6: "P", 7: "WC"}
"""Licence letters by group id."""


class HistoryService:
    """Charts, kept like drivers and asked once however many want them."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._flights: dict[str, Future[Record]] = {}
        self._lock = threading.Lock()

    def history(self, cust_id: int, category: str, kind: str, seconds: float) -> bytes:
        """The encoded answer. `category` is a key of `CATEGORIES`, `kind` one of `KINDS`.

        Waits up to `seconds`. Raises an `UpstreamError` when there is nothing kept and iRacing does not
        answer; what is kept is served instead wherever possible.
        """
        key = f"HISTORY:{cust_id}:{category}:{kind}"
        now = self._tools.clock()
        kept = self._tools.store.records([key]).get(key)
        if kept is None or now >= kept.fresh_until:
            try:
                kept = self._ask(key, cust_id, category, kind, seconds)
            except UpstreamError:
                if kept is None:
                    raise
        state = "fresh" if now < kept.fresh_until else "stale"
        return records.shown(kept, self._tools.clock(), state)

    def _ask(self, key: str, cust_id: int, category: str, kind: str, seconds: float) -> Record:
        with self._lock:
            flight = self._flights.get(key)
            mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if not mine:
            try:
                return flight.result(timeout=seconds)
            except TimeoutError:
                raise UnreachableError("iRacing has not answered in time.", retry_after=5) from None
        try:
            record = self._fetch(key, cust_id, category, kind, Errand(time.monotonic() + seconds))
            self._tools.store.keep([record])
            flight.set_result(record)
        except BaseException as error:
            flight.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._flights[key]
        return record

    def _fetch(self, key: str, cust_id: int, category: str, kind: str, errand: Errand) -> Record:
        context = contextvars.copy_context()
        career = self._tools.callers.submit(context.run, self._career, cust_id, category, errand)
        chart = self._tools.upstream.chart(cust_id, CATEGORIES[category], KINDS[kind], errand)
        now = self._tools.clock()
        answer = {
            "cust_id": cust_id,
            "category": category,
            "kind": kind,
            "points": [_point(kind, row) for row in chart.get("data") or []],
            "career": career.result(),
        }
        return Record(
            key=key,
            cust_id=cust_id,
            body=records.encode(answer),
            as_of=now,
            fresh_until=freshness.HISTORY.fresh_until(now, self._tools.rng),
            stale_until=freshness.HISTORY.stale_until(now),
        )

    def _career(self, cust_id: int, category: str, errand: Errand) -> dict[str, Any] | None:
        """Starts, wins, top fives and poles of the category; None when iRacing does not say."""
        try:
            rows = self._tools.upstream.career(cust_id, errand).get("stats") or []
        except UpstreamError:
            return None
        wanted = category.replace("_", " ")
        # Keyed by name: category_id was 0 for a while (seen by clients of the yearly stats).
        mine = [r for r in rows if str(r.get("category", "")).lower().replace("_", " ") == wanted]
        return (
            {field: mine[0].get(field, 0) for field in ("starts", "wins", "top5", "poles")} if mine else None
        )


def _point(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """One point. A licence value is group * 1000 + safety rating * 100: 2266 is class D 2.66 (recorded)."""
    if kind == "irating":
        return {"when": row["when"], "value": row["value"]}
    group, hundredths = divmod(int(row["value"]), 1000)
    return {"when": row["when"], "value": hundredths / 100, "class": CLASSES.get(group, "?")}
