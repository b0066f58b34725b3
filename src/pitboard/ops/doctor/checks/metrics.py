"""Whether the metrics arrive that alarms and dashboards look at."""

import time

from pitboard.aws.names import METRICS_NAMESPACE
from pitboard.drivers.errors import UpstreamError
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.checks.port import base, is_pitboard
from pitboard.ops.doctor.local import Local
from pitboard.ops.environment import AwsEnvironment
from pitboard.telemetry.metrics import METRICS


def local(context: Local) -> Finding:
    if not is_pitboard(context):
        return skipped("`pitboard serve` does not run.")
    try:
        answer = context.transport.get(f"{base(context)}/metrics", time.monotonic() + 3)
    except UpstreamError as error:
        return problem(str(error))
    missing = [m.name for m in METRICS if f"# TYPE pitboard_{m.name}".encode() not in answer.body]
    if answer.status != 200 or missing:
        return problem(f"/metrics answers {answer.status} and lacks {', '.join(missing) or 'nothing'}.")
    return ok(f"/metrics shows all {len(METRICS)} metrics.")


def aws(context: AwsEnvironment) -> Finding:
    if not context.functions():
        return skipped("No function is deployed yet.")
    dimension = [{"Name": "Environment", "Value": context.names.environment}]
    answer = context.client("cloudwatch").list_metrics(Namespace=METRICS_NAMESPACE, Dimensions=dimension)
    seen = {metric["MetricName"] for metric in answer["Metrics"]}
    if not seen:
        return warning(f"No metric of {context.names.environment} has arrived in {METRICS_NAMESPACE} yet.")
    asked = context.metric("AWS/ApiGateway", "Count", {"ApiName": context.names.api}, "Sum")
    if sum(asked) and "Requests" not in seen:
        return problem("The API was asked, but no metric Requests has arrived.")
    if sum(context.metric("AWS/Lambda", "Throttles", {"FunctionName": context.names.drivers}, "Sum")):
        remedy = "Raise the reserved concurrency in infra's configuration, or the account's limit."
        return problem(f"Lambda throttled {context.names.drivers} in the last hour.", remedy)
    return ok(f"{len(seen)} of {len(METRICS)} metrics have arrived in {METRICS_NAMESPACE}.")


CHECK = Check(
    id="metrics",
    title="Metrics arrive",
    section=Section.MONITORING,
    guide="CloudWatch Metrics",
    symptoms=("Dashboards are empty", "Alarms are in the state INSUFFICIENT_DATA"),
    remedy="Ask the API once, wait, and see `aws cloudwatch list-metrics --namespace iRacing/Lambda`.",
    local=local,
    aws=aws,
)
