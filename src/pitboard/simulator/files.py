"""The statistics files of all drivers of a category: ranked once, written out while they are fetched.

Or, to try out other files than iRacing's: read from a folder.
"""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pitboard.simulator.answers import driver_stats
from pitboard.simulator.assets import Body
from pitboard.simulator.catalogue import Category
from pitboard.simulator.population import Population

_PART = 256 * 1024


class StatsFiles:
    """Rankings are kept until somebody races or is renamed.

    A file `oval.csv` and so on in `folder` is given as it is, instead of what the population makes.
    """

    def __init__(self, population: Population, folder: Path | None = None) -> None:
        self._population = population
        self._folder = folder
        self._kept: dict[Category, tuple[int, Sequence[int]]] = {}

    async def file(self, category: Category) -> Body:
        """What gives the file's parts. Ranking runs in a thread, so that other calls go on."""
        if self._folder and (given := self._folder / f"{category.key}.csv").exists():
            return partial(_parts_of, given)
        version = self._population.version
        kept = self._kept.get(category)
        if kept is None or kept[0] != version:
            kept = version, await asyncio.to_thread(self._population.ranking, category)
            self._kept[category] = kept
        return partial(self._parts, category, kept[1])

    def _parts(self, category: Category, ranking: Sequence[int]) -> Iterator[bytes]:
        return driver_stats(self._population, category, ranking)


def _parts_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART):
            yield part
