"""`pitboard deploy`: everything is looked at first, then CDK deploys, then the secret is filled."""

import contextlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pitboard
from pitboard.aws.secret import FIELDS, parse
from pitboard.drivers.errors import CredentialsError
from pitboard.iracing.credentials import Credentials
from pitboard.ops.cloud import (
    CDK,
    FailedError,
    Found,
    check_secret,
    fresh_stack,
    look,
    outputs,
    tables_in_use,
)
from pitboard.ops.environment import AwsEnvironment
from pitboard.settings import UsageError

VERSIONS_KEPT = 3
"""Versions of a function that stay for a rollback. With SnapStart each costs about 4 dollars a month."""


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """What a deploy is asked for. `context` are further settings of `infra.config`, as NAME=VALUE.

    `tables` replaces a table of the contract by another one that is there already.
    """

    update_secrets: bool = False
    secrets_file: Path | None = None
    import_tables: bool = False
    import_secret: bool = False
    context: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A deploy that may begin."""

    aws: AwsEnvironment
    found: Found
    credentials: Credentials | None
    context: tuple[str, ...]


def prepare(aws: AwsEnvironment, options: DeployOptions) -> Plan:
    """Looks at everything that could stop a deploy. Raises `UsageError`; nothing has changed then."""
    checkout()
    for part in options.context:
        if "=" not in part:
            raise UsageError(f"--context takes NAME=VALUE, not {part!r}.")
    credentials = read_credentials(options.secrets_file) if options.update_secrets else None
    found = look(aws, import_tables=options.import_tables, import_secret=options.import_secret)
    if credentials is None:
        check_secret(aws)
    tables = {**found.tables, **options.tables}
    replaced = [f"{name}={table}" for name, table in tables.items() if name != table]
    existing = sorted(found.existing | set(options.tables.values()))
    context = [f"env={aws.names.environment}", *options.context]
    context += [f"tables={','.join(replaced)}"] if replaced else []
    context += [f"existing={','.join(existing)}"] if existing else []
    for variable in ("PITBOARD_OAUTH_URL", "PITBOARD_DATA_URL"):
        if os.environ.get(variable):
            context.append(f"{variable.removeprefix('PITBOARD_').lower()}={os.environ[variable]}")
    return Plan(aws, found, credentials, tuple(context))


def difference(plan: Plan) -> None:
    """Shows what a deploy would change (`cdk diff`). Raises `FailedError`."""
    _cdk(plan, "diff")


def carry_out(plan: Plan) -> str:
    """Deploys; gives the API's address. Raises `FailedError`, after CDK has said why."""
    aws = plan.aws
    _cdk(plan, "deploy", "--require-approval", "never", "--progress", "events")
    stack = fresh_stack(aws)
    for table in tables_in_use(aws, stack).values():
        protect(aws, table)
    if plan.credentials is not None:
        put_secret(aws, plan.credentials)
    for function in aws.names.functions:
        prune(aws, function)
    return outputs(stack).get(aws.names.url_output, "")


def checkout() -> Path:
    """The source tree that this runs from, with what a deploy needs. Raises `UsageError`."""
    root = Path(pitboard.__file__).resolve().parents[2]
    if not (root / "infra" / "app.py").is_file():
        raise UsageError("The AWS home is deployed from a checkout of the repository, with `infra` in it.")
    if importlib.util.find_spec("aws_cdk") is None:
        raise UsageError("CDK's library is missing: `uv sync --all-extras --group infra`.")
    if not shutil.which("npx"):
        raise UsageError("npx is missing; CDK's command line runs on Node.js 22 or newer.")
    return root


def read_credentials(file: Path | None) -> Credentials:
    """iRacing's credentials from a JSON file, else from the environment. Raises `UsageError`."""
    if file is None:
        values = {name: os.environ.get(f"PITBOARD_{name.upper()}", "") for name in FIELDS}
        if missing := [f"PITBOARD_{name.upper()}" for name, value in values.items() if not value]:
            raise UsageError(f"Set {', '.join(missing)}, or name a JSON file with --secrets-file.")
        return Credentials(**values)
    try:
        return parse(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read ({type(error).__name__}).") from None
    except CredentialsError as error:
        sentence = str(error).replace("The secret ", "The file ").split(";")[0]
        raise UsageError(f"{sentence}; it must be a JSON object with {', '.join(FIELDS)}.") from None


def put_secret(aws: AwsEnvironment, credentials: Credentials) -> None:
    """Writes the secret's value over the API: it is in no process list, no log and no template."""
    value = json.dumps({name: getattr(credentials, name) for name in FIELDS})
    with _told_errors(aws, "The secret could not be written"):
        aws.client("secretsmanager").put_secret_value(SecretId=aws.names.secret, SecretString=value)


def protect(aws: AwsEnvironment, table: str) -> None:
    """Turns on expiry and point-in-time recovery where they are off, as in a table taken over."""
    client = aws.client("dynamodb")
    with _told_errors(aws, f"The settings of {table} could not be changed"):
        expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if expiry.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            client.update_time_to_live(
                TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
            )
        backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {})
        if (
            recovery.get("PointInTimeRecoveryStatus") != "ENABLED"
        ):  # else the time one can go back to may shrink
            client.update_continuous_backups(
                TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )


def versions(aws: AwsEnvironment, function: str) -> list[dict[str, str]]:
    """A function's published versions, oldest first: number and time of publishing."""
    pages = aws.client("lambda").get_paginator("list_versions_by_function")
    found = (v for page in pages.paginate(FunctionName=function) for v in page["Versions"])
    numbered = [v for v in found if v["Version"].isdecimal()]
    return sorted(
        ({"Version": v["Version"], "LastModified": v["LastModified"]} for v in numbered),
        key=lambda v: int(v["Version"]),
    )


def prune(aws: AwsEnvironment, function: str) -> None:
    """Deletes old versions of a function, never one that an alias points to."""
    client = aws.client("lambda")
    with _told_errors(aws, f"Old versions of {function} could not be deleted"):
        pages = client.get_paginator("list_aliases").paginate(FunctionName=function)
        used = {alias["FunctionVersion"] for page in pages for alias in page["Aliases"]}
        for version in versions(aws, function)[:-VERSIONS_KEPT]:
            if version["Version"] not in used:
                client.delete_function(FunctionName=function, Qualifier=version["Version"])


def _cdk(plan: Plan, command: str, *arguments: str) -> None:
    root = checkout()
    given = [word for part in plan.context for word in ("--context", part)]
    npx = shutil.which("npx") or "npx"
    with tempfile.TemporaryDirectory(prefix="pitboard-cdk-") as output:
        done = subprocess.run(  # noqa: S603 - our own words and checked settings; no secret is among them
            [
                *(npx, "--yes", CDK, command, plan.aws.names.stack, "--no-notices", "--output", output),
                *("--app", f"{shlex.quote(sys.executable)} -m infra.app", *given, *arguments),
            ],
            cwd=root,
            env={**os.environ, "CDK_DISABLE_CLI_TELEMETRY": "1", "AWS_REGION": plan.aws.region},
            check=False,
        )
    if done.returncode:
        raise FailedError(f"cdk {command} failed; it has printed why. CloudFormation goes back by itself.")


@contextlib.contextmanager
def _told_errors(aws: AwsEnvironment, what: str) -> Iterator[None]:
    try:
        yield
    except aws.errors as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        raise FailedError(f"{what} ({code}).") from None
