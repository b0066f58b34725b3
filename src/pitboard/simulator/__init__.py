"""A faithful stand-in for iRacing: its OAuth service, its Data API and its asset host, on 127.0.0.1.

The demo's upstream and the tests' upstream are this one program. Alone: `python -m pitboard.simulator`.
"""

from pitboard.simulator.catalogue import CATEGORIES, Category
from pitboard.simulator.faults import Faults, Kind
from pitboard.simulator.oauth import Client
from pitboard.simulator.population import Driver, Population, Standing, Trait
from pitboard.simulator.server import Simulator

__all__ = [
    "CATEGORIES",
    "Category",
    "Client",
    "Driver",
    "Faults",
    "Kind",
    "Population",
    "Simulator",
    "Standing",
    "Trait",
]
