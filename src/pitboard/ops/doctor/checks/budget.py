"""The calls that iRacing allows, as the shared budget counts them."""

import time

from pitboard.ops.doctor.check import Check, Finding, Section, ok, skipped, warning
from pitboard.ops.doctor.local import Local


def local(context: Local) -> Finding:
    meter = context.meter()
    if meter is None:
        return skipped("No call has been made yet.")
    budget, now = meter.status(), time.time()
    if pause := budget.pause_left(now):
        return warning(f"Calls are paused for another {pause:.0f} s ({budget.paused_code}).")
    if budget.level < 1:
        return warning("The call budget is used up; it fills by two calls a second.")
    return ok(f"{budget.level:.0f} of {budget.capacity:.0f} calls could be made at once.")


CHECK = Check(
    id="budget",
    title="There are calls left in the budget",
    section=Section.HOST,
    symptoms=("New names stay `pending` for long", "Answers are stale although iRacing is up"),
    remedy=(
        "Wait a minute. If it comes back, another program uses the same account:"
        " `curl -s 127.0.0.1:8765/metrics | grep upstream_calls` shows what is ours."
    ),
    local=local,
)
