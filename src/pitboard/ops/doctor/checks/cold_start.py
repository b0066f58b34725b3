"""The start time of new instances of the functions, from the REPORT lines that Lambda writes."""

import re

from pitboard.ops.doctor.check import Check, Finding, Section, ok, skipped, warning
from pitboard.ops.environment import AwsEnvironment

SLOW_MS = 1500.0
_INIT = re.compile(r"(?:Init|Restore) Duration: ([\d.]+) ms")


def aws(environment: AwsEnvironment) -> Finding:
    if not environment.functions():
        return skipped("No function is deployed yet.")
    slowest, count = ("", 0.0), 0
    for name in environment.functions():
        for line in environment.log_lines(name, '"REPORT RequestId"'):
            if found := _INIT.search(line):
                count += 1
                slowest = max(slowest, (name, float(found.group(1))), key=lambda item: item[1])
    if not count:
        return skipped("There was no cold start in the last hour.")
    name, milliseconds = slowest
    if milliseconds > SLOW_MS:
        return warning(
            f"{count} cold starts in the last hour; the slowest, of {name}, took {milliseconds:.0f} ms."
        )
    return ok(f"{count} cold starts in the last hour; the slowest took {milliseconds:.0f} ms.")


CHECK = Check(
    id="cold-start",
    title="New instances start fast",
    section=Section.PERFORMANCE,
    guide="High Cold Start Latency",
    symptoms=("The first page after a quiet time is slow",),
    remedy=(
        "Turn on SnapStart (`pitboard deploy --context snap_start=true`) or provisioned concurrency"
        " (`--context provisioned=2`)."
    ),
    more=(
        (
            "What a start costs: one package without boto3's resources, its bytecode compiled, imports at"
            " module level. SnapStart is on in prod; `--context snap_start=false --context provisioned=2`"
            " keeps two copies running instead."
        ),
    ),
    aws=aws,
)
