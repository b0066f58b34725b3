"""A faithful stand-in for iRacing: its OAuth service, its Data API and its asset host, on 127.0.0.1.

The demo's upstream and the tests' upstream are this one program. Alone: `python -m pitboard.simulator`.

    with Simulator() as simulator:
        authors = simulator.population.sample(20)  # .cust_id, .display_name
        settings = Settings.read(simulator.environment())
        simulator.faults.maintenance = True
        simulator.faults.add(Kind.STATUS, "member/get", times=2, status=401)
        ...
        simulator.calls.count(service="data")  # the calls that iRacing's rate limit counts

It is as strict as iRacing is known to be: where the documentation or a recorded answer says how something is
refused, it is refused so. What is not known is decided in favour of finding mistakes, and said where it is.
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
