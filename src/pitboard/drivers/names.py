"""Forum names: what counts as a name, and when two names are the same person.

iRacing makes display names unique by a numeric suffix ("Alex Sample", "Alex Sample6"), so the whole
name is the key and the suffix belongs to it. Only an exact match (after `key`) is a match.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 100
"""Most characters of a name. iRacing documents no limit; the longest names seen are about 40."""


class InvalidNameError(ValueError):
    """The text cannot be a driver's name; the message says why, in words for a user."""


@dataclass(frozen=True, slots=True)
class Name:
    """A driver's name.

    `shown` is NFC with collapsed white space. `key` is the same in lower case: two names are the same
    person if and only if their keys are equal. Lower case rather than Unicode's case folding, for which
    "Strauß" and "Strauss" would be one person.
    """

    shown: str
    key: str


def parse(text: str) -> Name:
    """Makes a `Name` of what a forum page shows.

    Raises `InvalidNameError` for an empty text, more than `LONGEST` characters, or control characters,
    lone surrogates and invisible direction marks (nobody types them; they only make names look alike).
    """
    # What is remembered must be short: the texts come from strangers.
    return _remembered(text) if len(text) <= 2 * LONGEST else parse_once(text)


def parse_once(text: str) -> Name:
    """`parse` for texts that will not come again: remembers nothing."""
    return Name(*shown_and_key(text))


def shown_and_key(text: str) -> tuple[str, str]:
    """The two fields of a `Name`, for millions of texts. Raises as `parse`."""
    if text.isascii() and text.isprintable():
        shown = " ".join(text.split())
        key = shown.lower()
    else:
        shown = " ".join(unicodedata.normalize("NFC", text).split())
        key = unicodedata.normalize("NFC", shown.lower())
        # What is printable has none of the refused categories; most names need no look at each character.
        if not shown.isprintable() and any(unicodedata.category(one) in _REFUSED for one in shown):
            raise InvalidNameError("The name holds control or invisible characters.")
    if not shown:
        raise InvalidNameError("The name is empty.")
    if len(shown) > LONGEST:
        raise InvalidNameError(f"The name is longer than {LONGEST} characters.")
    return shown, key


_remembered = lru_cache(maxsize=20_000)(parse_once)


def same(one: str, other: str) -> bool:
    """Whether two texts name the same driver. A text that is no name is nobody's."""
    try:
        return parse(one).key == parse(other).key
    except InvalidNameError:
        return False


_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
