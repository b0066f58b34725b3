"""Hours of use in a few seconds: pages, charts and ids, with faults that start and end at random.

Always true: no driver is shown under the name of another, every name is answered, a driver who was known
stays known, and iRacing's limits are kept.
"""

import json
import random
import time
from dataclasses import replace

import pytest

from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.misses import Miss
from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.settings import Settings
from pitboard.simulator import Kind, Simulator

SECONDS = 5.0
CALLS_A_MINUTE = 180
LOGINS_AN_HOUR = 4
CODES = {"not_found", "pending", "unavailable"}
SETTLED = {"fresh", "stale", "not_found"}
ENDPOINTS = ("lookup/drivers", "member/get", "member/profile", "member/chart_data", "link", "token", "*")
TEMPORARY = (429, 500, 502, 503, 504)
STATUSES = (400, 401, 403, 404, *TEMPORARY)


def impatient_home(simulator, folder):
    """A home with the simulator's clock, whose look-ups end soon after the answer."""
    environment = simulator.environment()
    settings = replace(Settings.read(environment), db=folder / "pitboard.sqlite3")
    return LocalHome(settings, find(environment), clock=simulator.clock.now, lookup_seconds=0.5)


class Scenario:
    """A home, its simulator, and the names that were answered with a driver."""

    def __init__(self, home, simulator, seed):
        self.home, self.simulator, self.rng = home, simulator, random.Random(seed)
        drivers = simulator.population.sample(120, seed=seed)
        self.ids = {driver.display_name: driver.cust_id for driver in drivers}
        self.ids |= {name.upper(): cust_id for name, cust_id in list(self.ids.items())[:30]}
        self.names = [*self.ids, *(f"{name} Nobody" for name in list(self.ids)[:20])]
        self.known = set()

    def pages(self):
        for _ in range(self.rng.randint(1, 4)):
            self.page(self.rng.sample(self.names, self.rng.randint(1, 25)), self.rng.choice((0, 0.05, 0.3)))

    def page(self, asked, seconds):
        answer = json.loads(self.home.service.page(asked, seconds).body)
        assert list(answer) == asked
        for name, value in answer.items():
            if "error" in value:
                assert value["code"] in CODES
                assert name not in self.known, f"a known driver became {value}"
                assert value["code"] != "not_found" or name not in self.ids
            else:
                assert value["cust_id"] == value["member_info"]["cust_id"] == self.ids[name]
                assert value["member_info"]["display_name"].lower() == name.lower()
                assert len(value["member_info"]["licenses"]) == 5
                self.known.add(name)
        return answer

    def settled_states(self, seconds=30.0):
        """The states of all names as soon as all are settled, or after `seconds`. Renewals wait for the
        budget in real time.
        """
        end = time.monotonic() + seconds
        while True:
            answers = [
                self.page(self.names[start : start + 50], 1.0) for start in range(0, len(self.names), 50)
            ]
            states = {v.get("code") or v["_meta"]["state"] for answer in answers for v in answer.values()}
            if states <= SETTLED or time.monotonic() > end:
                return states
            self.time_passes(10)

    def customer_id(self):
        name = self.rng.choice(self.names)
        answer = self.home.service.customer_id(name, 0.3)
        if isinstance(answer, Miss):
            assert answer.code in CODES
        else:
            assert answer[0] == self.ids[name]

    def chart(self):
        cust_id = self.rng.choice(list(self.ids.values()))
        try:
            answer = self.home.histories.history(cust_id, self.rng.choice(list(CATEGORIES)), "irating", 0.3)
        except UpstreamError:
            return
        assert json.loads(answer)["cust_id"] == cust_id

    def fault(self):
        faults = self.simulator.faults
        self.rng.choice(
            (
                faults.clear,
                lambda: setattr(faults, "maintenance", True),
                lambda: setattr(faults, "oauth_maintenance", True),
                lambda: setattr(faults, "latency", 0.2),
                lambda: setattr(faults, "access_lifetime", 30.0),
                lambda: setattr(faults, "other_calls", 2),
                self.simulator.revoke_sessions,
                *[self.single_fault] * 8,
            )
        )()

    def single_fault(self):
        kind = self.rng.choice(list(Kind))
        times = self.rng.randint(1, 2 if kind is Kind.HANG else 12)
        endpoint = self.rng.choice(ENDPOINTS)
        # A refused login would block all later ones until somebody changes the credentials.
        status = self.rng.choice(TEMPORARY if endpoint in ("token", "*") else STATUSES)
        self.simulator.faults.add(kind, endpoint, times=times, status=status)

    def time_passes(self, seconds):
        # With a call in progress, its time would be recorded later than the budget granted it.
        with self.home.meter._lock:
            time.sleep(0.03)
            self.simulator.clock.advance(seconds)


def most_in(seconds, times):
    """The largest number of these times within any period of `seconds`."""
    times = sorted(times)
    return max((sum(t <= at < t + seconds for at in times) for t in times), default=0)


@pytest.mark.parametrize("seed", [1, 8])
def test_random_faults_neither_confuse_nor_lose_drivers_nor_exceed_a_limit(tmp_path, seed):
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        with impatient_home(simulator, tmp_path) as home:
            scenario = Scenario(home, simulator, seed)
            actions = [scenario.pages] * 6 + [
                scenario.customer_id,
                scenario.chart,
                scenario.fault,
                scenario.fault,
            ]
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                scenario.rng.choice(actions)()
                scenario.time_passes(scenario.rng.choice((0, 1, 1, 5, 20, 60, 600, 7000)))
        assert not home.service._flights

        simulator.faults.clear()
        with impatient_home(simulator, tmp_path) as scenario.home:
            scenario.time_passes(2 * 3600)
            assert scenario.settled_states() <= SETTLED
        calls = [call.at for call in simulator.calls.select(service="data")]
        logins = [c.at for c in simulator.calls.select("token") if "password" in c.parameters["grant_type"]]
    assert len(calls) > 200
    assert most_in(60, calls) <= CALLS_A_MINUTE
    assert 1 <= most_in(3600, logins) <= LOGINS_AN_HOUR
