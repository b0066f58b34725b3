"""What a store has read, checked: what is damaged is not there, and no name beside it suffers.

Whoever asked for it looks it up anew, and what that brings takes the damaged one's place.
"""

import logging
import math
import threading
from functools import lru_cache

from pitboard.drivers import records
from pitboard.drivers.errors import StoreError
from pitboard.drivers.members import DOCUMENT as MEMBERS
from pitboard.drivers.model import IdEntry, Record

LONGEST = 6e10
"""Seconds before and after 1970 that a time may be; it must be one that a calendar has (year 68 to 3871)."""

MOST_ID = 2**53
"""Beyond any customer id; numbers up to here are whole in JSON and in DynamoDB alike."""

MOST_SAID = 1_000
"""Damaged keys that are remembered, so that each is said once."""

log = logging.getLogger(__name__)


class DamageError(ValueError):
    """Something read is not what was written. The message names the field, and holds nothing of it."""


def record(key: object, *fields: object) -> Record:
    """A record from the values of its fields, in their order. Raises `DamageError`."""
    name, (cust_id, body, *times) = _text("key", key), fields
    driver = name == name.lower()  # else it is one of the core's own, which hold other things
    return Record(name, _id(cust_id), _body(body, driver=driver), *map(_time, times))


def entry(
    key: object, cust_id: object, origin: object, until: object, reason: object, *times: object
) -> IdEntry:
    """An id entry from the values of its fields, in their order. Raises `DamageError`."""
    whose = None if cust_id is None else _id(cust_id)
    texts = _text("origin", origin), _text("reason", reason)
    return IdEntry(_text("key", key), whose, texts[0], _time(until), texts[1], *map(_time, times))


def document_lost(key: str) -> None:
    """A document cannot be read, and a new one is to be made in its place. Raises `StoreError` for the one
    that says who is not to be shown: without it everybody would be."""
    if key == MEMBERS:
        raise StoreError("What members have asked for cannot be read; restore it from a backup.")
    # without the account that may be in the key
    log.error("the document %s could not be read; a new one is made", key.partition(":")[0])


class Told:
    """Writes one line in the log for each damaged key. Safe for threads."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, what: str, key: str, error: Exception) -> None:
        """Tells that `what` (a record, an entry) is damaged; the key itself, a name, is not told."""
        with self._lock:
            if key in self._keys:
                return
            if len(self._keys) >= MOST_SAID:
                self._keys.clear()
            self._keys.add(key)
        log.error("%s is damaged and counts as not there: %s", what, error)


def _text(field: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise DamageError(f"its {field} is no text")


def _id(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_ID:
        return value
    raise DamageError("its customer id is none")


def _time(value: object) -> float:
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LONGEST:
        return float(value)
    raise DamageError("a time in it is none")


def _body(value: object, *, driver: bool) -> bytes:
    if not isinstance(value, bytes):
        raise DamageError("its body is no bytes")
    if trouble := _trouble(value, driver):
        raise DamageError(trouble)
    return value


@lru_cache(maxsize=500)  # in AWS the same popular drivers are read for every page
def _trouble(body: bytes, driver: bool) -> str:
    """What is wrong with a body; "" if nothing is. `driver`: it must be one that can be shown."""
    try:
        decoded = records.decoded(body)
    except (ValueError, RecursionError):
        return "its body is no JSON"
    if not isinstance(decoded, dict) or not decoded:
        return "its body is no JSON object"
    info = decoded.get("member_info", {})
    if driver and not (isinstance(info, dict) and isinstance(info.get("licenses", []), list)):
        return "its body is no driver's"
    return ""
