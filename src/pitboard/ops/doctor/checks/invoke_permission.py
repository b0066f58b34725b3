"""The other functions invoke ir-auth for the token; the API invokes all functions but ir-index."""

import json
from fnmatch import fnmatchcase

from pitboard.aws.names import ALIAS
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment, as_list


def aws(environment: AwsEnvironment) -> Finding:
    functions, names = environment.functions(), environment.names
    if names.auth not in functions:
        return skipped(f"{names.auth} is not deployed yet.")
    for caller in (names.custid, names.drivers, names.index):
        if caller in functions and not may_invoke(environment, caller, functions[names.auth]["FunctionArn"]):
            return problem(f"The role of {caller} does not allow lambda:InvokeFunction on {names.auth}.")
    for name in functions:
        if name in (*names.serving, names.addon) and not _api_may_invoke(environment, name):
            return problem(f"{name} has no policy that lets API Gateway invoke it.")
    return ok("The functions and the API may invoke what they need.")


def may_invoke(environment: AwsEnvironment, caller: str, arn: str) -> bool:
    """Whether the caller's role allows it on the function or on its alias."""
    for statement in environment.role_statements(caller):
        actions = as_list(statement.get("Action", []))
        if statement["Effect"] == "Allow" and any(fnmatchcase("lambda:InvokeFunction", a) for a in actions):
            resources = [str(resource) for resource in as_list(statement.get("Resource", []))]
            if any(r.startswith(arn) or fnmatchcase(arn, r) for r in resources):
                return True
    return False


def _api_may_invoke(environment: AwsEnvironment, name: str) -> bool:
    """Whether there is a policy for API Gateway, on the alias that the API calls or on the function."""
    get_policy = environment.client("lambda").get_policy
    for qualifier in ({}, {"Qualifier": ALIAS}):
        answer = environment.found(get_policy, FunctionName=name, **qualifier)
        if answer and "apigateway.amazonaws.com" in json.dumps(answer["Policy"]):
            return True
    return False


CHECK = Check(
    id="invoke-permission",
    title="The functions may invoke each other",
    section=Section.RUNTIME,
    guide="Lambda Invocation Permissions",
    symptoms=("User is not authorized to perform: lambda:InvokeFunction", "Every new name is `unavailable`"),
    remedy=(
        "Run `pitboard deploy`; check the alias, which has all permissions: `aws lambda get-policy"
        " --function-name ir-auth-prod --qualifier live`."
    ),
    more=(
        ("The rights are in the functions' roles (`InvokePolicy`), for the alias `live` of ir-auth alone."),
    ),
    aws=aws,
)
