"""An answer to one page of names, as the bytes that go out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pitboard.drivers import records
from pitboard.drivers.misses import Miss
from pitboard.drivers.views import View

MAX_AGE = 300
"""Longest time in seconds for which a browser or a proxy may keep an answer about drivers without asking.
For so long it may show a member who has just asked not to be shown."""

LONGEST_KEPT = 200
"""Characters of a text, as it was asked for, whose encoded form is remembered: longer ones are strangers'."""

MOST_PAGES = 100
"""Pages that are held for the second in which they were put together, some 3 MB."""


@dataclass(frozen=True, slots=True)
class Page:
    """The encoded answer. `states` has one word a name, in the order asked: a state or a code.

    `max_age` (seconds) is how long a browser may keep it; 0 when something is still to come. `etag`
    stands for the content without the ages, which change every second.
    """

    body: bytes
    etag: str
    max_age: int
    states: tuple[str, ...]


class Pages:
    """Puts pages together, the same one once in a second: many readers have a new thread open. Safe for
    threads. Ages are whole seconds; what else a page says is in its views, which are compared."""

    def __init__(self) -> None:
        self._held: dict[Sequence[tuple[str, str]], tuple[int, tuple[View, ...], Page]] = {}

    def page(
        self,
        asked: tuple[tuple[str, str], ...],
        views: Mapping[str, View],
        missed: Mapping[str, Miss],
        now: float,
    ) -> Page:
        """As `compose`."""
        if missed:
            return compose(asked, views, missed, now)
        second, shown = int(now), tuple(views.values())
        held = self._held.get(asked)
        if held and held[0] == second and held[1] == shown:
            return held[2]
        page = compose(asked, views, missed, now)
        if len(self._held) >= MOST_PAGES:
            self._held = {}
        self._held[asked] = second, shown, page
        return page


def compose(
    asked: Sequence[tuple[str, str]], views: Mapping[str, View], missed: Mapping[str, Miss], now: float
) -> Page:
    """Puts the answer together. `asked` has (name as asked, key); each key is in `views` or `missed`."""
    parts: list[bytes] = []  # joined once: a page is 30 kB, and each copy of it is a tenth of its cost
    states: list[str] = []
    versions: list[bytes] = []
    lasts = now + MAX_AGE
    for text, key in asked:
        name = _name(text) if len(text) <= LONGEST_KEPT else _encoded_name(text)
        if view := views.get(key):
            state = view.state
            until = view.until if state == "fresh" else now
            parts += (name, view.head, b"%d" % view.age(now), view.tail)
            versions += (name, view.version)
        else:
            miss = missed[key]
            state = miss.code
            until = lasts if state in ("not_found", "invalid_name", "withheld") else now
            parts += (name, encoded_miss(miss))
            versions += (name, state.encode())
        if until < lasts:
            lasts = until
        parts.append(b",")
        states.append(state)
    return Page(
        body=b"".join((b"{", *parts[:-1], b"}")),
        etag=f'W/"{hashlib.blake2b(b"".join(versions), digest_size=9).hexdigest()}"',
        max_age=max(0, int(lasts - now)),
        states=tuple(states),
    )


@lru_cache(maxsize=20_000)
def _name(text: str) -> bytes:
    return _encoded_name(text)


def _encoded_name(text: str) -> bytes:
    """A name as it was asked for, as the key of a JSON object."""
    return records.encode(text) + b":"


def encoded_miss(miss: Miss) -> bytes:
    """The JSON object that stands in the driver's place."""
    fields: dict[str, str | int] = {"error": miss.error, "code": miss.code}
    if miss.retry_after is not None:
        fields["retry_after"] = miss.retry_after
    return records.encode(fields)
