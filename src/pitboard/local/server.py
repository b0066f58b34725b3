"""The local server: the contract's routes, the look-up page, metrics, and uvicorn under them."""

import errno
import ipaddress
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from pitboard import __version__
from pitboard.addon import pages, userscript
from pitboard.addon.routes import addon_routes
from pitboard.drivers.service import Asker
from pitboard.http.app import make_app
from pitboard.http.detail_routes import detail_routes
from pitboard.http.openapi import document
from pitboard.http.problems import Problem
from pitboard.http.query import DEFAULT_WAIT, checked
from pitboard.http.routes import answer as answered
from pitboard.http.routes import client, custid_routes, driver_routes, is_web_page
from pitboard.http.state_routes import auth_routes, health_routes
from pitboard.local import limits, proxy, remedies, site, unix_socket
from pitboard.local.home import LocalHome
from pitboard.local.members_page import MembersPage
from pitboard.settings import UNIX, UsageError
from pitboard.telemetry import PrometheusTelemetry


class PortTakenError(UsageError):
    """The address cannot be listened on. `happened` says why; the message has the remedy, too."""

    def __init__(self, where: str, error: OSError) -> None:
        self.happened = f"Cannot listen on {where}: {error.strerror or error}."
        super().__init__(f"{self.happened} {_LISTENING.get(error.errno or 0, _ELSEWHERE)}")


_LISTENING = {
    errno.EADDRINUSE: "Choose another with --port or PITBOARD_PORT, or end the program that has it.",
    errno.EACCES: "Choose a port above 1023 with --port or PITBOARD_PORT, or a folder that you may write to.",
}
_ELSEWHERE = "PITBOARD_HOST is an address of this machine, or unix:PATH in a folder that exists."


def make_local_app(
    home: LocalHome, telemetry: PrometheusTelemetry, more: Sequence[BaseRoute] = ()
) -> ASGIApp:
    """The local server's application; `more` are the demo's own routes."""
    routes = [*local_routes(home, telemetry), *more]
    front = home.settings.front
    guard = host_guard(home.settings.host, front.allowed_hosts)
    app = proxy.EachClient(make_app(routes, telemetry, remedies.worded, guard))
    return proxy.WithoutPrefix(app, front.path_prefix) if front.path_prefix else app


def local_routes(home: LocalHome, telemetry: PrometheusTelemetry) -> list[BaseRoute]:
    """Every local route of the contract."""
    front = home.settings.front
    may_see = proxy.host_only(front)

    def address(request: Request) -> str:
        """The server's public address, as this request came by it."""
        return f"{request.url.scheme}://{request.url.netloc}{front.path_prefix}"

    async def look_up(request: Request) -> Response:
        query = ", ".join(request.query_params.getlist("names"))
        asked = [name.strip() for name in query.split(",") if name.strip()]
        answer, problem = None, ""
        if asked:
            try:
                asker = Asker(client(request), web_page=is_web_page(request))
                answer = (await answered(home.service, checked(asked), DEFAULT_WAIT, asker)).body
            except Problem as error:
                problem = error.detail
        return pages.answer(
            site.lookup_page(
                query,
                answer,
                problem,
                exposed=userscript.is_exposed(address(request)),
                self_service=home.settings.self_service,
                for_host=may_see(request),
            )
        )

    async def metrics(request: Request) -> Response:
        if not may_see(request):
            raise proxy.for_the_host_only(front)
        return Response(telemetry.exposition(), media_type=telemetry.content_type)

    async def openapi(_: Request) -> Response:
        return JSONResponse(document())

    return [
        *driver_routes(home.service),
        *detail_routes(home.histories, home.races, home.cars),
        *custid_routes(home.service),
        *auth_routes(home),
        *health_routes(home.health, __version__, may_see),
        *(MembersPage(home.members).routes if home.settings.self_service else ()),
        Route("/", look_up, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/openapi.json", openapi, methods=["GET"]),
        *addon_routes(address, look_up=True),
    ]


_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^][:@/]+))(?::[0-9]*)?")
"""A Host header: the server's address is made of it, so nothing may stand in it but a name and a port."""


def host_guard(listening: str, more: Sequence[str] = ()) -> Callable[[str], bool]:
    """Says which Host headers are served: addresses, this machine's names, the one listened on, and `more`.

    A page elsewhere can point its own domain name at 127.0.0.1 and then read what a local server answers
    (DNS rebinding); its requests carry that domain name. An address cannot be rebound.
    """
    ours = {"localhost", listening.lower(), socket.gethostname().lower(), *more}

    def allowed(header: str) -> bool:
        parts = _HOST.fullmatch(header.lower())
        host = (parts["v6"] or parts["name"]) if parts else ""
        if host in ours:
            return True
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True

    return allowed


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. `unix:PATH` is a Unix socket, whose file is made anew.

    Raises `PortTakenError`.
    """
    if host.startswith(UNIX):
        try:
            return unix_socket.listen(Path(host.removeprefix(UNIX)))
        except OSError as error:
            raise PortTakenError(host, error) from error
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":  # There it would let two programs have the port.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen(1024)
    except OSError as error:
        opened.close()
        raise PortTakenError(f"{host}:{port}", error) from error
    return opened


def url(listening: socket.socket) -> str:
    """The address of a listening socket for a browser on this machine, without a slash at the end; a Unix
    socket's is `unix:PATH`."""
    if unix_socket.is_one(listening):
        return UNIX + str(listening.getsockname())
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not listened on here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: it would raise a signal again once it has ended, and with that end
    the program before its home is closed. It ends when `should_exit` or `told` is set."""

    def __init__(
        self, config: uvicorn.Config, ending: Callable[[], object], told: threading.Event | None = None
    ) -> None:
        super().__init__(config)
        self._ending = ending
        self._told = told

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        return bool(self._told and self._told.is_set()) or await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)


LOOPBACK = ("127.0.0.1/32", "::1/128")


def server(
    app: ASGIApp,
    ending: Callable[[], object],
    told: threading.Event | None = None,
    proxies: Sequence[str] = LOOPBACK,
) -> Server:
    """uvicorn as we run it; `server.run(sockets=[listen(...)])` blocks until it is told to stop.

    `ending` is called then, before answers under way are awaited; it must make them come soon.
    X-Forwarded-For and X-Forwarded-Proto are believed when they come from the networks of `proxies`, or over
    a Unix socket.
    """
    return Server(
        uvicorn.Config(
            app,
            http=limits.protocol(proxies),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=[*proxies, limits.UNIX_PEER],
            timeout_graceful_shutdown=2,
        ),
        ending,
        told,
    )


@contextmanager
def running(
    app: ASGIApp,
    sockets: list[socket.socket],
    ending: Callable[[], object] = lambda: None,
    proxies: Sequence[str] = LOOPBACK,
) -> Iterator[uvicorn.Server]:
    """Serves from a thread while the block runs. The sockets listen already, so nothing has to be awaited."""
    serving = server(app, ending, proxies=proxies)
    thread = threading.Thread(target=serving.run, args=(sockets,), name="pitboard-server")
    thread.start()
    try:
        yield serving
    finally:
        serving.should_exit = True
        thread.join()
