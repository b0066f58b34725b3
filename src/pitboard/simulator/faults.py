"""What can go wrong, settable while the simulator runs."""

import json
import zlib
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
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
    DRIP = "drip"
    """The answer comes at 20 bytes a second."""
    REDIRECT = "redirect"
    """A redirect (302) to a login page."""
    FOREIGN_LINK = "foreign_link"
    """The link of a call leads to a host that is none of iRacing's."""
    WRONG_TYPES = "wrong_types"
    """JSON in which every number is a text and every text a number."""
    BOMB = "bomb"
    """A body of 200 MB."""
    GZIP_BOMB = "gzip_bomb"
    """200 MB that are compressed to 200 kB."""


@dataclass(slots=True)
class Fault:
    """One fault for the next `times` calls of `endpoint`: as in `calls.Call`; `data` for any call of the Data
    API, `link` for any link, or `*` for all three services."""

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
    maintenance_note: bool = True
    """Whether there is a note in the answer."""
    reset_shift: float = 0.0
    """Seconds by which the end of the rate limit's minute is shown too late."""
    limits_hidden: bool = False
    """Whether the Data API's answers lack the headers about the rate limit."""
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
    if fault.kind is Kind.REDIRECT:
        return Response(302, b"", {"Location": "https://members-login.invalid/login"})
    if fault.kind is Kind.DRIP:
        response.rate = 20
    if fault.kind in (Kind.BOMB, Kind.GZIP_BOMB):
        return _bomb(compressed=fault.kind is Kind.GZIP_BOMB)
    if fault.kind is Kind.FOREIGN_LINK:
        response.body = json.dumps(
            {"link": "https://elsewhere.invalid/a.json", "expires": "2099-01-01"}
        ).encode()
    if fault.kind is Kind.WRONG_TYPES and isinstance(response.body, bytes):
        response.body = json.dumps(_wrong(json.loads(response.body))).encode()
    endings = {Kind.CUT: Ending.CUT, Kind.RESET: Ending.RESET, Kind.HANG: Ending.HANG}
    response.ending = endings.get(fault.kind, Ending.WHOLE)
    return response


_BOMB_MB = 200


def _bomb(*, compressed: bool) -> Response:
    if not compressed:
        return Response(200, (bytes(2**20) for _ in range(_BOMB_MB)), {"Content-Type": "application/json"})
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return Response(200, _packed(), headers)


@cache
def _packed() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(bytes(2**20)) for _ in range(_BOMB_MB)]
    return b"".join([*parts, packer.flush()])


def _wrong(value: Any) -> Any:
    """The same JSON, every number as a text and every text as a number."""
    if isinstance(value, dict):
        return {key: _wrong(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_wrong(part) for part in value]
    return 7 if isinstance(value, str) else str(value)


def html(status: int) -> Response:
    """An error page of the content delivery network."""
    page = (
        "<!DOCTYPE HTML>\n<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY>\n"
        f"<H1>{status} ERROR</H1>\n<P>The server cannot be reached at this time.</P>\n"
        "<PRE>Generated by cloudfront (CloudFront)</PRE>\n</BODY></HTML>\n"
    )
    return Response(status, page.encode(), {"Content-Type": "text/html", "Server": "CloudFront"})
