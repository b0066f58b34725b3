"""Logs must be kept, and should hold no errors."""

from collections import Counter

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.logs import LocalLog, Query, parse
from pitboard.telemetry.files import log_file


def local(environment: LocalEnvironment) -> Finding:
    file = log_file(environment.settings.db)
    if not file.exists():
        return skipped("Nothing has been logged yet.")
    lines = LocalLog(file).read(Query(since=3600, errors_only=True))
    count = Counter(line.kind for line in lines)
    if count:
        kind, times = count.most_common(1)[0]
        return warning(f"{count.total()} errors in the last hour; most often ({times}) {kind!r}.")
    return ok("No error in the last hour.")


def aws(environment: AwsEnvironment) -> Finding:
    functions, client = environment.functions(), environment.client("logs")
    if not functions:
        return skipped("No function is deployed yet.")
    count: Counter[str] = Counter()
    for name in functions:
        group = environment.names.log_group(name)
        found = client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        mine = next((g for g in found if g["logGroupName"] == group), None)
        if mine is None:
            return problem(f"There is no log group {group}.")
        if not mine.get("retentionInDays"):
            return warning(f"{group} is kept for ever, which costs money.")
        count.update(parse(line).kind for line in environment.log_lines(name, "ERROR"))
    if count:
        kind, times = count.most_common(1)[0]
        return warning(f"{count.total()} errors in the last hour; most often ({times}) {kind!r}.")
    return ok("The logs are kept and hold no error of the last hour.")


CHECK = Check(
    id="errors-in-logs",
    title="The logs hold no errors",
    section=Section.MONITORING,
    guide="CloudWatch Logs",
    symptoms=("Something fails now and then", "The logs are empty"),
    remedy="Show them with `pitboard logs --errors`, in AWS with `pitboard logs --env prod --errors`.",
    more=(
        (
            "Live: `pitboard logs --env prod --follow`, or `aws logs tail /aws/lambda/ir-auth-prod"
            " --follow`. Counting by kind: `--count`. Logs Insights: `--query list`."
        ),
    ),
    local=local,
    aws=aws,
)
