"""The lists of permissions have every call that the commands make, recorded where AWS' library makes it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("ministack", reason="needs the dependency group `infra`")

import botocore.client
from botocore.exceptions import ClientError
from tests.support.aws_account import AwsAccount, ministack
from typer.testing import CliRunner

from pitboard import cli
from pitboard.aws.names import ALIAS, Names
from pitboard.drivers.model import IdEntry
from pitboard.iracing.credentials import Credentials
from pitboard.ops import deploy, deploy_checks, rollback, table_settings
from pitboard.ops.aws_members import AwsMembersAdmin
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.github_role import template
from pitboard.ops.permissions import DEPLOY, LOOK, MEMBERS, ON_CALL, TASKS, Task, action, policy
from pitboard.ops.verify import verify
from pitboard.settings import UsageError
from pitboard.stores.dynamodb import DynamoStore


@pytest.fixture(scope="module")
def cloud() -> Iterator[AwsAccount]:
    """A deployed environment, with two versions of each function."""
    with ministack() as url:
        cloud = AwsAccount(url).build()
        client = cloud.client("lambda")
        for function in Names("prod").functions:
            client.publish_version(FunctionName=function)
            client.update_function_configuration(FunctionName=function, Timeout=30)
            version = client.publish_version(FunctionName=function)["Version"]
            client.create_alias(FunctionName=function, Name=ALIAS, FunctionVersion=version)
        yield cloud


@pytest.fixture
def recorded(cloud: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The actions of the calls that are made in this process."""
    cloud.use(monkeypatch)
    seen: set[str] = set()
    make: Callable[..., Any] = botocore.client.BaseClient._make_api_call

    def record(self: Any, operation: str, arguments: Any) -> Any:
        if self.meta.endpoint_url.rstrip("/") == cloud.url.rstrip("/"):  # another test's poller may still run
            seen.add(action(self.meta.service_model.service_name, operation))
        return make(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", record)
    return seen


def allowed(*tasks: Task) -> set[str]:
    return {name for task in tasks for name in (*task.actions, *task.secret)}


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--env", "prod", "--json"),
        ("verify", "--env", "prod", "--json"),
        ("logs", "--env", "prod"),
        ("logs", "--env", "prod", "--query", "errors"),
    ],
)
def test_who_looks_needs_no_more_than_is_listed(recorded, words):
    CliRunner().invoke(cli.app, words)
    assert len(recorded) > 1
    assert recorded <= allowed(LOOK)


def test_who_is_on_call_needs_no_more_than_is_listed(recorded):
    done = CliRunner().invoke(cli.app, ("rollback", "--env", "prod", "--yes"))
    assert done.exit_code == 0, done.output
    CliRunner().invoke(cli.app, ("rollback", "--env", "prod", "--stack", "--yes"))
    assert "lambda:UpdateAlias" in recorded
    assert recorded <= allowed(LOOK, ON_CALL)


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (
            ("forget", "Ann Tester", "--id", "7"),
            {"dynamodb:PutItem", "dynamodb:Scan", "dynamodb:BatchWriteItem"},
        ),
        (("allow", "Bo Demo", "--only", "--list"), {"dynamodb:GetItem", "dynamodb:PutItem"}),
        (("allow", "--league", "4711"), {"lambda:InvokeFunction"}),  # ir-auth has the token for the roster
    ],
)
def test_who_sees_to_members_wishes_needs_no_more_than_is_listed(cloud, recorded, words, called, monkeypatch):
    monkeypatch.setattr(AwsMembersAdmin, "_await_functions", lambda _: None)
    keep_something(cloud)
    CliRunner().invoke(cli.app, (*words, "--env", "prod"))
    assert recorded <= allowed(MEMBERS)
    assert called <= recorded


def keep_something(cloud):
    names = Names("prod")
    store = DynamoStore(cloud.client("dynamodb"), names.drivers_table, names.custid_table)
    store.keep_ids([IdEntry("ann tester", 7, "iRacing", time.time() + 999)])


def test_who_deploys_needs_no_more_than_is_listed(recorded):
    """What CDK's command line calls, it calls as its own roles."""
    aws = AwsEnvironment("prod")
    with suppress(UsageError):  # the roles of this account are not of a stack
        deploy_checks.check(aws, import_tables=True, import_secret=True)
    deploy_checks.has_room(aws, 50)
    deploy_checks.check_secret(aws)
    for table in aws.names.tables:
        deploy.protect(aws, table)
        table_settings.tag(aws, table)
    deploy.protect_stack(aws)
    deploy.write_secret(aws, Credentials("a", "b", "c@example.test", "d"))
    deploy.begin_index_refresh(aws)
    for function in aws.names.functions:
        deploy.delete_old_versions(aws, function)
    with suppress(UsageError):
        rollback.check_restore(aws, "ir_drivers", rollback.parse_moment("2026-01-01"))
    assert "dynamodb:UpdateTable" in recorded
    assert recorded <= allowed(DEPLOY)


def test_githubs_role_suffices_for_what_the_workflow_runs(cloud, monkeypatch):
    """It may deploy and verify, and not read the secret: that one could not be checked, and nothing failed.
    What does not answer here are the routes: no function runs."""
    cloud.use(monkeypatch)
    plain: Any = template()["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]
    granted = set(plain["Statement"][0]["Action"])
    make: Callable[..., Any] = botocore.client.BaseClient._make_api_call

    def enforce(self: Any, operation: str, arguments: Any) -> Any:
        wanted = action(self.meta.service_model.service_name, operation)
        if wanted not in granted:
            said = {"Code": "AccessDeniedException", "Message": f"not authorized to perform {wanted}"}
            raise ClientError({"Error": said}, operation)
        return make(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", enforce)
    aws = AwsEnvironment("prod")
    deploy_checks.check_secret(aws)
    assert deploy_checks.kept_username(aws) == ""
    found = {one.what: one for one in verify(aws, "http://127.0.0.1:9", "")}
    told = {what: one.detail for what, one in found.items()}
    assert "may not be read" in told["secret"]
    assert found["secret"].ok is None
    for what in (*aws.names.functions, *aws.names.tables):
        assert "authorized" not in told[what]
        assert "refused" not in told[what]


def test_a_policy_allows_what_its_task_lists_and_cdks_roles_alone_are_assumed():
    for task in TASKS:
        statements: Any = policy(task, "1")["Statement"]
        assert set(statements[0]["Action"]) == allowed(task) - {"sts:AssumeRole"}
        assert all(":role/cdk-hnb659fds-" in arn for one in statements[1:] for arn in one["Resource"])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_policy_as_iam_reads_it_allows_the_calls_of_its_task_and_no_others(cloud, task):
    def decisions(actions: set[str], resource: str) -> set[str]:
        answer = cloud.client("iam").simulate_custom_policy(
            PolicyInputList=[json.dumps(policy(task, cloud.account))],
            ActionNames=sorted(actions),
            ResourceArns=[resource],
        )
        return {one["EvalDecision"] for one in answer["EvaluationResults"]}

    everything = cloud.arn("dynamodb", "table/ir_drivers")
    assert decisions(allowed(task) - {"sts:AssumeRole"}, everything) == {"allowed"}
    assert decisions({"dynamodb:DeleteTable", "iam:PutRolePolicy", "iam:PassRole"}, everything) == {
        "implicitDeny"
    }
    if "sts:AssumeRole" in task.actions:
        roles = f"arn:aws:iam::{cloud.account}:role"
        cdk = f"{roles}/cdk-hnb659fds-deploy-role-{cloud.account}-eu-central-1"
        assert decisions({"sts:AssumeRole"}, cdk) == {"allowed"}
        assert decisions({"sts:AssumeRole"}, f"{roles}/administrator") == {"implicitDeny"}
