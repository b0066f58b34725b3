"""Whoever runs this must be allowed to deploy: AWS' policy simulator is asked for what the commands call, and
for assuming CDK's roles."""

from collections.abc import Sequence

from pitboard.aws.names import CDK_ROLE
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.permissions import CDK_ROLES, DEPLOY


def aws(environment: AwsEnvironment) -> Finding:
    plain = sorted({*DEPLOY.actions, *DEPLOY.secret} - {"sts:AssumeRole"})
    account, region = environment.caller["Account"], environment.region
    roles = [f"arn:aws:iam::{account}:role/{CDK_ROLE}-{name}-{account}-{region}" for name in CDK_ROLES]
    denied: list[str] = []
    for actions, resources in ((plain, ["*"]), (["sts:AssumeRole"], roles)):
        found, failure = simulate(environment, actions, resources)
        if failure:
            return skipped(failure)
        denied += found
    if denied:
        return problem(f"{environment.caller['Arn']} may not: {', '.join(dict.fromkeys(denied))}.")
    return ok("The account has the permissions that a deploy needs.")


def simulate(
    environment: AwsEnvironment,
    actions: Sequence[str],
    resources: Sequence[str] = ("*",),
    principal: str = "",
) -> tuple[list[str], str]:
    """The actions that the principal ("": the caller) is not allowed, and why that could not be found out
    ("": it could)."""
    principal = principal or _principal(environment.caller["Arn"])
    if principal.endswith(":root"):
        return [], ""
    try:
        answer = environment.client("iam").simulate_principal_policy(
            PolicySourceArn=principal, ActionNames=list(actions), ResourceArns=list(resources)
        )
    except environment.errors as error:
        return [], f"The policy simulator cannot be used: {error}"
    results = answer["EvaluationResults"]
    return [r["EvalActionName"] for r in results if r["EvalDecision"] != "allowed"], ""


def _principal(arn: str) -> str:
    """The simulator needs the role of a session: arn:aws:sts::1:assumed-role/NAME/SESSION."""
    head, _, rest = arn.partition(":assumed-role/")
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.split('/')[0]}" if rest else arn


CHECK = Check(
    id="deploy-permissions",
    title="The deployer may deploy",
    section=Section.DEPLOYMENT,
    guide="Insufficient CloudFormation Permissions",
    symptoms=("User ... is not authorized to perform: cloudformation:CreateStack",),
    remedy=(
        f"Attach the policy of docs/PERMISSIONS.md. CDK makes the stack as its own roles (`{CDK_ROLE}-*`);"
        " who deploys needs no permission to make tables or functions, but must be able to assume them."
    ),
    more=(
        (
            "The first deploy as an administrator is not needed, only `pitboard bootstrap`. The policy is"
            " in docs/PERMISSIONS.md as JSON; the role for GitHub, infra/github-role.json, has the same"
            " actions but for the two that read and set the secret."
        ),
    ),
    aws=aws,
)
