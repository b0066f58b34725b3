"""What can go wrong, settable while the simulator runs."""

from dataclasses import dataclass, fields
from enum import StrEnum
from threading import Lock
from typing import Any

from pitboard.simulator.wire import Ending, Response


class Kind(StrEnum):
    """Faults that are put on single calls.

    All but `STATUS` spoil the answer of a call that took effect: a refresh token, for one, is used up.
    """

    STATUS = "status"
    """The error `status` (500) with the body that iRacing gives with it. The call has no effect."""
    HTML = "html"
    """An HTML page with `status` (504), as the content delivery network gives."""
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
    """One fault for the next `times` calls of `endpoint`: as in `calls.Call`, or `link` or `*` for any."""

    kind: Kind
    endpoint: str = "*"
    times: int = 1
    status: int | None = None
    retry_after: int | None = None
    """Seconds for a Retry-After header."""
    error: str = ""
    """The token endpoint's error code; its own status goes with it."""


OAUTH_STATUS = {
    "access_denied": (401, "Unauthorized"),
    "insufficient_scope": (403, "Forbidden"),
    "invalid_client": (403, "Unauthorized"),
    "invalid_grant": (400, "Bad Request"),
    "invalid_request": (400, "Bad Request"),
    "invalid_scope": (400, "Bad Request"),
    "invalid_token": (401, "Unauthorized"),
    "server_error": (500, "Internal Server Error"),
    "temporarily_unavailable": (503, "Service Unavailable"),
    "unauthorized_client": (400, "Bad Request"),
    "unsupported_grant_type": (400, "Bad Request"),
}
"""OAuth error codes with the status and the reason that iRacing's OAuth book gives them."""


@dataclass
class Faults:
    """The state of the simulated services. Every field may be set at any time, from any thread."""

    latency: float = 0.120
    """Seconds that each OAuth and Data API call takes."""
    link_latency: float = 0.040
    """Seconds until a link begins to answer."""
    link_rate: float = 0.0
    """Bytes a second of a slow link; 0: as fast as it goes."""
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
    access_lifetime: float = 600.0
    """Seconds for which new access tokens are valid."""
    refresh_lifetime: float = 7 * 86400.0
    """Seconds for which new refresh tokens are valid."""
    refresh_tokens: bool = True
    """Whether token answers hold a refresh token."""
    account_inactive: bool = False
    """Whether the member's subscription has ended."""
    login_declined: bool = False
    """Whether the member says no on the page where he logs in."""
    client_disabled: bool = False
    """Whether the OAuth client has been disabled."""
    withhold_scope: bool = False
    """Whether tokens are granted without the scope asked for."""

    def __post_init__(self) -> None:
        self._queue: list[Fault] = []
        self._lock = Lock()
        self._at_first = self.state()

    def add(
        self,
        kind: Kind | str,
        endpoint: str = "*",
        *,
        times: int = 1,
        status: int | None = None,
        retry_after: int | None = None,
        error: str = "",
    ) -> None:
        """Puts a fault on the next calls (see `Fault`). Raises ValueError for an unknown kind or error."""
        if error not in ("", *OAUTH_STATUS):
            raise ValueError(f"{error!r} is no OAuth error")
        with self._lock:
            self._queue.append(Fault(Kind(kind), endpoint, times, status, retry_after, error))

    def set(self, name: str, value: object) -> None:
        """Sets a setting by name. Raises ValueError for one that is not known or a value of another type."""
        if name not in self._at_first:
            raise ValueError(f"{name} is not known")
        kind = type(self._at_first[name])
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ValueError(f"{name} must be a {kind.__name__}, not {value!r}")
        setattr(self, name, value)

    def clear(self) -> None:
        """Puts everything back to what it was when the simulator was made."""
        with self._lock:
            self._queue.clear()
        for name, value in self._at_first.items():
            setattr(self, name, value)

    def due(self, *endpoints: str) -> Fault | None:
        """The fault for a call that goes by any of these names, if there is one; it is used up once."""
        if not self._queue:
            return None
        with self._lock:
            for fault in self._queue:
                if fault.endpoint in ("*", *endpoints):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._queue.remove(fault)
                    return fault
        return None

    def state(self) -> dict[str, Any]:
        """All settings by name."""
        return {setting.name: getattr(self, setting.name) for setting in fields(self)}


def spoil(response: Response, fault: Fault) -> Response:
    """The answer with a fault that lets the call be made and then spoils what comes back."""
    if fault.kind is Kind.HTML:
        return html(fault.status or 504)
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
