"""The shared budget of calls to iRacing."""

import time

from pitboard.ops.doctor.check import Check, Finding, Section, ok, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment


def local(environment: LocalEnvironment) -> Finding:
    meter = environment.meter()
    if meter is None:
        return skipped("No call has been made yet.")
    budget, now = meter.status(), time.time()
    if pause := budget.pause_left(now):
        return warning(f"Calls are paused for another {pause:.0f} s ({budget.paused_code}).")
    if budget.level < 1:
        return warning("The call budget is used up; it grows by two calls a second.")
    return ok(f"{budget.level:.0f} of {budget.capacity:.0f} calls could be made at once.")


CHECK = Check(
    id="budget",
    title="There are calls left in the budget",
    section=Section.HOST,
    symptoms=("New names stay `pending` for long", "Answers are stale although iRacing is up"),
    remedy=(
        "Wait a minute. If it happens again, another program may use the same account:"
        " `curl -s 127.0.0.1:8765/metrics | grep upstream_calls` shows the calls of this server."
    ),
    local=local,
)
