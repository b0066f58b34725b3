"""`pitboard rollback`: the way back, of the functions, of the stack, or of a table's content."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pitboard.ops.cloud import ALIAS, FailedError, fresh_stack, tables_in_use, wait_for_stack
from pitboard.ops.deploy import DeployOptions, Plan, prepare, protect, versions
from pitboard.ops.environment import AwsEnvironment
from pitboard.settings import UsageError

SAME_RELEASE = timedelta(minutes=15)
"""Versions that were published within so much time belong to one deployment."""

RESTORE_POLL = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """One alias that goes back."""

    function: str
    now: str
    then: str


def steps(aws: AwsEnvironment) -> list[Step]:
    """The functions that the last deployment changed, with their versions before it.

    Raises `UsageError` if there is no way back for one of them; nothing is changed.
    """
    stack = fresh_stack(aws)
    if stack is None:
        raise UsageError(f"{aws.names.stack} is not deployed in {aws.region}; there is nothing to roll back.")
    if str(stack["StackStatus"]).endswith("_IN_PROGRESS"):
        raise UsageError(
            f"A deployment of {aws.names.stack} is running; cancel it with"
            f" `pitboard rollback --env {aws.names.environment} --stack`."
        )
    live = {name: _live(aws, name) for name in aws.names.functions}
    published = {name: versions(aws, name) for name in live}
    times = {name: _time(published[name], live[name]) for name in live}
    newest = max(times.values())
    found = []
    for name in live:
        if newest - times[name] > SAME_RELEASE:
            continue
        older = [v["Version"] for v in published[name] if int(v["Version"]) < int(live[name])]
        if not older:
            raise UsageError(f"{name} has no version before {live[name]}; there is nothing to go back to.")
        found.append(Step(name, live[name], older[-1]))
    return found


def move_back(aws: AwsEnvironment, found: list[Step]) -> None:
    """Points the aliases to the older versions, at once and for all requests."""
    client = aws.client("lambda")
    for step in found:
        client.update_alias(
            FunctionName=step.function,
            Name=ALIAS,
            FunctionVersion=step.then,
            RoutingConfig={"AdditionalVersionWeights": {}},
        )


def stack_back(aws: AwsEnvironment) -> str:
    """Takes a stack that is deploying, or stuck, back to where it was; gives the status it ended with.

    Raises `UsageError` when there is nothing to take back, `FailedError` when it did not work.
    """
    stack, client, name = fresh_stack(aws), aws.client("cloudformation"), aws.names.stack
    status = str(stack["StackStatus"]) if stack else "not deployed"
    if status == "UPDATE_IN_PROGRESS":
        client.cancel_update_stack(StackName=name)
    elif status in ("UPDATE_FAILED", "CREATE_FAILED"):
        client.rollback_stack(StackName=name)
    elif status == "UPDATE_ROLLBACK_FAILED":
        client.continue_update_rollback(StackName=name)
    elif not status.endswith("ROLLBACK_IN_PROGRESS"):
        raise UsageError(f"{name} is {status}; only a deployment that runs or is stuck can be taken back.")
    ended = wait_for_stack(aws)
    if ended.endswith("FAILED"):
        raise FailedError(f"{name} ended as {ended}; the stack's events in CloudFormation say why.")
    return ended


def moment(text: str) -> datetime:
    """A time such as 2026-11-24T18:00:00Z; without a zone it is UTC. Raises `UsageError`."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time; write it like 2026-11-24T18:00:00Z.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def check_restore(aws: AwsEnvironment, table: str, when: datetime) -> str:
    """The name of the table to restore from, if it can be. Raises `UsageError`; nothing is changed."""
    if table not in aws.names.tables:
        raise UsageError(f"There is no table {table!r}; there are {', '.join(aws.names.tables)}.")
    source = tables_in_use(aws, fresh_stack(aws))[table]
    client = aws.client("dynamodb")
    answer = aws.found(client.describe_continuous_backups, TableName=source)
    if answer is None:
        raise UsageError(f"The table {source} does not exist in {aws.region}.")
    backups: dict[str, Any] = answer["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        raise UsageError(f"Point-in-time recovery is off for {source}; there is nothing to restore from.")
    earliest = recovery.get("EarliestRestorableDateTime")
    latest = recovery.get("LatestRestorableDateTime")
    if (earliest and when < earliest) or when > (latest or datetime.now(UTC)):
        span = f"from {_clock(earliest)} to {_clock(latest)}" if earliest and latest else "in the past"
        raise UsageError(f"{source} can be restored to a moment {span}, not to {_clock(when)}.")
    return source


def restore(aws: AwsEnvironment, table: str, source: str, when: datetime) -> str:
    """Restores the content of that moment into a new table and waits for it; gives the table's name."""
    name = f"{table}_{when.astimezone(UTC):%Y%m%dT%H%M%S}_{int(time.time()) % 100_000:05}"
    client = aws.client("dynamodb")
    try:
        client.restore_table_to_point_in_time(
            SourceTableName=source,
            TargetTableName=name,
            RestoreDateTime=when,
            BillingModeOverride="PAY_PER_REQUEST",
        )
        while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(RESTORE_POLL)
    except aws.errors as error:
        raise FailedError(f"{source} could not be restored: {error}") from None
    protect(aws, name)
    return name


def switch(aws: AwsEnvironment, table: str, restored: str) -> Plan:
    """The deploy that lets the functions use the restored table. The old one stays as it is."""
    return prepare(aws, DeployOptions(tables={table: restored}))


def _live(aws: AwsEnvironment, function: str) -> str:
    answer = aws.found(aws.client("lambda").get_alias, FunctionName=function, Name=ALIAS)
    if answer is None:
        raise UsageError(f"{function} has no alias {ALIAS}; run `pitboard deploy`.")
    return str(answer["FunctionVersion"])


def _time(published: list[dict[str, str]], version: str) -> datetime:
    """When a version was published. A version that is not listed counts as old."""
    for one in published:
        if one["Version"] == version:
            return datetime.fromisoformat(one["LastModified"])
    return datetime.min.replace(tzinfo=UTC)


def _clock(when: datetime | None) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if when else "?"
