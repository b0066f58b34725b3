"""Each function has its own role. CDK's role for CloudFormation must be allowed to create and pass them,
or the caller where there is no such role."""

from pitboard.aws.names import CDK_ROLE
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.doctor.checks.deploy_permissions import simulate
from pitboard.ops.environment import AwsEnvironment

ACTIONS = ("iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PassRole")


def aws(environment: AwsEnvironment) -> Finding:
    account, region = environment.caller["Account"], environment.region
    name = f"{CDK_ROLE}-cfn-exec-role-{account}-{region}"
    found = environment.found(environment.client("iam").get_role, RoleName=name)
    principal = str(found["Role"]["Arn"]) if found else environment.caller["Arn"]
    denied, failure = simulate(environment, ACTIONS, principal=str(found["Role"]["Arn"]) if found else "")
    if failure:
        return skipped(failure)
    if denied:
        return problem(f"{principal} may not: {', '.join(denied)}.")
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
    more=(
        (
            "Who you are and what you have: `aws iam get-user`, `aws iam list-attached-user-policies"
            " --user-name NAME`. What a role has: `aws iam list-attached-role-policies --role-name"
            " ir-auth-role` (none: all policies of our roles are inline, `aws iam list-role-policies"
            " --role-name ir-auth-role`)."
        ),
    ),
    aws=aws,
)
