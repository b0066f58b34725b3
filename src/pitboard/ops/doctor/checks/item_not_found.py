"""A table with another key than the code asks for finds nothing."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(context: AwsEnvironment) -> Finding:
    tables = context.tables()
    if not tables:
        return skipped("No table is there yet.")
    for name, key in context.keys().items():
        if name not in tables:
            return problem(f"The table {name} is missing.")
        schema = {part["AttributeName"]: part["KeyType"] for part in tables[name]["KeySchema"]}
        if schema != {key: "HASH"}:
            return problem(f"The key of {name} is {', '.join(schema)}; it must be {key} alone.")
        kinds = {a["AttributeName"]: a["AttributeType"] for a in tables[name]["AttributeDefinitions"]}
        if kinds[key] != "S":
            return problem(f"The key {key} of {name} is not text.")
    return ok("The tables are there and have the keys that the code asks for.")


CHECK = Check(
    id="item-not-found",
    title="The tables have the right keys",
    section=Section.RUNTIME,
    guide="DynamoDB Item Not Found",
    symptoms=("Empty query results", "ValidationException: the provided key element does not match"),
    remedy="Run `pitboard deploy`. A table with the wrong key must be made anew: rename it out of the way.",
    aws=aws,
)
