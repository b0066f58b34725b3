"""DynamoDB refuses requests beyond a table's provisioned capacity. On-demand tables have no such limit."""

from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.environment import AwsEnvironment


def aws(environment: AwsEnvironment) -> Finding:
    tables = environment.tables()
    if not tables:
        return skipped("There is no table yet.")
    throttled = {
        name: count
        for name in tables
        if (count := sum(
            sum(environment.metric("AWS/DynamoDB", metric, {"TableName": name}, "Sum"))
            for metric in ("ReadThrottleEvents", "WriteThrottleEvents")
        ))
    }  # fmt: skip
    provisioned = _provisioned(environment)
    if provisioned and throttled:
        return problem(f"DynamoDB throttled {', '.join(throttled)} in the last hour.")
    if provisioned:
        return warning(
            f"{', '.join(provisioned)}: provisioned capacity, which may be too small in a busy hour."
        )
    if throttled:
        return warning(f"DynamoDB throttled {', '.join(throttled)} in the last hour.", "Wait.", fixable=False)
    return ok("The tables are billed on demand and were not throttled in the last hour.")


def on_demand(environment: AwsEnvironment) -> str:
    changed = _provisioned(environment)
    for name in changed:
        environment.client("dynamodb").update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    return f"{', '.join(changed)}: now billed on demand."


def _provisioned(environment: AwsEnvironment) -> list[str]:
    return [
        name
        for name, table in environment.tables().items()
        if table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED") == "PROVISIONED"
    ]


CHECK = Check(
    id="throttling",
    title="DynamoDB does not throttle",
    section=Section.RUNTIME,
    guide="DynamoDB Throttling",
    symptoms=("ProvisionedThroughputExceededException",),
    remedy="Bill on demand: `aws dynamodb update-table --table-name NAME --billing-mode PAY_PER_REQUEST`.",
    more=(
        (
            "Built in: reads in batches of 100, writes of 25, what DynamoDB left unprocessed and"
            " throttled requests are repeated with growing, random pauses (`stores/dynamodb.py`)."
        ),
    ),
    aws=aws,
    fix=Fix("Bill these tables on demand?", aws=on_demand),
)
