"""Look-ups in an environment of AWS: its clients, its resources and their settings. Changes nothing."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from typing import Any

from pitboard import telemetry
from pitboard.aws.names import API_URL_OUTPUT, AUTH_KEY, BOOTSTRAP_PARAMETER, Names, UnknownEnvironmentError
from pitboard.drivers.errors import UpstreamError
from pitboard.iracing.transport import Answer, Transport
from pitboard.ops.errors import ChangeFailedError
from pitboard.settings import UsageError

MINUTE = 60
HOUR = 3600
SHORTEST_SECRET = 6
"""Shorter values are not redacted: they are part of ordinary words."""

ABSENT = (
    "ResourceNotFoundException", "NoSuchEntity", "NotFoundException", "ParameterNotFound", "NoSuchKey",
)  # fmt: skip
"""The services' error codes for a resource that does not exist."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A CloudFormation stack with its outputs by name."""

    name: str
    status: str
    outputs: Mapping[str, str]

    @property
    def in_progress(self) -> bool:
        """Whether a change of the stack is running. In review it waits for one, and CDK goes on with it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def complete(self) -> bool:
        """Whether the stack is usable and no change is running."""
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


class AwsEnvironment:
    """One environment in one account and region. Safe for threads.

    The region, the credentials and (for an emulator) AWS_ENDPOINT_URL are found as version 2 of the AWS CLI
    finds them: AWS_REGION goes before AWS_DEFAULT_REGION. Raises `UsageError` if there is no such
    environment, if boto3, the region or credentials are missing, or if AWS refuses them. Look-ups are kept,
    unless they are named `fresh_...`.
    """

    home = "aws"

    def __init__(self, environment: str) -> None:
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise UsageError(
                "This needs AWS' library, which is not installed: run `uv sync --all-extras --group infra` in"
                " the checkout."
            ) from None
        try:
            self.names = Names(environment)
        except UnknownEnvironmentError as error:
            raise UsageError(str(error)) from None
        # boto3 does not read AWS_REGION
        self._session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        self._config = Config(
            connect_timeout=2, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 3}
        )
        self._transport = Transport()
        self._lock = RLock()
        self._clients: dict[str, Any] = {}
        self.errors = (ClientError, BotoCoreError)
        try:
            self.caller = self.client("sts").get_caller_identity()
        except self.errors as error:
            raise UsageError(
                f"AWS refuses access: {str(error).rstrip('.')}. Check `aws sts get-caller-identity`,"
                " AWS_PROFILE and AWS_REGION."
            ) from error
        self.region = str(self._session.region_name)

    def client(self, service: str) -> Any:
        """A client of the service, made once. Safe for threads."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(service, config=self._config)
            return self._clients[service]

    def found(
        self, call: Callable[..., Mapping[str, Any]], /, *codes: str, **arguments: Any
    ) -> Mapping[str, Any] | None:
        """The answer of a call, None if the resource does not exist (or for one of these error codes)."""
        from botocore.exceptions import ClientError

        try:
            return call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in (*ABSENT, *codes):
                return None
            raise

    @contextmanager
    def change(self, failure: str) -> Iterator[None]:
        """Around a change. An error of AWS becomes a `ChangeFailedError`: `failure` and the error's code."""
        try:
            yield
        except self.errors as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
            raise ChangeFailedError(f"{failure} ({code}).") from None

    # --- the stack and CDK

    def find_stack(self, name: str) -> Stack | None:
        """The stack of that name as it is now, None if there is none."""
        answer = self.found(self.client("cloudformation").describe_stacks, "ValidationError", StackName=name)
        if not answer or not answer["Stacks"]:
            return None
        found = answer["Stacks"][0]
        outputs = {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}
        return Stack(str(found["StackName"]), str(found["StackStatus"]), outputs)

    def fresh_stack(self) -> Stack | None:
        """The environment's stack as it is now, None before the first deploy."""
        return self.find_stack(self.names.stack)

    @cached_property
    def _stack(self) -> Stack | None:
        return self.fresh_stack()

    def stack(self) -> Stack | None:
        """The environment's stack, None before the first deploy."""
        with self._lock:
            return self._stack

    def own_resources(self) -> set[str]:
        """The names and ARNs of what the stack has created. Raises AWS' error if there is no stack.

        What was skipped at a deletion is its own no more (CloudFormation's guide, DELETE_SKIPPED).
        """
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        found = (
            r for page in pages.paginate(StackName=self.names.stack) for r in page["StackResourceSummaries"]
        )
        gone = ("DELETE_COMPLETE", "DELETE_SKIPPED")
        return {str(r.get("PhysicalResourceId", "")) for r in found if r["ResourceStatus"] not in gone}

    def bootstrap_version(self) -> int | None:
        """The version of CDK's bootstrap in this account and region, None if it is not bootstrapped."""
        answer = self.found(self.client("ssm").get_parameter, Name=BOOTSTRAP_PARAMETER)
        return int(answer["Parameter"]["Value"]) if answer else None

    @property
    def cdk_target(self) -> str:
        """This account and region, as `cdk bootstrap` takes them."""
        return f"aws://{self.caller['Account']}/{self.region}"

    @property
    def place(self) -> str:
        """This account and region, for a question."""
        return f"account {self.caller['Account']}, {self.region}"

    # --- functions

    @cached_property
    def _functions(self) -> dict[str, Mapping[str, Any]]:
        client = self.client("lambda")
        found = {}
        for name in self.names.functions:
            answer = self.found(client.get_function_configuration, FunctionName=name)
            if answer:
                found[name] = answer
        return found

    def functions(self) -> dict[str, Mapping[str, Any]]:
        """The settings of each function that exists, by name."""
        with self._lock:
            return self._functions

    def fresh_versions(self, function: str) -> list[dict[str, str]]:
        """A function's published versions, oldest first: number and time of publishing."""
        pages = self.client("lambda").get_paginator("list_versions_by_function")
        found = (v for page in pages.paginate(FunctionName=function) for v in page["Versions"])
        numbered = [v for v in found if v["Version"].isdecimal()]
        return sorted(
            ({"Version": v["Version"], "LastModified": v["LastModified"]} for v in numbered),
            key=lambda v: int(v["Version"]),
        )

    # --- tables

    def tables_in_use(self, stack: Stack | None) -> dict[str, str]:
        """The table that is used in place of each table of the contract, as the stack's outputs say."""
        outputs = stack.outputs if stack else {}
        return {name: outputs.get(output, name) for name, output in self.names.table_outputs.items()}

    def table_in_use(self, name: str) -> str:
        """The table that is used in place of one of `names.tables`."""
        return self.tables_in_use(self.stack())[name]

    def keys(self) -> dict[str, str]:
        """The partition key of each table that is in use, by the table's name."""
        return {self.table_in_use(name): key for name, key in self.names.tables.items()}

    @cached_property
    def _tables(self) -> dict[str, Mapping[str, Any]]:
        client = self.client("dynamodb")
        found = {}
        for name in self.keys():
            answer = self.found(client.describe_table, TableName=name)
            if answer:
                found[name] = answer["Table"]
        return found

    def tables(self) -> dict[str, Mapping[str, Any]]:
        """The description of each table in use that exists, by name."""
        with self._lock:
            return self._tables

    # --- the API

    @cached_property
    def _api_id(self) -> str:
        apis = self.client("apigateway").get_paginator("get_rest_apis")
        for page in apis.paginate():
            for api in page["items"]:
                if api["name"] == self.names.api:
                    return str(api["id"])
        return ""

    def api_id(self) -> str:
        """The REST API's id, "" before the first deploy."""
        with self._lock:
            return self._api_id

    def api_url(self) -> str:
        """The address of the API's stage, "" before the first deploy."""
        stack = self.stack()
        return stack.outputs.get(API_URL_OUTPUT, "").rstrip("/") if stack else ""

    def get(self, path: str) -> Answer | None:
        """The API's answer to a GET, None if it is not deployed or does not answer."""
        if not (url := self.api_url()):
            return None
        try:
            return self._transport.get(url + path, time.monotonic() + 10)
        except UpstreamError:
            return None

    # --- secret and token

    @cached_property
    def _secret(self) -> str | None:
        client = self.client("secretsmanager")
        answer = self.found(client.get_secret_value, "AccessDeniedException", SecretId=self.names.secret)
        text = answer.get("SecretString", "") if answer else None
        with suppress(ValueError, AttributeError):
            values = [str(value) for value in json.loads(text or "{}").values()]
            telemetry.hide(*(value for value in values if len(value) >= SHORTEST_SECRET))
        return text

    def secret(self) -> str | None:
        """The secret's text, None if it has none or may not be read. Its values are redacted from then on."""
        with self._lock:
            return self._secret

    def token(self) -> Mapping[str, Any] | None:
        """The token's document in ir_auth, None before the first login. It holds secrets: never show it."""
        table = self.table_in_use(self.names.auth_table)
        if table not in self.tables():
            return None
        page = self.client("dynamodb").scan(TableName=table, ConsistentRead=True)
        for item in page["Items"]:
            if item[AUTH_KEY]["S"].startswith("TOKEN:") and "value" in item:
                document = json.loads(item["value"]["S"])
                telemetry.hide(document.get("access_token", ""), document.get("refresh_token", ""))
                return dict(document)
        return None

    # --- roles, metrics, logs

    def role_statements(self, function: str) -> list[Mapping[str, Any]]:
        """The statements of all inline policies of a function's role; none if function or role is missing."""
        settings = self.functions().get(function)
        if settings is None:
            return []
        iam, role = self.client("iam"), settings["Role"].rsplit("/", 1)[1]
        listed = self.found(iam.list_role_policies, RoleName=role)
        statements: list[Mapping[str, Any]] = []
        for policy in listed["PolicyNames"] if listed else []:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            document = json.loads(document) if isinstance(document, str) else document
            statements += as_list(document["Statement"])
        return statements

    def metric(self, namespace: str, name: str, dimensions: Mapping[str, str], statistic: str) -> list[float]:
        """The values of a metric in the last hour, one for each five minutes that had any.

        `statistic` is one of CloudWatch's basic ones: Sum, Average, Maximum.
        """
        now = time.time()
        answer = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - HOUR,
            EndTime=now + MINUTE,
            Period=5 * MINUTE,
            Statistics=[statistic],
        )
        return [point[statistic] for point in answer["Datapoints"]]

    def log_lines(
        self, function: str, pattern: str = "", seconds: float = HOUR, most: int = 1000
    ) -> list[str]:
        """Log lines of a function in the last `seconds` that match CloudWatch's pattern, oldest first."""
        arguments = {"filterPattern": pattern} if pattern else {}
        answer = self.found(
            self.client("logs").filter_log_events,
            logGroupName=self.names.log_group(function),
            startTime=int((time.time() - seconds) * 1000),
            limit=most,
            **arguments,
        )
        return [event["message"] for event in answer["events"]] if answer else []


def as_list(value: Any) -> list[Any]:
    """A member of a policy as a list: IAM allows a single value without brackets."""
    return value if isinstance(value, list) else [value]
