"""Runs single checks of the doctor, and marks the tests that break something.

`scripts/make_docs.py` reads the marks of these tests to write the table in docs/TROUBLESHOOTING.md:
`@breaks(check, how)` for a test that breaks something and checks the finding, `@sound(check)` for
one that checks the finding of a healthy home.
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


def sound(check: str) -> Callable[[Test], Test]:
    """Marks a test that sees the check satisfied."""
    return _known(check)


def check(name: str) -> Check:
    """The check of this id."""
    return {check.id: check for check in run.all_checks()}[name]


def result(context: run.Context, name: str, seconds: float = 10.0) -> run.Result:
    """What one check finds, run as the command runs it."""
    (found,) = run.run(context, [check(name)], seconds)
    return found


def look(context: run.Context, name: str) -> Finding:
    """What one check finds."""
    return result(context, name).finding


def mend(context: run.Context, name: str) -> str:
    """Makes the change that the check offers; gives what it says."""
    change = run.mend(context, result(context, name))
    assert change, f"{name} offers no change"
    return change()


def _known(name: str) -> Callable[[Test], Test]:
    assert check(name)
    return lambda test: test
