"""How long the API took in the last hour, by API Gateway's own metric."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, skipped, warning
from pitboard.ops.environment import AwsEnvironment

SLOW_MS = 3000.0
"""An average over five minutes. A page of unknown drivers takes about a second, known ones far less."""


def aws(environment: AwsEnvironment) -> Finding:
    names = environment.names
    dimensions = {"ApiName": names.api, "Stage": names.environment}
    values = environment.metric("AWS/ApiGateway", "Latency", dimensions, "Average")
    if not values:
        return skipped("The API had no requests in the last hour.")
    if max(values) > SLOW_MS:
        return warning(f"The API took {max(values) / 1000:.1f} s on average in the worst five minutes.")
    return ok(f"The API took {max(values):.0f} ms on average in the worst five minutes of the hour.")


CHECK = Check(
    id="api-latency",
    title="The API answers fast",
    section=Section.PERFORMANCE,
    guide="High API Gateway Latency",
    symptoms=("Slow API responses", "High response times in CloudWatch"),
    remedy=(
        "Check whether iRacing is slow (metric UpstreamSeconds), the budget is used up (BudgetLeft), or cold"
        " starts are slow (`pitboard doctor --env prod --only cold-start`)."
    ),
    more=(
        (
            "The functions are proxy integrations. `--context cache=true` caches charts and races. Limits"
            " are 1,000 requests a second for the stage with bursts of 2,000, and lower ones for each"
            " route (infra/api.py); who is over them gets 429 at once."
        ),
    ),
    aws=aws,
)
