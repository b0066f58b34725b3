"""A read must return what was just written. Global tables are not allowed: a replica lags behind."""

import time
import uuid

from pitboard.aws.names import NAME_KEY, TTL_ATTRIBUTE
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(environment: AwsEnvironment) -> Finding:
    for name, described in environment.tables().items():
        if replicas := [replica["RegionName"] for replica in described.get("Replicas", [])]:
            return problem(
                f"{name} has replicas in {', '.join(replicas)}: a token renewed there is lost here."
            )
    table = environment.table_in_use(environment.names.custid_table)
    if table not in environment.tables():
        return skipped("There is no table yet.")
    client, item = environment.client("dynamodb"), {NAME_KEY: {"S": f"DOCTOR:{uuid.uuid4()}"}}
    try:
        client.put_item(TableName=table, Item=item | {TTL_ATTRIBUTE: {"N": str(int(time.time()) + 3600)}})
        read = client.get_item(TableName=table, Key=item, ConsistentRead=True)
        client.delete_item(TableName=table, Key=item)
    except environment.errors as error:
        return problem(f"{table} cannot be written and read: {error}")
    if "Item" not in read:
        return problem(f"{table} did not return what had just been written.")
    return ok("A read returns what was just written, and no table has replicas.")


CHECK = Check(
    id="consistent-reads",
    title="Reads return what was just written",
    section=Section.DATA,
    guide="Inconsistent Read Results",
    symptoms=(
        "Recently written data not appearing",
        "Stale data returned",
        "Tokens refused right after a renewal",
    ),
    remedy="Remove the replicas: `aws dynamodb update-table --table-name NAME --replica-updates ...`.",
    more=(
        (
            "Tokens, records, leases and the budget are read consistently (`ConsistentRead`); entries of"
            " the driver index are not, because they are a day old anyway. So nothing is read again after"
            " a pause."
        ),
    ),
    aws=aws,
)
