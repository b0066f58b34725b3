"""Request errors as `application/problem+json` (RFC 9457)."""

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from pitboard.drivers.errors import StoreError, UpstreamError

log = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818 - the name RFC 9457 gives it
    """A request that cannot be served. `code` is for programs, `detail` for people."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The problem as an answer."""
        fields = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        return Response(
            json.dumps(fields),
            self.status,
            {"Cache-Control": "no-store", **self.headers},
            "application/problem+json",
        )


def answer(error: Exception, worded: Callable[[Exception], str]) -> Response:
    """Answers an error that a route raised. An unexpected one is logged and named by request id only."""
    if isinstance(error, Problem):
        return error.response()
    if isinstance(error, HTTPException):
        return _framework(error).response()
    if isinstance(error, UpstreamError):
        headers = {} if error.retry_after is None else {"Retry-After": str(max(1, round(error.retry_after)))}
        return Problem(503, "unavailable", worded(error), headers=headers).response()
    if isinstance(error, StoreError):
        log.error("the store failed: %s", error)
        return Problem(
            503, "store", "The store cannot be used; the log says why.", headers={"Retry-After": "5"}
        ).response()
    log.error("a request failed", exc_info=error)
    return Problem(500, "internal", "Something failed; the log has it under the request id.").response()


def _framework(error: HTTPException) -> Problem:
    if error.status_code == 404:
        return Problem(404, "unknown_route", "There is nothing here. /openapi.json lists what there is.")
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET")
        detail = f"This address answers {allowed} only."
        return Problem(405, "wrong_method", detail, headers={"Allow": allowed})
    return Problem(error.status_code, "refused", str(error.detail), headers=error.headers)
