"""The check before traffic: CodeDeploy asks it whether a new version may be given readers.

It invokes that version once, so that a function that cannot even be loaded never gets one.
"""

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import botocore.session

from pitboard.aws.clients import client
from pitboard.aws.invoke import PING

log = logging.getLogger(__name__)


def lambda_handler(event: Mapping[str, Any], _: Any) -> None:
    """Tells CodeDeploy `Succeeded` or `Failed`. VERSION is the ARN of the version to try."""
    healthy = _answers(os.environ["VERSION"])
    codedeploy = botocore.session.get_session().create_client("codedeploy")
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Succeeded" if healthy else "Failed",
    )


def _answers(version: str) -> bool:
    payload = json.dumps({"action": PING}).encode()
    response = client("lambda").invoke(FunctionName=version, Payload=payload)
    answer = json.loads(response["Payload"].read())
    healthy = not response.get("FunctionError") and isinstance(answer, dict) and bool(answer.get("healthy"))
    if not healthy:
        log.error("%s failed its check before traffic.", version)
    return healthy
