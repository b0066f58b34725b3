"""What goes out for one driver: the kept body with ranks, with or without the profile's fields.

Making it costs a decoding and an encoding, so what was made is held until record or ranks change.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pitboard.drivers import records
from pitboard.drivers.index import IndexedDriver
from pitboard.drivers.model import Record
from pitboard.drivers.ranks import Ranks

MOST_HELD = 10_000
"""Answers that are held, some 20 MB. When there are more, all are made anew."""


@dataclass(frozen=True, slots=True)
class View:
    """A driver as shown. `head` is the JSON object without its last brace, `version` stands for it.

    `state` is `fresh`, `stale` or `partial`; `until` is when it stops being so (Unix seconds).
    """

    head: bytes
    version: tuple[float, ...]
    state: str
    as_of: float
    source: str
    until: float

    def encoded(self, now: float) -> bytes:
        """The JSON object, with `_meta`."""
        return b'%b,"_meta":{"state":"%b","as_of":"%b","age":%d,"source":"%b"}}' % (
            self.head,
            self.state.encode(),
            records.iso(self.as_of).encode(),
            max(0, int(now - self.as_of)),
            self.source.encode(),
        )


class Views:
    """Makes views and holds what they cost. Safe for threads."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[tuple[float, ...], bytes]] = {}
        self._lock = threading.Lock()

    def of_record(self, record: Record, ranks: Ranks, now: float, *, profile: bool) -> View:
        """A kept record. Without `profile` its state is that of the licences alone."""
        version = (record.as_of, record.profile_until if profile else 0.0, ranks.as_of)
        head = self._head((record.key, "whole" if profile else "licences"), version, record.body, ranks)
        if profile and record.partial:
            state = "partial"
        else:
            due = record.due(now) if profile else record.licences_due(now)
            state = "stale" if due else "fresh"
        return View(head, version, state, record.as_of, "iracing", record.fresh_until)

    def of_index(self, key: str, driver: IndexedDriver, ranks: Ranks) -> View:
        """A driver of whom only the index knows."""
        version = (ranks.as_of,)
        held = self._held.get((key, "index"))
        if held and held[0] == version:
            head = held[1]
        else:
            head = self._head((key, "index"), version, records.indexed_body(driver), ranks)
        return View(head, version, "partial", ranks.as_of, "index", 0.0)

    def _head(self, which: tuple[str, str], version: tuple[float, ...], body: bytes, ranks: Ranks) -> bytes:
        held = self._held.get(which)
        if held and held[0] == version:
            return held[1]
        head = _with_ranks(body, ranks, whole=which[1] == "whole")[:-1]
        with self._lock:
            if len(self._held) >= MOST_HELD:
                self._held = {}
            self._held[which] = version, head
        return head


def _with_ranks(body: bytes, ranks: Ranks, *, whole: bool) -> bytes:
    driver: dict[str, Any] = json.loads(body)
    info = driver.get("member_info", {})
    country = str(info.get("country_code") or "")
    for licence in info.get("licenses", []):
        if isinstance(licence, dict) and (rank := _rank(licence, country, ranks)):
            licence["rank"] = rank
    return records.encode(driver if whole else {"cust_id": driver["cust_id"], "member_info": info})


def _rank(licence: Mapping[str, Any], country: str, ranks: Ranks) -> dict[str, int] | None:
    irating = licence.get("irating")
    if not isinstance(irating, int) or isinstance(irating, bool) or irating < 0:
        return None
    return ranks.rank(str(licence.get("category")), country, irating)
