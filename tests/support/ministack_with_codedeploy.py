"""`python -m tests.support.ministack_with_codedeploy`: MiniStack with what a canary needs and it lacks.

- `AWS::CodeDeploy::*` in CloudFormation, and CodeDeployLambdaAliasUpdate, by `tests.support.codedeploy`.
- The weights of an alias: MiniStack keeps them and sends all requests to one version. Here every tenth
  request goes to the version that has a tenth, so that no test depends on luck.
- Metrics out of log lines in the embedded metric format, and alarms that end when their time is over.

When CloudFormation rolls a stack back, an alias returns at once: AWS does not say what CodeDeploy does then.
CODEDEPLOY_MINUTE is how many seconds a minute of canaries and alarms takes.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
from ministack import app
from ministack.core import router
from ministack.services import cloudwatch, lambda_svc
from ministack.services.cloudformation import _stacks, changesets, engine, handlers, provisioners, stacks
from tests.support.codedeploy import CodeDeploy

MINUTE = float(os.environ["CODEDEPLOY_MINUTE"])
ALIAS = "AWS::Lambda::Alias"

_groups: dict[str, dict[str, Any]] = {}
_templates: dict[str, dict[str, Any]] = {}
"""The template that a stack has or is changed to, by the stack's name."""

_requests: dict[str, int] = {}
"""How many requests an alias has got, by its ARN."""


def _client(service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        region_name=os.environ["AWS_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


SERVICE = CodeDeploy(_client("lambda"), _client("cloudwatch"), MINUTE)


# --- CloudFormation


def _made(name: str, logical_id: str, given: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    physical = given.get(name) or f"{stack}-{logical_id}"
    _groups[physical] = given | {name: physical}
    return physical, {}


def _changed(name: str, physical: str, _: Any, given: dict[str, Any], *__: Any) -> tuple[str, dict[str, str]]:
    _groups[physical] = given | {name: physical}
    return physical, {}


for kind, name in (("Application", "ApplicationName"), ("DeploymentGroup", "DeploymentGroupName")):
    provisioners._RESOURCE_HANDLERS[f"AWS::CodeDeploy::{kind}"] = {
        "create": partial(_made, name),
        "update": partial(_changed, name),
        "delete": lambda physical, _: _groups.pop(physical, None),
    }

_update_alias = provisioners._RESOURCE_HANDLERS[ALIAS]["update"]


def _alias(
    physical: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str | None = None
) -> Any:
    """CloudFormation's update of an alias. Source: its guide, "UpdatePolicy attribute"."""
    found, resource = _stacks[stack], _templates[stack]["Resources"].get(logical_id, {})
    policy = resource.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate")
    backwards = "ROLLBACK" in found["StackStatus"]
    if policy and not backwards and old["FunctionVersion"] != new["FunctionVersion"]:
        policy = engine._resolve_refs(
            policy, found["_resources"], found.get("_resolved_params", {}), {}, {}, stack, found["StackId"]
        )
        group = _groups[policy["DeploymentGroupName"]]
        assert group["ApplicationName"] == policy["ApplicationName"]
        function = physical.split(":")[6]
        SERVICE.deploy(group, policy, function, new["Name"], new["FunctionVersion"])
    return _update_alias(physical, old, new, stack, logical_id)


provisioners._RESOURCE_HANDLERS[ALIAS]["update"] = _alias

_runs_elsewhere = stacks._runs_on_worker_thread
stacks._runs_on_worker_thread = lambda kind: kind == ALIAS or _runs_elsewhere(kind)

_needs = engine._extract_deps


def _needs_of_policies_too(resource: dict[str, Any], names: set[str]) -> set[str]:
    also = {"Properties": {"_": resource.get("UpdatePolicy", {})}}
    return set(_needs(resource, names) | _needs(also, names))


engine._extract_deps = _needs_of_policies_too

_deploy_stack = stacks._deploy_stack_async


async def _deploy(stack: str, identity: str, template: dict[str, Any], *rest: Any, **more: Any) -> None:
    _templates[stack] = template
    await _deploy_stack(stack, identity, template, *rest, **more)


for module in (stacks, changesets, handlers):
    module._deploy_stack_async = _deploy


# --- the weights of an alias


def _weighted(alias: dict[str, Any]) -> str:
    """The version that this request of an alias goes to."""
    count = _requests[alias["AliasArn"]] = _requests.get(alias["AliasArn"], 0) + 1
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    for version, weight in weights.items():
        if int(count * weight) > int((count - 1) * weight):
            return str(version)
    return str(alias["FunctionVersion"])


def _version(function: str, qualifier: str | None) -> str | None:
    alias = lambda_svc._functions.get(function, {}).get("aliases", {}).get(qualifier)
    return _weighted(alias) if alias else qualifier


_by_reference = lambda_svc._get_func_record_for_ref_in_scope


def _from_the_gateway(reference: str, **scope: Any) -> Any:
    place, _, qualifier = reference.removesuffix("/invocations").rpartition(":")
    version = _version(place.rpartition(":")[2], qualifier)
    return _by_reference(reference.replace(f":{qualifier}", f":{version}"), **scope)


_invoke = lambda_svc._invoke


async def _invoked(name: str, event: Any, headers: Any, path_qualifier: Any = None, query: Any = None) -> Any:
    given = path_qualifier or lambda_svc._qp_first(query or {}, "Qualifier")
    return await _invoke(name, event, headers, _version(name, given), query)


lambda_svc._get_func_record_for_ref_in_scope = _from_the_gateway
lambda_svc._invoke = _invoked


# --- metrics and alarms


_write_logs = lambda_svc._emit_lambda_logs


def _logs(function: Any, request: str, text: str, *rest: Any, **more: Any) -> None:
    for line in text.splitlines():
        if '"_aws"' in line:
            _measure(json.loads(line[line.index("{") :]))
    cloudwatch._evaluate_all_alarms()
    _write_logs(function, request, text, *rest, **more)


def _measure(line: dict[str, Any]) -> None:
    """Source: CloudWatch's "Embedded metric format specification"."""
    for one in line["_aws"]["CloudWatchMetrics"]:
        for names in one["Dimensions"]:
            dimensions = {name: line[name] for name in names}
            for metric in one["Metrics"]:
                values = line[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    cloudwatch.record_metric(
                        one["Namespace"], metric["Name"], value, metric.get("Unit", "None"), dimensions
                    )


lambda_svc._emit_lambda_logs = _logs

_evaluate = cloudwatch._evaluate_alarm


def _evaluated(alarm: dict[str, Any]) -> None:
    """As MiniStack does it, in shorter minutes, and with what the alarm says of missing data."""
    period = alarm.get("Period", 60)
    since = time.time() - period / 60 * MINUTE * alarm.get("EvaluationPeriods", 1)
    wanted = alarm.get("Namespace"), alarm.get("MetricName")
    points = (p for (*key, _), some in cloudwatch._metrics.items() if (*key,) == wanted for p in some)
    if any(point["Timestamp"] >= since for point in points):
        alarm["Period"] = period / 60 * MINUTE
        try:
            _evaluate(alarm)
        finally:
            alarm["Period"] = period
    elif alarm.get("TreatMissingData") == "notBreaching":
        alarm["StateValue"] = "OK"


cloudwatch._evaluate_alarm = _evaluated

_list_alarms: Callable[..., Any] = cloudwatch._describe_alarms


def _alarms(*given: Any, **more: Any) -> Any:
    cloudwatch._evaluate_all_alarms()
    return _list_alarms(*given, **more)


cloudwatch._describe_alarms = _alarms


# --- CodeDeploy's own API


async def _api(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
    operation = headers["x-amz-target"].split(".")[1]
    answer = await asyncio.to_thread(SERVICE.answer, operation, json.loads(body))
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


router.SERVICE_PATTERNS["codedeploy"] = {"target_prefixes": ["CodeDeploy_20141006"]}
app.SERVICE_HANDLERS["codedeploy"] = _api

if __name__ == "__main__":
    app.main()
