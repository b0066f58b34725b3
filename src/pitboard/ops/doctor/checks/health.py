"""What GET /health says."""

import json
import time
from typing import Any

from pitboard.drivers.errors import UpstreamError
from pitboard.iracing.transport import Answer
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.doctor.checks.port import base, is_pitboard
from pitboard.ops.doctor.local import Local
from pitboard.ops.environment import AwsEnvironment


def local(context: Local) -> Finding:
    if not is_pitboard(context):
        return skipped("`pitboard serve` does not run.")
    try:
        return judge(context.transport.get(f"{base(context)}/health", time.monotonic() + 5))
    except UpstreamError as error:
        return problem(str(error))


def aws(context: AwsEnvironment) -> Finding:
    if not context.api_url():
        return skipped("The API is not deployed yet.")
    answer = context.get("/health")
    return judge(answer) if answer else problem("The API gave no answer to GET /health.")


def judge(answer: Answer) -> Finding:
    """Reads the contract's health answer."""
    try:
        document = json.loads(answer.body)
        checks: dict[str, Any] = document["checks"]
    except (ValueError, KeyError, TypeError):
        return problem(f"GET /health was answered with {answer.status} and something unreadable.")
    if answer.status == 200 and document.get("status") == "healthy":
        return ok(f"Healthy: {', '.join(checks)}.")
    ill = [f"{n} ({c.get('detail', 'no detail')})" for n, c in checks.items() if not c.get("ok")]
    return problem(f"Unhealthy: {', '.join(ill) or document.get('status')}.")


CHECK = Check(
    id="health",
    title="GET /health says healthy",
    section=Section.MONITORING,
    guide="Health Checks",
    symptoms=("503 from /health", "A monitor has raised the alarm"),
    remedy="The answer names what is ill; `pitboard doctor` has a check for each.",
    local=local,
    aws=aws,
)
