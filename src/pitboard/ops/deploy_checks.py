"""What a deploy checks before it begins: bootstrap, stack, tables and secret. Nothing is changed."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from pitboard.aws.names import BOOTSTRAP_VERSION, ENVIRONMENTS, Names
from pitboard.aws.remedies import worded
from pitboard.aws.secret import parse
from pitboard.drivers.errors import CredentialsError
from pitboard.ops.environment import AwsEnvironment, Stack
from pitboard.settings import UsageError
from pitboard.telemetry import hide

UNRESERVED = 100
"""Concurrency that must be left for functions without a reservation."""


_BEGUN = {
    "ROLLBACK_COMPLETE": "The first deploy of {} has failed and left nothing: its stack is made again.",
    "REVIEW_IN_PROGRESS": "The first deploy of {} ended before it began: this one goes on with its stack.",
}
"""What is said of a stack that has never worked. CDK deletes the first one before it deploys, and takes the
second one for none. Sources: CloudFormation's guide, "Stack status codes"; aws-cdk, `deployStack`."""


@dataclass(frozen=True, slots=True)
class DeployState:
    """The state before a deploy. `tables` says which table is used in place of each table of the contract.

    `existing` has the tables, and perhaps the secret, that exist and that the stack has not created. `begun`
    is a sentence about a first deploy that did not work, "" if there was none.
    """

    tables: Mapping[str, str]
    existing: frozenset[str]
    begun: str = ""


def check(aws: AwsEnvironment, *, import_tables: bool = False, import_secret: bool = False) -> DeployState:
    """The state before a deploy. Raises `UsageError` when a deploy could not begin."""
    check_bootstrap(aws)
    stack = aws.fresh_stack()
    if stack and stack.in_progress:
        raise UsageError(
            f"Another deployment of {aws.names.stack} is running ({stack.status}); wait for it, or cancel it"
            f" with `pitboard rollback --env {aws.names.environment} --stack`."
        )
    if stack and stack.status in ("ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"):
        raise UsageError(
            f"{aws.names.stack} is {stack.status}: its events in CloudFormation say why. Delete it there, or"
            f" after UPDATE_ROLLBACK_FAILED run `pitboard rollback --env {aws.names.environment} --stack`."
        )
    own, tables = aws.own_resources() if stack else set(), tables_in_use(aws, stack)
    _check_names(aws, own)
    deployed = bool(stack and stack.outputs)  # then an earlier deploy has imported what is not the stack's
    keys = aws.names.tables
    existing = {
        table
        for name, table in tables.items()
        if _is_imported(aws, table, keys[name], own, allowed=deployed or import_tables)
    }
    if _secret_is_imported(aws, own, allowed=deployed or import_secret):
        existing.add(aws.names.secret)
    begun = _BEGUN.get(stack.status, "").format(stack.name) if stack else ""
    return DeployState(tables, frozenset(existing), begun)


def others_of_the_account(aws: AwsEnvironment, username: str) -> list[str]:
    """The other environments here whose secret has the same iRacing account. They share neither the budget of
    calls nor the count of logins, as each has its own tables. Raises `UsageError` if all three have it:
    three times four logins an hour are as many as iRacing takes before it locks an account."""
    found = []
    for environment in ENVIRONMENTS:
        if environment == aws.names.environment or not username:
            continue
        codes = ("AccessDeniedException",)
        get = aws.client("secretsmanager").get_secret_value
        answer = aws.found(get, *codes, SecretId=Names(environment).secret)
        with suppress(CredentialsError):
            other = parse(answer["SecretString"] if answer else "", "The secret").username
            hide(other)
            found += [environment] if _same_account(other, username) else []
    if len(found) == len(ENVIRONMENTS) - 1:
        raise UsageError(
            f"{' and '.join(found)} use the same iRacing account as {aws.names.environment}. Each counts"
            " calls and logins for itself, and together they could lock the account: give each its own."
        )
    return found


def kept_username(aws: AwsEnvironment) -> str:
    """The iRacing account in the environment's secret, "" if there is none."""
    with suppress(CredentialsError):
        return parse(aws.secret() or "", "The secret").username
    return ""


def _same_account(one: str, other: str) -> bool:
    return one.strip().lower() == other.strip().lower()


def has_room(aws: AwsEnvironment, reserved: int) -> bool:
    """Whether the account's concurrency allows to reserve so much: AWS keeps 100 for functions that reserve
    nothing, and a new account has 10 in all. Source: Lambda's guide, "Configuring reserved concurrency"."""
    client = aws.client("lambda")
    free = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    answers = (aws.found(client.get_function_concurrency, FunctionName=name) for name in aws.names.functions)
    own = sum(answer.get("ReservedConcurrentExecutions", 0) for answer in answers if answer)
    return bool(free + own - reserved >= UNRESERVED)


def _check_names(aws: AwsEnvironment, own: set[str]) -> None:
    """Raises `UsageError` if a role or a log group has a name that the stack needs. CloudFormation would fail
    half-way."""
    iam, logs = aws.client("iam"), aws.client("logs")
    for kind in ("auth", "custid", "drivers", "index", "addon"):
        role = aws.names.role(kind)
        if role not in own and aws.found(iam.get_role, RoleName=role):
            raise UsageError(
                f"The role {role} exists already, and is not of {aws.names.stack} in {aws.region}: an account"
                f" can have {aws.names.environment} in one region only. Use that one or another account, or"
                " delete the role if nothing uses it."
            )
    for function in aws.names.functions:
        group = aws.names.log_group(function)
        found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        if group not in own and any(one["logGroupName"] == group for one in found):
            raise UsageError(
                f"The log group {group} exists already: delete it with `aws logs delete-log-group"
                f" --log-group-name {group}`."
            )


def check_bootstrap(aws: AwsEnvironment) -> None:
    """Raises `UsageError` if CDK's bootstrap is missing in this account and region, or too old."""
    version = aws.bootstrap_version()
    if version is None:
        raise UsageError(
            f"CDK is not bootstrapped in {aws.place}: run `pitboard bootstrap --env"
            f" {aws.names.environment}` once."
        )
    if version < BOOTSTRAP_VERSION:
        raise UsageError(
            f"CDK's bootstrap in {aws.region} has version {version}, and {BOOTSTRAP_VERSION} is needed: run"
            f" `pitboard bootstrap --env {aws.names.environment}`."
        )


def tables_in_use(aws: AwsEnvironment, stack: Stack | None) -> dict[str, str]:
    """The table that is used in place of each table of the contract: another one after a restore.

    Raises `UsageError` if a deployed stack does not say so: a deploy would then put the contract's own
    tables back in the place of restored ones.
    """
    if stack and not stack.outputs and stack.complete:
        raise UsageError(f"{aws.names.stack} does not say which tables it uses; try again in a minute.")
    return aws.tables_in_use(stack)


def check_secret(aws: AwsEnvironment) -> None:
    """Raises `UsageError` if the secret has a value that ir-auth could not use. It may be empty."""
    text = aws.secret()
    if text is None:
        return
    try:
        parse(text, f"The secret {aws.names.secret}")
    except CredentialsError as error:
        raise UsageError(worded(error)) from None


def _is_imported(aws: AwsEnvironment, table: str, key: str, own: set[str], *, allowed: bool) -> bool:
    """Whether a table exists that is not the stack's. Raises `UsageError` unless it may be imported."""
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
        raise UsageError(f"The table {table} cannot be imported: its key must be {key} alone.")
    return True


def _secret_is_imported(aws: AwsEnvironment, own: set[str], *, allowed: bool) -> bool:
    secret = aws.found(aws.client("secretsmanager").describe_secret, SecretId=aws.names.secret)
    if secret is None or secret["ARN"] in own or secret["Name"] in own:
        return False
    if not allowed:
        raise UsageError(
            f"The secret {aws.names.secret} exists already; use it with `pitboard deploy --import-secret`."
        )
    return True
