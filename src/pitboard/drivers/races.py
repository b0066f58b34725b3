"""A driver's last official races, with what each did to the ratings."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pitboard.drivers import freshness, records
from pitboard.drivers.cars import Car, CarService
from pitboard.drivers.dependencies import Dependencies
from pitboard.drivers.errors import UnreachableError
from pitboard.drivers.kept_answers import KeptAnswers
from pitboard.drivers.model import CallContext
from pitboard.drivers.service import HOST, LOOKUP_SECONDS, Asker
from pitboard.drivers.views import kept_view


class RaceService(KeptAnswers):
    """Races, kept like charts. iRacing names no car in them: `cars` does."""

    def __init__(
        self, dependencies: Dependencies, cars: CarService, *, lookup_seconds: float | None = LOOKUP_SECONDS
    ) -> None:
        super().__init__(dependencies, lookup_seconds=lookup_seconds)
        self._cars = cars

    def races(self, cust_id: int, seconds: float, asker: Asker = HOST) -> bytes:
        """The encoded answer. Waits up to `seconds`; raises as `HistoryService.history`."""
        key, end = f"RACES:{cust_id}", time.monotonic() + seconds

        def fetch(context: CallContext) -> dict[str, Any]:
            return self._fetch(key, cust_id, context)

        kept = self._answer(key, cust_id, freshness.RACES, fetch, seconds, asker)
        cars = self._cars.known(max(0.0, end - time.monotonic()), asker)
        told = records.decoded(kept.body)
        newest_first = sorted(told.get("races", []), key=_begun, reverse=True)  # stable in reverse, too
        body = records.encode(told | {"races": [_race(race, cars) for race in newest_first]})
        view = kept_view(body, self._state(kept), kept.as_of)
        return (view.by_day() if asker.web_page else view).encoded(self._deps.clock())

    def _fetch(self, key: str, cust_id: int, context: CallContext) -> dict[str, Any]:
        races = self._deps.upstream.recent_races(cust_id, context).get("races") or []
        if not races and (older := self._kept(key)) and records.decoded(older.body).get("races"):
            raise UnreachableError("iRacing's answer has lost the races that it gave before.")
        return {"cust_id": cust_id, "races": races}


def _begun(race: Mapping[str, Any]) -> datetime:
    """When a race began; one that does not say it goes behind the others."""
    return records.moment(race.get("session_start_time")) or datetime.min.replace(tzinfo=UTC)


def _race(race: Mapping[str, Any], cars: Mapping[int, Car]) -> dict[str, Any]:
    """A race with its car's name and category, and with the changes of the ratings.

    Sub levels are safety ratings times 100 within the class. -1 is the iRating of somebody who had none.
    """
    car = cars.get(race.get("car_id", 0), {})
    before, after = race.get("oldi_rating", -1), race.get("newi_rating", -1)
    changes: dict[str, Any] = {"irating_change": after - before if min(before, after) > 0 else None}
    before, after = race.get("old_sub_level", -1), race.get("new_sub_level", -1)
    changes["safety_rating_change"] = (after - before) / 100 if min(before, after) >= 0 else None
    return {**race, **{field: car[field] for field in ("car_name", "category") if field in car}, **changes}
