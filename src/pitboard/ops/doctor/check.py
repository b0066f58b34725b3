"""A check and its finding."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pitboard.ops.doctor.local_environment import LocalEnvironment
    from pitboard.ops.environment import AwsEnvironment


class Section(StrEnum):
    """The sections of the troubleshooting guide, in its order, and one for this machine."""

    DEPLOYMENT = "Deployment"
    RUNTIME = "Runtime"
    PERFORMANCE = "Performance"
    SECURITY = "Security"
    DATA = "Data"
    MONITORING = "Monitoring and health"
    HOST = "This host"


class Status(StrEnum):
    """`warning`: works, but needs attention; `problem`: does not work; `skipped`: cannot be checked yet;
    `hung`: the check had no finding in time; `failed`: the check itself raised an error."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    PROBLEM = "problem"
    HUNG = "hung"
    FAILED = "failed"


FAILURES = frozenset({Status.PROBLEM, Status.HUNG, Status.FAILED})
"""With one of these `pitboard doctor` exits with 1."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: one sentence, and a remedy if it differs from the check's own.

    With `fixable` False the check's fix is not offered: it would not help here.
    """

    status: Status
    summary: str
    remedy: str = ""
    fixable: bool = True


def ok(summary: str) -> Finding:
    """Everything works."""
    return Finding(Status.OK, summary)


def skipped(summary: str) -> Finding:
    """There is nothing to check yet."""
    return Finding(Status.SKIPPED, summary)


def warning(summary: str, remedy: str = "", *, fixable: bool = True) -> Finding:
    """It works, but needs attention."""
    return Finding(Status.WARNING, summary, remedy, fixable)


def problem(summary: str, remedy: str = "", *, fixable: bool = True) -> Finding:
    """It does not work."""
    return Finding(Status.PROBLEM, summary, remedy, fixable)


@dataclass(frozen=True, slots=True)
class Fix:
    """A safe change. `question` is asked first; `local` and `aws` make it and return what they did."""

    question: str
    local: Callable[["LocalEnvironment"], str] | None = None
    aws: Callable[["AwsEnvironment"], str] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    `guide` is the heading of the troubleshooting guide that it belongs to ("": none). `symptoms` are what a
    person sees, in that person's words; `remedy` says what to do, with the exact command. `more` is
    for the guide alone, in Markdown: how AWS is used here, and how to look for yourself. `local` and `aws`
    run the check in the home of that name: None if it does not apply there.
    """

    id: str
    title: str
    section: Section
    symptoms: tuple[str, ...]
    remedy: str
    guide: str = ""
    more: tuple[str, ...] = ()
    local: Callable[["LocalEnvironment"], Finding] | None = None
    aws: Callable[["AwsEnvironment"], Finding] | None = None
    fix: Fix = field(default=Fix(""))

    @property
    def homes(self) -> tuple[str, ...]:
        """`local`, `aws` or both."""
        return tuple(home for home in ("local", "aws") if getattr(self, home))
