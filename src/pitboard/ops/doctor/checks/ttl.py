"""Expired items must be deleted: DynamoDB does it by itself, the local server once an hour."""

import time

from pitboard.aws.names import TTL_ATTRIBUTE, Names
from pitboard.ops import table_settings
from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment

LATE_SECONDS = 24 * 3600
MILLISECONDS = 10**11
"""A present time in seconds is below this, one in milliseconds above it."""


def local(environment: LocalEnvironment) -> Finding:
    late = time.time() - LATE_SECONDS
    rows = environment.rows("SELECT count(*) FROM records WHERE stale_until < ?", (late,))
    if not rows:
        return skipped("There is no database yet.")
    ids = environment.rows("SELECT count(*) FROM ids WHERE until < ?", (late,))
    if count := rows[0][0] + ids[0][0]:
        return warning(f"{count} records ended more than a day ago and are not deleted.")
    return ok("All expired records are deleted.")


def purge(environment: LocalEnvironment) -> str:
    count = environment.store.purge(time.time()) if environment.store else 0
    return f"Deleted {count} expired records."


def aws(environment: AwsEnvironment) -> Finding:
    tables = [name for name in expiring(environment) if name in environment.tables()]
    if not tables:
        return skipped("There is no table yet.")
    for name in tables:
        expiry = table_settings.expiry(environment, name)
        if not expiry.on:
            return problem(f"Time to live is off for {name}.")
        if expiry.attribute != TTL_ATTRIBUTE:
            remedy = f"Turn it off, wait an hour, and run `pitboard deploy`: it must use {TTL_ATTRIBUTE}."
            return problem(
                f"Time to live of {name} uses {expiry.attribute}, not {TTL_ATTRIBUTE}.", remedy, fixable=False
            )
        if _has_wrong_end(environment, name):
            remedy = "Deploy the newest version; delete the table's items if they stay."
            return problem(
                f"Items of {name} have a {TTL_ATTRIBUTE} that is not Unix seconds.", remedy, fixable=False
            )
    return ok("Time to live is on for every table.")


def expiring(environment: AwsEnvironment) -> list[str]:
    """The tables whose items expire: all but the token's."""
    names = environment.names
    return [environment.table_in_use(name) for name in names.tables if name != names.auth_table]


def enable(environment: AwsEnvironment) -> str:
    changed = [name for name in expiring(environment) if table_settings.turn_on_expiry(environment, name)]
    return f"Turned on for {', '.join(changed) or 'no table'}."


def _has_wrong_end(environment: AwsEnvironment, table: str) -> bool:
    """Whether one of some items has an end that is not in Unix seconds."""
    items = environment.client("dynamodb").scan(
        TableName=table,
        ProjectionExpression="#t",
        ExpressionAttributeNames={"#t": TTL_ATTRIBUTE},
        Limit=25,
    )["Items"]
    ends = [item[TTL_ATTRIBUTE] for item in items if TTL_ATTRIBUTE in item]
    return any("N" not in end or float(end["N"]) > MILLISECONDS for end in ends)


CHECK = Check(
    id="ttl",
    title="Expired items are deleted",
    section=Section.DATA,
    guide="TTL Not Working",
    symptoms=(
        "Expired items not being deleted",
        "Table size growing unexpectedly",
        "Old data still accessible",
    ),
    remedy=(
        "In AWS: `aws dynamodb update-time-to-live --table-name NAME --time-to-live-specification"
        f" Enabled=true,AttributeName={TTL_ATTRIBUTE}`. Locally `pitboard serve` deletes them while it runs."
    ),
    more=(
        (
            "`ttl` is in Unix seconds. DynamoDB deletes within days; until then our code does not see the"
            " item. `aws dynamodb describe-time-to-live --table-name"
            f" {Names('prod').drivers_table}` says whether it is on."
        ),
    ),
    local=local,
    aws=aws,
    fix=Fix("Turn time to live on, or delete the expired records?", local=purge, aws=enable),
)
