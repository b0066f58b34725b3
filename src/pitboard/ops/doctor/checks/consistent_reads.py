"""What was just written must be read back; a second region's copy of a table would be behind."""

import time
import uuid

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(context: AwsEnvironment) -> Finding:
    for name, described in context.tables().items():
        if copies := [replica["RegionName"] for replica in described.get("Replicas", [])]:
            return problem(f"{name} has copies in {', '.join(copies)}: a token renewed there is lost here.")
    table = list(context.keys())[1]
    if table not in context.tables():
        return skipped("No table is there yet.")
    client, item = context.client("dynamodb"), {"name": {"S": f"DOCTOR:{uuid.uuid4()}"}}
    try:
        client.put_item(TableName=table, Item=item | {"ttl": {"N": str(int(time.time()) + 3600)}})
        read = client.get_item(TableName=table, Key=item, ConsistentRead=True)
        client.delete_item(TableName=table, Key=item)
    except context.errors as error:
        return problem(f"{table} cannot be written and read: {error}")
    if "Item" not in read:
        return problem(f"{table} did not give back what had just been written.")
    return ok("What is written is read back at once, and no table has copies elsewhere.")


CHECK = Check(
    id="consistent-reads",
    title="What is written is read back",
    section=Section.DATA,
    guide="Inconsistent Read Results",
    symptoms=(
        "Recently written data not appearing",
        "Stale data returned",
        "Tokens refused right after a renewal",
    ),
    remedy="Remove the copies: `aws dynamodb update-table --table-name NAME --replica-updates ...`.",
    aws=aws,
)
