"""Only ir-auth may read the credentials."""

from fnmatch import fnmatchcase

from pitboard.aws.names import Names
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment, as_list

ACTION = "secretsmanager:GetSecretValue"


def aws(environment: AwsEnvironment) -> Finding:
    names, functions = environment.names, environment.functions()
    if names.auth not in functions:
        return skipped(f"{names.auth} is not deployed yet.")
    client = environment.client("secretsmanager")
    secret = environment.found(client.describe_secret, SecretId=names.secret)
    arn = secret["ARN"] if secret else f"arn:aws:secretsmanager:*:*:secret:{names.secret}-*"
    readers = [name for name in functions if may_read(environment, name, arn)]
    if names.auth not in readers:
        return problem(f"The role of {names.auth} does not allow {ACTION} on {names.secret}.")
    if others := [name for name in readers if name != names.auth]:
        return problem(f"{', '.join(others)} may read {names.secret}; only {names.auth} may.")
    return ok(f"Only {names.auth} may read {names.secret}.")


def may_read(environment: AwsEnvironment, function: str, arn: str) -> bool:
    """Whether the function's role allows reading the secret."""
    for statement in environment.role_statements(function):
        actions = as_list(statement.get("Action", []))
        if statement["Effect"] == "Allow" and any(fnmatchcase(ACTION, action) for action in actions):
            resources = [str(resource) for resource in as_list(statement.get("Resource", []))]
            if any(fnmatchcase(arn, resource) or fnmatchcase(resource, arn) for resource in resources):
                return True
    return False


CHECK = Check(
    id="secret-access",
    title="Only ir-auth may read the credentials",
    section=Section.SECURITY,
    guide="Secrets Manager Access Denied",
    symptoms=("User is not authorized to perform: secretsmanager:GetSecretValue",),
    remedy="Run `pitboard deploy`: the policy SecretsManagerPolicy is part of the stack.",
    more=(
        (
            'ir-auth\'s policy: `{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",'
            ' "Resource":'
            f' "arn:aws:secretsmanager:REGION:ACCOUNT:secret:{Names("prod").secret}-??????"}}`.'
        ),
    ),
    aws=aws,
)
