"""Each function has a role of its own, which whoever deploys must be allowed to make and to pass on."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.doctor.checks.deploy_permissions import simulate
from pitboard.ops.environment import AwsEnvironment

ACTIONS = ("iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PassRole")


def aws(context: AwsEnvironment) -> Finding:
    denied, trouble = simulate(context, ACTIONS)
    if trouble:
        return skipped(trouble)
    if denied:
        return problem(f"{context.caller['Arn']} may not: {', '.join(denied)}.")
    return ok("The account that deploys may make the functions' roles.")


CHECK = Check(
    id="role-creation",
    title="The deployer may make roles",
    section=Section.DEPLOYMENT,
    guide="Lambda Execution Role Creation Failed",
    symptoms=("Cannot create resource of type AWS::IAM::Role",),
    remedy=(
        "Allow the four actions, and look again with `aws iam simulate-principal-policy"
        " --policy-source-arn ARN --action-names iam:CreateRole iam:PassRole`."
    ),
    aws=aws,
)
