"""Whom Pitboard may ask for, keep and show: what members have asked for, and a host's list.

iRacing is reported to ask that nobody's name or customer id is shown without consent that can be withdrawn
(docs/MEMBERS.md). A member who asked for it is withheld for good. With `Audience.LISTED` everybody is who is
not on the host's list.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pitboard.drivers.errors import StoreError

DOCUMENT = "MEMBERS"
"""The key of the document in which a home keeps this."""

MOST_LISTED = 5_000
MOST_WITHHELD = 4_000
"""Names on a list, and fingerprints of withheld names and ids: the document has to fit into 400 KB."""


class Audience(StrEnum):
    """Whom a host shows: everybody but the withheld, or those on his list alone."""

    EVERYONE = "everyone"
    LISTED = "listed"


@lru_cache(maxsize=20_000)
def fingerprint(text: str) -> str:
    """What is kept of a withheld name key or `id:NUMBER` instead of itself.

    The name cannot be read from it; whoever has it can test whether a name that he knows is the one.
    """
    encoded = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=12, person=b"pitboard").hexdigest()


def of_id(cust_id: int) -> str:
    """The fingerprint of a customer id. A name key can have a colon and digits, too: the two spaces keep the
    one from being taken for the other, since no name key has two of them."""
    return fingerprint(f"id  {cust_id}")


def _is_own(key: str) -> bool:
    """Whether a key is one of the core's own, like `HISTORY:7:oval:irating`: name keys are in lower case."""
    return "A" <= key[:1] <= "Z"


def _id_in(key: str) -> int:
    """The customer id in one of the core's own keys; 0: it is about nobody."""
    number = key.partition(":")[2].partition(":")[0]
    return int(number) if number.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Members:
    """One state of it. `withheld` are fingerprints, each with a number that those of one person share;
    `listed` has the customer id (0: not known yet) by name key; it is negative once the name was seen with
    another driver, who has not agreed. `chosen`: the host has said so here (in AWS; at home a setting says
    it)."""

    audience: Audience = Audience.EVERYONE
    chosen: bool = False
    withheld: Mapping[str, int] = field(default_factory=dict)
    listed: Mapping[str, int] = field(default_factory=dict)

    @property
    def all_shown(self) -> bool:
        """Whether nobody is withheld."""
        return not self.withheld and self.audience is Audience.EVERYONE

    def permits(self, key: str) -> bool:
        """Whether the driver of this name key may be asked for, kept and shown."""
        if self.audience is Audience.LISTED and self.listed.get(key, -1) < 0:
            return False
        return not self.withheld or fingerprint(key) not in self.withheld

    def withholds_id(self, cust_id: int) -> bool:
        """Whether the member with this customer id has asked to be forgotten, by whatever name."""
        return bool(self.withheld) and of_id(cust_id) in self.withheld

    def shows_id(self, cust_id: int) -> bool:
        """Whether charts and races of the member with this customer id may be shown."""
        if self.withholds_id(cust_id):
            return False
        return self.audience is Audience.EVERYONE or cust_id in self.listed.values()

    def keeps(self, key: str, cust_id: int | None) -> bool:
        """Whether what a store holds under this key may be kept."""
        if self.all_shown:
            return True
        if _is_own(key):
            return not self.withholds_id(_id_in(key))
        if not self.permits(key) or (cust_id and self.withholds_id(cust_id)):
            return False
        return not cust_id or not self._is_of_another(key, cust_id)

    def _is_of_another(self, key: str, cust_id: int) -> bool:
        """Whether the list means another driver by this name than the one with this customer id."""
        return self.audience is Audience.LISTED and self.listed.get(key, 0) not in (0, cust_id)

    def strictly_keeps(self, key: str, cust_id: int | None) -> bool:
        """The same for cleaning up: with a list, charts stay only of those whose customer id is on it."""
        if self.audience is Audience.LISTED and _is_own(key) and (own := _id_in(key)):
            return own in self.listed.values() and self.keeps(key, cust_id)
        return self.keeps(key, cust_id)

    @property
    def renamed(self) -> list[str]:
        """The names on the list that another driver has by now."""
        return sorted(key for key, cust_id in self.listed.items() if cust_id < 0)

    # --- changes

    def forgetting(self, keys: Iterable[str], cust_ids: Iterable[int] = ()) -> "Members":
        """With these withheld and off the list."""
        gone = set(keys)
        marks = {fingerprint(key) for key in gone} | {of_id(cust_id) for cust_id in cust_ids}
        listed = {key: cust_id for key, cust_id in self.listed.items() if key not in gone}
        return replace(self, listed=listed).marking(marks)

    def marking(self, marks: set[str]) -> "Members":
        """With one person's fingerprints; whoever had one of them before is the same person."""
        before = {self.withheld[mark] for mark in marks if mark in self.withheld}
        person = min(before) if before else max(self.withheld.values(), default=0) + 1
        withheld = {mark: person if one in before else one for mark, one in self.withheld.items()}
        return replace(self, withheld=withheld | dict.fromkeys(marks, person))

    def listing(self, names: Mapping[str, int], *, only: bool = False) -> "Members":
        """With these names (and their customer ids, 0: not known) on the list; `only`: nobody else."""
        listed = {} if only else dict(self.listed)
        for key, cust_id in names.items():
            listed[key] = cust_id or self.listed.get(key, 0)
        return replace(self, listed=listed)

    def identifying(self, found: Mapping[str, int]) -> "Members":
        """With the customer ids of those who are listed by name alone."""
        known = {key: cust_id for key, cust_id in found.items() if self.listed.get(key) == 0}
        return self.listing(known) if known else self

    def refusing(self, key: str, cust_id: int) -> "Members":
        """With the driver withheld who was found for this name and may not be kept: a member who is withheld
        has a new name, or a listed name has a new owner."""
        if self.withholds_id(cust_id):
            return self.forgetting([key], [cust_id])
        if self.permits(key) and self._is_of_another(key, cust_id):
            return replace(self, listed={**self.listed, key: -self.listed[key]})
        return self

    def agreeing(self, key: str) -> "Members":
        """With the member on the list who has this name now, and no longer withheld."""
        free = self.readmitting(key)
        return replace(free, listed={**free.listed, key: 0})

    def readmitting(self, key: str) -> "Members":
        """With a member who has agreed again no longer withheld, by any name or id."""
        person = self.withheld.get(fingerprint(key))
        return replace(self, withheld={mark: one for mark, one in self.withheld.items() if one != person})

    def choosing(self, audience: Audience) -> "Members":
        """With this audience, which the host has chosen."""
        return replace(self, audience=audience, chosen=True)

    def joined(self, other: "Members") -> "Members":
        """What members asked for here or there, and this list; the other one if this is empty."""
        joined = replace(self, listed=self.listed or other.listed)
        for person in set(other.withheld.values()):
            joined = joined.marking({mark for mark, one in other.withheld.items() if one == person})
        return joined

    # --- as a document

    def as_document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "audience": str(self.audience),
            "chosen": self.chosen,
            "withheld": dict(self.withheld),
            "listed": dict(self.listed),
        }

    @classmethod
    def of_document(cls, value: Mapping[str, Any]) -> "Members":
        """What `as_document` gave. Raises `StoreError` for anything else: nobody is shown by mistake."""
        try:
            listed = {str(key): int(cust_id) for key, cust_id in dict(value["listed"]).items()}
            withheld = {str(mark): int(person) for mark, person in dict(value["withheld"]).items()}
            return cls(Audience(value["audience"]), bool(value["chosen"]), withheld, listed)
        except (LookupError, ValueError, TypeError, OverflowError):
            raise StoreError(
                "What members have asked for cannot be read; restore it from a backup."
            ) from None


NOBODY_ASKED = Members()


class Gate:
    """Says who comes into a new index, and notes the customer ids of members of whom only the name was known:
    they stay withheld under another name, and their charts are shown to those whom a list shows."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._listed: dict[str, int] = {}
        self._withheld: dict[str, set[int]] = defaultdict(set)

    @property
    def is_for_few(self) -> bool:
        """Whether an index of few drivers is no sign of damage."""
        return self._members.audience is Audience.LISTED

    def takes(self, key: str, cust_id: int) -> bool:
        """Whether the driver may be in the index."""
        if self._members.all_shown:
            return True
        if self._members.keeps(key, cust_id):
            if self._members.listed.get(key) == 0:
                # of two drivers whose names differ in case only, neither is known to be the listed one
                self._listed[key] = cust_id if self._listed.get(key, cust_id) == cust_id else 0
            return True
        if self._members.withheld and fingerprint(key) in self._members.withheld:
            self._withheld[key].add(cust_id)
        return False

    def noted(self, members: Members) -> Members:
        """The state with what was noted."""
        listed = {key: cust_id for key, cust_id in self._listed.items() if key in members.listed}
        members = members.listing(listed)
        for key, cust_ids in self._withheld.items():
            if fingerprint(key) in members.withheld:
                members = members.forgetting([key], cust_ids)
        return members
