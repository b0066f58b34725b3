"""What `pitboard forget` and `pitboard allow` do, on this machine and in AWS."""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pitboard.drivers import names as forum_names
from pitboard.drivers.members import Audience, Members
from pitboard.drivers.model import CallContext
from pitboard.drivers.names import InvalidNameError, Name
from pitboard.local.credentials import find
from pitboard.local.home import LocalHome
from pitboard.local.members import LocalMembers
from pitboard.settings import Settings, UsageError, unreadable

ROSTER_SECONDS = 30.0


class MembersAdmin(Protocol):
    """Takes what members ask for. Its answers are sentences for the host. Everything raises `StoreError`."""

    def forget(self, names: Collection[Name], cust_ids: Collection[int]) -> str:
        """Deletes what is kept about a person."""

    def allow(
        self, agreed: Collection[Name], others: Collection[Name], league: int | None, *, only: bool
    ) -> str:
        """Puts them on the list, and the members of a league; those who `agreed` are withheld no longer.
        `only`: nobody else stays on it. Raises an `UpstreamError` for a league that cannot be had."""

    def listed(self) -> list[str]:
        """The name keys on the list."""


def parsed(texts: Sequence[str]) -> list[Name]:
    """The names. Raises `UsageError` for a text that is none."""
    try:
        return [forum_names.parse(text) for text in texts]
    except InvalidNameError as error:
        raise UsageError(str(error)) from None


def read_names(file: Path) -> list[Name]:
    """The names of a text file, one a line; empty lines and those that begin with # are left out.

    Raises `UsageError` for a file that cannot be read, or has a line that is no name.
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(file, error) from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found.append(forum_names.parse_once(line))
            except InvalidNameError as error:
                raise UsageError(f"{file}, line {number}: {error}") from None
    return found


class LocalMembersAdmin:
    """This machine's."""

    def __init__(self, settings: Settings, members: LocalMembers) -> None:
        self._settings = settings
        self._members = members

    def forget(self, names: Collection[Name], cust_ids: Collection[int]) -> str:
        done = self._members.forget(names, cust_ids)
        told = f"Forgotten. Deleted: {done.rows} rows, {done.indexed} entries of the driver index."
        if done.index_busy:
            told += " A refresh of the index is running; it takes the entry out of its file at its end."
        if done.set_aside:
            files = ", ".join(map(str, done.set_aside))
            told += f" These damaged files may still have the name; delete them: {files}."
        return told

    def allow(
        self, agreed: Collection[Name], others: Collection[Name], league: int | None, *, only: bool
    ) -> str:
        listed = mapping(agreed, others, self._roster(league) if league else {})
        self._members.readmit(agreed)
        withheld = self._members.allow(listed, only=only)
        unused = self._settings.audience != Audience.LISTED
        return told(self._members.kept.current(), withheld, unused=unused)

    def listed(self) -> list[str]:
        return sorted(self._members.kept.current().listed)

    def _roster(self, league: int) -> Mapping[int, str]:
        with LocalHome(self._settings, find()) as home:
            return home.upstream.roster(league, CallContext(time.monotonic() + ROSTER_SECONDS))


def mapping(agreed: Collection[Name], others: Collection[Name], roster: Mapping[int, str]) -> dict[str, int]:
    """Customer ids (0: not known) by name key. A name in a roster that is none is left out."""
    found = {name.key: 0 for name in (*agreed, *others)}
    for cust_id, text in roster.items():
        try:
            found[forum_names.parse_once(text).key] = cust_id
        except InvalidNameError:
            continue
    return found


def told(members: Members, withheld: int, *, unused: bool) -> str:
    """What is said after a change of the list. `withheld` of those given stay withheld; `unused`: the list
    has no effect."""
    said = f"Members on the list: {len(members.listed)}."
    if members.renamed:
        names = ", ".join(members.renamed)
        said += f" These names have new owners, who are withheld until you give the names again: {names}."
    if withheld:
        said += f" Of those given {withheld} have asked not to be shown; they stay withheld."
    if unused:
        said += " It has no effect yet: everyone is shown. PITBOARD_AUDIENCE=listed changes that."
    return said
