"""An AWS account in MiniStack with the resources that a deploy makes, for tests that break them one by one.

Each `AwsAccount` has its own account number, so tests do not see each other's resources.
"""

import io
import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from pitboard.aws.names import API_URL_OUTPUT, Names

REGION = "eu-central-1"
ROOT = Path(__file__).parents[2]
_SESSION = boto3.Session()  # its models are read once
_accounts = itertools.count(100_000_000_000 + os.getpid() * 1000)


@contextmanager
def ministack(program: str = "ministack", **variables: str) -> Iterator[str]:
    """Runs the emulator, the module `program`, on a free port of loopback; yields its address."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", program],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, f"{url}/_ministack/health")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(program: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            assert program.poll() is None, "MiniStack ended"
            assert time.monotonic() < deadline, "MiniStack does not answer"
            time.sleep(0.1)
        else:
            return


@dataclass
class AwsAccount:
    """One account. `answering` is the API's address in the stack's outputs."""

    url: str
    names: Names = field(default_factory=lambda: Names("prod"))
    answering: str = ""
    account: str = field(default_factory=lambda: str(next(_accounts)))
    api: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)

    def use(self, patch: pytest.MonkeyPatch, key: str = "", secret: str = "test", token: str = "") -> None:
        """Makes this process use the account, as its root or with the given keys."""
        for name, value in self.environment(key, secret, token).items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)

    def environment(self, key: str = "", secret: str = "test", token: str = "") -> dict[str, str]:
        """The AWS CLI's variables for that."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key or self.account,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PITBOARD_AUDIENCE": "everyone",
        }

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = _SESSION.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id=self.account,
                aws_secret_access_key="test",
            )
        return self._clients[service]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{REGION}:{self.account}:{resource}"

    # --- the resources

    def build(self) -> "AwsAccount":
        """Makes every resource, all healthy."""
        self.bootstrap()
        self.secret(
            {
                "client_id": "c",
                "client_secret": "s3cret-abcdefgh",
                "username": "ada@example.test",
                "password": "p4ss",
            }
        )
        self.stack()
        for function in self.names.functions:
            self.role(function)
            self.function(function)
        self.gateway()
        self.topic()
        return self

    def bootstrap(self, version: str = "33") -> None:
        self.template("CDKToolkit", {"Topic": {"Type": "AWS::SNS::Topic"}})
        self.client("ssm").put_parameter(
            Name="/cdk-bootstrap/hnb659fds/version", Value=version, Type="String", Overwrite=True
        )

    def template(
        self, name: str, resources: Mapping[str, Any], outputs: Mapping[str, str] | None = None
    ) -> None:
        """Makes a stack and waits for it."""
        client = self.client("cloudformation")
        body = {
            "Resources": resources,
            "Outputs": {key: {"Value": value} for key, value in (outputs or {}).items()},
        }
        if not outputs:
            del body["Outputs"]
        client.create_stack(StackName=name, TemplateBody=json.dumps(body))
        client.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
        )

    def secret(self, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.client("secretsmanager").create_secret(Name=self.names.secret, SecretString=text)

    def stack(self) -> None:
        """Makes the stack with the tables. The emulator ignores their time to live, so it is set here."""
        resources = {
            f"Table{number}": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "TableName": name,
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
                },
            }
            for number, (name, key) in enumerate(self.names.tables.items())
        }
        url = self.answering or "http://127.0.0.1:9"
        self.template(self.names.stack, resources, {API_URL_OUTPUT: url})
        for name in self.names.tables:
            self.client("dynamodb").update_time_to_live(
                TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
            )

    def role_name(self, function: str) -> str:
        return function.replace(f"-{self.names.environment}", "-role")

    def role(self, function: str) -> None:
        trust = statement("sts:AssumeRole") | {"Principal": {"Service": "lambda.amazonaws.com"}}
        del trust["Resource"]
        self.client("iam").create_role(
            RoleName=self.role_name(function), AssumeRolePolicyDocument=policy(trust)
        )
        self.allow(function, "XRay", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")
        if function == self.names.auth:
            secret = self.arn("secretsmanager", f"secret:{self.names.secret}-*")
            self.allow(function, "SecretsManagerPolicy", "secretsmanager:GetSecretValue", secret)
        elif function != self.names.addon:
            auth = self.arn("lambda", f"function:{self.names.auth}")
            self.allow(function, "InvokePolicy", "lambda:InvokeFunction", auth)

    def allow(self, function: str, name: str, action: Any, resource: Any) -> None:
        self.client("iam").put_role_policy(
            RoleName=self.role_name(function),
            PolicyName=name,
            PolicyDocument=policy(statement(action, resource)),
        )

    def forbid(self, function: str, name: str) -> None:
        self.client("iam").delete_role_policy(RoleName=self.role_name(function), PolicyName=name)

    def function(self, name: str) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("handler.py", "def handler(event, context):\n    return {'expires_in': 600}\n")
        client = self.client("lambda")
        client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=f"arn:aws:iam::{self.account}:role/{self.role_name(name)}",
            Handler="handler.handler",
            Code={"ZipFile": archive.getvalue()},
            Timeout=29,
            TracingConfig={"Mode": "Active"},
        )
        client.add_permission(
            FunctionName=name,
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
        logs, group = self.client("logs"), self.names.log_group(name)
        logs.create_log_group(logGroupName=group)
        logs.put_retention_policy(logGroupName=group, retentionInDays=30)
        logs.create_log_stream(logGroupName=group, logStreamName="one")

    def gateway(self) -> None:
        client = self.client("apigateway")
        self.api = client.create_rest_api(name=self.names.api)["id"]
        root = client.get_resources(restApiId=self.api)["items"][0]["id"]
        client.put_method(restApiId=self.api, resourceId=root, httpMethod="GET", authorizationType="NONE")
        client.put_integration(restApiId=self.api, resourceId=root, httpMethod="GET", type="MOCK")
        client.create_deployment(restApiId=self.api, stageName=self.names.environment)
        for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
            client.put_gateway_response(
                restApiId=self.api,
                responseType=kind,
                responseParameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
            )

    def topic(self) -> None:
        """The topic of the alarms with an alarm, and a subscriber that needs no confirmation."""
        sns, name = self.client("sns"), self.names.alarm_topic
        arn = sns.create_topic(Name=name)["TopicArn"]
        allow = statement("sns:Publish", arn) | {"Principal": {"Service": "cloudwatch.amazonaws.com"}}
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy(allow))
        self.client("sqs").create_queue(QueueName=name)
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=self.arn("sqs", name))
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=self.names.alarm("renewals-dead"),
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Statistic="Maximum",
            Period=300,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            AlarmActions=[arn],
        )

    def log(self, function: str, *lines: str) -> None:
        now = int(time.time() * 1000)
        self.client("logs").put_log_events(
            logGroupName=self.names.log_group(function),
            logStreamName="one",
            logEvents=[{"timestamp": now - 1000 + n, "message": line} for n, line in enumerate(lines)],
        )

    def measure(self, namespace: str, name: str, value: float, **dimensions: str) -> None:
        self.client("cloudwatch").put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": name,
                    "Value": value,
                    "Dimensions": [{"Name": key, "Value": v} for key, v in dimensions.items()],
                }
            ],
        )

    def index(self, made: float) -> None:
        """Puts a driver index of three drivers, made at this time, into the table ir_custid."""
        item = {
            "name": {"S": "INDEX"},
            "made": {"N": str(int(made))},
            "drivers": {"N": "3"},
            "lists": {"S": "{}"},
            "parts": {"N": "0"},
        }
        self.client("dynamodb").put_item(TableName=self.names.custid_table, Item=item)

    def token(self, **document: Any) -> None:
        """Puts a token's document into the table ir_auth, in the form that ir-auth uses."""
        self.client("dynamodb").put_item(
            TableName=self.names.auth_table,
            Item={
                "username": {"S": "TOKEN:ada@example.test"},
                "value": {"S": json.dumps(document)},
                "version": {"N": "1"},
            },
        )


def statement(action: Any, resource: Any = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
