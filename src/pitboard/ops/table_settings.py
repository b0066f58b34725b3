"""Time to live and point-in-time recovery of a table: read, and turn on."""

from dataclasses import dataclass
from datetime import datetime

from pitboard.aws.names import TTL_ATTRIBUTE
from pitboard.ops.environment import AwsEnvironment


@dataclass(frozen=True, slots=True)
class Expiry:
    """Whether time to live is on (or being turned on), and the attribute that it uses."""

    on: bool
    attribute: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """Whether point-in-time recovery is on, and the first and last moment that can be restored."""

    on: bool
    earliest: datetime | None
    latest: datetime | None


def expiry(aws: AwsEnvironment, table: str) -> Expiry:
    """The table's time to live. Raises AWS' error if there is no such table."""
    answer = aws.client("dynamodb").describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    return Expiry(
        answer.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"), str(answer.get("AttributeName", ""))
    )


def recovery(aws: AwsEnvironment, table: str) -> Recovery | None:
    """The table's point-in-time recovery, None if there is no such table."""
    answer = aws.found(aws.client("dynamodb").describe_continuous_backups, TableName=table)
    if answer is None:
        return None
    settings = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    return Recovery(
        settings.get("PointInTimeRecoveryStatus") == "ENABLED",
        settings.get("EarliestRestorableDateTime"),
        settings.get("LatestRestorableDateTime"),
    )


def turn_on_expiry(aws: AwsEnvironment, table: str) -> bool:
    """Turns time to live on if it is off. Returns whether it was off."""
    if expiry(aws, table).on:
        return False
    aws.client("dynamodb").update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    )
    return True


def turn_on_recovery(aws: AwsEnvironment, table: str) -> None:
    """Turns point-in-time recovery on if it is off. If it is on, a new request could shorten its period."""
    found = recovery(aws, table)
    if found is None or not found.on:
        aws.client("dynamodb").update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )


def turn_on_protection(aws: AwsEnvironment, table: str) -> None:
    """Protects a table from deletion, if it is not protected."""
    found = aws.client("dynamodb").describe_table(TableName=table)["Table"]
    if not found.get("DeletionProtectionEnabled"):
        aws.client("dynamodb").update_table(TableName=table, DeletionProtectionEnabled=True)


def tag(aws: AwsEnvironment, table: str) -> None:
    """Gives a table the tags that the stack's resources have. A restored table has none."""
    client = aws.client("dynamodb")
    arn = client.describe_table(TableName=table)["Table"]["TableArn"]
    tags = {"application": "pitboard", "environment": aws.names.environment}
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
