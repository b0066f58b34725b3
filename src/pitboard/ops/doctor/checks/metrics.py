"""The metrics for alarms and dashboards must arrive."""

from pitboard.aws.names import METRICS_NAMESPACE
from pitboard.drivers.errors import UpstreamError
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.checks.port import ask, is_pitboard
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment
from pitboard.telemetry.metrics import METRICS


def local(environment: LocalEnvironment) -> Finding:
    if not is_pitboard(environment):
        return skipped("`pitboard serve` is not running.")
    try:
        answer = ask(environment, "/metrics", 3)
    except UpstreamError as error:
        return problem(str(error))
    if answer.status in (401, 403):
        return problem(
            f"/metrics answers {answer.status}: it is for the host only.",
            "Set the same PITBOARD_STATUS_TOKEN for `pitboard serve`, for this command, and for Prometheus.",
        )
    missing = [m.name for m in METRICS if f"# TYPE pitboard_{m.name}".encode() not in answer.body]
    if answer.status != 200 or missing:
        return problem(f"/metrics answers {answer.status} and lacks {', '.join(missing) or 'nothing'}.")
    return ok(f"/metrics shows all {len(METRICS)} metrics.")


def aws(environment: AwsEnvironment) -> Finding:
    if not environment.functions():
        return skipped("No function is deployed yet.")
    dimension = [{"Name": "Environment", "Value": environment.names.environment}]
    answer = environment.client("cloudwatch").list_metrics(Namespace=METRICS_NAMESPACE, Dimensions=dimension)
    seen = {metric["MetricName"] for metric in answer["Metrics"]}
    if not seen:
        return warning(
            f"No metric of {environment.names.environment} has arrived in {METRICS_NAMESPACE} yet."
        )
    requests = environment.metric("AWS/ApiGateway", "Count", {"ApiName": environment.names.api}, "Sum")
    if sum(requests) and "Requests" not in seen:
        return problem("The API had requests, but no metric Requests has arrived.")
    if sum(environment.metric("AWS/Lambda", "Throttles", {"FunctionName": environment.names.drivers}, "Sum")):
        remedy = "Raise the reserved concurrency in infra/config.py, or the account's limit."
        return problem(f"Lambda throttled {environment.names.drivers} in the last hour.", remedy)
    return ok(f"{len(seen)} of {len(METRICS)} metrics have arrived in {METRICS_NAMESPACE}.")


CHECK = Check(
    id="metrics",
    title="Metrics arrive",
    section=Section.MONITORING,
    guide="CloudWatch Metrics",
    symptoms=("Dashboards are empty", "Alarms are in the state INSUFFICIENT_DATA"),
    remedy=(
        "Send one request to the API, wait, and run"
        f" `aws cloudwatch list-metrics --namespace {METRICS_NAMESPACE}`."
    ),
    more=(
        (
            "Lambda's duration, errors and throttles, the API's 4XX and 5XX and the tables' units have"
            " alarms (RUNBOOK.md). Our own are written as lines of the log in CloudWatch's embedded"
            " format, with the dimension Environment: PutMetricData would cost a call for each."
        ),
    ),
    local=local,
    aws=aws,
)
