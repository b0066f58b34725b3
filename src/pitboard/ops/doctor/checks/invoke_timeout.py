"""Functions must end before their timeout, and before the 29 s that the API waits."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.environment import AwsEnvironment

GATEWAY_SECONDS = 29
"""How long API Gateway waits for a function. Source: API Gateway quotas."""


def aws(environment: AwsEnvironment) -> Finding:
    functions, names = environment.functions(), environment.names
    if len(functions) < len(names.functions):
        return skipped("Not all functions are deployed yet.")
    for name, settings in functions.items():
        longest = max(
            environment.metric("AWS/Lambda", "Duration", {"FunctionName": name}, "Maximum"), default=0
        )
        if longest >= settings["Timeout"] * 1000:
            return problem(f"{name} ran until its timeout of {settings['Timeout']} s in the last hour.")
    dimensions = {"ApiName": names.api, "Stage": names.environment}
    waited = max(environment.metric("AWS/ApiGateway", "Latency", dimensions, "Maximum"), default=0) / 1000
    if waited >= GATEWAY_SECONDS:
        return problem(f"The API stopped waiting for a function after {waited:.1f} s in the last hour.")
    timed_out = [name for name in functions if environment.log_lines(name, '"Task timed out"', most=1)]
    if timed_out:
        return warning(f"Timed out in the last hour: {', '.join(timed_out)}.")
    return ok("No function timed out in the last hour.")


CHECK = Check(
    id="invoke-timeout",
    title="No function times out",
    section=Section.RUNTIME,
    guide="Lambda Invocation Timeout",
    symptoms=("Intermittent failures", "Task timed out, in the logs", "502 or 504 from the API"),
    remedy=(
        'Find what was slow with `pitboard logs --env prod --pattern "Task timed out"`, and in the'
        " dashboard's times of calls to iRacing. Timeouts are in infra/config.py."
    ),
    more=(
        (
            "Connections, clients and tokens are kept between invocations. What nobody waits for goes"
            " through the queue of renewals, not by an asynchronous invocation, so that names of many"
            " pages share a call."
        ),
    ),
    aws=aws,
)
