"""Finds the checks and runs them side by side, each in a thread, until a common time-out."""

import importlib
import logging
import pkgutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from pitboard.ops.doctor import checks
from pitboard.ops.doctor.check import Check, Finding, Section, Status
from pitboard.ops.doctor.local import Local
from pitboard.ops.environment import AwsEnvironment

LOCAL_SECONDS = 10.0
AWS_SECONDS = 30.0
"""How long all checks together may take."""

_log = logging.getLogger(__name__)

Context = Local | AwsEnvironment


@dataclass(frozen=True, slots=True)
class Result:
    """A check with what it found, and its time in seconds."""

    check: Check
    finding: Finding
    seconds: float


def all_checks() -> tuple[Check, ...]:
    """Every check there is, in the guide's order."""
    names = sorted(module.name for module in pkgutil.iter_modules(checks.__path__))
    found: list[Check] = [importlib.import_module(f"{checks.__name__}.{name}").CHECK for name in names]
    order = list(Section)
    return tuple(sorted(found, key=lambda check: order.index(check.section)))


def run(context: Context, which: Iterable[Check], seconds: float) -> list[Result]:
    """Runs the checks that apply to this home; gives a result for each, in the given order.

    A check without an answer after `seconds` is reported as hung and left to itself: its thread ends
    with the process.
    """
    applicable = [(check, look) for check in which if (look := _look(check, context))]
    answers: SimpleQueue[tuple[str, Result]] = SimpleQueue()
    for check, look in applicable:
        threading.Thread(target=_answer, args=(check, look, answers), daemon=True).start()
    found: dict[str, Result] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(applicable):
        try:
            name, result = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            break
        found[name] = result
    hung = Finding(Status.HUNG, f"No answer within {seconds:g} s.", fixable=False)
    return [found.get(check.id) or Result(check, hung, seconds) for check, _ in applicable]


def bad(results: Sequence[Result]) -> list[Result]:
    """Those that ask for something to be done."""
    quiet = (Status.OK, Status.SKIPPED)
    return [result for result in results if result.finding.status not in quiet]


def mend(context: Context, result: Result) -> Callable[[], str] | None:
    """The change that would mend it, or None if there is no safe one."""
    fix = result.check.fix
    mender = fix.local if isinstance(context, Local) else fix.aws
    if mender is None or not result.finding.fixable or not bad([result]):
        return None
    return lambda: mender(context)  # type: ignore[arg-type] # the pair was chosen by the context's type


def _look(check: Check, context: Context) -> Callable[[], Finding] | None:
    if isinstance(context, Local):
        local = check.local
        return (lambda: local(context)) if local else None
    aws = check.aws
    return (lambda: aws(context)) if aws else None


def _answer(check: Check, look: Callable[[], Finding], answers: "SimpleQueue[tuple[str, Result]]") -> None:
    begun = time.monotonic()
    try:
        finding = look()
    except Exception as error:  # noqa: BLE001 - a check that breaks down is a finding
        _log.debug("The check %s broke down.", check.id, exc_info=True)
        finding = Finding(Status.FAILED, f"The check broke down: {error_text(error)}", fixable=False)
    answers.put((check.id, Result(check, finding, time.monotonic() - begun)))


def error_text(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
