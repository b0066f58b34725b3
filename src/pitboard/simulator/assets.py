"""The asset host: signed links that work for a minute and want no bearer token."""

import itertools
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pitboard.simulator.calls import Call, Calls
from pitboard.simulator.clock import Clock
from pitboard.simulator.faults import Faults, Kind, spoil
from pitboard.simulator.wire import Request, Response

LINK_SECONDS = 60

Body = Callable[[], bytes | Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class _Asset:
    endpoint: str
    body: Body
    content_type: str
    file_name: str
    signature: str
    expires: float


class Assets:
    """Keeps answers under signed links. `url` is the host's address, set once it listens."""

    def __init__(self, faults: Faults, clock: Clock, calls: Calls) -> None:
        self.url = ""
        self._faults = faults
        self._clock = clock
        self._calls = calls
        self._assets: dict[str, _Asset] = {}
        self._json_types = itertools.cycle(
            ("application/octet-stream", "text/plain", "binary/octet-stream", "application/json")
        )

    def link(self, endpoint: str, body: bytes) -> str:
        """A link to JSON. Its content type is one of those that the real host has been seen to claim."""
        return self._sign(endpoint, lambda: body, next(self._json_types), "")

    def csv_link(self, endpoint: str, file_name: str, body: Body) -> str:
        """A link to a CSV file whose parts are made when it is fetched."""
        return self._sign(endpoint, body, "text/csv", file_name)

    async def handle(self, request: Request) -> Response:
        """Answers one request to the host."""
        asset = self._assets.get(request.path)
        bearer = "authorization" in request.headers
        endpoint = f"link:{asset.endpoint}" if asset else "link"
        call = Call(self._clock.now(), "assets", endpoint, request.method, {}, bearer)
        self._calls.add(call)
        response = self._answer(request, asset, bearer=bearer)
        fault = self._faults.due(endpoint, "link")
        if fault and fault.kind is Kind.STATUS:
            response = _xml(fault.status or 500, "InternalError", "We encountered an internal error.")
        elif fault:
            response = spoil(response, fault)
        call.status = response.seen
        return response

    def _answer(self, request: Request, asset: _Asset | None, *, bearer: bool) -> Response:
        if request.method not in ("GET", "HEAD"):
            return _xml(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        if bearer:
            return _xml(403, "AccessDenied", "Only one auth mechanism allowed.")
        if asset is None or request.argument("X-Amz-Signature") != asset.signature:
            return _xml(403, "SignatureDoesNotMatch", "The request signature does not match.")
        if self._clock.now() >= asset.expires:
            return _xml(403, "AccessDenied", "Request has expired")
        headers = {"Content-Type": asset.content_type, "Server": "AmazonS3", "Accept-Ranges": "bytes"}
        if asset.file_name:
            headers["Content-Disposition"] = f'attachment; filename="{asset.file_name}"'
        return Response(200, asset.body(), headers, rate=self._faults.link_rate)

    def _sign(self, endpoint: str, body: Body, content_type: str, file_name: str) -> str:
        now = self._clock.now()
        # The oldest come first. A dead link is kept for a while, to be told from one that never was.
        for path, asset in list(itertools.islice(self._assets.items(), 2)):
            if now > asset.expires + LINK_SECONDS:
                del self._assets[path]
        path = f"/production/data-server/cache/{endpoint}/{secrets.token_hex(12)}"
        signature = secrets.token_hex(32)
        self._assets[path] = _Asset(endpoint, body, content_type, file_name, signature, now + LINK_SECONDS)
        stamp = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=SIMULATOR%2Fs3%2Faws4_request"
        return f"{self.url}{path}?{stamp}&X-Amz-Expires={LINK_SECONDS}&X-Amz-Signature={signature}"


def _xml(status: int, code: str, message: str) -> Response:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
    return Response(status, body.encode(), {"Content-Type": "application/xml", "Server": "AmazonS3"})
