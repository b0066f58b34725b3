"""An answer to one page of names, as the bytes that go out."""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pitboard.drivers import records
from pitboard.drivers.model import Record

MAX_AGE = 300
"""Longest time in seconds for which a browser may keep an answer without asking."""


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a name has no driver in the answer. `code` is one of the contract's; `retry_after` in seconds."""

    code: str
    error: str
    retry_after: int | None = None

    def encoded(self) -> bytes:
        """The JSON object that stands in the driver's place."""
        fields: dict[str, str | int] = {"error": self.error, "code": self.code}
        if self.retry_after is not None:
            fields["retry_after"] = self.retry_after
        return records.encode(fields)


NOT_FOUND = Miss("not_found", "iRacing has no driver of this name.")
PENDING = Miss("pending", "Still being looked up; ask again in a moment.", 2)
UNAVAILABLE = Miss("unavailable", "iRacing cannot be asked at the moment.", 60)


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


def compose(
    asked: Sequence[tuple[str, str]],
    found: Mapping[str, Record],
    missed: Mapping[str, Miss],
    now: float,
) -> Page:
    """Puts the answer together. `asked` has (name as asked, key); each key is in `found` or `missed`."""
    parts: list[bytes] = []
    states: list[str] = []
    times: list[float] = []
    expires = now + MAX_AGE
    for text, key in asked:
        if record := found.get(key):
            state = records.state(record, now)
            value = records.shown(record, now, state)
            times += (record.as_of, record.profile_until)
            expires = min(expires, record.fresh_until if state == "fresh" else now)
        else:
            miss = missed[key]
            state = miss.code
            value = miss.encoded()
            expires = expires if state in ("not_found", "invalid_name") else now
        parts.append(b"%b:%b" % (records.encode(text), value))
        states.append(state)
    content = "\n".join((*(key for _, key in asked), *states)).encode("utf-8", "replace")
    digest = hashlib.blake2b(content + struct.pack(f"{len(times)}d", *times), digest_size=9)
    return Page(
        body=b"{" + b",".join(parts) + b"}",
        etag=f'W/"{digest.hexdigest()}"',
        max_age=max(0, int(expires - now)),
        states=tuple(states),
    )
