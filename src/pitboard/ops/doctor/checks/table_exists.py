"""A table that exists but was not created by the stack makes a deploy fail."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(environment: AwsEnvironment) -> Finding:
    existing = list(environment.tables())
    if not existing:
        return skipped("There is no table yet.")
    own = environment.own_resources() if environment.stack() else set()
    foreign = [name for name in existing if name not in own]
    if not foreign:
        return ok("The tables belong to the stack.")
    if environment.stack():
        return ok(f"{', '.join(foreign)}: used by the stack, but not created by it.")
    return problem(f"{', '.join(foreign)}: exists already, and was not created by Pitboard's stack.")


CHECK = Check(
    id="table-exists",
    title="No existing table blocks a deploy",
    section=Section.DEPLOYMENT,
    guide="DynamoDB Table Already Exists",
    symptoms=("Table already exists: ir_auth",),
    remedy="Use it with `pitboard deploy --import-tables`, or deploy another environment.",
    more=(
        (
            "Deleting is the last resort, because it deletes the content: `aws dynamodb delete-table"
            " --table-name ir_auth_dev`. A first deploy that failed leaves no table."
        ),
    ),
    aws=aws,
)
