"""Where links in iRacing's answers may lead.

A link is followed without the token, but what it leads to is believed, and a server in a private network must
not be made to ask its neighbours. So only hosts that are iRacing's are followed, by https, to public
addresses. Where the Data API itself is on this machine (the simulator), links may stay on it, by http too.
"""

import logging
import re
import socket
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from pitboard.drivers.errors import UnreachableError
from pitboard.iracing.transport import is_loopback, is_public

HOSTS = ("scorpio-assets.s3.amazonaws.com", "scorpio-assets.s3.*.amazonaws.com", "*.iracing.com")
"""iRacing's own hosts, and its bucket in S3 with and without a region. All links in recorded answers of 2024
and 2025 lead to the first; the others are names that nobody but iRacing can have."""

_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f]")
"""Characters that `urlsplit` drops from a link and others do not, so that it would mean two things."""

log = logging.getLogger(__name__)


class Links:
    """Says which links are followed. `more` are hosts besides `HOSTS`; `*` stands for one part of a name."""

    def __init__(self, data_url: str, more: Sequence[str] = ()) -> None:
        self._data_url = data_url
        self._here = is_loopback(data_url)
        self._data_host = urlsplit(data_url).hostname or ""
        self._hosts = re.compile("|".join(_pattern(host) for host in (*HOSTS, *more)))
        self._public: bool | None = None

    def check(self, link: str) -> None:
        """Raises `UnreachableError` for a link that is not followed."""
        try:
            parts = urlsplit("" if _AMBIGUOUS.search(link) else link)
            parts.port  # noqa: B018 - raises ValueError for what is no port
        except ValueError:
            raise UnreachableError("iRacing's answer has a link that cannot be read.") from None
        if self._here and is_loopback(link) and parts.scheme in ("http", "https") and "@" not in parts.netloc:
            return
        host = parts.hostname or ""
        if parts.scheme != "https" or not host or "@" in parts.netloc or not _is_name(parts):
            raise UnreachableError("iRacing's answer points to an address that is not followed.")
        if host != self._data_host and not self._hosts.fullmatch(host):
            log.warning("a link to %s was not followed", host[:80])
            raise UnreachableError(
                f"iRacing's answer points to {host[:80]}, which is not followed. If this host is iRacing's,"
                " add it to PITBOARD_LINK_HOSTS."
            )

    @property
    def public_only(self) -> bool:
        """Whether links may only lead to public addresses: always, unless the Data API's own is none."""
        if self._public is None:
            self._public = not self._here and _resolves_to_public(self._data_host)
        return self._public


def _is_name(parts: SplitResult) -> bool:
    """Whether the host is written as a plain name. What parsers could read in several ways is not."""
    return bool(re.fullmatch(r"[a-z0-9.-]+", parts.hostname or "")) and not re.search(r"[\\\s]", parts.netloc)


def _pattern(host: str) -> str:
    return re.escape(host.strip().lower()).replace(r"\*", "[^.]+")


def _resolves_to_public(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError:
        return True
    return all(is_public(str(address[4][0])) for address in found)
