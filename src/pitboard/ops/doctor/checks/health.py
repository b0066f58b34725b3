"""GET /health must answer that everything is healthy."""

import json
from typing import Any

from pitboard.drivers.errors import UpstreamError
from pitboard.drivers.health import State
from pitboard.iracing.transport import Answer
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.doctor.checks.port import ask, is_pitboard
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment


def local(environment: LocalEnvironment) -> Finding:
    if not is_pitboard(environment):
        return skipped("`pitboard serve` is not running.")
    try:
        return read(ask(environment, "/health", 5))
    except UpstreamError as error:
        return problem(str(error))


def aws(environment: AwsEnvironment) -> Finding:
    if not environment.api_url():
        return skipped("The API is not deployed yet.")
    answer = environment.get("/health")
    return read(answer) if answer else problem("The API gave no answer to GET /health.")


def read(answer: Answer) -> Finding:
    """The finding that a health answer of the contract means."""
    try:
        document = json.loads(answer.body)
        checks: dict[str, Any] = document["checks"]
    except (ValueError, KeyError, TypeError):
        return problem(f"GET /health was answered with {answer.status} and cannot be read.")
    state = document.get("status")
    if answer.status == 200 and state == State.HEALTHY:
        return ok(f"Healthy: {', '.join(checks)}.")
    ill = [f"{n} ({c.get('detail', 'no detail')})" for n, c in checks.items() if not c.get("ok")]
    if answer.status == 200 and state == State.DEGRADED:
        return warning(f"Degraded, known drivers are served: {', '.join(ill)}.")
    return problem(f"Unhealthy: {', '.join(ill) or state}.")


CHECK = Check(
    id="health",
    title="GET /health says healthy",
    section=Section.MONITORING,
    guide="Health Checks",
    symptoms=("503 from /health", "A monitor has raised the alarm"),
    remedy="The answer names what is unhealthy; `pitboard doctor` has a check for each part.",
    more=(
        (
            'In AWS: `curl https://API/prod/health` and `curl -X POST https://API/prod/auth -d \'{"test":'
            " true}'`. /health reads the table, the secret and the token, asks iRacing nothing, and"
            " answers 200 or 503."
        ),
    ),
    local=local,
    aws=aws,
)
