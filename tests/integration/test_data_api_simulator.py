"""The whole upstream client against the simulator: pages, tokens, faults and the rate limit."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pitboard.drivers.budget import PROBE_PAUSE
from pitboard.drivers.errors import MaintenanceError, RateLimitedError, RefusedError, UnreachableError
from pitboard.drivers.index import COLUMNS
from pitboard.drivers.model import CallContext, Priority
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.data_api import DataApi
from pitboard.iracing.meter import Meter
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import Transport
from pitboard.simulator import Population, Simulator, Trait
from pitboard.stores.sqlite import SqliteStore


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(20_000)


@pytest.fixture
def simulator(population: Population) -> Iterator[Simulator]:
    with Simulator(population, latency=0.002, link_latency=0.001) as simulator:
        yield simulator


class Client:
    """The upstream client, put together as a home does it."""

    def __init__(self, simulator: Simulator, path: Path) -> None:
        self.store = SqliteStore(path)
        clock, documents, transport = simulator.clock.now, self.store.documents, Transport()
        client = simulator.client
        credentials = Credentials(client.id, client.secret, client.username, client.password)
        oauth = OAuth(simulator.oauth_url, transport)
        self.tokens = TokenKeeper(documents, oauth, credentials, clock=clock)
        self.meter = Meter(documents, clock=clock)
        self.api = DataApi(simulator.data_url, transport, self.tokens, self.meter)


@pytest.fixture
def client(simulator: Simulator, tmp_path: Path) -> Iterator[Client]:
    client = Client(simulator, tmp_path / "client.sqlite3")
    yield client
    client.store.close()


def context(seconds: float = 10.0, priority: Priority = Priority.READER) -> CallContext:
    return CallContext(time.monotonic() + seconds, priority)


def grants(simulator: Simulator) -> list[str]:
    return [call.parameters["grant_type"] for call in simulator.calls.select("token")]


class TestAnswers:
    def test_a_page_of_20_names_costs_41_calls_and_one_login(
        self, simulator: Simulator, client: Client
    ) -> None:
        drivers = simulator.population.sample(20)
        with ThreadPoolExecutor(32) as pool:
            found = list(pool.map(lambda d: client.api.search(d.display_name, context()), drivers))
            for driver, rows in zip(drivers, found, strict=True):
                assert (driver.cust_id, driver.display_name) in rows
            members = client.api.members([d.cust_id for d in drivers], context())
            profiles = list(pool.map(lambda d: client.api.profile(d.cust_id, context()), drivers))
        assert {d.cust_id: d.display_name for d in drivers} == {
            cust_id: member["display_name"] for cust_id, member in members.items()
        }
        assert [p["member_info"]["display_name"] for p in profiles] == [d.display_name for d in drivers]
        assert simulator.calls.count(service="data") == 41
        assert simulator.calls.count(service="oauth") == 1
        assert not simulator.calls.select(status=403)

    def test_unknown_ids_are_left_out(self, simulator: Simulator, client: Client) -> None:
        known = simulator.population.sample(1)[0].cust_id
        assert list(client.api.members([1, known, 2], context())) == [known]

    @pytest.mark.parametrize("trait", list(Trait))
    def test_drivers_with_every_trait_are_read(
        self, simulator: Simulator, client: Client, trait: Trait
    ) -> None:
        driver = next(simulator.population.having(trait))
        assert client.api.profile(driver.cust_id, context())["member_info"]["cust_id"] == driver.cust_id
        assert list(client.api.members([driver.cust_id], context())) == [driver.cust_id]
        assert client.api.career(driver.cust_id, context())["cust_id"] == driver.cust_id
        assert client.api.chart(driver.cust_id, 5, 3, context())["chart_type"] == 3

    def test_an_unknown_id_is_refused(self, client: Client) -> None:
        with pytest.raises(RefusedError):
            client.api.profile(1, context())

    @pytest.mark.parametrize(
        ("path", "params", "kind"),
        [
            ("/data/constants/categories", {}, list),
            ("/data/lookup/flairs", {}, dict),
            ("/data/member/awards", {}, list),
            ("/data/league/roster", {"league_id": 7}, object),
            ("/data/results/search_series", {"season_year": 2026, "season_quarter": 1}, list),
        ],
    )
    def test_every_kind_of_answer_is_read(
        self, client: Client, path: str, params: dict[str, Any], kind: type
    ) -> None:
        assert isinstance(client.api.get(path, params, context()), kind)

    def test_the_driver_table_has_more_than_10_000_known_drivers(
        self, simulator: Simulator, client: Client
    ) -> None:
        rows = client.api.csv("/data/driver_stats_by_category/sports_car", COLUMNS, context(60))
        count = sum(int(row[1]) in simulator.population for row in rows if row)
        assert count > 10_000


class TestTokens:
    def test_32_calls_at_once_without_a_token_cost_one_login(
        self, simulator: Simulator, client: Client
    ) -> None:
        drivers = simulator.population.sample(32)
        with ThreadPoolExecutor(32) as pool:
            assert len(list(pool.map(lambda d: client.api.search(d.display_name, context()), drivers))) == 32
        assert grants(simulator) == ["password_limited"]

    def test_two_hours_of_use_cost_one_login(self, simulator: Simulator, client: Client) -> None:
        for _ in range(12):
            assert client.api.get("/data/constants/categories", {}, context())
            simulator.clock.advance(595)
        assert grants(simulator) == ["password_limited"] + ["refresh_token"] * 11

    def test_a_revoked_session_costs_one_login_for_16_calls_at_once(
        self, simulator: Simulator, client: Client
    ) -> None:
        client.api.get("/data/constants/categories", {}, context())
        simulator.clock.advance(120)
        simulator.revoke_sessions()
        with ThreadPoolExecutor(16) as pool:
            asks = [
                pool.submit(client.api.get, "/data/constants/categories", {}, context()) for _ in range(16)
            ]
            assert all(ask.result() for ask in asks)
        assert grants(simulator) == ["password_limited", "refresh_token", "password_limited"]


class TestFaults:
    @pytest.mark.parametrize("kind", ["html", "bad_json", "cut", "reset"])
    @pytest.mark.parametrize("where", ["member/profile", "link:member/profile"])
    def test_a_single_failure_is_retried_without_an_error(
        self, simulator: Simulator, client: Client, kind: str, where: str
    ) -> None:
        cust_id = simulator.population.sample(1)[0].cust_id
        simulator.faults.add(kind, where, status=504)
        assert client.api.profile(cust_id, context())["cust_id"] == cust_id
        assert simulator.calls.count("member/profile") == (2 if where == "member/profile" else 1)

    def test_a_hanging_call_ends_at_the_deadline(self, simulator: Simulator, client: Client) -> None:
        client.tokens.access_token(time.monotonic() + 5)
        simulator.faults.add("hang", "member/profile")
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            client.api.profile(simulator.population.sample(1)[0].cust_id, context(0.3))
        assert time.monotonic() - begun < 5

    @pytest.mark.parametrize("old_shape", [False, True])
    def test_few_calls_are_made_during_maintenance_and_all_afterwards(
        self, simulator: Simulator, client: Client, old_shape: bool
    ) -> None:
        client.tokens.access_token(time.monotonic() + 5)
        simulator.faults.maintenance, simulator.faults.maintenance_old_shape = True, old_shape
        for _ in range(120):
            with pytest.raises(MaintenanceError):
                client.api.get("/data/constants/categories", {}, context())
            simulator.clock.advance(0.5)
        assert 2 <= simulator.calls.count(service="data") <= 60 / PROBE_PAUSE + 2  # first call, last one
        simulator.faults.maintenance = False
        simulator.clock.advance(200)
        for _ in range(10):
            assert client.api.get("/data/constants/categories", {}, context())

    @pytest.mark.parametrize("kind", ["status", "limited_text"])
    def test_a_rate_limit_pauses_all_calls(self, simulator: Simulator, client: Client, kind: str) -> None:
        simulator.faults.add(kind, "constants/categories", status=429)
        for _ in range(5):
            with pytest.raises(RateLimitedError):
                client.api.get("/data/constants/categories", {}, context(1))
        assert simulator.calls.count(service="data") == 1
        simulator.clock.advance(61)
        assert client.api.get("/data/constants/categories", {}, context())


class TestTheRateLimit:
    def drain(self, simulator: Simulator, client: Client, seconds: int) -> None:
        """Calls as often as the budget allows, for `seconds` of the simulator's time."""
        for _ in range(seconds):
            try:
                while True:
                    client.api.get("/data/constants/categories", {}, context(0.2))
            except (RateLimitedError, UnreachableError):
                simulator.clock.advance(1)

    def test_our_own_calls_do_not_reach_the_rate_limit(self, simulator: Simulator, client: Client) -> None:
        self.drain(simulator, client, 150)
        calls = simulator.calls.select(service="data")
        assert not [call for call in calls if call.status == 429]
        assert len(calls) >= 300
        starts = [call.at for call in calls]
        assert max(sum(s <= t < s + 60 for t in starts) for s in starts) <= 181

    def test_the_rate_limit_is_not_reached_beside_other_programs_on_the_account(
        self, simulator: Simulator, client: Client
    ) -> None:
        simulator.faults.other_calls = 2
        self.drain(simulator, client, 150)
        assert not simulator.calls.select(service="data", status=429)
        assert simulator.calls.count(service="data") >= 120

    @pytest.mark.parametrize("skew", [-3600, 3600])
    def test_the_rate_limit_is_not_reached_when_iracings_clock_differs(
        self, simulator: Simulator, client: Client, skew: float
    ) -> None:
        simulator.faults.clock_skew = skew
        simulator.faults.other_calls = 1
        self.drain(simulator, client, 70)
        assert not simulator.calls.select(service="data", status=429)
        assert simulator.calls.count(service="data") >= 90
