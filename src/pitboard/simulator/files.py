"""The statistics files of all drivers of a category: ranked once, written out while they are fetched."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial

from pitboard.simulator.answers import driver_stats
from pitboard.simulator.assets import Body
from pitboard.simulator.catalogue import Category
from pitboard.simulator.population import Population


class StatsFiles:
    """Rankings are kept until somebody races or is renamed."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self._kept: dict[Category, tuple[int, Sequence[int]]] = {}

    async def file(self, category: Category) -> Body:
        """What gives the file's parts. Ranking runs in a thread, so that other calls go on."""
        version = self._population.version
        kept = self._kept.get(category)
        if kept is None or kept[0] != version:
            kept = version, await asyncio.to_thread(self._population.ranking, category)
            self._kept[category] = kept
        return partial(self._parts, category, kept[1])

    def _parts(self, category: Category, ranking: Sequence[int]) -> Iterator[bytes]:
        return driver_stats(self._population, category, ranking)
