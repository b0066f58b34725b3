"""The last deploy must be complete: no change of the stack runs, and each function took its update."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.environment import AwsEnvironment

LEAST_SECONDS = 15
"""A page may wait for 10 s (`wait`), and the function must still answer after that."""


def aws(environment: AwsEnvironment) -> Finding:
    stack, functions = environment.stack(), environment.functions()
    if stack is None and not functions:
        return skipped("Nothing is deployed yet.")
    if stack and stack.in_progress:
        return warning(f"The stack has the status {stack.status}.", "Wait until it ends, then check again.")
    if stack and ("FAILED" in stack.status or stack.status == "ROLLBACK_COMPLETE"):
        return problem(f"The stack has the status {stack.status}.")
    if missing := [name for name in environment.names.functions if name not in functions]:
        return problem(f"Missing: {', '.join(missing)}.")
    for name, settings in functions.items():
        if settings.get("State") == "Failed" or settings.get("LastUpdateStatus") == "Failed":
            why = settings.get("LastUpdateStatusReason") or settings.get("StateReason") or "no reason given"
            return problem(f"{name} did not take its last update: {why}.")
        if settings["Timeout"] < LEAST_SECONDS:
            return problem(f"{name} has a timeout of {settings['Timeout']} s; it needs {LEAST_SECONDS} s.")
    return ok("The last deploy is complete.")


CHECK = Check(
    id="deploy-timeout",
    title="The last deploy is complete",
    section=Section.DEPLOYMENT,
    guide="Lambda Function Timeout During Deployment",
    symptoms=("The function could not be created/updated because it exceeded the timeout",),
    remedy="Find the reason with `aws cloudformation describe-stack-events`, then run `pitboard deploy`.",
    more=(
        (
            "A function's timeout is not what ends a deploy: CloudFormation waits for as long as it"
            " takes. Times and memory of the functions are in infra/config.py (`Size`): ir-drivers 75 s,"
            " ir-index 900 s."
        ),
    ),
    aws=aws,
)
