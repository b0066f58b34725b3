"""What the AWS checks look at: the clients, the names of an environment's resources, and their settings."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from threading import RLock
from typing import Any

from pitboard import telemetry
from pitboard.aws.names import TABLE_OUTPUTS, Names
from pitboard.drivers.errors import UpstreamError
from pitboard.iracing.transport import Answer, Transport
from pitboard.settings import UsageError

MINUTE = 60
HOUR = 3600
LEAST_SECRET = 6
"""Shorter values are not searched for in texts: they stand in ordinary words."""

ABSENT = (
    "ResourceNotFoundException", "NoSuchEntity", "NotFoundException", "ParameterNotFound", "NoSuchKey",
)  # fmt: skip
"""How the services say that what was asked for is not there."""


class AwsEnvironment:
    """One environment in one account and region.

    The region, the credentials and (for an emulator) AWS_ENDPOINT_URL are found as the AWS CLI finds
    them. Raises `UsageError` if boto3, the region or credentials are missing, or AWS refuses them.
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
        self.names = Names(environment)
        self._session = boto3.Session()
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
                f"AWS does not let us in: {error}. Check `aws sts get-caller-identity`,"
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
        """The answer of a call, None if what it asks for is not there (or for one of these error codes)."""
        from botocore.exceptions import ClientError

        try:
            return call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in (*ABSENT, *codes):
                return None
            raise

    # --- what several checks ask for

    @cached_property
    def _stack(self) -> Mapping[str, Any] | None:
        cloudformation = self.client("cloudformation")
        answer = self.found(cloudformation.describe_stacks, "ValidationError", StackName=self.names.stack)
        return answer["Stacks"][0] if answer and answer["Stacks"] else None

    def stack(self) -> Mapping[str, Any] | None:
        """The environment's stack, None before the first deploy."""
        with self._lock:
            return self._stack

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
        """The settings of each function that is there, by name."""
        with self._lock:
            return self._functions

    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return {o["OutputKey"]: o["OutputValue"] for o in (self.stack() or {}).get("Outputs", [])}

    def keys(self) -> dict[str, str]:
        """The key of each table that is in use, by the table's name; ir_auth's first."""
        told = self.outputs()
        usual = self.names.tables.items()
        return {told.get(out, name): key for out, (name, key) in zip(TABLE_OUTPUTS, usual, strict=True)}

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
        """The description of each table that is there, by name."""
        with self._lock:
            return self._tables

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
        return self.outputs().get(self.names.url_output, "").rstrip("/")

    def get(self, path: str) -> Answer | None:
        """What the API answers to a GET, None if it is not there or does not answer."""
        if not (url := self.api_url()):
            return None
        try:
            return self._transport.get(url + path, time.monotonic() + 10)
        except UpstreamError:
            return None

    @cached_property
    def _secret(self) -> str | None:
        client = self.client("secretsmanager")
        answer = self.found(client.get_secret_value, "AccessDeniedException", SecretId=self.names.secret)
        text = answer.get("SecretString", "") if answer else None
        with suppress(ValueError, AttributeError):
            values = [str(value) for value in json.loads(text or "{}").values()]
            telemetry.hide(*(value for value in values if len(value) >= LEAST_SECRET))
        return text

    def secret(self) -> str | None:
        """The secret's text, None if it is not there or may not be read. From then on it is redacted."""
        with self._lock:
            return self._secret

    def token(self) -> Mapping[str, Any] | None:
        """The token's document in ir_auth, None before the first login. It holds secrets: show none of it."""
        table = next(iter(self.keys()))
        if table not in self.tables():
            return None
        page = self.client("dynamodb").scan(TableName=table, ConsistentRead=True)
        for item in page["Items"]:
            if item["username"]["S"].startswith("TOKEN:") and "value" in item:
                document = json.loads(item["value"]["S"])
                telemetry.hide(document.get("access_token", ""), document.get("refresh_token", ""))
                return dict(document)
        return None

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
    """A policy's member, of which one may stand without brackets."""
    return value if isinstance(value, list) else [value]
