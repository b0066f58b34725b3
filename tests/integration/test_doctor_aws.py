"""Each AWS check sees its trouble, made for real in the emulator MiniStack, and sees when there is none."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="needs the extra `aws`")
pytest.importorskip("ministack", reason="needs the dependency group `infra`")

from tests.support.aws_account import AwsAccount, ministack
from tests.support.doctor_checks import apply_fix, breaks, finding_of, healthy
from tests.support.local_server import local_server
from typer.testing import CliRunner

from pitboard import cli
from pitboard.aws.names import Names
from pitboard.ops import logs
from pitboard.ops.doctor import run
from pitboard.ops.doctor.check import Finding, Status
from pitboard.ops.doctor.checks.package_size import LIMIT
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.permissions import DEPLOY
from pitboard.settings import UsageError

AUTH, CUSTID, DRIVERS, INDEX, ADDON = Names("prod").functions
AUTH_TABLE, CUSTID_TABLE, DRIVERS_TABLE = Names("prod").tables


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with ministack() as url:
        yield url


@pytest.fixture
def empty(emulator: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AwsAccount:
    """An account in which nothing is."""
    cloud = AwsAccount(emulator)
    cloud.use(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return cloud


@pytest.fixture
def cloud(empty: AwsAccount) -> AwsAccount:
    """An account after a deploy."""
    return empty.build()


@pytest.fixture
def doctor() -> Callable[[], AwsEnvironment]:
    """Makes a new context: what a context has seen it keeps."""
    return lambda: AwsEnvironment("prod")


def assert_found(finding: Finding, status: Status, *words: str) -> None:
    assert finding.status is status, finding
    for word in words:
        assert word in finding.summary


# --- all at once


@healthy("deploy-timeout")
@healthy("package-size")
@healthy("stage")
@healthy("table-exists")
@healthy("item-not-found")
@healthy("invoke-permission")
@healthy("invoke-timeout")
@healthy("throttling")
@healthy("secret-access")
@healthy("broad-policies")
@healthy("consistent-reads")
@healthy("bootstrap")
@healthy("bootstrap-version")
@healthy("deploy-permissions")
@healthy("role-creation")
@healthy("tracing")
@healthy("index-age")
@healthy("ttl")
@healthy("oauth")
@healthy("token-refresh")
@healthy("errors-in-logs")
@healthy("secrets-in-logs")
@healthy("metrics")
@healthy("api-latency")
@healthy("cold-start")
@healthy("alarms")
@healthy("cors")
@healthy("health")
def test_a_healthy_environment(empty, doctor, tmp_path):
    with local_server(tmp_path / "backend", latency=0.0, link_latency=0.0) as backend:
        empty.answering = backend.base_url
        cloud = empty.build()
        now = time.time()
        cloud.index(made=now - 3600)
        cloud.token(access_token="a", access_from=now, access_until=now + 600, refresh_token="r")
        cloud.measure("iRacing/Lambda", "Requests", 3, Environment="prod")
        cloud.measure("AWS/ApiGateway", "Latency", 80, ApiName=cloud.names.api, Stage="prod")
        cloud.measure("AWS/SNS", "NumberOfNotificationsDelivered", 1, TopicName=cloud.names.alarm_topic)
        cloud.log(DRIVERS, "REPORT RequestId: 1 Duration: 9 ms Init Duration: 312.50 ms")
        cloud.log(AUTH, json.dumps({"level": "INFO", "message": "Token renewed", "expires_in": 600}))
        results = run.run(doctor(), run.all_checks(), run.AWS_SECONDS)
    assert {r.check.id: r.finding.summary for r in results if r.finding.status is not Status.OK} == {}
    assert {r.check.id for r in results} == {c.id for c in run.all_checks() if c.aws}


def test_an_empty_account_lacks_bootstrap_and_secret(empty, doctor):
    results = run.run(doctor(), run.all_checks(), run.AWS_SECONDS)
    bad = {r.check.id for r in results if r.finding.status not in (Status.OK, Status.SKIPPED)}
    assert bad == {"bootstrap", "oauth"}


# --- deployment


@breaks("bootstrap", "the stack CDKToolkit is deleted")
def test_cdk_is_not_bootstrapped(cloud, doctor):
    cloud.client("cloudformation").delete_stack(StackName="CDKToolkit")
    cloud.client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName="CDKToolkit", WaiterConfig={"Delay": 0.05}
    )
    finding = finding_of(doctor(), "bootstrap")
    assert_found(finding, Status.PROBLEM, cloud.account)
    assert "`pitboard bootstrap --env prod`" in finding.remedy


@breaks("bootstrap-version", "the version's parameter is set to 5")
def test_the_bootstrap_is_too_old(empty, doctor):
    empty.bootstrap(version="5")
    assert_found(finding_of(doctor(), "bootstrap-version"), Status.PROBLEM, "version 5")


@pytest.fixture
def as_role(cloud: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """Makes this process work under a role that may do no more than given."""

    def assume(actions: list[str]) -> None:
        from tests.support.aws_account import policy, statement

        iam = cloud.client("iam")
        role = iam.create_role(
            RoleName="deployer", AssumeRolePolicyDocument=policy(statement("sts:AssumeRole"))
        )
        iam.put_role_policy(
            RoleName="deployer", PolicyName="p", PolicyDocument=policy(statement(actions or "s3:GetObject"))
        )
        keys = cloud.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="test")[
            "Credentials"
        ]
        cloud.use(monkeypatch, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    return assume


@breaks("deploy-permissions", "a role that may call CloudFormation but not assume CDK's roles")
def test_the_deployer_may_not_deploy(as_role, doctor):
    as_role(["cloudformation:*", "lambda:*", "iam:SimulatePrincipalPolicy"])
    finding = finding_of(doctor(), "deploy-permissions")
    assert_found(finding, Status.PROBLEM, "sts:AssumeRole", "dynamodb:UpdateTable")
    assert "cloudformation" not in finding.summary


def test_the_policy_of_the_documents_suffices_to_deploy(as_role, doctor):
    as_role(sorted({*DEPLOY.actions, *DEPLOY.secret, "iam:SimulatePrincipalPolicy"}))
    assert_found(finding_of(doctor(), "deploy-permissions"), Status.OK)


def test_a_role_with_all_permissions_may_deploy(as_role, doctor):
    as_role(["*"])
    assert_found(finding_of(doctor(), "deploy-permissions"), Status.OK)
    assert_found(finding_of(doctor(), "role-creation"), Status.OK)


@breaks("role-creation", "a role that may make roles but not pass them on")
def test_the_deployer_may_not_make_roles(as_role, doctor):
    as_role(["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"])
    assert_found(finding_of(doctor(), "role-creation"), Status.PROBLEM, "iam:PassRole")


@breaks("package-size", "a (sparse) file larger than Lambda's limit lies in the built package")
def test_a_package_that_is_too_large(cloud, doctor, tmp_path):
    asset = tmp_path / "build" / "lambda" / "3.13-arm64"
    asset.mkdir(parents=True)
    with (asset / "large").open("wb") as file:
        file.truncate(LIMIT + 1)
    assert_found(finding_of(doctor(), "package-size"), Status.PROBLEM, "262,144,000")


@breaks("deploy-timeout", "a function's time is cut to 3 s")
def test_a_function_with_a_short_timeout(cloud, doctor):
    cloud.client("lambda").update_function_configuration(FunctionName=DRIVERS, Timeout=3)
    assert_found(finding_of(doctor(), "deploy-timeout"), Status.PROBLEM, DRIVERS, "3 s")


@breaks("deploy-timeout", "a function is deleted")
def test_a_function_is_missing(cloud, doctor):
    cloud.client("lambda").delete_function(FunctionName=CUSTID)
    assert_found(finding_of(doctor(), "deploy-timeout"), Status.PROBLEM, CUSTID)


@breaks("stage", "the stage is deleted, another one is there")
def test_the_stage_is_missing(cloud, doctor):
    client = cloud.client("apigateway")
    client.delete_stage(restApiId=cloud.api, stageName="prod")
    client.create_deployment(restApiId=cloud.api, stageName="test")
    assert_found(finding_of(doctor(), "stage"), Status.PROBLEM, "has no stage prod", "test")


@breaks("cors", "the header is taken out of the gateway's own errors")
def test_the_gateways_errors_cannot_be_read(cloud, doctor):
    cloud.client("apigateway").put_gateway_response(
        restApiId=cloud.api, responseType="DEFAULT_4XX", responseParameters={}
    )
    assert_found(finding_of(doctor(), "cors"), Status.PROBLEM, "DEFAULT_4XX")


@breaks("cors", "the API's address leads to a server that sends no such header")
def test_the_answers_cannot_be_read(empty, doctor):
    empty.answering = empty.url  # the emulator's own front door
    empty.build()
    assert_found(finding_of(doctor(), "cors"), Status.PROBLEM, "GET /health")


@breaks("table-exists", "a table of the name is made by hand before the first deploy")
def test_an_existing_table_blocks_a_deploy(empty, doctor):
    empty.client("dynamodb").create_table(
        TableName=AUTH_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "username", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "username", "AttributeType": "S"}],
    )
    assert_found(finding_of(doctor(), "table-exists"), Status.PROBLEM, AUTH_TABLE)


# --- runtime


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("not json", "not JSON"),
        (["a"], "not a JSON object"),
        ({"client_id": "c", "client_secret": "hunter2", "username": "a@b.test"}, "lacks password"),
        (
            {"client_id": "c ", "client_secret": "hunter2", "username": "a@b.test", "password": "p"},
            "white space",
        ),
        ({"client_id": "c", "client_secret": "hunter2", "username": "ada", "password": "p"}, "not an e-mail"),
    ],
)
@breaks("oauth", "the secret is not JSON, lacks a field, or has white space or a username that is no address")
def test_a_malformed_secret(empty, doctor, value, words):
    empty.secret(value)
    finding = finding_of(doctor(), "oauth")
    assert_found(finding, Status.PROBLEM, words)
    assert "hunter2" not in finding.summary


@breaks("oauth", "the secret is deleted")
def test_no_secret(cloud, doctor):
    cloud.client("secretsmanager").delete_secret(SecretId=cloud.names.secret, ForceDeleteWithoutRecovery=True)
    assert_found(finding_of(doctor(), "oauth"), Status.PROBLEM, "does not exist")


@breaks("oauth", "ir-auth has kept that iRacing refused the credentials")
def test_refused_credentials(cloud, doctor):
    cloud.token(
        refused_why="iRacing refused the login.", refused_remedy="check_login", refused_fingerprint="x"
    )
    found = finding_of(doctor(), "oauth")
    assert_found(found, Status.PROBLEM, "refused the login", "`pitboard deploy --update-secrets`")


@breaks("token-refresh", "the access token in ir_auth has ended")
def test_an_expired_token_is_refreshed(cloud, doctor):
    now = time.time()
    cloud.token(access_token="a", access_until=now - 5, refresh_token="r", refresh_until=now + 999)
    context = doctor()
    assert_found(finding_of(context, "token-refresh"), Status.WARNING, "refreshed")
    assert "valid for 600 s" in apply_fix(context, "token-refresh")


@breaks("token-refresh", "the refresh token in ir_auth has ended, too")
def test_no_refresh_token(cloud, doctor):
    cloud.token(access_token="a", access_until=1.0, refresh_token="r", refresh_until=1.0)
    assert_found(finding_of(doctor(), "token-refresh"), Status.PROBLEM, "no refresh token")


@breaks("token-refresh", "a refresh began and did not end")
def test_a_refresh_that_did_not_end(cloud, doctor):
    cloud.token(lease_owner="dead", lease_until=1.0, refresh_token="r", refresh_until=1e10)
    assert_found(finding_of(doctor(), "token-refresh"), Status.WARNING, "did not end")


@breaks("invoke-permission", "the policy that lets ir-drivers invoke ir-auth is deleted")
def test_a_function_may_not_ask_for_the_token(cloud, doctor):
    cloud.forbid(DRIVERS, "InvokePolicy")
    assert_found(finding_of(doctor(), "invoke-permission"), Status.PROBLEM, DRIVERS, AUTH)


@breaks("invoke-permission", "the policy that lets API Gateway invoke ir-auth or ir-addon is removed")
@pytest.mark.parametrize("function", [AUTH, ADDON])
def test_the_api_may_not_invoke_a_function(cloud, doctor, function):
    cloud.client("lambda").remove_permission(FunctionName=function, StatementId="api")
    assert_found(finding_of(doctor(), "invoke-permission"), Status.PROBLEM, function, "API Gateway")


@breaks("invoke-timeout", "a run of all its time is in the metric Duration")
def test_a_function_that_took_too_long(cloud, doctor):
    cloud.measure("AWS/Lambda", "Duration", 29_000, FunctionName=DRIVERS)
    assert_found(finding_of(doctor(), "invoke-timeout"), Status.PROBLEM, DRIVERS, "29 s")


@breaks("invoke-timeout", "API Gateway's limit of 29 s is in its metric Latency")
def test_the_api_stopped_waiting_for_a_function(cloud, doctor):
    cloud.measure("AWS/ApiGateway", "Latency", 29_004, ApiName=cloud.names.api, Stage="prod")
    assert_found(finding_of(doctor(), "invoke-timeout"), Status.PROBLEM, "stopped waiting")


@breaks("invoke-timeout", "`Task timed out` is in the log")
def test_a_function_that_timed_out(cloud, doctor):
    cloud.log(AUTH, "2026-11-24T10:00:00Z 1 Task timed out after 29.00 seconds")
    assert_found(finding_of(doctor(), "invoke-timeout"), Status.WARNING, AUTH)


@breaks("throttling", "a table is switched to provisioned capacity")
def test_a_table_with_provisioned_capacity_is_billed_on_demand(cloud, doctor):
    throughput = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    cloud.client("dynamodb").update_table(
        TableName=DRIVERS_TABLE, BillingMode="PROVISIONED", ProvisionedThroughput=throughput
    )
    assert_found(finding_of(doctor(), "throttling"), Status.WARNING, DRIVERS_TABLE)
    cloud.measure("AWS/DynamoDB", "WriteThrottleEvents", 7, TableName=DRIVERS_TABLE)
    assert_found(finding_of(doctor(), "throttling"), Status.PROBLEM, DRIVERS_TABLE)
    apply_fix(doctor(), "throttling")
    assert_found(finding_of(doctor(), "throttling"), Status.WARNING, "throttled")


@breaks("item-not-found", "a table is made anew with another key")
def test_a_table_with_the_wrong_key(cloud, doctor):
    client = cloud.client("dynamodb")
    client.delete_table(TableName=DRIVERS_TABLE)
    client.create_table(
        TableName=DRIVERS_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    assert_found(finding_of(doctor(), "item-not-found"), Status.PROBLEM, DRIVERS_TABLE, "id")


@breaks("item-not-found", "a table is deleted")
def test_a_table_is_missing(cloud, doctor):
    cloud.client("dynamodb").delete_table(TableName=CUSTID_TABLE)
    assert_found(finding_of(doctor(), "item-not-found"), Status.PROBLEM, CUSTID_TABLE)


# --- performance


@breaks("cold-start", "a start of 2.4 s is in the log")
def test_slow_cold_starts(cloud, doctor):
    cloud.log(DRIVERS, "REPORT RequestId: 1 Duration: 9 ms Init Duration: 312.50 ms")
    cloud.log(CUSTID, "REPORT RequestId: 2 Duration: 9 ms Restore Duration: 2400.00 ms")
    assert_found(finding_of(doctor(), "cold-start"), Status.WARNING, "2 cold starts", CUSTID, "2400")


@breaks("api-latency", "five seconds are in API Gateway's metric Latency")
def test_a_slow_api(cloud, doctor):
    cloud.measure("AWS/ApiGateway", "Latency", 5000, ApiName=cloud.names.api, Stage="prod")
    assert_found(finding_of(doctor(), "api-latency"), Status.WARNING, "5.0 s")


# --- security


@pytest.mark.parametrize(
    "line", ["the secret s3cret-abcdefgh", "client_secret=abcdefgh", '{"message": "as Bearer abcdefghijkl"}']
)
@breaks("secrets-in-logs", "a client secret or a bearer token is written into a function's log")
def test_a_secret_in_the_logs(cloud, doctor, line):
    cloud.log(AUTH, "fine", line)
    finding = finding_of(doctor(), "secrets-in-logs")
    assert_found(finding, Status.PROBLEM, AUTH)
    assert "abcdefgh" not in finding.summary


@breaks("secret-access", "ir-auth's policy SecretsManagerPolicy is deleted")
def test_ir_auth_may_not_read_the_secret(cloud, doctor):
    cloud.forbid(AUTH, "SecretsManagerPolicy")
    assert_found(finding_of(doctor(), "secret-access"), Status.PROBLEM, AUTH)


@breaks("secret-access", "ir-drivers is allowed to read it, too")
def test_another_function_may_read_the_secret(cloud, doctor):
    cloud.allow(DRIVERS, "Secrets", "secretsmanager:Get*", "*")
    assert_found(finding_of(doctor(), "secret-access"), Status.PROBLEM, DRIVERS)


@pytest.mark.parametrize(
    ("action", "resource"), [("dynamodb:*", "arn:aws:dynamodb:*"), ("dynamodb:GetItem", "*"), ("*", "*")]
)
@breaks("broad-policies", "a role is given `*` as action or resource")
def test_a_broad_policy(cloud, doctor, action, resource):
    cloud.allow(CUSTID, "Broad", action, resource)
    assert_found(finding_of(doctor(), "broad-policies"), Status.PROBLEM, CUSTID)


@breaks("broad-policies", "AWS' policy AmazonDynamoDBFullAccess is attached to a role")
def test_a_broad_managed_policy(cloud, doctor):
    cloud.client("iam").attach_role_policy(
        RoleName=cloud.role_name(CUSTID), PolicyArn="arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"
    )
    assert_found(finding_of(doctor(), "broad-policies"), Status.PROBLEM, "AmazonDynamoDBFullAccess")


# --- data


@breaks("consistent-reads", "a table is copied into a second region")
def test_a_table_with_a_replica(cloud, doctor):
    cloud.client("dynamodb").update_table(
        TableName=AUTH_TABLE, ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}]
    )
    assert_found(finding_of(doctor(), "consistent-reads"), Status.PROBLEM, AUTH_TABLE, "eu-west-1")


@breaks("index-age", "the index is three days old, not there yet, or its item is damaged")
def test_an_old_driver_index(cloud, doctor):
    finding = finding_of(doctor(), "index-age")
    assert_found(finding, Status.WARNING, "no driver index yet")
    assert "ir-index-prod:live" in finding.remedy
    cloud.index(made=time.time() - 72 * 3600)
    assert_found(finding_of(doctor(), "index-age"), Status.WARNING, "72 hours old")
    cloud.client("dynamodb").put_item(TableName=CUSTID_TABLE, Item={"name": {"S": "INDEX"}})
    assert_found(finding_of(doctor(), "index-age"), Status.PROBLEM, "cannot be read")


@breaks("ttl", "time to live is turned off")
def test_time_to_live_is_turned_on(cloud, doctor):
    specification = {"Enabled": False, "AttributeName": "ttl"}
    cloud.client("dynamodb").update_time_to_live(
        TableName=DRIVERS_TABLE, TimeToLiveSpecification=specification
    )
    assert_found(finding_of(doctor(), "ttl"), Status.PROBLEM, DRIVERS_TABLE)
    assert DRIVERS_TABLE in apply_fix(doctor(), "ttl")
    assert_found(finding_of(doctor(), "ttl"), Status.OK)


@breaks("ttl", "an item's end is in milliseconds")
def test_time_to_live_in_milliseconds(cloud, doctor):
    item = {"name": {"S": "ada"}, "ttl": {"N": str(int(time.time() * 1000))}}
    cloud.client("dynamodb").put_item(TableName=DRIVERS_TABLE, Item=item)
    assert_found(finding_of(doctor(), "ttl"), Status.PROBLEM, "not Unix seconds")


# --- monitoring


@breaks("errors-in-logs", "errors are in a function's log")
def test_errors_in_the_logs(cloud, doctor):
    line = json.dumps({"level": "ERROR", "message": "x", "exception": "Traceback\nStoreError: no"})
    cloud.log(CUSTID, line, line)
    assert_found(finding_of(doctor(), "errors-in-logs"), Status.WARNING, "2 errors", "StoreError")


@breaks("errors-in-logs", "a log group is deleted")
def test_a_missing_log_group(cloud, doctor):
    cloud.client("logs").delete_log_group(logGroupName=cloud.names.log_group(AUTH))
    assert_found(finding_of(doctor(), "errors-in-logs"), Status.PROBLEM, AUTH)


@breaks("errors-in-logs", "a log group's retention is removed")
def test_logs_that_are_kept_for_ever(cloud, doctor):
    cloud.client("logs").delete_retention_policy(logGroupName=cloud.names.log_group(AUTH))
    assert_found(finding_of(doctor(), "errors-in-logs"), Status.WARNING, "for ever")


@breaks("metrics", "the API was asked, and no metric of ours came of it")
def test_metrics_do_not_arrive(cloud, doctor):
    assert_found(finding_of(doctor(), "metrics"), Status.WARNING, "yet")
    cloud.measure("iRacing/Lambda", "QueueLength", 1, Environment="prod")
    cloud.measure("AWS/ApiGateway", "Count", 9, ApiName=cloud.names.api)
    assert_found(finding_of(doctor(), "metrics"), Status.PROBLEM, "Requests")


@breaks("metrics", "throttled invocations are in Lambda's metric Throttles")
def test_lambda_throttles(cloud, doctor):
    cloud.measure("iRacing/Lambda", "Requests", 1, Environment="prod")
    cloud.measure("AWS/Lambda", "Throttles", 4, FunctionName=DRIVERS)
    assert_found(finding_of(doctor(), "metrics"), Status.PROBLEM, DRIVERS)


def subscriptions(cloud: AwsAccount) -> list[str]:
    found = cloud.client("sns").list_subscriptions_by_topic(TopicArn=topic(cloud))["Subscriptions"]
    return [one["SubscriptionArn"] for one in found]


def topic(cloud: AwsAccount) -> str:
    return cloud.arn("sns", cloud.names.alarm_topic)


@breaks("alarms", "the topic's policy only denies plain HTTP, as CDK's `enforce_ssl` makes it")
def test_cloudwatch_may_not_publish(cloud, doctor):
    deny = json.dumps({"Statement": [{"Effect": "Deny", "Action": "sns:Publish", "Principal": "*"}]})
    cloud.client("sns").set_topic_attributes(
        TopicArn=topic(cloud), AttributeName="Policy", AttributeValue=deny
    )
    assert_found(finding_of(doctor(), "alarms"), Status.PROBLEM, "may not publish")


@breaks("alarms", "the topic's one subscription is removed")
def test_nobody_is_told_of_alarms(cloud, doctor):
    for arn in subscriptions(cloud):
        cloud.client("sns").unsubscribe(SubscriptionArn=arn)
    finding = finding_of(doctor(), "alarms")
    assert_found(finding, Status.WARNING, "no subscription")
    assert not finding.fixable


@breaks("alarms", "an address is subscribed and not confirmed")
def test_an_address_that_is_not_confirmed(cloud, doctor):
    for arn in subscriptions(cloud):
        cloud.client("sns").unsubscribe(SubscriptionArn=arn)
    cloud.client("sns").subscribe(TopicArn=topic(cloud), Protocol="http", Endpoint="http://127.0.0.1:9/")
    assert_found(finding_of(doctor(), "alarms"), Status.PROBLEM, "confirmed")


@breaks("alarms", "a message that could not be delivered is in SNS' metric")
def test_a_message_did_not_arrive(cloud, doctor):
    cloud.measure("AWS/SNS", "NumberOfNotificationsFailed", 1, TopicName=cloud.names.alarm_topic)
    assert_found(finding_of(doctor(), "alarms"), Status.PROBLEM, "could not be delivered")


def test_the_test_alarm_arrives_at_a_confirmed_subscriber(cloud, doctor):
    assert_found(finding_of(doctor(), "alarms"), Status.WARNING, "No message has arrived")
    assert "has been set off" in apply_fix(doctor(), "alarms")
    sqs = cloud.client("sqs")
    queue = sqs.get_queue_url(QueueName=cloud.names.alarm_topic)["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert "nothing is wrong" in message["Body"]


@breaks("tracing", "a function's tracing is set to PassThrough")
def test_tracing_is_off(cloud, doctor):
    cloud.client("lambda").update_function_configuration(
        FunctionName=AUTH, TracingConfig={"Mode": "PassThrough"}
    )
    assert_found(finding_of(doctor(), "tracing"), Status.PROBLEM, AUTH)


@breaks("health", "the server behind the API's address is gone")
def test_the_api_does_not_answer(cloud, doctor):
    assert_found(finding_of(doctor(), "health"), Status.PROBLEM, "no answer")


# --- the commands


def test_wrong_credentials_are_one_sentence(empty, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match="AWS refuses access"):
        AwsEnvironment("prod")


def test_no_credentials_are_one_sentence(empty, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="AWS refuses access"):
        AwsEnvironment("prod")


def test_the_doctor_command_in_aws(cloud):
    done = CliRunner().invoke(cli.app, ["doctor", "--env", "prod", "--only", "ttl,oauth", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["home"] == "aws"


def test_the_logs_of_all_functions_in_order(cloud):
    cloud.log(AUTH, "first, plain")
    cloud.log(DRIVERS, json.dumps({"level": "ERROR", "message": "second"}))
    done = CliRunner().invoke(cli.app, ["logs", "--env", "prod"])
    assert [line.split()[2:] for line in done.output.splitlines()] == [
        ["first,", "plain"],
        ["ERROR", "second"],
    ]
    done = CliRunner().invoke(cli.app, ["logs", "--env", "prod", "--errors"])
    assert "first" not in done.output
    done = CliRunner().invoke(cli.app, ["logs", "--env", "prod", "--pattern", "first"])
    assert done.output.count("\n") == 1


def test_following_the_logs_shows_each_line_once(cloud):
    cloud.log(AUTH, "one")
    lines = logs.AwsLog(AwsEnvironment("prod")).follow(logs.Query())
    heard = [next(lines).message]
    cloud.log(AUTH, "two")
    heard.append(next(lines).message)
    assert heard == ["one", "two"]


def test_a_ready_query_runs(cloud):
    cloud.log(AUTH, json.dumps({"level": "ERROR", "message": "x", "logger": "l"}))
    done = CliRunner().invoke(cli.app, ["logs", "--env", "prod", "--query", "errors"])
    assert done.exit_code == 0, done.output


def test_restored_tables_are_found_under_their_new_names(empty, doctor):
    empty.build()
    usual = list(empty.names.tables)
    outputs = {output: table for table, output in empty.names.table_outputs.items()}
    empty.client("cloudformation").delete_stack(StackName=empty.names.stack)
    empty.client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName=empty.names.stack, WaiterConfig={"Delay": 0.05}
    )
    empty.template(
        empty.names.stack,
        {"Topic": {"Type": "AWS::SNS::Topic"}},
        outputs | {"TableDrivers": "ir_drivers_restored"},
    )
    context = doctor()
    assert list(context.keys()) == [*usual[:2], "ir_drivers_restored"]
    assert context.tables() == {}
