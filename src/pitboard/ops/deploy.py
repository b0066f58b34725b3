"""`pitboard deploy`: first all checks, then CDK deploys, then the secret is written."""

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pitboard
from pitboard.aws.names import ALIAS, API_URL_OUTPUT, CDK, REFRESH_INDEX
from pitboard.aws.secret import FIELDS, parse
from pitboard.drivers.errors import CredentialsError
from pitboard.iracing.credentials import Credentials
from pitboard.ops import deploy_checks
from pitboard.ops.children import FOR_CDK, environment
from pitboard.ops.deploy_checks import DeployState
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.errors import ChangeFailedError
from pitboard.ops.table_settings import turn_on_expiry, turn_on_recovery
from pitboard.settings import UsageError

VERSIONS_KEPT = 3
"""Versions of a function that are kept for a rollback. With SnapStart each costs about 4 dollars a month."""


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """The options of a deploy. `context` has further settings of `infra.config`, as NAME=VALUE.

    `tables` replaces a table of the contract by another one that exists already.
    """

    update_secrets: bool = False
    secrets_file: Path | None = None
    import_tables: bool = False
    import_secret: bool = False
    context: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A deploy that has passed its checks."""

    aws: AwsEnvironment
    state: DeployState
    credentials: Credentials | None
    context: tuple[str, ...]


def prepare(aws: AwsEnvironment, options: DeployOptions) -> Plan:
    """Checks everything that could stop a deploy. Raises `UsageError`; nothing has changed then."""
    checkout()
    for part in options.context:
        if "=" not in part:
            raise UsageError(f"--context takes NAME=VALUE, not {part!r}.")
    credentials = read_credentials(options.secrets_file) if options.update_secrets else None
    state = deploy_checks.check(aws, import_tables=options.import_tables, import_secret=options.import_secret)
    if credentials is None:
        deploy_checks.check_secret(aws)
    tables = {**state.tables, **options.tables}
    replaced = [f"{name}={table}" for name, table in tables.items() if name != table]
    existing = sorted(state.existing | set(options.tables.values()))
    context = [f"env={aws.names.environment}", *options.context]
    context += [f"tables={','.join(replaced)}"] if replaced else []
    context += [f"existing={','.join(existing)}"] if existing else []
    for variable in ("PITBOARD_OAUTH_URL", "PITBOARD_DATA_URL", "PITBOARD_LINK_HOSTS"):
        if os.environ.get(variable):
            context.append(f"{variable.removeprefix('PITBOARD_').lower()}={os.environ[variable]}")
    return Plan(aws, state, credentials, tuple(context))


def show_changes(plan: Plan) -> None:
    """Prints what a deploy would change (`cdk diff`). Raises `ChangeFailedError`."""
    _cdk(plan, "diff")


def deploy(plan: Plan) -> str:
    """Deploys; returns the API's address. Raises `ChangeFailedError`, after CDK has printed the reason."""
    aws = plan.aws
    _cdk(plan, "deploy", "--require-approval", "never", "--progress", "events")
    stack = aws.fresh_stack()
    for table in deploy_checks.tables_in_use(aws, stack).values():
        protect(aws, table)
    if plan.credentials is not None:
        write_secret(aws, plan.credentials)
    begin_index_refresh(aws)
    for function in aws.names.functions:
        delete_old_versions(aws, function)
    return stack.outputs.get(API_URL_OUTPUT, "") if stack else ""


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
        return parse(file.read_text("utf-8"), f"The file {file}")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read ({type(error).__name__}).") from None
    except CredentialsError as error:
        raise UsageError(f"{error} It must be a JSON object with {', '.join(FIELDS)}.") from None


def write_secret(aws: AwsEnvironment, credentials: Credentials) -> None:
    """Writes the secret's value over AWS' API: it is in no process list, no log and no template."""
    value = json.dumps({name: getattr(credentials, name) for name in FIELDS})
    with aws.change("The secret could not be written"):
        aws.client("secretsmanager").put_secret_value(SecretId=aws.names.secret, SecretString=value)


def begin_index_refresh(aws: AwsEnvironment) -> None:
    """Lets ir-index refresh the driver index now, and does not wait for it. After the first deploy there is
    none, and after a restored table it is old."""
    with aws.change("The refresh of the driver index could not be started"):
        aws.client("lambda").invoke(
            FunctionName=aws.names.index,
            Qualifier=ALIAS,
            InvocationType="Event",
            Payload=json.dumps({"action": REFRESH_INDEX}),
        )


def protect(aws: AwsEnvironment, table: str) -> None:
    """Turns on time to live and point-in-time recovery if they are off, as in an imported table."""
    with aws.change(f"The settings of {table} could not be changed"):
        turn_on_expiry(aws, table)
        turn_on_recovery(aws, table)


def delete_old_versions(aws: AwsEnvironment, function: str) -> None:
    """Deletes old versions of a function, but none that an alias points to."""
    client = aws.client("lambda")
    with aws.change(f"Old versions of {function} could not be deleted"):
        pages = client.get_paginator("list_aliases").paginate(FunctionName=function)
        used = {alias["FunctionVersion"] for page in pages for alias in page["Aliases"]}
        for version in aws.fresh_versions(function)[:-VERSIONS_KEPT]:
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
            env={**environment(*FOR_CDK), "CDK_DISABLE_CLI_TELEMETRY": "1", "AWS_REGION": plan.aws.region},
            check=False,
        )
    if done.returncode:
        raise ChangeFailedError(
            f"cdk {command} failed; it has printed the reason. CloudFormation rolls the change back."
        )
