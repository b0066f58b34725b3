"""What an environment looks like before a change: its stack, tables and secret. Reads only."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pitboard.aws.secret import parse
from pitboard.drivers.errors import CredentialsError
from pitboard.ops.doctor.checks.bootstrap_version import NEEDED, PARAMETER
from pitboard.ops.environment import AwsEnvironment
from pitboard.settings import UsageError

CDK = "aws-cdk@2.1148.1"
"""The CDK command line; the npm registry's `latest` was a mistake once, so it is pinned."""

ALIAS = "live"

OUTPUTS = {"ir_auth": "TableAuth", "ir_custid": "TableCustid", "ir_drivers": "TableDrivers"}
"""The stack's outputs that tell which tables it works with."""

POLL = 5.0


class FailedError(Exception):
    """Something went wrong in AWS while it was being done. One sentence; the command exits with 1."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is there. `tables` are those that stand in for the contract's, by the contract's name;
    `existing` are tables, and perhaps the secret, that are not the stack's own."""

    status: str
    tables: Mapping[str, str]
    existing: frozenset[str]


def look(aws: AwsEnvironment, *, import_tables: bool = False, import_secret: bool = False) -> Found:
    """Looks at what there is. Raises `UsageError` when a deploy could not begin; nothing is changed."""
    check_bootstrap(aws)
    stack = fresh_stack(aws)
    status = str(stack["StackStatus"]) if stack else ""
    if status.endswith("_IN_PROGRESS"):
        raise UsageError(
            f"Another deployment of {aws.names.stack} is running ({status}); wait for it, or cancel it with"
            f" `pitboard rollback --env {aws.names.environment} --stack`."
        )
    own, tables = own_resources(aws) if stack else set(), tables_in_use(aws, stack)
    live = bool(outputs(stack))  # then what is not the stack's own was taken over by an earlier deploy
    keys = aws.names.tables
    existing = {
        table
        for name, table in tables.items()
        if _is_foreign(aws, table, keys[name], own, allowed=live or import_tables)
    }
    if _secret_is_foreign(aws, own, allowed=live or import_secret):
        existing.add(aws.names.secret)
    return Found(status, tables, frozenset(existing))


def check_bootstrap(aws: AwsEnvironment) -> None:
    """Raises `UsageError` if CDK has not been bootstrapped here, or too long ago."""
    answer = aws.found(aws.client("ssm").get_parameter, Name=PARAMETER)
    place = f"aws://{aws.caller['Account']}/{aws.region}"
    if answer is None:
        raise UsageError(f"CDK is not bootstrapped in {aws.region}: run `npx {CDK} bootstrap {place}` once.")
    version = int(answer["Parameter"]["Value"])
    if version < NEEDED:
        raise UsageError(
            f"CDK's bootstrap in {aws.region} has version {version}, and {NEEDED} is needed: run"
            f" `npx {CDK} bootstrap --force {place}`."
        )


def fresh_stack(aws: AwsEnvironment) -> Mapping[str, Any] | None:
    """The stack as it is now, None if it is not there."""
    answer = aws.found(
        aws.client("cloudformation").describe_stacks, "ValidationError", StackName=aws.names.stack
    )
    return answer["Stacks"][0] if answer and answer["Stacks"] else None


def outputs(stack: Mapping[str, Any] | None) -> dict[str, str]:
    """The stack's outputs by name."""
    return {o["OutputKey"]: o["OutputValue"] for o in (stack or {}).get("Outputs", [])}


def own_resources(aws: AwsEnvironment) -> set[str]:
    """The names and ARNs of what the stack has made."""
    pages = aws.client("cloudformation").get_paginator("list_stack_resources")
    found = (r for page in pages.paginate(StackName=aws.names.stack) for r in page["StackResourceSummaries"])
    return {str(r.get("PhysicalResourceId", "")) for r in found if r["ResourceStatus"] != "DELETE_COMPLETE"}


def tables_in_use(aws: AwsEnvironment, stack: Mapping[str, Any] | None) -> dict[str, str]:
    """The table that stands in for each of the contract's: another one after a restore."""
    told = outputs(stack)
    if stack and not told and str(stack["StackStatus"]) in _SETTLED:
        # Going on would quietly put the contract's own tables back in the place of restored ones.
        raise UsageError(f"{aws.names.stack} does not say which tables it works with; ask again in a minute.")
    return {
        name: told.get(next(o for kind, o in OUTPUTS.items() if name.startswith(kind)), name)
        for name in aws.names.tables
    }


_SETTLED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})


def wait_for_stack(aws: AwsEnvironment) -> str:
    """Waits until nothing is in progress; gives the status it ended with, "" if the stack is gone."""
    while True:
        stack = fresh_stack(aws)
        status = str(stack["StackStatus"]) if stack else ""
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(POLL)


def _is_foreign(aws: AwsEnvironment, table: str, key: str, own: set[str], *, allowed: bool) -> bool:
    """Whether a table is there and not the stack's. Raises `UsageError` unless it is to be taken over."""
    if table in own:
        return False
    answer = aws.found(aws.client("dynamodb").describe_table, TableName=table)
    if answer is None:
        return False
    if not allowed:
        raise UsageError(
            f"Table already exists: {table}. Use it with `pitboard deploy --import-tables`, or delete it."
        )
    schema = {part["AttributeName"]: part["KeyType"] for part in answer["Table"]["KeySchema"]}
    if schema != {key: "HASH"}:
        raise UsageError(f"The table {table} cannot be taken over: its key must be {key} alone.")
    return True


def _secret_is_foreign(aws: AwsEnvironment, own: set[str], *, allowed: bool) -> bool:
    secret = aws.found(aws.client("secretsmanager").describe_secret, SecretId=aws.names.secret)
    if secret is None or secret["ARN"] in own or secret["Name"] in own:
        return False
    if not allowed:
        raise UsageError(
            f"The secret {aws.names.secret} exists already; use it with `pitboard deploy --import-secret`."
        )
    return True


def check_secret(aws: AwsEnvironment) -> None:
    """Raises `UsageError` if the secret holds something that ir-auth could not use. Empty is fine."""
    name, read = aws.names.secret, aws.client("secretsmanager").get_secret_value
    try:
        answer = aws.found(read, "AccessDeniedException", SecretId=name)
        if answer is not None:
            parse(str(answer.get("SecretString", "")), name)
    except CredentialsError as error:
        raise UsageError(str(error)) from None
