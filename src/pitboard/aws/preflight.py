"""The check before traffic: CodeDeploy invokes it before it sends requests to a new version.

It invokes that version once, so that a version that cannot be loaded never gets a request.
"""

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import botocore.session

from pitboard.aws.clients import client
from pitboard.aws.names import PING

log = logging.getLogger(__name__)


def lambda_handler(event: Mapping[str, Any], _: Any) -> None:
    """Reports `Succeeded` or `Failed` to CodeDeploy. VERSION is the ARN of the version to check."""
    healthy = _is_healthy(os.environ["VERSION"])
    codedeploy = botocore.session.get_session().create_client("codedeploy")
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Succeeded" if healthy else "Failed",
    )


def _is_healthy(version: str) -> bool:
    payload = json.dumps({"action": PING}).encode()
    response = client("lambda").invoke(FunctionName=version, Payload=payload)
    answer = json.loads(response["Payload"].read())
    healthy = not response.get("FunctionError") and isinstance(answer, dict) and bool(answer.get("healthy"))
    if not healthy:
        log.error("%s failed its check before traffic.", version)
    return healthy
