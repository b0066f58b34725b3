"""iRacing's lists of all drivers, one for each category, for a refresh of the driver index."""

from collections.abc import Callable, Iterator, Sequence

from pitboard.drivers.index import COLUMNS
from pitboard.drivers.model import CallContext
from pitboard.iracing.data_api import DataApi


class DriverLists:
    """`refresh.Lists`: driver_stats_by_category. Each list costs one call of the budget."""

    def __init__(self, api: DataApi) -> None:
        self._api = api

    def rows(
        self, category: str, context: CallContext, received: Callable[[int, int | None], object]
    ) -> Iterator[Sequence[str]]:
        """See `refresh.Lists`."""
        return self._api.csv(f"/data/driver_stats_by_category/{category}", COLUMNS, context, received)
