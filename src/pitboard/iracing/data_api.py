"""iRacing's Data API: calls, the links they answer with, and their errors.

Source of the facts in here: iRacing's Data API documentation, its developers' posts and recorded answers.
"""

import codecs
import itertools
import json
import logging
import math
import operator
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from pitboard.drivers.errors import (
    CredentialsError,
    MaintenanceError,
    RateLimitedError,
    RefusedError,
    Remedy,
    UnreachableError,
    UpstreamError,
)
from pitboard.drivers.health import LastCalls
from pitboard.drivers.model import CallContext, Room
from pitboard.drivers.names import same
from pitboard.drivers.ports import Telemetry
from pitboard.iracing import shapes
from pitboard.iracing.links import Links
from pitboard.iracing.meter import Meter
from pitboard.iracing.pauses import is_maintenance
from pitboard.iracing.shapes import Check, Wrong, WrongError
from pitboard.iracing.transport import Answer, NoAnswerError, Stream, Transport

MOST_MEMBERS = 50
"""Most ids of one member/get. iRacing documents no limit; so many are known to work."""

ATTEMPTS = 3
"""How often a call, or the fetching of a link, is tried in all."""

LONGEST_LINE = 64 * 1024
"""Most characters of a line of CSV. iRacing's have about 100."""

MOST_CHUNKS = 200
LARGEST_CHUNKS = 64 * 1024 * 1024
"""Most parts of an answer, 500 rows each, and most bytes of all of them together."""

LINK_LIFE = 45.0
"""Seconds for which a link is tried. iRacing signs some for 60 s only."""

_Params = Mapping[str, str | int | bool]
_T = TypeVar("_T")

log = logging.getLogger(__name__)


class AccessTokens(Protocol):
    """Where the access token comes from: a `TokenKeeper`, or in AWS another function."""

    def access_token(self, deadline: float) -> str:
        """A valid access token. Raises an `UpstreamError`."""

    def replace(self, rejected: str, deadline: float) -> str:
        """Another one than `rejected`, which was answered with 401. Raises an `UpstreamError`."""


class DataApi:
    """`ports.Upstream` over HTTP. Safe for threads.

    The access token is sent to the origin of `data_url` and nowhere else; links are followed without it, to
    iRacing's hosts and those of `link_hosts` (see `links`).
    """

    def __init__(
        self,
        data_url: str,
        transport: Transport,
        tokens: AccessTokens,
        meter: Meter,
        *,
        telemetry: Telemetry | None = None,
        link_hosts: Sequence[str] = (),
    ) -> None:
        self._data_url = data_url.rstrip("/")
        self._links = Links(self._data_url, link_hosts)
        self._transport = transport
        self._tokens = tokens
        self._meter = meter
        self._telemetry = telemetry or Telemetry()
        self.last_calls = LastCalls()

    # --- ports.Upstream

    def room(self, context: CallContext, wanted: int) -> Room:
        """What the budget has at the moment; see `ports.Upstream`."""
        return self._meter.room(context, wanted)

    def back_at(self) -> float:
        """When iRacing was last seen to be back; see `ports.Upstream`."""
        return self._meter.back_at()

    def search(self, name: str, context: CallContext) -> Sequence[tuple[int, str]]:
        """lookup/drivers; see `ports.Upstream`."""
        with self._telemetry.span("lookup"), self._judged():
            return self._found(name, context)

    def _found(self, name: str, context: CallContext) -> Sequence[tuple[int, str]]:
        rows = _list(self._get("/data/lookup/drivers", {"search_term": name}, context))
        found, wrong = [], Wrong()
        for row in rows:
            try:
                driver = shapes.FOUND(row, wrong)
            except WrongError as error:
                wrong.append(str(error))
                _must_be_another(row, name)
            else:
                found.append((driver["cust_id"], driver["display_name"]))
        _tell(wrong, "lookup/drivers")
        return found

    def members(self, cust_ids: Sequence[int], context: CallContext) -> Mapping[int, Mapping[str, Any]]:
        """member/get with licences; see `ports.Upstream`. Raises `ValueError` for more than 50 ids."""
        if not 0 < len(cust_ids) <= MOST_MEMBERS:
            raise ValueError(f"member/get is asked for 1 to {MOST_MEMBERS} ids, not {len(cust_ids)}")
        params: _Params = {"cust_ids": ",".join(map(str, cust_ids)), "include_licenses": True}
        with self._telemetry.span("member_get", ids=len(cust_ids)), self._judged():
            answer = _dict(self._get("/data/member/get", params, context))
            members = _checked(shapes.rows(shapes.MEMBER), answer.get("members"), "member/get")
        asked = frozenset(cust_ids)
        return {member["cust_id"]: member for member in members if member["cust_id"] in asked}

    def roster(self, league_id: int, context: CallContext) -> Mapping[int, str]:
        """league/roster: the names of a league's members by customer id. One call of the budget."""
        with self._telemetry.span("league_roster"):
            answer = _dict(self.get("/data/league/roster", {"league_id": league_id}, context))
        members = _checked(shapes.rows(shapes.FOUND), answer.get("roster"), "league/roster")
        return {member["cust_id"]: member["display_name"] for member in members}

    def profile(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:
        """member/profile; see `ports.Upstream`."""
        with self._telemetry.span("profile"):
            profile = self._about("member/profile", shapes.PROFILE, cust_id, {}, context)
        _same(profile["member_info"]["cust_id"], cust_id)
        return profile

    def chart(
        self, cust_id: int, category_id: int, chart_type: int, context: CallContext
    ) -> Mapping[str, Any]:
        """member/chart_data; see `ports.Upstream`."""
        params = {"category_id": category_id, "chart_type": chart_type}
        chart = self._about("member/chart_data", shapes.CHART, cust_id, params, context)
        _same(chart["category_id"], category_id)
        _same(chart["chart_type"], chart_type)
        return chart

    def career(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:
        """stats/member_career; see `ports.Upstream`."""
        return self._about("stats/member_career", shapes.CAREER, cust_id, {}, context)

    def recent_races(self, cust_id: int, context: CallContext) -> Mapping[str, Any]:
        """stats/member_recent_races; see `ports.Upstream`."""
        return self._about("stats/member_recent_races", shapes.RACES, cust_id, {}, context)

    def cars(self, context: CallContext) -> Sequence[Mapping[str, Any]]:
        """car/get; see `ports.Upstream`."""
        rows = _list(self.get("/data/car/get", {}, context))
        cars: Sequence[Mapping[str, Any]] = _checked(shapes.CARS, rows, "car/get")
        return cars

    def _about(
        self, endpoint: str, shape: Check, cust_id: int, params: _Params, context: CallContext
    ) -> Mapping[str, Any]:
        with self._judged():
            answer = self._get(f"/data/{endpoint}", {"cust_id": cust_id, **params}, context)
            checked: Mapping[str, Any] = _checked(shape, answer, endpoint)
            _same(checked["cust_id"], cust_id)
        return checked

    @contextmanager
    def _judged(self) -> Iterator[None]:
        """Round one question: whether iRacing answers is seen by whole answers, not by those to single calls.
        A refusal of the question is one."""
        begun = time.monotonic()
        try:
            yield
        except RefusedError:
            self._answered(begun)
            raise
        except UnreachableError:
            self._meter.failed(begun)
            raise
        self._answered(begun)

    def _answered(self, begun: float) -> None:
        if self._meter.answered():
            self._transport.give_up(begun)

    # --- any endpoint

    def get(self, path: str, params: _Params, context: CallContext) -> Any:
        """What an endpoint has to say, as JSON: `path` begins with /data/, `params` are its query.

        Follows a link or `data_url`; an answer in chunks becomes one list. Costs one call of the budget, a
        repetition after a failure one more. Raises an `UpstreamError`, or `StoreError` from the budget.
        """
        with self._judged():
            return self._get(path, params, context)

    def _get(self, path: str, params: _Params, context: CallContext) -> Any:
        return self._fetched(path, params, context, self._payload)

    def csv(
        self,
        path: str,
        columns: Sequence[str],
        context: CallContext,
        received: Callable[[int, int | None], object] = lambda _, __: None,
    ) -> Iterator[Sequence[str]]:
        """The values of these columns (two or more), row by row as they arrive: any size fits into memory.

        A row that has not as many values as the header, or is longer than `LONGEST_LINE`, comes as `()`.
        `received` is told the bytes so far and in all (None: not known). Costs one call. Raises as `get`,
        also between rows (once the first is out, nothing is repeated), and `UnreachableError` that names
        a column which the file has not.
        """

        def follow(body: Any, context: CallContext) -> Iterator[Sequence[str]]:
            def begin() -> Iterator[Sequence[str]]:
                rows = self._rows(_text(body, "link"), columns, context, received)
                return itertools.chain(list(itertools.islice(rows, 1)), rows)

            return self._repeated(context.deadline, begin)

        with self._judged():
            return self._fetched(path, {}, context, follow)

    # --- a call: budget, token, answer

    def _fetched(
        self, path: str, params: _Params, context: CallContext, follow: Callable[[Any, CallContext], _T]
    ) -> _T:
        """Calls, then follows what the answer points to; calls anew, once, when that has died."""
        try:
            return follow(self._called(path, params, context), context)
        except _DeadLinkError:
            return follow(self._called(path, params, context), context)

    def _called(self, path: str, params: _Params, context: CallContext) -> Any:
        if not re.fullmatch(r"/data/[a-z0-9_/]+", path):
            raise ValueError(f"{path!r} is no path of the Data API")
        url = f"{self._data_url}{path}" + (f"?{_query(params)}" if params else "")
        endpoint = path.removeprefix("/data/")
        token = self._tokens.access_token(context.deadline)
        try:
            return self._repeated(context.deadline, lambda: self._call(url, endpoint, token, context))
        except _UnauthorizedError:
            pass
        begun = time.monotonic()
        try:
            token = self._tokens.replace(token, context.deadline)
            return self._repeated(context.deadline, lambda: self._call(url, endpoint, token, context))
        except CredentialsError:  # no other token can be had now, or it is refused, too
            self._meter.failed(begun, surely=True)
            raise

    def _call(self, url: str, endpoint: str, token: str, context: CallContext) -> Any:
        if time.monotonic() >= context.deadline:
            raise RateLimitedError("There was no time left to ask iRacing.", retry_after=1)
        self._meter.spend(context)
        outcome, begun = "ok", time.monotonic()
        try:
            with self._telemetry.span("upstream", endpoint=endpoint), self.last_calls.one(context):
                return self._read(self._transport.get(url, context.deadline, bearer=token))
        except UpstreamError as error:
            outcome = error.code
            raise
        finally:
            seconds = time.monotonic() - begun
            self._telemetry.count("upstream_calls", endpoint=endpoint, outcome=outcome)
            self._telemetry.observe("upstream_seconds", seconds, endpoint=endpoint)
            if outcome != "ok":
                told = {"endpoint": endpoint, "outcome": outcome, "seconds": round(seconds, 3)}
                log.warning("a call of %s ended as %s", endpoint, outcome, extra=told)

    def _read(self, answer: Answer) -> Any:
        """The JSON of a good answer. Every other kind raises what it means."""
        body = _json(answer.body)
        if answer.status == 503 or is_maintenance(body):
            pause = self._meter.maintenance(answer.headers)
            raise MaintenanceError("iRacing is in maintenance.", retry_after=pause)
        if answer.status == 429 or answer.body[:64].strip().lower().startswith(b"rate limit exceeded"):
            pause = self._meter.rate_limited(answer.headers)
            raise RateLimitedError("iRacing's rate limit was reached.", retry_after=pause)
        if answer.status < 500:
            self._meter.heard(answer.headers)
        if answer.status != 200:
            raise _refusal(answer.status, body)
        if body is _UNREADABLE:
            raise _PassingError(_CANNOT_READ)
        return body

    # --- what an answer points to

    def _payload(self, body: Any, context: CallContext) -> Any:
        """The data of an answer: its own, or that of its link, `data_url` or chunks."""
        if isinstance(body, dict):
            if "link" in body:
                body = self._asset(_text(body, "link"), context)
            elif "data_url" in body:
                body = self._asset(_text(body, "data_url"), context)
        holder = body
        if isinstance(body, dict) and "chunk_info" not in body and isinstance(body.get("data"), dict):
            holder = body["data"]
        if isinstance(holder, dict) and "chunk_info" in holder:
            return self._chunks(holder["chunk_info"], context)
        return body

    def _chunks(self, info: Any, context: CallContext) -> list[Any]:
        if info is None:
            return []
        base, names = _text(info, "base_download_url"), _list(_dict(info).get("chunk_file_names"))
        if not all(isinstance(name, str) for name in names):
            raise UnreachableError(_CANNOT_READ)
        if not names:
            return []
        if len(names) > MOST_CHUNKS:
            raise UnreachableError(f"iRacing's answer is in {len(names)} parts, more than {MOST_CHUNKS}.")
        received: list[int] = []
        with ThreadPoolExecutor(min(8, len(names)), "chunks") as pool:
            chunks = pool.map(lambda name: _list(self._asset(base + name, context, received)), names)
            return [row for chunk in chunks for row in chunk]

    def _asset(self, link: str, context: CallContext, received: list[int] | None = None) -> Any:
        """The JSON behind a link. It is fetched without the token and costs nothing of the budget.

        `received` has the sizes of the parts that have come before, and gets this one's.
        """
        self._links.check(link)

        def fetch() -> Any:
            with self.last_calls.one(context):
                answer = self._transport.get(link, context.deadline, public=self._links.public_only)
                _check_asset(answer.status)
                if received is not None:
                    received.append(len(answer.body))
                    if sum(received) > LARGEST_CHUNKS:
                        raise UnreachableError(
                            f"iRacing's answer is larger than {LARGEST_CHUNKS // 2**20} MB."
                        )
                body = _json(answer.body)
                if body is _UNREADABLE:
                    raise _PassingError(_CANNOT_READ)
                return body

        return self._repeated(min(context.deadline, time.monotonic() + LINK_LIFE), fetch)

    def _rows(
        self,
        link: str,
        columns: Sequence[str],
        context: CallContext,
        received: Callable[[int, int | None], object],
    ) -> Iterator[Sequence[str]]:
        self._links.check(link)
        with self._transport.stream(link, context.deadline, public=self._links.public_only) as stream:
            _check_asset(stream.status)
            lines = _lines(_told(stream, received))
            header = _cells(next(lines, ""))
            if len(header) < 2:
                raise _PassingError(_CANNOT_READ)
            for column in columns:
                if column not in header:
                    raise UnreachableError(f"iRacing's list has no column {column}.")
            width, pick = len(header), operator.itemgetter(*map(header.index, columns))
            for line in lines:
                cells = line.split(",") if '"' not in line else _cells(line)
                yield pick(cells) if len(cells) == width else ()

    def _repeated(self, deadline: float, work: Callable[[], _T]) -> _T:
        """Does a GET, and again after a failure that may pass, while the deadline allows it."""
        attempt = 1
        while True:
            begun = time.monotonic()
            try:
                return work()
            except (NoAnswerError, _PassingError):
                self._meter.failed(begun)
                pause = 0.15 * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, hides nothing
                if attempt == ATTEMPTS or self._meter.stopped or time.monotonic() + pause >= deadline:
                    raise
                time.sleep(pause)
                attempt += 1


# --- kinds of failure


class _PassingError(UnreachableError):
    """A failure that the next attempt may not meet."""


class _ForbiddenError(UnreachableError):
    """403: iRacing answers nothing to us, for now or until somebody acts; no question is at fault."""


class _DeadLinkError(UnreachableError):
    """The link is not (or no longer) good."""


class _UnauthorizedError(CredentialsError):
    """401: the access token is not accepted."""


_CANNOT_READ = "iRacing's answer could not be read."


def _refusal(status: int, body: Any) -> UpstreamError:
    said = f"(status {status})"
    if status == 401:
        return _UnauthorizedError(f"iRacing does not accept the access token {said}.", Remedy.CHECK_ACCOUNT)
    if status == 403 and isinstance(body, dict) and body.get("error") == "insufficient_scope":
        return CredentialsError(f"The access token may not read the Data API {said}.", Remedy.REGISTER_CLIENT)
    if status == 403:
        return _ForbiddenError(f"iRacing refuses to answer {said}.")
    if 400 <= status < 500:
        return RefusedError(f"iRacing refused the question {said}.")
    if status >= 500:
        return _PassingError(f"iRacing has a problem {said}.")
    return UnreachableError(f"iRacing answered in a way that is not understood {said}.")


def _check_asset(status: int) -> None:
    if status in (400, 403, 404, 410):
        raise _DeadLinkError(f"The link that iRacing gave is not good (status {status}).")
    if status != 200:
        raise _PassingError(f"iRacing's file store has a problem (status {status}).")


# --- reading what cannot be trusted to have the right shape

_UNREADABLE = object()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        pass
    try:  # a number of thousands of digits spoils its field, not the answer
        return json.loads(body, parse_int=lambda digits: int(digits) if len(digits) < 20 else math.nan)
    except (ValueError, RecursionError):
        return _UNREADABLE


def _told(stream: Stream, received: Callable[[int, int | None], object]) -> Iterator[bytes]:
    total = 0
    for part in stream.parts:
        total += len(part)
        received(total, stream.size)
        yield part


def _lines(parts: Iterator[bytes]) -> Iterator[str]:
    """The lines of UTF-8 with or without a byte-order mark, without their ends and without empty ones.

    Of a line longer than `LONGEST_LINE` comes what cannot be taken for a row. The work is proportional to
    the bytes, however they are cut.
    """
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    begun: list[str] = []
    length = 0
    for part in parts:
        *ends, rest = decode(part).split("\n")
        for text in ends:
            line = "".join([*begun, text]) if begun else text
            begun, length = [], 0
            line = line.removesuffix("\r")
            if line:
                yield line if len(line) <= LONGEST_LINE else _TOO_LONG
        length += len(rest)
        if rest and length <= LONGEST_LINE:
            begun.append(rest)
        elif rest:
            begun = [_TOO_LONG]
    if begun:
        yield "".join(begun)


_TOO_LONG = "x" * (LONGEST_LINE + 1)
"""Stands for a line that was longer."""


def _cells(line: str) -> list[str]:
    """The values of one line. Every line is read by itself: a stray quote spoils no other row."""
    import csv  # native code that a function in AWS would load at each cold start, and ir-index alone needs

    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _query(params: _Params) -> str:
    """A query string. Booleans are `true` and `false`, lists of ids keep their commas."""
    plain = {k: str(v).lower() if isinstance(v, bool) else v for k, v in params.items()}
    return urlencode(plain, safe=",")


def _dict(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnreachableError(_CANNOT_READ)
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise UnreachableError(_CANNOT_READ)
    return value


def _text(holder: Any, key: str) -> str:
    value = _dict(holder).get(key)
    if not isinstance(value, str):
        raise UnreachableError(_CANNOT_READ)
    return value


def _checked(shape: Check, answer: Any, endpoint: str) -> Any:
    """The answer without what is wrong in it, which the log tells. Raises `UnreachableError`."""
    wrong = Wrong()
    try:
        return shape(answer, wrong)
    except WrongError as error:
        wrong.append(str(error))
        raise UnreachableError(_CANNOT_READ) from None
    finally:
        _tell(wrong, endpoint)


def _tell(wrong: Wrong, endpoint: str) -> None:
    """One line about what was left out of an answer: paths, no values."""
    if wrong:
        paths = sorted(set(wrong))[:5]
        told = {"endpoint": endpoint, "left_out": len(wrong), "paths": paths}
        log.warning("an answer of %s had %d values that cannot be", endpoint, len(wrong), extra=told)


def _must_be_another(row: Any, name: str) -> None:
    """Raises unless a row that cannot be read is surely about another driver than the one searched for."""
    shown = row.get("display_name") if isinstance(row, dict) else None
    if not isinstance(shown, str) or same(shown, name):
        raise UnreachableError(_CANNOT_READ)


def _same(answered: int, asked: int) -> None:
    """An answer about somebody else must never pass for the one that was asked for."""
    if answered != asked:
        raise UnreachableError("iRacing's answer is about something else than was asked.")
