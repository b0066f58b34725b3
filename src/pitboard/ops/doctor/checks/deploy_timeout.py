"""Whether the last deploy was finished: the stack is at rest and each function took its update."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped, warning
from pitboard.ops.environment import AwsEnvironment

LEAST_SECONDS = 15
"""A page may be waited for 10 s (`wait`), and the function must still answer after that."""


def aws(context: AwsEnvironment) -> Finding:
    stack, functions = context.stack(), context.functions()
    if stack is None and not functions:
        return skipped("Nothing is deployed yet.")
    status = stack["StackStatus"] if stack else ""
    if status.endswith("_IN_PROGRESS"):
        return warning(f"The stack is in the state {status}.", "Wait until it is done, then look again.")
    if "FAILED" in status or status == "ROLLBACK_COMPLETE":
        return problem(f"The stack is in the state {status}.")
    if missing := [name for name in context.names.functions if name not in functions]:
        return problem(f"Missing: {', '.join(missing)}.")
    for name, settings in functions.items():
        if settings.get("State") == "Failed" or settings.get("LastUpdateStatus") == "Failed":
            why = settings.get("LastUpdateStatusReason") or settings.get("StateReason") or "no reason given"
            return problem(f"{name} did not take its last update: {why}.")
        if settings["Timeout"] < LEAST_SECONDS:
            return problem(f"{name} may run for {settings['Timeout']} s; it needs {LEAST_SECONDS}.")
    return ok("The last deploy was finished.")


CHECK = Check(
    id="deploy-timeout",
    title="The last deploy was finished",
    section=Section.DEPLOYMENT,
    guide="Lambda Function Timeout During Deployment",
    symptoms=("The function could not be created/updated because it exceeded the timeout",),
    remedy="See why with `aws cloudformation describe-stack-events`, then run `pitboard deploy` again.",
    aws=aws,
)
