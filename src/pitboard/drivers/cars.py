"""iRacing's list of cars: which licence category each belongs to. New ones come every season."""

from collections.abc import Mapping
from typing import Any

from pitboard.drivers import freshness, records
from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import RefusedError, UnreachableError, UpstreamError
from pitboard.drivers.kept_answers import KeptAnswers
from pitboard.drivers.model import CallContext, Record
from pitboard.drivers.service import HOST, Asker
from pitboard.drivers.views import kept_view

KEY = "CARS:"

Car = Mapping[str, Any]
"""`car_id`, `car_name` and, when it is one of `CATEGORIES`, `category`."""


class CarService(KeptAnswers):
    """The list, kept for a day: one call a day, whoever asks."""

    _known: tuple[float, Mapping[int, Car]] = (0.0, {})

    def cars(self, seconds: float, asker: Asker = HOST) -> bytes:
        """The encoded answer. Waits up to `seconds`; raises as `HistoryService.history`."""
        kept = self._list(seconds, asker)
        return kept_view(kept.body, self._state(kept), kept.as_of).encoded(self._deps.clock())

    def known(self, seconds: float, asker: Asker = HOST) -> Mapping[int, Car]:
        """The cars by id; none when the list cannot be had within `seconds`."""
        try:
            kept = self._list(seconds, asker)
        except UpstreamError:
            return {}
        if self._known[0] != kept.as_of:
            self._known = kept.as_of, {car["car_id"]: car for car in records.decoded(kept.body)["cars"]}
        return self._known[1]

    def _list(self, seconds: float, asker: Asker) -> Record:
        return self._answer(KEY, 0, freshness.CARS, self._fetch, seconds, asker)

    def _fetch(self, context: CallContext) -> dict[str, Any]:
        try:
            cars = [_car(car) for car in self._deps.upstream.cars(context)]
        except RefusedError as error:  # no driver is asked for, so none can be missing
            raise UnreachableError(str(error)) from None
        if not cars:
            raise UnreachableError("iRacing's list of cars is empty.")
        return {"cars": cars}


def _car(car: Mapping[str, Any]) -> Car:
    # categories is a list with one entry (recorded)
    category = next((c for c in car.get("categories") or () if c in CATEGORIES), None)
    named = {"car_id": car["car_id"], "car_name": car["car_name"].strip()}
    return named | {"category": category} if category else named
