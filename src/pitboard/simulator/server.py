"""The simulator: three services on three ports of 127.0.0.1, in a thread of their own."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from pitboard.simulator.assets import Assets
from pitboard.simulator.calls import Calls
from pitboard.simulator.catalogue import CATEGORY_BY_KEY
from pitboard.simulator.clock import Clock
from pitboard.simulator.control import PATH, Control, leave
from pitboard.simulator.data import CALLS_A_MINUTE, DataService
from pitboard.simulator.faults import Faults
from pitboard.simulator.oauth import Client, OAuthService
from pitboard.simulator.population import Population
from pitboard.simulator.wire import Handler, Host, Request, Response


class Simulator:
    """A stand-in for iRacing. Use it as a context manager, or call `start` and `stop`.

    `latency` is seconds per OAuth and Data API call, `link_latency` per link. `port` 0 takes free ports;
    otherwise the services listen on `port` (OAuth), `port` + 1 (Data API) and `port` + 2 (assets).
    `calls_a_minute` is the rate limit. Raises OSError when a port is taken.

    `lists` is a folder of CSV files (`oval.csv`, ...) that are given instead of the population's own.

    `faults` is what can be made to go wrong, `calls` the log of what was asked, `population` the drivers.
    All three may be used from any thread while it runs. `oauth_url` is the token endpoint, `data_url` and
    `assets_url` are origins; nothing but a link ever leads to the last one.
    """

    def __init__(
        self,
        population: Population | None = None,
        *,
        latency: float = 0.120,
        link_latency: float = 0.040,
        client: Client | None = None,
        port: int = 0,
        calls_a_minute: int = CALLS_A_MINUTE,
        lists: Path | None = None,
    ) -> None:
        self.population = population or Population()
        self.client = client or Client()
        self.faults = Faults(latency=latency, link_latency=link_latency)
        self.clock = Clock()
        self.calls = Calls()
        self._oauth = OAuthService(self.client, self.faults, self.clock, self.calls)
        self._assets = Assets(self.faults, self.clock, self.calls)
        self._data = DataService(
            self.population,
            self._oauth,
            self._assets,
            self.faults,
            self.clock,
            self.calls,
            calls_a_minute,
            lists,
        )
        self._control = Control(
            self.faults, self.clock, self.calls, self.population, self._oauth.logins, self._data.limit
        )
        self._listeners = _listen(port)
        self._ports = [listener.getsockname()[1] for listener in self._listeners]
        self._hosts: list[Host] = []
        oauth, self.data_url, self.assets_url = (f"http://127.0.0.1:{port}" for port in self._ports)
        self.oauth_url = f"{oauth}/oauth2/token"
        self._assets.url = self.assets_url
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._ready = threading.Event()

    def environment(self) -> dict[str, str]:
        """The environment variables that make Pitboard use this simulator."""
        return {
            "PITBOARD_OAUTH_URL": self.oauth_url,
            "PITBOARD_DATA_URL": self.data_url,
            "PITBOARD_CLIENT_ID": self.client.id,
            "PITBOARD_CLIENT_SECRET": self.client.secret,
            "PITBOARD_USERNAME": self.client.username,
            "PITBOARD_PASSWORD": self.client.password,
        }

    def set_logins_left(self, logins: int) -> None:
        """Makes the hour have so many password logins left."""
        leave(self._oauth.logins, logins, self.clock.now())

    def set_calls_left(self, calls: int) -> None:
        """Makes the minute have so many Data API calls left."""
        leave(self._data.limit, calls, self.clock.now())

    def revoke_sessions(self) -> None:
        """Ends every session: access and refresh tokens given so far are refused."""
        self._oauth.revoke_all()

    def race(self, cust_id: int, category: str = "sports_car", *, irating: int = 40, sr: int = 8) -> None:
        """Lets a driver finish a race now that changes iRating and safety rating (x 100) by so much."""
        self.population.race(cust_id, CATEGORY_BY_KEY[category], self.clock.now(), irating, sr)

    def set_reachable(self, reachable: bool) -> None:
        """Whether anybody listens on the Data API's and the assets' ports. Unreachable, every connection ends
        and new ones are refused. Returns when it is so."""
        if self._loop is None:
            raise RuntimeError("the simulator does not run")
        asyncio.run_coroutine_threadsafe(self._reach(reachable), self._loop).result(10)

    async def _reach(self, reachable: bool) -> None:
        for number, host in list(enumerate(self._hosts))[1:]:
            if not reachable:
                await host.stop()
            else:
                listener = _bound(self._ports[number])
                self._listeners[number] = listener
                await host.start(listener)

    def start(self) -> Self:
        """Begins to answer. Returns when all three services listen."""
        self._thread = threading.Thread(target=self._run, name="pitboard-simulator", daemon=True)
        self._thread.start()
        self._ready.wait()
        if not self._thread.is_alive():
            raise RuntimeError("the simulator could not start; its thread has said why")
        return self

    def stop(self) -> None:
        """Drops all connections and ends the thread. Once stopped it stays so."""
        if self._thread and self._loop:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None
        for listener in self._listeners:
            listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        def call_latency() -> float:
            return self.faults.latency

        def link_latency() -> float:
            return self.faults.link_latency

        handlers = (
            _delayed(self._oauth.handle, call_latency),
            self._data_or_control(_delayed(self._data.handle, call_latency)),
            _delayed(self._assets.handle, link_latency),
        )
        self._hosts = [Host(handler, self._shown_time) for handler in handlers]
        for host, listener in zip(self._hosts, self._listeners, strict=True):
            await host.start(listener)
        self._ready.set()
        await self._stopping.wait()
        for host in self._hosts:
            await host.stop()

    def _data_or_control(self, data: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            return self._control.handle(request) if request.path == PATH else await data(request)

        return handle

    def _shown_time(self) -> float:
        return self.clock.now() + self.faults.clock_skew


def _delayed(handler: Handler, latency: Callable[[], float]) -> Handler:
    """The handler, made to take so many seconds in all."""

    async def handle(request: Request) -> Response:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        response = await handler(request)
        await asyncio.sleep(latency() - (loop.time() - begin))
        return response

    return handle


def _listen(port: int) -> list[socket.socket]:
    """Three sockets on 127.0.0.1, on free ports for 0. Raises OSError when a port is taken."""
    listeners: list[socket.socket] = []
    try:
        for number in range(3):
            listeners.append(_bound(port + number if port else 0))  # noqa: PERF401 - closed if one fails
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _bound(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1. Raises OSError when the port is taken."""
    listener = socket.socket()
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one; asyncio's own loop on Windows."""
    if sys.platform == "win32":
        return None
    import uvloop  # Windows has none.

    return uvloop.new_event_loop
