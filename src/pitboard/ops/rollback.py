"""`pitboard rollback`: the functions' versions, the stack, or a table's content go back."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pitboard.aws.names import ALIAS, Variable
from pitboard.ops import table_settings
from pitboard.ops.aws_members import carry_over
from pitboard.ops.deploy import DeployOptions, Plan, prepare, protect
from pitboard.ops.deploy_checks import tables_in_use
from pitboard.ops.environment import AwsEnvironment, as_list
from pitboard.ops.errors import ChangeFailedError
from pitboard.settings import UsageError

SAME_RELEASE = timedelta(minutes=15)
"""Versions of different functions that were published within this time belong to one deployment."""

_STUCK = ("UPDATE_IN_PROGRESS", "UPDATE_FAILED", "CREATE_FAILED", "UPDATE_ROLLBACK_FAILED")

STACK_POLL = 5.0
RESTORE_POLL = 10.0
"""Seconds between two questions whether a change has ended."""


@dataclass(frozen=True, slots=True)
class Step:
    """One function whose alias goes back: the versions before and after."""

    function: str
    now: str
    then: str


def steps(aws: AwsEnvironment) -> list[Step]:
    """The functions that the last deployment changed, with their versions before it.

    Raises `UsageError` if one of them has no older version; nothing is changed.
    """
    stack = aws.fresh_stack()
    if stack is None:
        raise UsageError(f"{aws.names.stack} is not deployed in {aws.region}; there is nothing to roll back.")
    if stack.in_progress:
        raise UsageError(
            f"A deployment of {aws.names.stack} is running; cancel it with"
            f" `pitboard rollback --env {aws.names.environment} --stack`."
        )
    live = {name: _live(aws, name) for name in aws.names.functions}
    published = {name: aws.fresh_versions(name) for name in live}
    times = {name: _time(published[name], live[name]) for name in live}
    newest = max(times.values())
    found = []
    for name in live:
        if newest - times[name] > SAME_RELEASE:
            continue
        older = [v["Version"] for v in published[name] if int(v["Version"]) < int(live[name])]
        if not older and name not in aws.names.serving:
            continue  # it is new with this deployment, and no older version of the others needs it
        if not older:
            raise UsageError(f"{name} has no version before {live[name]}; there is nothing to go back to.")
        _check_tables(aws, name, older[-1])
        found.append(Step(name, live[name], older[-1]))
    return found


def _check_tables(aws: AwsEnvironment, function: str, version: str) -> None:
    """Raises `UsageError` if a version uses a table that the function's role does not allow any more."""
    answer = aws.found(
        aws.client("lambda").get_function_configuration, FunctionName=function, Qualifier=version
    )
    variables = answer.get("Environment", {}).get("Variables", {}) if answer else {}
    allowed = [str(r) for s in aws.role_statements(function) for r in as_list(s.get("Resource", []))]
    for table in filter(None, map(variables.get, Variable.TABLES)):
        if not any(arn.endswith(f":table/{table}") for arn in allowed):
            raise UsageError(
                f"Version {version} of {function} uses the table {table}, which its role does not allow any"
                " more: correct the code and deploy it."
            )


def move_aliases(aws: AwsEnvironment, found: list[Step]) -> None:
    """Points the aliases to the older versions, at once and for all requests."""
    client = aws.client("lambda")
    for step in found:
        client.update_alias(
            FunctionName=step.function,
            Name=ALIAS,
            FunctionVersion=step.then,
            RoutingConfig={"AdditionalVersionWeights": {}},
        )


def check_stack(aws: AwsEnvironment) -> str:
    """The status of a stack whose deployment runs or is stuck. Raises `UsageError` for any other."""
    stack = aws.fresh_stack()
    status = stack.status if stack else "not deployed"
    if status not in _STUCK and not status.endswith("ROLLBACK_IN_PROGRESS"):
        raise UsageError(
            f"{aws.names.stack} is {status}; only a deployment that runs or is stuck can be rolled back."
        )
    return status


def roll_back_stack(aws: AwsEnvironment) -> str:
    """Rolls a stack back whose deployment runs or is stuck; returns its last status, "" if it is gone.

    Raises `UsageError` as `check_stack`, `ChangeFailedError` when it did not work.
    """
    status, client, name = check_stack(aws), aws.client("cloudformation"), aws.names.stack
    if status == "UPDATE_IN_PROGRESS":
        client.cancel_update_stack(StackName=name)
    elif status in ("UPDATE_FAILED", "CREATE_FAILED"):
        client.rollback_stack(StackName=name)
    elif status == "UPDATE_ROLLBACK_FAILED":
        client.continue_update_rollback(StackName=name)
    while (stack := aws.fresh_stack()) and stack.in_progress:
        time.sleep(STACK_POLL)
    if stack and stack.status.endswith("FAILED"):
        raise ChangeFailedError(f"{name} ended as {stack.status}; its events in CloudFormation say why.")
    return stack.status if stack else ""


def parse_moment(text: str) -> datetime:
    """A time such as 2026-11-24T18:00:00Z; without a zone it is UTC. Raises `UsageError`."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a time; write it like 2026-11-24T18:00:00Z.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def check_restore(aws: AwsEnvironment, table: str, when: datetime) -> str:
    """The name of the table to restore from. Raises `UsageError` if it cannot be restored to that moment."""
    if table not in aws.names.tables:
        raise UsageError(f"There is no table {table!r}; there are {', '.join(aws.names.tables)}.")
    source = tables_in_use(aws, aws.fresh_stack())[table]
    recovery = table_settings.recovery(aws, source)
    if recovery is None:
        raise UsageError(f"The table {source} does not exist in {aws.region}.")
    if not recovery.on:
        raise UsageError(f"Point-in-time recovery is off for {source}; there is nothing to restore from.")
    earliest, latest = recovery.earliest, recovery.latest
    if (earliest and when < earliest) or when > (latest or datetime.now(UTC)):
        span = f"from {_clock(earliest)} to {_clock(latest)}" if earliest and latest else "in the past"
        raise UsageError(f"{source} can be restored to a moment {span}, not to {_clock(when)}.")
    return source


def restore(aws: AwsEnvironment, table: str, source: str, when: datetime) -> str:
    """Restores the content of that moment into a new table and waits for it; returns the table's name."""
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
        raise ChangeFailedError(f"{source} could not be restored: {error}") from None
    with aws.change(f"{name} could not be tagged"):
        table_settings.tag(aws, name)
    protect(aws, name)
    carry_over(aws, table, name)
    return name


def switch(aws: AwsEnvironment, table: str, restored: str) -> Plan:
    """The deploy that makes the functions use the restored table. The old table is not changed."""
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
