"""What a check is and what it may find."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pitboard.ops.doctor.local import Local
    from pitboard.ops.environment import AwsEnvironment


class Section(StrEnum):
    """The troubleshooting guide's sections, in its order, and one for the machine itself."""

    DEPLOYMENT = "Deployment"
    RUNTIME = "Runtime"
    PERFORMANCE = "Performance"
    SECURITY = "Security"
    DATA = "Data"
    MONITORING = "Monitoring and health"
    HOST = "This host"


class Status(StrEnum):
    """`warning` is something to look at, `problem` something that does not work, `skipped` not applicable
    now, `hung` a check that gave no answer in time, `failed` one that broke down itself."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    PROBLEM = "problem"
    HUNG = "hung"
    FAILED = "failed"


BAD = frozenset({Status.PROBLEM, Status.HUNG, Status.FAILED})
"""With one of these `pitboard doctor` exits with 1."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: one sentence, and the remedy if it differs from the check's own.

    `fixable` False takes back the check's offer to mend it: this trouble is of another kind.
    """

    status: Status
    summary: str
    remedy: str = ""
    fixable: bool = True


def ok(summary: str) -> Finding:
    """All is well."""
    return Finding(Status.OK, summary)


def skipped(summary: str) -> Finding:
    """There is nothing to look at yet."""
    return Finding(Status.SKIPPED, summary)


def warning(summary: str, remedy: str = "", *, fixable: bool = True) -> Finding:
    """It works, but somebody should look."""
    return Finding(Status.WARNING, summary, remedy, fixable)


def problem(summary: str, remedy: str = "", *, fixable: bool = True) -> Finding:
    """It does not work."""
    return Finding(Status.PROBLEM, summary, remedy, fixable)


@dataclass(frozen=True, slots=True)
class Fix:
    """A safe change. `question` is asked before it; `local` and `aws` make it and say what they did."""

    question: str
    local: Callable[["Local"], str] | None = None
    aws: Callable[["AwsEnvironment"], str] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    `guide` is the heading of the troubleshooting guide that it answers ("" for our own). `symptoms` are
    what a person sees, in that person's words; `remedy` says what to do, with the exact command. `local`
    and `aws` do the looking in the home they are named after: None where a check does not apply.
    """

    id: str
    title: str
    section: Section
    symptoms: tuple[str, ...]
    remedy: str
    guide: str = ""
    local: Callable[["Local"], Finding] | None = None
    aws: Callable[["AwsEnvironment"], Finding] | None = None
    fix: Fix = field(default=Fix(""))

    @property
    def homes(self) -> tuple[str, ...]:
        """`local`, `aws` or both."""
        return tuple(home for home in ("local", "aws") if getattr(self, home))
