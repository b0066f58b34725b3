"""The chart of the hover card: a driver's iRating or safety rating over time, and the career's numbers."""

import contextvars
from collections.abc import Mapping, Sequence
from typing import Any

from pitboard.drivers import freshness, records
from pitboard.drivers.categories import CATEGORIES, CLASSES
from pitboard.drivers.errors import UnreachableError, UpstreamError
from pitboard.drivers.kept_answers import KeptAnswers
from pitboard.drivers.model import CallContext
from pitboard.drivers.service import HOST, Asker
from pitboard.drivers.views import kept_view

KINDS = {"irating": 1, "safety_rating": 3}
"""chart_type of member/chart_data."""

COUNTS = ("starts", "wins", "top5", "poles")
AVERAGES = ("avg_finish_position", "avg_incidents")
"""What is told of a career."""


class HistoryService(KeptAnswers):
    """Charts, kept like drivers and asked once however many want them."""

    def history(self, cust_id: int, category: str, kind: str, seconds: float, asker: Asker = HOST) -> bytes:
        """The encoded answer. `category` is a key of `CATEGORIES`, `kind` one of `KINDS`.

        Waits up to `seconds`. Raises an `UpstreamError` when there is nothing kept and iRacing does not
        answer; what is kept is served instead wherever possible.
        """
        key = f"HISTORY:{cust_id}:{category}:{kind}"

        def fetch(context: CallContext) -> dict[str, Any]:
            return self._fetch(key, cust_id, category, kind, context)

        kept = self._answer(key, cust_id, freshness.HISTORY, fetch, seconds, asker)
        view = kept_view(kept.body, self._state(kept), kept.as_of)
        return (view.by_day() if asker.web_page else view).encoded(self._deps.clock())

    def _fetch(
        self, key: str, cust_id: int, category: str, kind: str, context: CallContext
    ) -> dict[str, Any]:
        within = contextvars.copy_context()
        career = self._deps.callers.submit(within.run, self._career, cust_id, category, context)
        chart = self._deps.upstream.chart(cust_id, CATEGORIES[category], KINDS[kind], context)
        points = _points(kind, chart.get("data") or [])
        if not points and self._had_points(key):
            raise UnreachableError("iRacing's answer has lost the chart that it gave before.")
        return {
            "cust_id": cust_id,
            "category": category,
            "kind": kind,
            "points": points,
            "career": career.result(),
        }

    def _had_points(self, key: str) -> bool:
        older = self._kept(key)
        return bool(older and records.decoded(older.body).get("points"))

    def _career(self, cust_id: int, category: str, context: CallContext) -> dict[str, Any] | None:
        """Starts, wins, top fives, poles and averages of the category; None when iRacing does not say."""
        try:
            rows = self._careers(cust_id, context)
        except UpstreamError:
            return None
        wanted = category.replace("_", " ")
        # Keyed by name: category_id was 0 for a while (seen by clients of the yearly stats).
        mine = [r for r in rows if isinstance(r, Mapping) and _plain(r.get("category")) == wanted]
        if not mine:
            return None
        averages = {field: mine[0][field] for field in AVERAGES if field in mine[0]}
        return {field: mine[0].get(field, 0) for field in COUNTS} | averages

    def _careers(self, cust_id: int, context: CallContext) -> list[Any]:
        """The career in all categories: one answer serves every chart of the driver."""
        key = f"CAREER:{cust_id}"
        if kept := self._fresh(key):
            return list(records.decoded(kept.body).get("stats") or [])
        rows = self._deps.upstream.career(cust_id, context).get("stats") or []
        if not rows and (older := self._kept(key)):
            return list(records.decoded(older.body).get("stats") or [])  # a career does not vanish
        self._keep(key, cust_id, freshness.CAREER, {"stats": rows})
        return list(rows)


def _plain(category: object) -> str:
    return str(category).lower().replace("_", " ")


def _points(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The points from the oldest day to the newest; those of one day in iRacing's order."""
    try:
        return sorted((_point(kind, row) for row in rows), key=lambda point: str(point["when"]))
    except (KeyError, TypeError, ValueError):
        raise UnreachableError("iRacing's answer could not be read.") from None


def _point(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """One point. A licence value is group * 1000 + safety rating * 100: 2266 is class D 2.66 (recorded)."""
    if kind == "irating":
        return {"when": row["when"], "value": row["value"]}
    group, hundredths = divmod(int(row["value"]), 1000)
    return {"when": row["when"], "value": hundredths / 100, "class": CLASSES.get(group, "?")}
