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
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment

LOCAL_SECONDS = 10.0
AWS_SECONDS = 30.0
"""How long all checks together may take."""

_log = logging.getLogger(__name__)

Environment = LocalEnvironment | AwsEnvironment


@dataclass(frozen=True, slots=True)
class Result:
    """A check with its finding, and its time in seconds."""

    check: Check
    finding: Finding
    seconds: float


def all_checks() -> tuple[Check, ...]:
    """All checks, in the guide's order."""
    names = sorted(module.name for module in pkgutil.iter_modules(checks.__path__))
    found: list[Check] = [importlib.import_module(f"{checks.__name__}.{name}").CHECK for name in names]
    order = list(Section)
    return tuple(sorted(found, key=lambda check: order.index(check.section)))


def run(environment: Environment, which: Iterable[Check], seconds: float) -> list[Result]:
    """Runs the checks that apply to this home; returns a result for each, in the given order.

    A check without a finding after `seconds` is reported as hung. Its thread ends with the process.
    """
    applicable = [(check, function) for check in which if (function := _function(check, environment))]
    results: SimpleQueue[tuple[str, Result]] = SimpleQueue()
    for check, function in applicable:
        threading.Thread(target=_run_one, args=(check, function, results), daemon=True).start()
    found: dict[str, Result] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(applicable):
        try:
            name, result = results.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            break
        found[name] = result
    hung = Finding(Status.HUNG, f"No finding within {seconds:g} s.", fixable=False)
    return [found.get(check.id) or Result(check, hung, seconds) for check, _ in applicable]


def unhealthy(results: Sequence[Result]) -> list[Result]:
    """The results that need somebody's attention."""
    healthy = (Status.OK, Status.SKIPPED)
    return [result for result in results if result.finding.status not in healthy]


def available_fix(environment: Environment, result: Result) -> Callable[[], str] | None:
    """The change that would fix it, None if there is no safe one. It returns a sentence about what it did."""
    fix = result.check.fix
    change = fix.local if isinstance(environment, LocalEnvironment) else fix.aws
    if change is None or not result.finding.fixable or not unhealthy([result]):
        return None
    return lambda: change(environment)  # type: ignore[arg-type] # the pair was chosen by the environment's type


def _function(check: Check, environment: Environment) -> Callable[[], Finding] | None:
    if isinstance(environment, LocalEnvironment):
        local = check.local
        return (lambda: local(environment)) if local else None
    aws = check.aws
    return (lambda: aws(environment)) if aws else None


def _run_one(
    check: Check, function: Callable[[], Finding], results: "SimpleQueue[tuple[str, Result]]"
) -> None:
    began = time.monotonic()
    try:
        finding = function()
    except Exception as error:  # noqa: BLE001 - a check that raises is a finding
        _log.debug("The check %s raised an error.", check.id, exc_info=True)
        remedy = f"Run `pitboard doctor --only {check.id}` again. If it fails again, report this line."
        finding = Finding(Status.FAILED, f"The check failed: {_one_line(error)}", remedy, fixable=False)
    results.put((check.id, Result(check, finding, time.monotonic() - began)))


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
