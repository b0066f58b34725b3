"""Whoever waits must wait longer than what it waits for, and the API waits 29 s at most."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.environment import AwsEnvironment

GATEWAY_SECONDS = 29
"""How long API Gateway waits for a function. Source: API Gateway quotas."""


def aws(context: AwsEnvironment) -> Finding:
    functions, names = context.functions(), context.names
    if len(functions) < len(names.functions):
        return skipped("Not all functions are deployed yet.")
    for name, settings in functions.items():
        longest = max(context.metric("AWS/Lambda", "Duration", {"FunctionName": name}, "Maximum"), default=0)
        if longest >= settings["Timeout"] * 1000:
            return problem(f"{name} ran for all the {settings['Timeout']} s it is given in the last hour.")
    dimensions = {"ApiName": names.api, "Stage": names.environment}
    waited = max(context.metric("AWS/ApiGateway", "Latency", dimensions, "Maximum"), default=0) / 1000
    if waited >= GATEWAY_SECONDS:
        return problem(f"The API gave up on a function after {waited:.1f} s in the last hour.")
    ended = [name for name in functions if context.log_lines(name, '"Task timed out"', most=1)]
    if ended:
        return warning(f"Timed out in the last hour: {', '.join(ended)}.")
    return ok("No function ran out of time in the last hour.")


CHECK = Check(
    id="invoke-timeout",
    title="No function runs out of time",
    section=Section.RUNTIME,
    guide="Lambda Invocation Timeout",
    symptoms=("Intermittent failures", "Task timed out, in the logs", "502 or 504 from the API"),
    remedy=(
        'See what was slow: `pitboard logs --env prod --pattern "Task timed out"`, and iRacing\'s own'
        " times in the dashboard. Timeouts are in infra's configuration."
    ),
    aws=aws,
)
