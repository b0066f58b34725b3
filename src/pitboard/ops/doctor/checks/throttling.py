"""DynamoDB refuses what goes beyond provisioned capacity; on-demand tables have none to exceed."""

from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.environment import AwsEnvironment


def aws(context: AwsEnvironment) -> Finding:
    tables = context.tables()
    if not tables:
        return skipped("No table is there yet.")
    throttled = {
        name: count
        for name in tables
        if (count := sum(
            sum(context.metric("AWS/DynamoDB", metric, {"TableName": name}, "Sum"))
            for metric in ("ReadThrottleEvents", "WriteThrottleEvents")
        ))
    }  # fmt: skip
    provisioned = _provisioned(context)
    if provisioned and throttled:
        return problem(f"DynamoDB throttled {', '.join(throttled)} in the last hour.")
    if provisioned:
        return warning(f"{', '.join(provisioned)}: provisioned capacity, which a busy hour may exceed.")
    if throttled:
        return warning(f"DynamoDB throttled {', '.join(throttled)} in the last hour.", "Wait.", fixable=False)
    return ok("The tables are billed on demand and were not throttled in the last hour.")


def on_demand(context: AwsEnvironment) -> str:
    changed = _provisioned(context)
    for name in changed:
        context.client("dynamodb").update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    return f"{', '.join(changed)}: billed on demand now."


def _provisioned(context: AwsEnvironment) -> list[str]:
    return [
        name
        for name, table in context.tables().items()
        if table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED") == "PROVISIONED"
    ]


CHECK = Check(
    id="throttling",
    title="DynamoDB does not throttle",
    section=Section.RUNTIME,
    guide="DynamoDB Throttling",
    symptoms=("ProvisionedThroughputExceededException",),
    remedy="Bill on demand: `aws dynamodb update-table --table-name NAME --billing-mode PAY_PER_REQUEST`.",
    aws=aws,
    fix=Fix("Bill these tables on demand?", aws=on_demand),
)
