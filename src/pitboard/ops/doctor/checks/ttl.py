"""What is past its end must go: DynamoDB deletes it by itself, the local server every few minutes."""

import time

from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local import Local
from pitboard.ops.environment import AwsEnvironment

ATTRIBUTE = "ttl"
LATE_SECONDS = 24 * 3600
MILLISECONDS = 10**11
"""A time in seconds stays below this for three thousand years; one in milliseconds is above."""


def local(context: Local) -> Finding:
    late = time.time() - LATE_SECONDS
    rows = context.rows("SELECT count(*) FROM records WHERE stale_until < ?", (late,))
    if not rows:
        return skipped("There is no database yet.")
    ids = context.rows("SELECT count(*) FROM ids WHERE until < ?", (late,))
    if count := rows[0][0] + ids[0][0]:
        return warning(f"{count} records ended more than a day ago and are still there.")
    return ok("Nothing is kept past its end.")


def purge(context: Local) -> str:
    count = context.store.purge(time.time()) if context.store else 0
    return f"Deleted {count} records that were past their end."


def aws(context: AwsEnvironment) -> Finding:
    tables = [name for name in expiring(context) if name in context.tables()]
    if not tables:
        return skipped("No table is there yet.")
    client = context.client("dynamodb")
    for name in tables:
        settings = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        status, attribute = settings.get("TimeToLiveStatus"), settings.get("AttributeName")
        if status not in ("ENABLED", "ENABLING"):
            return problem(f"Time to live is off for {name}.")
        if attribute != ATTRIBUTE:
            remedy = f"Turn it off, wait an hour, and run `pitboard deploy`: it must use {ATTRIBUTE}."
            return problem(
                f"Time to live of {name} goes by {attribute}, not {ATTRIBUTE}.", remedy, fixable=False
            )
        items = client.scan(
            TableName=name,
            ProjectionExpression="#t",
            ExpressionAttributeNames={"#t": ATTRIBUTE},
            Limit=25,
        )["Items"]
        if any(
            "N" not in i[ATTRIBUTE] or float(i[ATTRIBUTE]["N"]) > MILLISECONDS
            for i in items
            if ATTRIBUTE in i
        ):
            remedy = "Deploy the newest version; delete the table's items if they do not go."
            return problem(
                f"Items of {name} have a {ATTRIBUTE} that is not Unix seconds.", remedy, fixable=False
            )
    return ok("Time to live is on for every table.")


def expiring(context: AwsEnvironment) -> list[str]:
    """The tables whose items end: all but ir_auth, which holds one token for ever."""
    return list(context.keys())[1:]


def enable(context: AwsEnvironment) -> str:
    client, changed = context.client("dynamodb"), []
    for name in expiring(context):
        settings = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if settings.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            client.update_time_to_live(
                TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": ATTRIBUTE}
            )
            changed.append(name)
    return f"Turned on for {', '.join(changed) or 'no table'}."


CHECK = Check(
    id="ttl",
    title="What is past its end is deleted",
    section=Section.DATA,
    guide="TTL Not Working",
    symptoms=(
        "Expired items not being deleted",
        "Table size growing unexpectedly",
        "Old data still accessible",
    ),
    remedy=(
        "In AWS: `aws dynamodb update-time-to-live --table-name NAME --time-to-live-specification"
        " Enabled=true,AttributeName=ttl`. Locally `pitboard serve` deletes as it runs."
    ),
    local=local,
    aws=aws,
    fix=Fix("Turn it on, or delete what is past its end?", local=purge, aws=enable),
)
