"""The check before traffic: CodeDeploy invokes it before it sends requests to a new version.

It asks that version what a reader asks, so that one that cannot be loaded, or that fails with every request,
never gets one.
"""

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import botocore.session

from pitboard.aws.clients import client
from pitboard.aws.known import known_name
from pitboard.aws.names import Variable

NOBODY = "Pitboard Preflight"
"""Asked for as long as there is no driver index. Nobody of this name is looked up: nothing waits for it."""

DEFECT = 500
"""What a request is answered with when something raises that nobody expected. Other errors are answers."""

log = logging.getLogger(__name__)


def lambda_handler(event: Mapping[str, Any], _: Any) -> None:
    """Reports `Succeeded` or `Failed` to CodeDeploy. VERSION is the ARN of the version to check, KIND what it
    is (`auth`, `custid`, `drivers`), CUSTID_TABLE the table with the driver index.

    Whatever happens is reported: without a report CodeDeploy waits for an hour. Source: its guide, "AppSpec
    'hooks' section for an AWS Lambda deployment".
    """
    version, kind = os.environ[Variable.CHECKED_VERSION], os.environ[Variable.CHECKED_KIND]
    try:
        healthy = all(_is_healthy(version, request) for request in _requests(kind))
    except Exception:
        log.exception("%s could not be checked before traffic.", version)
        healthy = False
    codedeploy = botocore.session.get_session().create_client("codedeploy")
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Succeeded" if healthy else "Failed",
    )


def _requests(kind: str) -> list[dict[str, Any]]:
    """The requests of a reader, as API Gateway hands them on (payload 1.0)."""
    if kind == "auth":
        return [_request("GET", "/health"), _request("POST", "/auth")]
    name = known_name(client("dynamodb"), os.environ[Variable.CUSTID_TABLE]) or NOBODY
    if kind == "custid":
        return [_request("GET", "/custid", name=name, wait="0")]
    return [_request("GET", "/drivers", name=name, wait="0", profile="0")]


def _request(method: str, path: str, **query: str) -> dict[str, Any]:
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {key: [value] for key, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"identity": {"sourceIp": "127.0.0.1"}, "httpMethod": method},
        "body": None,
        "isBase64Encoded": False,
    }


def _is_healthy(version: str, request: Mapping[str, Any]) -> bool:
    """Whether the version answers the request. The error that is logged holds no name."""
    response = client("lambda").invoke(FunctionName=version, Payload=json.dumps(request).encode())
    answer = json.loads(response["Payload"].read())
    status = answer.get("statusCode") if isinstance(answer, dict) else None
    healthy = not response.get("FunctionError") and status is not None and status != DEFECT
    if not healthy:
        log.error("%s failed its check before traffic: %s gave %s.", version, request["path"], status)
    return healthy
