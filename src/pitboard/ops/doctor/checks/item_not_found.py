"""The tables must have the keys that the code uses; else nothing is found in them."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(environment: AwsEnvironment) -> Finding:
    tables = environment.tables()
    if not tables:
        return skipped("There is no table yet.")
    for name, key in environment.keys().items():
        if name not in tables:
            return problem(f"The table {name} is missing.")
        schema = {part["AttributeName"]: part["KeyType"] for part in tables[name]["KeySchema"]}
        if schema != {key: "HASH"}:
            return problem(f"The key of {name} is {', '.join(schema)}; it must be {key} alone.")
        kinds = {a["AttributeName"]: a["AttributeType"] for a in tables[name]["AttributeDefinitions"]}
        if kinds[key] != "S":
            return problem(f"The key {key} of {name} is not a string.")
    return ok("The tables exist and have the right keys.")


CHECK = Check(
    id="item-not-found",
    title="The tables have the right keys",
    section=Section.RUNTIME,
    guide="DynamoDB Item Not Found",
    symptoms=("Empty query results", "ValidationException: the provided key element does not match"),
    remedy="Run `pitboard deploy`. Before that, back up and delete a table with the wrong key.",
    more=(
        (
            "An item that is not there is an ordinary answer to our code, never a KeyError. Keys:"
            " `username` is `TOKEN:` and the account in lower case; `name` is the driver's name in lower"
            " case, composed (NFC), with single spaces. The end is checked at each read."
        ),
        (
            "What is written can be read: a refused write is an error in the log, and `pitboard verify --name"
            ' "A Driver"` has a driver looked up, written and read.'
        ),
    ),
    aws=aws,
)
