"""During iRacing's maintenance nothing is broken, and waiting is the only remedy."""

import json

from pitboard.iracing.pauses import is_maintenance
from pitboard.ops.doctor.check import Check, Finding, Section, ok, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment


def local(environment: LocalEnvironment) -> Finding:
    answer = environment.probe().answer
    if answer is None:
        return skipped("iRacing gave no answer.")
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if answer.status == 503 or is_maintenance(document):
        return warning("iRacing is in maintenance. Known drivers are still served.")
    return ok("iRacing is not in maintenance.")


CHECK = Check(
    id="maintenance",
    title="iRacing is not in maintenance",
    section=Section.HOST,
    symptoms=("Known drivers are marked stale and new ones `unavailable`, all at once",),
    remedy="Wait; a server that runs tries again by itself. News: https://status.iracing.com",
    local=local,
)
