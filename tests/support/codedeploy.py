"""CodeDeploy's deployments of Lambda versions, for an emulator that has none: what AWS documents, on AWS' own
APIs for the rest (Lambda, CloudWatch), so it knows nothing of the emulator.

Sources, all of AWS: CodeDeploy's guide, "AppSpec 'hooks' section for an AWS Lambda deployment" (the events
and their order, the hook's payload, an hour to report), "Working with deployment configurations" (share and
minutes of the canary), "Monitoring deployments with CloudWatch alarms", "Redeploy and roll back a deployment"
(only for the events that the group names); its API reference; Lambda's guide, "Implement Lambda canary
deployments using a weighted alias".

Not known from there, so nothing may depend on it: the exact words of AWS' messages.
"""

import json
import re
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR = 60
"""Minutes that a hook has for its report."""

CONFIGURATION = re.compile(r"CodeDeployDefault\.LambdaCanary(\d+)Percent(\d+)Minutes")

FAILURE, ALARM = "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"


class DeploymentFailedError(Exception):
    """The version got no traffic, or not all: the message is what CloudFormation's event says."""


@dataclass
class Deployment:
    """One version on its way to an alias. Its fields are those of CodeDeploy's API."""

    group: Mapping[str, Any]
    function: str
    alias: str
    current: str
    target: str
    identity: str = field(default_factory=lambda: f"d-{uuid.uuid4().hex[:9].upper()}")
    created: float = field(default_factory=time.time)
    status: str = "InProgress"
    error: dict[str, str] = field(default_factory=dict)
    weight: float = 0.0
    events: dict[str, str] = field(default_factory=dict)
    reports: dict[str, str] = field(default_factory=dict)
    seen: list[dict[str, float]] = field(default_factory=list)

    def information(self) -> dict[str, Any]:
        """`DeploymentInfo` of the API."""
        return {
            "applicationName": self.group["ApplicationName"],
            "deploymentGroupName": self.group["DeploymentGroupName"],
            "deploymentConfigName": self.group["DeploymentConfigName"],
            "deploymentId": self.identity,
            "status": self.status,
            "createTime": self.created,
            "computePlatform": "Lambda",
            **({"errorInformation": self.error} if self.error else {}),
        }

    def lambda_target(self) -> dict[str, Any]:
        """`DeploymentTarget` of the API."""
        target = {
            "deploymentId": self.identity,
            "targetId": f"{self.function}:{self.alias}",
            "status": self.status if self.status in ("InProgress", "Succeeded") else "Failed",
            "lifecycleEvents": [
                {"lifecycleEventName": name, "status": status} for name, status in self.events.items()
            ],
            "lambdaFunctionInfo": {
                "functionName": self.function,
                "functionAlias": self.alias,
                "currentVersion": self.current,
                "targetVersion": self.target,
                "targetVersionWeight": self.weight,
            },
        }
        return {"deploymentTargetType": "LambdaTarget", "lambdaTarget": target}


class CodeDeploy:
    """The service. `minute` is how many seconds a minute of a canary, and of a hook's hour, takes."""

    def __init__(self, functions: Any, alarms: Any, minute: float) -> None:
        self._lambda, self._cloudwatch, self._minute = functions, alarms, minute
        self._deployments: dict[str, Deployment] = {}
        self._reported = threading.Condition()

    # --- what CloudFormation asks for

    def deploy(
        self, group: Mapping[str, Any], policy: Mapping[str, Any], function: str, alias: str, target: str
    ) -> None:
        """Moves an alias to a version as the group says; `policy` is the alias' CodeDeployLambdaAliasUpdate.

        Raises `DeploymentFailedError` when the version was not taken; the alias is then as it was, if the
        group rolls back for that.
        """
        current = self._lambda.get_alias(FunctionName=function, Name=alias)["FunctionVersion"]
        one = Deployment(group, function, alias, current, target)
        self._deployments[one.identity] = one
        try:
            self._check_alarms(one)
            self._hook(one, "BeforeAllowTraffic", policy.get("BeforeAllowTrafficHook", ""))
            self._shift(one)
            self._hook(one, "AfterAllowTraffic", policy.get("AfterAllowTrafficHook", ""))
        except DeploymentFailedError:
            event = ALARM if one.error["code"] == "ALARM_ACTIVE" else FAILURE
            one.status = "Stopped" if event == ALARM else "Failed"
            back = group.get("AutoRollbackConfiguration", {})
            if back.get("Enabled") and event in back.get("Events", ()):
                self._route(one, current, 0.0)
            raise
        one.status = "Succeeded"

    def _hook(self, one: Deployment, event: str, function: str) -> None:
        one.events[event] = "Skipped"
        if not function:
            return
        one.events[event], execution = "InProgress", uuid.uuid4().hex
        payload = {"DeploymentId": one.identity, "LifecycleEventHookExecutionId": execution}
        one.reports[execution] = ""
        self._lambda.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(payload))
        with self._reported:
            self._reported.wait_for(lambda: one.reports[execution], HOUR * self._minute)
        one.events[event] = one.reports[execution] or "Failed"
        if one.events[event] != "Succeeded":
            raise self._failure(one, "HOOK_EXECUTION_FAILURE", f"The hook {event} ({function}) failed.")

    def _shift(self, one: Deployment) -> None:
        percent, minutes = map(int, CONFIGURATION.fullmatch(one.group["DeploymentConfigName"]).groups())  # type: ignore[union-attr]
        one.events["AllowTraffic"] = "InProgress"
        try:
            self._route(one, one.current, percent / 100)
            end = time.monotonic() + minutes * self._minute
            while time.monotonic() < end:
                self._check_alarms(one)
                time.sleep(self._minute / 20)  # CodeDeploy asks CloudWatch, too: nothing tells it
            self._route(one, one.target, 0.0)
        except DeploymentFailedError:
            one.events["AllowTraffic"] = "Failed"
            raise
        one.events["AllowTraffic"] = "Succeeded"

    def _route(self, one: Deployment, version: str, weight: float) -> None:
        """The alias' version, and the share of requests that the new one gets beside it."""
        weights = {one.target: weight} if weight else {}
        one.weight = weight if weight else float(version == one.target)
        self._lambda.update_alias(
            FunctionName=one.function,
            Name=one.alias,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
        one.seen.append({version: 1 - weight, **weights})

    def _check_alarms(self, one: Deployment) -> None:
        watched = one.group.get("AlarmConfiguration", {})
        names = [alarm["Name"] for alarm in watched.get("Alarms", ())]
        if not watched.get("Enabled") or not names:
            return
        found = self._cloudwatch.describe_alarms(AlarmNames=names, StateValue="ALARM")["MetricAlarms"]
        if fired := sorted(alarm["AlarmName"] for alarm in found):
            raise self._failure(one, "ALARM_ACTIVE", f"Alarms are active: {', '.join(fired)}.")

    def _failure(self, one: Deployment, code: str, message: str) -> DeploymentFailedError:
        one.error = {"code": code, "message": message}
        return DeploymentFailedError(f"CodeDeploy deployment {one.identity} failed: {message}")

    # --- its API

    def answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What an operation of the API answers. Raises `KeyError` for one that is not here, and for a
        deployment or a hook's execution that does not exist."""
        if operation == "GetDeploymentGroup":
            return {"deploymentGroupInfo": self._group(asked["deploymentGroupName"])}
        if operation == "ListDeployments":
            found = [one for one in self._deployments.values() if self._is_listed(one, asked)]
            return {"deployments": [one.identity for one in reversed(found)]}
        one = self._deployments[asked["deploymentId"]]
        if operation == "PutLifecycleEventHookExecutionStatus":
            execution = asked["lifecycleEventHookExecutionId"]
            assert one.reports[execution] == "", "a hook reports once"
            with self._reported:
                one.reports[execution] = asked["status"]
                self._reported.notify_all()
            return {"lifecycleEventHookExecutionId": execution}
        answers: dict[str, dict[str, Any]] = {
            "GetDeployment": {"deploymentInfo": one.information()},
            "ListDeploymentTargets": {"targetIds": [f"{one.function}:{one.alias}"]},
            "BatchGetDeploymentTargets": {"deploymentTargets": [one.lambda_target()]},
        }
        return answers[operation]

    def _group(self, name: str) -> dict[str, Any]:
        """The group of the last deployment of that name, `DeploymentGroupInfo` of the API."""
        groups = [one.group for one in self._deployments.values() if one.group["DeploymentGroupName"] == name]
        watched = groups[-1].get("AlarmConfiguration", {})
        alarms = [{"name": alarm["Name"]} for alarm in watched.get("Alarms", ())]
        return {
            "deploymentGroupName": name,
            "alarmConfiguration": {"enabled": watched.get("Enabled", False), "alarms": alarms},
        }

    def _is_listed(self, one: Deployment, asked: Mapping[str, Any]) -> bool:
        time_range = asked.get("createTimeRange", {})
        return (
            one.group["ApplicationName"] == asked["applicationName"]
            and one.group["DeploymentGroupName"] == asked["deploymentGroupName"]
            and one.status in asked.get("includeOnlyStatuses", [one.status])
            and one.created >= time_range.get("start", 0.0)
        )
