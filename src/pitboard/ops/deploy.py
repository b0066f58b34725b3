"""`pitboard deploy`: first all checks, then CDK deploys, then the secret is written."""

import importlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pitboard
from pitboard.aws import deploy_settings
from pitboard.aws.names import ALIAS, API_URL_OUTPUT, REFRESH_INDEX
from pitboard.aws.secret import FIELDS, parse
from pitboard.drivers.errors import CredentialsError
from pitboard.drivers.members import Audience
from pitboard.iracing.credentials import Credentials
from pitboard.ops import aws_members, canary, cdk, deploy_checks
from pitboard.ops.deploy_checks import DeployState
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.errors import ChangeFailedError
from pitboard.ops.table_settings import turn_on_expiry, turn_on_protection, turn_on_recovery
from pitboard.settings import UsageError, unreadable

VERSIONS_KEPT = 2
"""Versions of a function that are kept: the newest, and one to go back to. With SnapStart each costs
about 4 dollars a month."""


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """The options of a deploy. `context` has settings of `aws.deploy_settings`, as NAME=VALUE.

    `tables` replaces a table of the contract by another one that exists already.
    """

    update_secrets: bool = False
    secrets_file: Path | None = None
    import_tables: bool = False
    import_secret: bool = False
    context: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A deploy that has passed its checks. `settings` are those given now and at earlier deploys."""

    aws: AwsEnvironment
    state: DeployState
    credentials: Credentials | None
    settings: Mapping[str, str]
    audience: Audience
    context: tuple[str, ...]
    others: tuple[str, ...] = ()


def prepare(aws: AwsEnvironment, options: DeployOptions) -> Plan:
    """Checks everything that could stop a deploy. Raises `UsageError`; nothing has changed then."""
    root = checkout()
    try:
        given = deploy_settings.parse(options.context)
    except deploy_settings.UnknownSettingError as error:
        raise UsageError(str(error)) from None
    credentials = read_credentials(options.secrets_file) if options.update_secrets else None
    state = deploy_checks.check(aws, import_tables=options.import_tables, import_secret=options.import_secret)
    if credentials is None:
        deploy_checks.check_secret(aws)
    audience = aws_members.chosen(aws, options.audience)
    tables = {**state.tables, **options.tables}
    replaced = [f"{name}={table}" for name, table in tables.items() if name != table]
    existing = sorted(state.existing | set(options.tables.values()))
    stack = aws.fresh_stack()
    settings = {**deploy_settings.remembered(stack.outputs if stack else {}), **given}
    settings = {name: value for name, value in settings.items() if value}  # NAME= forgets a setting
    _check_shell(settings)
    context = {"env": aws.names.environment, **settings}
    context |= {"tables": ",".join(replaced)} if replaced else {}
    former = [
        f"{name}={state.tables[name]}" for name, new in options.tables.items() if state.tables[name] != new
    ]
    context |= {} if stack and stack.outputs else {"first": "true"}
    context |= {"former": ",".join(former)} if former else {}
    context |= {"existing": ",".join(existing)} if existing else {}
    config = _check_settings(root, context)
    context |= {} if deploy_checks.has_room(aws, config.reserved) else {"no_room": "true"}
    username = credentials.username if credentials else deploy_checks.kept_username(aws)
    others = tuple(deploy_checks.others_of_the_account(aws, username))
    words = tuple(f"{k}={v}" for k, v in context.items())
    return Plan(aws, state, credentials, settings, audience, words, others)


def _check_shell(settings: Mapping[str, str]) -> None:
    """Raises `UsageError` if a variable for another iRacing is set that this deploy would not use: it is a
    left-over of somebody's tests."""
    for name in ("oauth_url", "data_url", "link_hosts"):
        variable = f"PITBOARD_{name.upper()}"
        value = os.environ.get(variable, "")
        if value and value != settings.get(name):
            raise UsageError(
                f"{variable} is set in this shell, and a deploy does not take it from there: unset it, or"
                f" give `--context {name}=...` if it is meant."
            )


def _check_settings(root: Path, context: Mapping[str, str]) -> Any:
    """The stack's `infra.config.Config`. Raises `UsageError` for a value that it cannot be made with."""
    sys.path.insert(0, str(root))
    try:
        config, errors = importlib.import_module("infra.config"), importlib.import_module("infra.errors")
    finally:
        sys.path.remove(str(root))
    try:
        return config.from_context(context.get)
    except errors.ConfigError as error:
        raise UsageError(str(error)) from None


class Deployment:
    """A plan with its template and package, which are made once."""

    def __init__(self, plan: Plan, folder: Path, *, verbose: bool) -> None:
        self._plan = plan
        self._folder = folder
        self._verbose = verbose

    def changes(self) -> cdk.Changes:
        """Makes template and package, and says what would change. Raises `ChangeFailedError`."""
        given = [word for part in self._plan.context for word in ("--context", part)]
        words = ("--method", "template", "--output", str(self._folder), "--app", cdk.app(), *given)
        return cdk.Changes(self._cdk("diff", *words))

    def deploy(self, tell: Callable[[str], object]) -> str:
        """Deploys what `changes` has made; returns the API's address. `tell` gets a few words on each step.
        Raises `ChangeFailedError`, after CDK's reason was printed."""
        aws = self._plan.aws
        words = ("--require-approval", "never", "--progress", "events", "--app", str(self._folder))
        begun = datetime.now(UTC)
        try:
            self._cdk("deploy", *words, tell=tell)
        except ChangeFailedError as error:
            with aws.change(f"{error} What a canary sent back could not be asked for"):
                sentences = canary.sent_back(aws, begun)
            if not sentences:
                raise
            raise ChangeFailedError("\n".join((str(error), *sentences))) from None
        tell("tables and secret")
        stack = aws.fresh_stack()
        tables = deploy_checks.tables_in_use(aws, stack)
        for table in tables.values():
            protect(aws, table)
        drivers, custid = tables[aws.names.drivers_table], tables[aws.names.custid_table]
        aws_members.choose(aws, drivers, custid, self._plan.audience)
        protect_stack(aws)
        if self._plan.credentials is not None:
            write_secret(aws, self._plan.credentials)
        begin_index_refresh(aws)
        for function in aws.names.functions:
            delete_old_versions(aws, function)
        return stack.outputs.get(API_URL_OUTPUT, "") if stack else ""

    def _cdk(self, command: str, *words: str, tell: Callable[[str], object] | None = None) -> str:
        aws = self._plan.aws
        return cdk.run(
            (command, aws.names.stack, *words),
            region=aws.region,
            cwd=checkout(),
            tell=tell,
            verbose=self._verbose,
        )


@contextmanager
def deployment(plan: Plan, *, verbose: bool = False) -> Iterator[Deployment]:
    """A deployment of the plan, in a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="pitboard-cdk-") as folder:
        yield Deployment(plan, Path(folder), verbose=verbose)


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
        raise unreadable(file, error) from None
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
    """Turns on time to live, point-in-time recovery and in prod the protection from deletion if they are off,
    as in an imported table."""
    with aws.change(f"The settings of {table} could not be changed"):
        if aws.names.protected:
            turn_on_protection(aws, table)
        turn_on_expiry(aws, table)
        turn_on_recovery(aws, table)


def protect_stack(aws: AwsEnvironment) -> None:
    """Protects the stack of prod from deletion. Not in its template at first: CDK deletes a stack whose first
    deploy has failed, to make it again."""
    if aws.names.protected:
        with aws.change(f"{aws.names.stack} could not be protected from deletion"):
            aws.client("cloudformation").update_termination_protection(
                StackName=aws.names.stack, EnableTerminationProtection=True
            )


def delete_old_versions(aws: AwsEnvironment, function: str) -> None:
    """Deletes old versions of a function, but none that an alias points to."""
    client = aws.client("lambda")
    with aws.change(f"Old versions of {function} could not be deleted"):
        pages = client.get_paginator("list_aliases").paginate(FunctionName=function)
        used = {alias["FunctionVersion"] for page in pages for alias in page["Aliases"]}
        for version in aws.fresh_versions(function)[:-VERSIONS_KEPT]:
            if version["Version"] not in used:
                client.delete_function(FunctionName=function, Qualifier=version["Version"])
