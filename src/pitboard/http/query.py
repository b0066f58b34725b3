"""What a request asks for: names, a wait, a category."""

import math
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from pitboard.drivers import names
from pitboard.drivers.names import LONGEST, InvalidNameError
from pitboard.drivers.service import LONGEST_REMEMBERED, MOST_NAMES
from pitboard.http.problems import Problem

LONGEST_WAIT = 10.0
DEFAULT_WAIT = 8.0


def asked_names(query: bytes) -> list[str]:
    """The names of a raw query string, as they were asked and in that order.

    `names=A,B` is split at the commas before it is decoded, so that a percent-encoded comma belongs to a
    name; `name=A` may be repeated. Raises `Problem` 400 for bytes that are no UTF-8, and as `checked`.
    """
    # What many readers of one page ask for is read once; the query of a stranger who invents names is short.
    return [*(_known_page(query) if len(query) <= LONGEST_REMEMBERED else _page(query))]


def _page(query: bytes) -> tuple[str, ...]:
    asked: list[str] = []
    for part in query.split(b"&"):
        field, _, value = part.partition(b"=")
        if field == b"names":
            asked += [_decoded(item) for item in value.split(b",") if item]
        elif field == b"name" and value:
            asked.append(_decoded(value))
    return tuple(checked(asked))


_known_page = lru_cache(maxsize=1_000)(_page)


def checked(asked: list[str]) -> list[str]:
    """The same names, if they make a request: some, not too many, and at least one that can be a name.

    Raises `Problem` 400 otherwise. One bad name among good ones passes; it is answered in its place.
    """
    if not asked:
        raise Problem(400, "no_names", "Ask for drivers as ?names=NAME,NAME (percent-encoded).")
    if len(asked) > MOST_NAMES:
        raise Problem(
            400, "too_many_names", f"At most {MOST_NAMES} names a request; this one has {len(asked)}."
        )
    if trouble := _trouble(asked):
        raise Problem(400, "invalid_name", trouble)
    return asked


def asked_wait(request: Request) -> float:
    """`wait` in seconds, 0 to `LONGEST_WAIT`. Raises `Problem` 400."""
    text = _plain(request, b"wait=")
    if text is None:
        return DEFAULT_WAIT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_WAIT:
        raise Problem(400, "invalid_wait", f"wait is a number of seconds from 0 to {LONGEST_WAIT:g}.")
    return seconds


def asked_profile(request: Request) -> bool:
    """`profile`: whether profiles are wanted (1, the default) or not (0). Raises `Problem` 400."""
    text = _plain(request, b"profile=")
    if text not in (None, "0", "1"):
        raise Problem(400, "invalid_profile", "profile is 0 or 1.")
    return text != "0"


def _plain(request: Request, field: bytes) -> str | None:
    """The value of a query field that has no reason to be encoded, the last one; None without it.

    Starlette's parameters would decode fifty names to find it, half of an answer's cost.
    """
    query: bytes = request.scope["query_string"]
    if field not in query:
        return None
    values = [part for part in query.split(b"&") if part.startswith(field)]
    return values[-1][len(field) :].decode("latin-1") if values else None


def one_of(request: Request, field: str, allowed: list[str], default: str) -> str:
    """A query field that has a closed list of values. Raises `Problem` 400."""
    value = request.query_params.get(field, default)
    if value not in allowed:
        raise Problem(400, f"invalid_{field}", f"{field} is one of: {', '.join(allowed)}.")
    return value


def _decoded(value: bytes) -> str:
    # As in names.parse: no memory is spent on long texts.
    return _remembered(value) if len(value) <= 4 * LONGEST else _decode(value)


def _decode(value: bytes) -> str:
    try:
        return unquote_to_bytes(value.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Problem(400, "invalid_name", "A name is not percent-encoded UTF-8.") from None


_remembered = lru_cache(maxsize=20_000)(_decode)


def _trouble(asked: list[str]) -> str | None:
    """Why none of these can be a name; None if one can."""
    for text in asked:
        try:
            names.parse(text)
        except InvalidNameError as error:
            reason = str(error)
        else:
            return None
    return reason
