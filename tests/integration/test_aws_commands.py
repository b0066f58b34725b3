"""deploy, verify and rollback on bad input: one sentence with the remedy, exit 2, and nothing has changed.

The way when all is well is walked in tests/e2e/test_aws_deploy.py.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

pytest.importorskip("ministack", reason="needs the dependency group `infra`")

from tests.support import needs
from tests.support.aws_account import REGION, AwsAccount, ministack
from tests.support.lambda_runtime import LoopbackServer

from pitboard.cli import main
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.verify import _known_name

HTTP = urllib3.PoolManager()
CREDENTIALS = {"client_id": "c", "client_secret": "hush-secret", "username": "u", "password": "hush-pass"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with ministack() as url:
        yield url


@pytest.fixture
def cloud(emulator: str, monkeypatch: pytest.MonkeyPatch) -> AwsAccount:
    """A new account with nothing in it but CDK's bootstrap."""
    cloud = AwsAccount(emulator)
    cloud.use(monkeypatch)
    cloud.bootstrap()
    return cloud


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Runs a command line; gives its exit code and what it said, in one line."""
    monkeypatch.setenv("COLUMNS", "500")

    def run(*words: str) -> tuple[int, str]:
        if words[0] == "deploy":
            needs.node()
        monkeypatch.setattr(sys, "argv", ["pitboard", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), " ".join((out + err).split())

    return run


def state(cloud: AwsAccount) -> str:
    """All that a deploy would change."""
    secrets = cloud.client("secretsmanager").list_secrets()["SecretList"]
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    return json.dumps(
        [
            [s["StackName"] + s["StackStatus"] for s in stacks],
            cloud.client("dynamodb").list_tables()["TableNames"],
            [[s["Name"], s.get("SecretVersionsToStages")] for s in secrets],
            [f["FunctionName"] for f in cloud.client("lambda").list_functions()["Functions"]],
        ]
    )


def table(cloud: AwsAccount, name: str, key: str) -> None:
    cloud.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@contextmanager
def between(url: str, change) -> Iterator[str]:
    """A proxy before the emulator. `change` gets the request's body and the answer's, and gives another
    answer: status and body."""

    def answer(request, body):
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        got = HTTP.request(request.command, url + request.path, body=body, headers=headers)
        status, content = change(body, got.status, got.data)
        return status, {"Content-Type": got.headers.get("Content-Type", "text/xml")}, content

    with LoopbackServer(answer) as server:
        yield server.url


def refused(cloud: AwsAccount, said, *words: str) -> str:
    """The sentence of a command that must not have changed anything."""
    before = state(cloud)
    code, sentence = said(*words)
    assert code == 2, sentence
    assert sentence.startswith("pitboard:")
    assert state(cloud) == before
    assert "hush" not in sentence
    return sentence


@pytest.mark.parametrize("command", ["bootstrap", "deploy", "verify", "rollback"])
def test_an_unknown_environment(cloud, said, command):
    sentence = refused(cloud, said, command, "--env", "production")
    assert "There is no environment 'production'; there are dev, staging, prod." in sentence


@pytest.mark.parametrize("command", ["deploy", "verify", "rollback"])
def test_missing_aws_credentials(cloud, said, monkeypatch, command):
    with monkeypatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.delenv(name)
        code, sentence = said(command, "--env", "dev")
    assert code == 2
    assert "Unable to locate credentials" in sentence
    assert "aws sts get-caller-identity" in sentence


@pytest.mark.parametrize("other", ["", "us-east-1"])
def test_the_region_is_the_one_of_aws_region(cloud, said, monkeypatch, other):
    """The guide says `export AWS_REGION=...`, which boto3 does not read. In the AWS CLI it goes before
    AWS_DEFAULT_REGION. Source: the AWS CLI's guide for version 2, "Environment variables"."""
    monkeypatch.setenv("AWS_REGION", REGION)
    if other:
        monkeypatch.setenv("AWS_DEFAULT_REGION", other)
    else:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert AwsEnvironment("dev").region == REGION
    code, sentence = said("verify", "--env", "dev")
    assert "specify a region" not in sentence
    assert code != 0


def test_without_a_region_the_sentence_says_so(cloud, said, monkeypatch):
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    sentence = refused(cloud, said, "deploy", "--env", "dev")
    assert "AWS refuses access: You must specify a region. Check" in sentence


def test_wrong_aws_credentials(cloud, said, monkeypatch):
    wrong = (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security"
        b" token included in the request is invalid.</Message></Error></ErrorResponse>"
    )

    def change(body, status, content):
        return (403, wrong) if b"GetCallerIdentity" in body else (status, content)

    with between(cloud.url, change) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        code, sentence = said("deploy", "--env", "dev")
    assert code == 2
    assert "InvalidClientTokenId" in sentence
    assert "Check `aws sts get-caller-identity`" in sentence


def test_no_region(cloud, said, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    code, sentence = said("deploy", "--env", "dev")
    assert code == 2
    assert "You must specify a region" in sentence


def test_not_bootstrapped(cloud, said):
    cloud.client("ssm").delete_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    sentence = refused(cloud, said, "deploy", "--env", "dev")
    assert "CDK is not bootstrapped in" in sentence
    assert cloud.account in sentence
    assert "run `pitboard bootstrap --env dev`" in sentence


def test_a_bootstrap_that_is_too_old(cloud, said):
    cloud.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="5", Type="String", Overwrite=True
    )
    sentence = refused(cloud, said, "deploy", "--env", "dev")
    assert "has version 5, and 6 is needed" in sentence
    assert "run `pitboard bootstrap --env dev`" in sentence


def test_a_table_that_exists(cloud, said):
    table(cloud, "ir_auth_dev", "username")
    sentence = refused(cloud, said, "deploy", "--env", "dev")
    assert "Table already exists: ir_auth_dev." in sentence
    assert "--import-tables" in sentence


def test_a_table_that_cannot_be_imported(cloud, said):
    table(cloud, "ir_auth_dev", "name")
    sentence = refused(cloud, said, "deploy", "--env", "dev", "--import-tables")
    assert "ir_auth_dev cannot be imported: its key must be username alone." in sentence


def test_a_secret_that_exists(cloud, said):
    cloud.client("secretsmanager").create_secret(
        Name="iRacing/OAuth/Credentials-dev", SecretString=json.dumps(CREDENTIALS)
    )
    assert "--import-secret" in refused(cloud, said, "deploy", "--env", "dev")


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("{", "is not JSON"),
        ('"hush"', "is not a JSON object"),
        (json.dumps({**CREDENTIALS, "password": ""}), "lacks password"),
        (json.dumps({"client_id": "c", "client_secret": "hush"}), "lacks username, password"),
    ],
)
def test_a_secret_in_aws_that_cannot_be_used(cloud, said, text, trouble):
    cloud.client("secretsmanager").create_secret(Name="iRacing/OAuth/Credentials-dev", SecretString=text)
    sentence = refused(cloud, said, "deploy", "--env", "dev", "--import-secret")
    assert f"The secret iRacing/OAuth/Credentials-dev {trouble}" in sentence
    assert "--update-secrets" in sentence


@pytest.mark.parametrize(
    ("text", "trouble"),
    [("{", "is not JSON"), ("[]", "is not a JSON object"), ('{"client_id": "c"}', "lacks client_secret")],
)
def test_a_file_of_secrets_that_cannot_be_used(cloud, said, tmp_path: Path, text, trouble):
    file = tmp_path / "secrets.json"
    file.write_text(text)
    sentence = refused(cloud, said, "deploy", "--env", "dev", "--update-secrets", "--secrets-file", str(file))
    assert f"The file {file} {trouble}" in sentence


def test_a_file_of_secrets_that_is_not_there(cloud, said, tmp_path: Path):
    file = tmp_path / "absent.json"
    sentence = refused(cloud, said, "deploy", "--env", "dev", "--update-secrets", "--secrets-file", str(file))
    assert f"{file} cannot be read" in sentence


def test_secrets_that_are_not_in_the_environment(cloud, said, monkeypatch):
    monkeypatch.setenv("PITBOARD_PASSWORD", "hush-pass")
    sentence = refused(cloud, said, "deploy", "--env", "dev", "--update-secrets")
    assert "Set PITBOARD_CLIENT_ID, PITBOARD_CLIENT_SECRET, PITBOARD_USERNAME" in sentence
    assert "PITBOARD_PASSWORD" not in sentence


@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_commands_are_refused_while_another_deploy_runs(cloud, said, monkeypatch, command):
    cloud.template("pitboard-dev", {"Topic": {"Type": "AWS::SNS::Topic"}})

    def change(_, status, content):
        return status, content.replace(b"CREATE_COMPLETE", b"UPDATE_IN_PROGRESS")

    before = state(cloud)
    with between(cloud.url, change) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        code, sentence = said(command, "--env", "dev")
    assert code == 2
    assert "deployment of pitboard-dev is running" in sentence
    assert "pitboard rollback --env dev --stack" in sentence
    assert state(cloud) == before


def test_three_environments_on_one_iracing_account_are_refused(cloud, said, monkeypatch):
    """Their four logins an hour each are the twelve after which iRacing locks an account."""
    for name in ("iRacing/OAuth/Credentials", "iRacing/OAuth/Credentials-staging"):
        cloud.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(CREDENTIALS))
    for name, value in {**CREDENTIALS, "username": " U "}.items():
        monkeypatch.setenv(f"PITBOARD_{name.upper()}", value)
    sentence = refused(cloud, said, "deploy", "--env", "dev", "--update-secrets")
    assert "staging and prod use the same iRacing account as dev" in sentence


def test_two_environments_on_one_iracing_account_are_told(cloud, monkeypatch):
    from pitboard.ops.deploy_checks import others_of_the_account
    from pitboard.ops.environment import AwsEnvironment

    cloud.client("secretsmanager").create_secret(
        Name="iRacing/OAuth/Credentials", SecretString=json.dumps(CREDENTIALS)
    )
    assert others_of_the_account(AwsEnvironment("dev"), "u") == ["prod"]
    assert others_of_the_account(AwsEnvironment("dev"), "another") == []


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_that_cannot_be_changed_is_named_with_the_way_out(cloud, said, monkeypatch, status):
    cloud.template("pitboard-dev", {"Topic": {"Type": "AWS::SNS::Topic"}})

    def change(_, code, content):
        return code, content.replace(b"CREATE_COMPLETE", status.encode())

    with between(cloud.url, change) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        code, sentence = said("deploy", "--env", "dev")
    assert code == 2
    assert f"pitboard-dev is {status}" in sentence
    assert "pitboard rollback --env dev --stack" in sentence


def test_an_environment_in_a_second_region_of_an_account_is_refused(cloud, said):
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    cloud.client("iam").create_role(
        RoleName="ir-drivers-role-dev", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )
    sentence = refused(cloud, said, "deploy", "--env", "dev")
    assert "The role ir-drivers-role-dev exists already" in sentence
    assert "an account can have dev in one region only" in sentence


def test_a_log_group_that_is_left_over_is_named_with_the_remedy(cloud, said):
    cloud.client("logs").create_log_group(logGroupName="/aws/lambda/ir-auth-dev")
    sentence = refused(cloud, said, "deploy", "--env", "dev")
    assert "aws logs delete-log-group --log-group-name /aws/lambda/ir-auth-dev" in sentence


def test_what_a_failed_deploy_has_skipped_is_not_the_stacks(cloud, said, monkeypatch):
    """The table of a first deploy that failed is in DELETE_SKIPPED: it is there, and CloudFormation has
    forgotten it."""
    table(cloud, "ir_auth_dev", "username")
    cloud.template("pitboard-dev", {"Topic": {"Type": "AWS::SNS::Topic"}})
    listed = (
        b"<member><LogicalResourceId>a</LogicalResourceId><PhysicalResourceId>ir_auth_dev</PhysicalResourceId>"
        b"<ResourceType>AWS::DynamoDB::Table</ResourceType><ResourceStatus>DELETE_SKIPPED</ResourceStatus>"
        b"<LastUpdatedTimestamp>2026-11-01T00:00:00Z</LastUpdatedTimestamp></member>"
    )

    def change(body, code, content):
        if b"ListStackResources" in body:
            content = content.replace(b"</StackResourceSummaries>", listed + b"</StackResourceSummaries>")
        return code, content.replace(b"CREATE_COMPLETE", b"ROLLBACK_COMPLETE")

    with between(cloud.url, change) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        code, sentence = said("deploy", "--env", "dev")
    assert code == 2
    assert "Table already exists: ir_auth_dev" in sentence


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("ROLLBACK_COMPLETE", "has failed and left nothing: its stack is made again."),
        ("REVIEW_IN_PROGRESS", "ended before it began: this one goes on with its stack."),
    ],
)
def test_a_first_deploy_that_did_not_work_is_told_and_does_not_stop_the_next(
    cloud, monkeypatch, status, sentence
):
    """CDK's part is not in here: it deletes the one stack and goes on with the other."""
    from pitboard.ops.deploy_checks import check
    from pitboard.ops.environment import AwsEnvironment

    cloud.template("pitboard-dev", {"Topic": {"Type": "AWS::SNS::Topic"}})

    def change(body, code, content):
        if b"DescribeStacks" in body:
            content = content.replace(b"CREATE_COMPLETE", status.encode())
        return code, content

    with between(cloud.url, change) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        found = check(AwsEnvironment("dev"))
    assert found.begun == f"The first deploy of pitboard-dev {sentence}"
    assert found.existing == frozenset()


def deploy_twice(cloud, before: str, after: str) -> None:
    """All functions in two versions, as two deploys leave them: each deploy with its table of drivers. The
    role allows the last one alone."""
    client = cloud.client("lambda")
    for name in cloud.names.functions:
        cloud.role(name)
        cloud.function(name)
        for table in (before, after):
            client.update_function_configuration(
                FunctionName=name, Environment={"Variables": {"DRIVERS_TABLE": table}}
            )
            version = client.publish_version(FunctionName=name)["Version"]
        client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
        cloud.allow(name, "DynamoDBPolicy", "dynamodb:GetItem", cloud.arn("dynamodb", f"table/{after}"))


def test_a_version_whose_table_its_role_forbids_is_not_gone_back_to(cloud, said):
    cloud.template("pitboard-prod", {"Topic": {"Type": "AWS::SNS::Topic"}})
    deploy_twice(cloud, "ir_drivers", "ir_drivers_20261101T000000_00001")
    sentence = refused(cloud, said, "rollback", "--env", "prod", "--yes")
    assert "Version 1 of ir-auth-prod uses the table ir_drivers, which its role does not allow" in sentence
    live = cloud.client("lambda").get_alias(FunctionName="ir-drivers-prod", Name="live")
    assert live["FunctionVersion"] == "2"


def test_a_stack_that_is_well_is_not_rolled_back_and_nobody_is_asked(cloud, said):
    cloud.template("pitboard-prod", {"Topic": {"Type": "AWS::SNS::Topic"}})
    sentence = refused(cloud, said, "rollback", "--env", "prod", "--stack")
    assert "pitboard-prod is CREATE_COMPLETE; only a deployment that runs or is stuck" in sentence


def test_a_version_whose_table_its_role_allows_is_gone_back_to(cloud, said):
    cloud.template("pitboard-prod", {"Topic": {"Type": "AWS::SNS::Topic"}})
    deploy_twice(cloud, "ir_drivers", "ir_drivers")
    code, sentence = said("rollback", "--env", "prod", "--yes")
    assert code == 0, sentence
    live = cloud.client("lambda").get_alias(FunctionName="ir-drivers-prod", Name="live")
    assert live["FunctionVersion"] == "1"


def test_production_is_not_changed_without_a_yes(cloud, said, monkeypatch):
    before = state(cloud)
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        code, sentence = said("deploy", "--env", "prod")
    assert code == 2
    assert f"Deploy to production in account {cloud.account}, eu-central-1?" in sentence
    assert "Nobody is there to answer; add --yes." in sentence
    assert state(cloud) == before


@pytest.mark.parametrize("variable", ["PITBOARD_OAUTH_URL", "PITBOARD_DATA_URL", "PITBOARD_LINK_HOSTS"])
def test_another_iracing_that_is_left_in_the_shell_is_not_deployed(cloud, said, monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:9/hush")
    sentence = refused(cloud, said, "deploy", "--env", "dev")
    assert f"{variable} is set in this shell" in sentence
    assert f"--context {variable.removeprefix('PITBOARD_').lower()}=" in sentence


def test_an_account_is_bootstrapped_once_and_anew_when_that_is_too_old(emulator, monkeypatch, said):
    cloud = AwsAccount(emulator)
    cloud.use(monkeypatch)
    needs.node()
    code, sentence = said("bootstrap", "--env", "dev")
    assert code == 0, sentence
    assert (
        sentence
        == f"account {cloud.account}, eu-central-1 is ready. Deploy with `pitboard deploy --env dev`."
    )
    assert "Nothing to do" in said("bootstrap", "--env", "dev")[1]
    name = "/cdk-bootstrap/hnb659fds/version"
    cloud.client("ssm").put_parameter(Name=name, Value="5", Type="String", Overwrite=True)
    assert "is ready" in said("bootstrap", "--env", "dev")[1]


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (("deploy", "--secrets-file", "x"), "--secrets-file goes with --update-secrets."),
        (("deploy", "--context", "canary"), "--context takes NAME=VALUE, not 'canary'."),
        (("deploy", "--context", "canry=true"), "There is no setting 'canry'; there are alarm_email, budget"),
        (("deploy", "--context", "canary=perhaps"), "canary is 'perhaps'; it must be true or false."),
        (("deploy", "--context", "architecture=riscv"), "The architecture 'riscv' is not one of Lambda's"),
        (("rollback", "--table", "ir_drivers_dev"), "--table and --to go together."),
        (("rollback", "--stack", "--table", "t", "--to", "x"), "are two different ways back"),
        (("rollback", "--table", "ir_drivers_dev", "--to", "yesterday"), "'yesterday' is not a time"),
        (("rollback", "--table", "ir_cars", "--to", "2026-01-01"), "There is no table 'ir_cars'"),
        (("rollback", "--table", "ir_auth_dev", "--to", "2026-01-01"), "ir_auth_dev does not exist"),
        (("rollback",), "pitboard-dev is not deployed in"),
        (("rollback", "--stack"), "pitboard-dev is not deployed; only a deployment that runs"),
        (("verify",), "pitboard-dev is not deployed in"),
    ],
)
def test_contradictory_options_are_refused(cloud, said, words, trouble):
    command, *rest = words
    assert trouble in refused(cloud, said, command, "--env", "dev", *rest)


def test_a_table_is_restored_only_within_its_recovery_period(cloud, said):
    table(cloud, "ir_auth_dev", "username")
    sentence = refused(
        *(cloud, said, "rollback", "--env", "dev", "--table", "ir_auth_dev", "--to", "2026-01-01T00:00:00Z")
    )
    assert "Point-in-time recovery is off for ir_auth_dev" in sentence
    cloud.client("dynamodb").update_continuous_backups(
        TableName="ir_auth_dev",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    sentence = refused(
        *(cloud, said, "rollback", "--env", "dev", "--table", "ir_auth_dev", "--to", "2099-01-01T00:00:00Z")
    )
    assert "ir_auth_dev can be restored to a moment" in sentence


def test_verify_looks_up_a_driver_of_the_index_while_nobody_was_looked_up(cloud):
    """After the first deploy the index is there, and no record yet."""
    for name, key in (("ir_drivers_dev", "name"), ("ir_custid_dev", "name")):
        table(cloud, name, key)
    put = cloud.client("dynamodb").put_item
    put(TableName="ir_custid_dev", Item={"name": {"S": "INDEX"}})
    assert _known_name(AwsEnvironment("dev"), "ir_drivers_dev", "ir_custid_dev") == ""
    put(TableName="ir_custid_dev", Item={"name": {"S": "INDEX:ann"}, "shown": {"S": "Ann Tester"}})
    assert _known_name(AwsEnvironment("dev"), "ir_drivers_dev", "ir_custid_dev") == "Ann Tester"


def test_verify_names_each_thing_that_is_wrong(cloud, said):
    cloud.template("pitboard-dev", {"Topic": {"Type": "AWS::SNS::Topic"}}, {"ApiUrl": "http://127.0.0.1:9"})
    code, answer = said("verify", "--env", "dev", "--json", "--name", "Ann Tester")
    assert code == 1
    found = {result["what"]: result for result in json.loads(answer)}
    assert found["pitboard-dev"]["ok"] is True
    assert found["ir-auth-dev"]["detail"] == "There is no alias live."
    assert found["ir_auth_dev"]["detail"] == "It does not exist."
    assert found["secret"]["detail"] == "iRacing/OAuth/Credentials-dev does not exist."
    assert "does not answer" in found["look-up"]["detail"]
