"""Each function has its own role. The account that deploys must be allowed to create and pass it."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.doctor.checks.deploy_permissions import simulate
from pitboard.ops.environment import AwsEnvironment

ACTIONS = ("iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PassRole")


def aws(environment: AwsEnvironment) -> Finding:
    denied, failure = simulate(environment, ACTIONS)
    if failure:
        return skipped(failure)
    if denied:
        return problem(f"{environment.caller['Arn']} may not: {', '.join(denied)}.")
    return ok("The account may create the functions' roles.")


CHECK = Check(
    id="role-creation",
    title="The deployer may create roles",
    section=Section.DEPLOYMENT,
    guide="Lambda Execution Role Creation Failed",
    symptoms=("Cannot create resource of type AWS::IAM::Role",),
    remedy=(
        "Allow the four actions, and check again with `aws iam simulate-principal-policy"
        " --policy-source-arn ARN --action-names iam:CreateRole iam:PassRole`."
    ),
    aws=aws,
)
