"""Whether whoever runs this may deploy, by AWS' own policy simulator. Nothing is changed."""

from collections.abc import Sequence

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment

ACTIONS = (
    "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DescribeStacks",
    "lambda:CreateFunction", "lambda:UpdateFunctionCode", "apigateway:POST", "dynamodb:CreateTable",
    "secretsmanager:CreateSecret", "logs:CreateLogGroup", "s3:PutObject", "sts:AssumeRole",
)  # fmt: skip


def aws(context: AwsEnvironment) -> Finding:
    denied, trouble = simulate(context, ACTIONS)
    if trouble:
        return skipped(trouble)
    if denied:
        return problem(f"{context.caller['Arn']} may not: {', '.join(denied)}.")
    return ok("The account that deploys has the permissions it needs.")


def simulate(context: AwsEnvironment, actions: Sequence[str]) -> tuple[list[str], str]:
    """The actions that the caller may not do; or, second, why that cannot be known."""
    principal = _principal(context.caller["Arn"])
    if principal.endswith(":root"):
        return [], ""
    try:
        answer = context.client("iam").simulate_principal_policy(
            PolicySourceArn=principal, ActionNames=list(actions), ResourceArns=["*"]
        )
    except context.errors as error:
        return [], f"The policy simulator cannot be used: {error}"
    results = answer["EvaluationResults"]
    return [r["EvalActionName"] for r in results if r["EvalDecision"] != "allowed"], ""


def _principal(arn: str) -> str:
    """The simulator wants the role behind a session: arn:aws:sts::1:assumed-role/NAME/SESSION."""
    head, _, rest = arn.partition(":assumed-role/")
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.split('/')[0]}" if rest else arn


CHECK = Check(
    id="deploy-permissions",
    title="The deployer may deploy",
    section=Section.DEPLOYMENT,
    guide="Insufficient CloudFormation Permissions",
    symptoms=("User ... is not authorized to perform: cloudformation:CreateStack",),
    remedy="Attach a policy with the actions it names, or deploy as an administrator.",
    aws=aws,
)
