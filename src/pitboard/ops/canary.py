"""What a canary sent back: which function's version, by which check or alarm, and what to do next.

CodeDeploy's and CloudWatch's answers are those of their API references.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pitboard.ops.environment import AwsEnvironment

GROUP = "AWS::CodeDeploy::DeploymentGroup"

ON_ALARM = "ALARM_ACTIVE"
"""CodeDeploy's error code for a deployment that an alarm has stopped."""


def sent_back(aws: AwsEnvironment, since: datetime) -> list[str]:
    """A sentence for each version that CodeDeploy has sent back since then, and one that says what to do.

    None, if there is no canary, or if a deploy has failed for another reason. Raises AWS' errors.
    """
    found = [_sentence(aws, one, since) for one in _failed(aws, since)]
    if not found:
        return []
    environment = aws.names.environment
    advice = (
        "Readers are answered by the versions from before. The cause is in"
        f" `pitboard logs --env {environment} --since 15m --errors`. Correct it, and deploy again when no"
        " alarm is active: an active one sends every version back (docs/ROLLBACK.md)."
    )
    return [*found, advice]


def _failed(aws: AwsEnvironment, since: datetime) -> Iterator[Mapping[str, Any]]:
    """The deployments of the stack that have failed or were stopped."""
    stack = aws.fresh_stack()
    if stack is None or not stack.outputs:  # the first deploy: nothing to send a version back to
        return
    client = aws.client("codedeploy")
    pages = aws.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=aws.names.stack):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] != GROUP or resource["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            listed = client.list_deployments(
                applicationName=aws.names.stack,
                deploymentGroupName=resource["PhysicalResourceId"],
                includeOnlyStatuses=["Failed", "Stopped"],
                createTimeRange={"start": since},
            )
            for identity in listed["deployments"]:
                yield client.get_deployment(deploymentId=identity)["deploymentInfo"]


def _sentence(aws: AwsEnvironment, deployment: Mapping[str, Any], since: datetime) -> str:
    client, identity = aws.client("codedeploy"), deployment["deploymentId"]
    targets = client.list_deployment_targets(deploymentId=identity)["targetIds"]
    found = client.batch_get_deployment_targets(deploymentId=identity, targetIds=targets)
    target = found["deploymentTargets"][0]["lambdaTarget"]
    moved, error = target["lambdaFunctionInfo"], deployment.get("errorInformation", {})
    function = moved["functionName"].rpartition(":")[2]
    if error.get("code") == ON_ALARM:
        cause = f"of an alarm: {', '.join(_fired(aws, deployment, since)) or 'its name is not known'}"
    elif hooks := _failed_hooks(target):
        log = aws.names.log_group(aws.names.preflight(function))
        cause = f"its check before traffic failed (hook {', '.join(hooks)}; the check's log is {log})"
    else:
        cause = "its deployment was stopped"
    said = f" CodeDeploy says: {error['message']}" if error.get("message") else ""
    return (
        f"{function}: version {moved['targetVersion']} was sent back to {moved['currentVersion']}, because"
        f" {cause}. Deployment {identity}.{said}"
    )


def _failed_hooks(target: Mapping[str, Any]) -> list[str]:
    return [
        event["lifecycleEventName"]
        for event in target.get("lifecycleEvents", ())
        if event.get("status") == "Failed" and event["lifecycleEventName"] != "AllowTraffic"
    ]


def _fired(aws: AwsEnvironment, deployment: Mapping[str, Any], since: datetime) -> list[str]:
    """The alarms of the deployment's group that are active, or were since then: they look at a minute, and
    CloudFormation's way back takes longer."""
    cloudwatch = aws.client("cloudwatch")
    group = aws.client("codedeploy").get_deployment_group(
        applicationName=deployment["applicationName"],
        deploymentGroupName=deployment["deploymentGroupName"],
    )["deploymentGroupInfo"]
    names = [alarm["name"] for alarm in group.get("alarmConfiguration", {}).get("alarms", ())]
    active = cloudwatch.describe_alarms(AlarmNames=names, StateValue="ALARM")["MetricAlarms"]
    fired = {alarm["AlarmName"] for alarm in active}
    for name in names:
        history = cloudwatch.describe_alarm_history(
            AlarmName=name, HistoryItemType="StateUpdate", StartDate=since
        )["AlarmHistoryItems"]
        states = (json.loads(item["HistoryData"]).get("newState", {}).get("stateValue") for item in history)
        fired |= {name} if "ALARM" in states else set()
    return sorted(fired)
