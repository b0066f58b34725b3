"""The account that runs this must be allowed to deploy. AWS' policy simulator says so; nothing is changed."""

from collections.abc import Sequence

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment

ACTIONS = (
    "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DescribeStacks",
    "lambda:CreateFunction", "lambda:UpdateFunctionCode", "apigateway:POST", "dynamodb:CreateTable",
    "secretsmanager:CreateSecret", "sqs:CreateQueue", "logs:CreateLogGroup", "s3:PutObject", "sts:AssumeRole",
)  # fmt: skip


def aws(environment: AwsEnvironment) -> Finding:
    denied, failure = simulate(environment, ACTIONS)
    if failure:
        return skipped(failure)
    if denied:
        return problem(f"{environment.caller['Arn']} may not: {', '.join(denied)}.")
    return ok("The account has the permissions that a deploy needs.")


def simulate(environment: AwsEnvironment, actions: Sequence[str]) -> tuple[list[str], str]:
    """The actions that the caller is not allowed, and why that could not be found out ("": it could)."""
    principal = _principal(environment.caller["Arn"])
    if principal.endswith(":root"):
        return [], ""
    try:
        answer = environment.client("iam").simulate_principal_policy(
            PolicySourceArn=principal, ActionNames=list(actions), ResourceArns=["*"]
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
    remedy="Attach a policy with the actions that it names, or deploy as an administrator.",
    aws=aws,
)
