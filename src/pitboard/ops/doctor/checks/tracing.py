"""If traces are turned on, they must be exported."""

import os
from importlib.util import find_spec

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment


def local(environment: LocalEnvironment) -> Finding:
    variables = os.environ if environment.variables is None else environment.variables
    exporter = variables.get("OTEL_TRACES_EXPORTER", "none")
    if exporter in ("", "none"):
        return skipped("Traces are off (OTEL_TRACES_EXPORTER is not set).")
    if exporter != "otlp":
        return problem(f"OTEL_TRACES_EXPORTER is {exporter!r}; only otlp and none are supported.")
    if not find_spec("opentelemetry") or not find_spec("opentelemetry.sdk"):
        return problem(
            "Traces are on, but OpenTelemetry is not installed.", "Run `pip install 'pitboard[tracing]'`."
        )
    return ok("Traces are on.")


def aws(environment: AwsEnvironment) -> Finding:
    functions = environment.functions()
    if not functions:
        return skipped("No function is deployed yet.")
    off = [n for n, f in functions.items() if f.get("TracingConfig", {}).get("Mode") != "Active"]
    if off:
        return problem(f"X-Ray tracing is not active for {', '.join(off)}.")
    return ok("X-Ray tracing is active for every function.")


CHECK = Check(
    id="tracing",
    title="Traces arrive",
    section=Section.MONITORING,
    guide="X-Ray Tracing",
    symptoms=("The service map is empty", "A slow request cannot be explained"),
    remedy="Set OTEL_TRACES_EXPORTER=otlp and OTEL_EXPORTER_OTLP_ENDPOINT; in AWS run `pitboard deploy`.",
    more=(
        (
            "In AWS: active tracing, and subsegments `oauth_authentication`, `store`, `upstream`,"
            " `lookup`, `member_get` and `profile` with annotations that name nobody (ADR 52)."
        ),
    ),
    local=local,
    aws=aws,
)
