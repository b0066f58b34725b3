"""Shared by the doctor's tests: running one check, and marking what a test breaks.

`scripts/make_docs.py` reads the marks of these tests to write the table in docs/TROUBLESHOOTING.md:
`@breaks(check, how)` for a test that breaks a thing and sees the finding, `@healthy(check)` for one that
sees it healthy.
"""

from collections.abc import Callable
from typing import TypeVar

from pitboard.ops.doctor import run
from pitboard.ops.doctor.check import Check, Finding

Test = TypeVar("Test", bound=Callable[..., object])


def breaks(check: str, how: str) -> Callable[[Test], Test]:
    """Marks a test that breaks something for real; `how` completes "broken by ..."."""
    assert how
    return _known(check)


def healthy(check: str) -> Callable[[Test], Test]:
    """Marks a test that expects the check to find no problem."""
    return _known(check)


def check(name: str) -> Check:
    """The check of this id."""
    return {check.id: check for check in run.all_checks()}[name]


def result(environment: run.Environment, name: str, seconds: float = 10.0) -> run.Result:
    """What one check finds, run as the command runs it."""
    (found,) = run.run(environment, [check(name)], seconds)
    return found


def finding_of(environment: run.Environment, name: str) -> Finding:
    """What one check finds."""
    return result(environment, name).finding


def apply_fix(environment: run.Environment, name: str) -> str:
    """Makes the change that the check offers; returns its sentence."""
    change = run.available_fix(environment, result(environment, name))
    assert change, f"{name} offers no fix"
    return change()


def _known(name: str) -> Callable[[Test], Test]:
    assert check(name)
    return lambda test: test
