"""Removes secrets from everything that is written: by value, by key, and by pattern.

By value: a registered secret is found in every encoding of its characters (percent-encoded, escaped for
JSON, Python's `repr` or HTML) and inside base64. By key: the value of `password`, `client_secret`,
`X-Amz-Signature` and similar keys, in dictionaries and in text. By pattern: bearer tokens, JSON Web Tokens,
AWS key ids and the user part of a URL.
"""

import base64
import math
import re
from collections.abc import Mapping, Set
from typing import Any

REDACTED = "[redacted]"
SHORTEST = 4
"""Values with fewer characters are not searched for: they are part of ordinary words."""

_DEEPEST = 8
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}

_KEYS = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secret[_-]?(?:string|binary|access[_-]?key)",
    "token",
    "authorization",
    "cookie",
    "signature",
    "credentials?",
    "api[_-]?key",
    "private[_-]?key",
    "access[_-]?key(?:[_-]?id)?",
    "code[_-]?verifier",
)
_KEY = f"(?:{'|'.join(_KEYS)})"
_KEY_NAME = re.compile(f"{_KEY}$", re.IGNORECASE)
_HARMLESS = r"""(?!(?:None|null|True|true|False|false)(?=[\s,;&)}\]]|$))"""

_IN_TEXT = re.compile(
    rf"""
    (?P<key>{_KEY}(?:\\*["'])?\s*(?:=>|[:=]|%3[AD])\s*)
    (?:
        [bru]?(?P<quote>\\*["']).*?(?:(?<!\\)(?P=quote)|$)      # up to the same quote, or the end
      | {_HARMLESS}(?:bearer|basic)\s+[^\s&"'<>]+
      | {_HARMLESS}[^\s&"'<>{{\[(][^\s&"'<>]*
    )
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_HEADER = re.compile(r"((?:authorization|cookie)\s*:\s*)[^\s\"'\[][^\r\n\"']*", re.IGNORECASE)
_PATTERNS = re.compile(
    r"""
      (?:(?<=bearer\s)|(?<=bearer%20)|(?<=basic\s))[A-Za-z0-9._~+/=%-]{8,}
    | \beyJ[\w-]{6,}(?:\.[\w-]*){1,4}       # a JSON Web Token begins with the base64 of '{"'
    | \b(?:AKIA|ASIA)[A-Z0-9]{12,}
    | (?<=://)[^/\s@"']*:[^/\s@"']*(?=@)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def mask_secret(secret: str) -> str:
    """The first two and last two characters with stars between; four or fewer are all stars."""
    if len(secret) <= 4:
        return "*" * len(secret)
    return secret[:2] + "*" * (len(secret) - 4) + secret[-2:]


class Redactor:
    """Holds the secrets of this process and removes them. Safe for threads."""

    def __init__(self) -> None:
        self._patterns: frozenset[str] = frozenset()
        self._values: re.Pattern[str] | None = None

    def hide(self, *secrets: str) -> None:
        """Registers values that must never be written. Give a masked secret as a value of its own.

        Values shorter than `SHORTEST` are left out.
        """
        forms = {form for secret in secrets for form in _forms(secret)}
        patterns = self._patterns | {_any_encoding(form) for form in forms}
        if patterns != self._patterns:
            longest_first = sorted(patterns, key=len, reverse=True)
            self._patterns, self._values = patterns, re.compile("|".join(longest_first))

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._values is not None:
            text = self._values.sub(REDACTED, text)
        text = _HEADER.sub(rf"\1{REDACTED}", text)
        text = _IN_TEXT.sub(rf"\g<key>{REDACTED}", text)
        return _PATTERNS.sub(REDACTED, text)

    def value(self, value: Any, depth: int = 0) -> Any:
        """The value for JSON, without secrets: numbers stay, containers are copied, the rest is text."""
        if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
            return value
        if isinstance(value, int):
            return value if self.text(digits := str(value)) == digits else REDACTED
        if isinstance(value, str):
            return self.text(value)
        if depth >= _DEEPEST:
            return "..."
        if isinstance(value, Mapping):
            return {self.text(str(k)): self._under(str(k), v, depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple | Set):
            return [self.value(item, depth + 1) for item in value]
        if isinstance(value, bytes | bytearray):
            return self.text(value.decode("utf-8", "backslashreplace"))
        return self.text(str(value))

    def _under(self, key: str, value: Any, depth: int) -> Any:
        if _KEY_NAME.search(key) and value is not None and not isinstance(value, bool):
            return REDACTED
        return self.value(value, depth)


def _forms(secret: str) -> set[str]:
    """The secret, and its base64 for each position at which it can begin in the encoded text."""
    if len(secret) < SHORTEST:
        return set()
    forms = {secret}
    data = secret.encode("utf-8", "surrogatepass")
    for shift, lead in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(shift) + data).decode()
        sure = encoded[lead : (shift + len(data)) * 8 // 6]
        if len(sure) > SHORTEST:
            forms |= {sure, sure.replace("+", "-").replace("/", "_")}
    return forms


def _any_encoding(text: str) -> str:
    """A pattern for the text with each character in any encoding."""
    runs = re.findall(r"[A-Za-z0-9_.~-]+|\\+|.", text, re.DOTALL)
    return "".join(_run_encoding(run) for run in runs)


def _run_encoding(run: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.~-]+", run):
        return re.escape(run)  # no encoding changes these
    if run.startswith("\\"):
        # One quantifier for the whole run: one for each backslash would make the search exponential.
        return rf"(?:\\{{{len(run)},{16 * len(run)}}}|(?:%(?:25){{0,2}}5[Cc]){{{len(run)}}})"
    data = run.encode("utf-8", "surrogatepass")
    units = run.encode("utf-16-be", "surrogatepass")
    ways = [
        re.escape(run),
        "".join(f"%(?:25){{0,2}}(?i:{byte:02x})" for byte in data),
        "".join(rf"\\{{1,15}}x(?i:{byte:02x})" for byte in data),
        "".join(rf"\\{{1,15}}u(?i:{units[i : i + 2].hex()})" for i in range(0, len(units), 2)),
        rf"\\{{1,15}}U(?i:{ord(run):08x})",
        rf"\\{{1,15}}x(?i:{ord(run):02x})",
    ]
    named = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", '"': '"', "'": "'", "/": "/"}
    if run in named:
        ways.append(rf"\\{{1,15}}{named[run]}")
    if run == " ":
        ways.append(r"\+")
    if run in _HTML:
        ways.append(re.escape(_HTML[run]))
    return f"(?:{'|'.join(ways)})"
