"""What can go wrong, settable while the simulator runs."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from threading import Lock
from typing import Any

from pitboard.simulator.wire import Ending, Response


class Kind(StrEnum):
    """Faults that are put on single calls."""

    STATUS = "status"
    """The error `status` with the body that iRacing gives with it."""
    HTML = "html"
    """An HTML page with `status`, as the content delivery network gives."""
    LIMITED_TEXT = "limited_text"
    """The text `Rate limit exceeded` on a 200."""
    BAD_JSON = "bad_json"
    """A whole answer, the JSON in it cut off."""
    CUT = "cut"
    """The connection ends half way through the body."""
    RESET = "reset"
    """The connection is reset before any answer."""
    HANG = "hang"
    """No answer ever comes."""


@dataclass(slots=True)
class Fault:
    """One fault for the next `times` calls of `endpoint` (named as in `calls.Call`; `*`: any)."""

    kind: Kind
    endpoint: str = "*"
    times: int = 1
    status: int = 500
    retry_after: int | None = None


@dataclass
class Faults:
    """The state of the simulated services. Every field may be set at any time, from any thread."""

    latency: float = 0.120
    """Seconds that each OAuth and Data API call takes."""
    link_latency: float = 0.040
    """Seconds until a link begins to answer."""
    link_rate: float | None = None
    """Bytes a second of a slow link; None: as fast as it goes."""
    maintenance: bool = False
    """Whether the Data API is in maintenance."""
    maintenance_old_shape: bool = False
    """Whether it says so in the older shape."""
    oauth_maintenance: bool = False
    """Whether the token endpoint answers 503."""
    clock_skew: float = 0.0
    """Seconds by which all times the services show are ahead of the client's clock."""
    other_calls: int = 0
    """Calls by others that eat from the rate limit with each of ours."""
    access_lifetime: float = 600
    """Seconds for which new access tokens are valid."""
    refresh_lifetime: float = 7 * 86400
    """Seconds for which new refresh tokens are valid."""
    refresh_tokens: bool = True
    """Whether token answers hold a refresh token."""
    account_inactive: bool = False
    """Whether the member's subscription has ended."""
    client_disabled: bool = False
    """Whether the OAuth client has been disabled."""
    withhold_scope: bool = False
    """Whether tokens are granted without the scope asked for."""
    _queue: list[Fault] = field(default_factory=list, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(
        self,
        kind: Kind | str,
        endpoint: str = "*",
        *,
        times: int = 1,
        status: int = 500,
        retry_after: int | None = None,
    ) -> None:
        """Puts a fault on the next calls of an endpoint. Raises ValueError for an unknown kind."""
        with self._lock:
            self._queue.append(Fault(Kind(kind), endpoint, times, status, retry_after))

    def clear(self) -> None:
        """Puts everything back, latencies too."""
        fresh = Faults()
        with self._lock:
            self._queue.clear()
        for name in settings():
            setattr(self, name, getattr(fresh, name))

    def due(self, endpoint: str) -> Fault | None:
        """The fault for a call of this endpoint, if there is one; it is used up once."""
        if not self._queue:
            return None
        with self._lock:
            for fault in self._queue:
                if fault.endpoint in ("*", endpoint):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._queue.remove(fault)
                    return fault
        return None

    def state(self) -> dict[str, Any]:
        """All settings by name."""
        return {name: getattr(self, name) for name in settings()}


def settings() -> dict[str, type]:
    """The names of the settings in `Faults` with the types of their default values."""
    fresh = Faults()
    return {f.name: type(getattr(fresh, f.name)) for f in fields(Faults) if not f.name.startswith("_")}


def spoil(response: Response, fault: Fault) -> Response:
    """The answer with a fault that lets the call be made and then spoils what comes back."""
    if fault.kind is Kind.HTML:
        return html(fault.status)
    if fault.kind is Kind.LIMITED_TEXT:
        return Response(200, b"Rate limit exceeded", {"Content-Type": "text/plain; charset=utf-8"})
    if fault.kind is Kind.BAD_JSON and isinstance(response.body, bytes):
        response.body = response.body[: len(response.body) // 2]
    endings = {Kind.CUT: Ending.CUT, Kind.RESET: Ending.RESET, Kind.HANG: Ending.HANG}
    response.ending = endings.get(fault.kind, Ending.WHOLE)
    return response


def html(status: int) -> Response:
    """An error page of the content delivery network."""
    page = (
        "<!DOCTYPE HTML>\n<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY>\n"
        f"<H1>{status} ERROR</H1>\n<P>The server cannot be reached at this time.</P>\n"
        "<PRE>Generated by cloudfront (CloudFront)</PRE>\n</BODY></HTML>\n"
    )
    return Response(status, page.encode(), {"Content-Type": "text/html", "Server": "CloudFront"})
