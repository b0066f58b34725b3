"""A table that is there but not the stack's own would make a deploy fail."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(context: AwsEnvironment) -> Finding:
    there = list(context.tables())
    if not there:
        return skipped("No table is there yet.")
    owned: set[str] = set()
    if context.stack():
        pages = context.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=context.names.stack):
            owned |= {r.get("PhysicalResourceId", "") for r in page["StackResourceSummaries"]}
    foreign = [name for name in there if name not in owned]
    if not foreign:
        return ok("The tables belong to the stack.")
    if context.stack():
        return ok(f"{', '.join(foreign)}: used by the stack, made outside of it.")
    return problem(f"{', '.join(foreign)}: there already, and not made by a stack of ours.")


CHECK = Check(
    id="table-exists",
    title="No table stands in the way of a deploy",
    section=Section.DEPLOYMENT,
    guide="DynamoDB Table Already Exists",
    symptoms=("Table already exists: ir_auth",),
    remedy="Take it over with `pitboard deploy --import-tables`, or deploy another environment.",
    aws=aws,
)
