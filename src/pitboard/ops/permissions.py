"""What each command needs to be allowed in AWS. docs/PERMISSIONS.md is made of it, and a test compares it
with the calls that the commands make.

CDK's command line makes the stack with roles of its own, which `pitboard bootstrap` creates. So whoever
deploys needs to assume these, and nothing that makes a table or a function.
"""

from dataclasses import dataclass

from pitboard.aws.names import CDK_ROLE

CDK_ROLES = ("deploy-role", "file-publishing-role", "lookup-role")
"""The roles that CDK's command line assumes, after `CDK_ROLE`. Source: CDK's bootstrap template."""


@dataclass(frozen=True, slots=True)
class Task:
    """What somebody may do, and the actions that it needs. `secret` are those that show or set a secret."""

    name: str
    what: str
    actions: tuple[str, ...]
    secret: tuple[str, ...] = ()


LOOK = Task(
    "look",
    "`pitboard doctor`, `pitboard verify`, `pitboard logs`, and X-Ray's service map in the console",
    (
        "apigateway:GET",
        "cloudformation:DescribeStacks",
        "cloudformation:ListStackResources",
        "cloudwatch:GetMetricStatistics",
        "cloudwatch:ListMetrics",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
        "iam:SimulatePrincipalPolicy",
        "lambda:GetFunctionConfiguration",
        "lambda:GetPolicy",
        "lambda:InvokeFunction",
        "logs:DescribeLogGroups",
        "logs:FilterLogEvents",
        "logs:GetQueryResults",
        "logs:StartQuery",
        "secretsmanager:DescribeSecret",
        "sns:GetTopicAttributes",
        "ssm:GetParameter",
        "sts:GetCallerIdentity",
        "xray:BatchGetTraces",
        "xray:GetServiceGraph",
        "xray:GetTraceSummaries",
    ),
    (
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Scan",
        "secretsmanager:GetSecretValue",
    ),
)

ON_CALL = Task(
    "on-call",
    "`pitboard rollback`, `pitboard doctor --fix`, the emergency stop, and all of the above",
    (
        "cloudformation:CancelUpdateStack",
        "cloudformation:ContinueUpdateRollback",
        "cloudformation:RollbackStack",
        "cloudwatch:SetAlarmState",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "lambda:DeleteFunctionConcurrency",
        "lambda:GetAlias",
        "lambda:ListVersionsByFunction",
        "lambda:PutFunctionConcurrency",
        "lambda:UpdateAlias",
        "sqs:GetQueueUrl",
        "sqs:PurgeQueue",
    ),
)

MEMBERS = Task(
    "members",
    "`pitboard forget`, `pitboard allow`: what members ask for",
    (
        "cloudformation:DescribeStacks",
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Scan",
        "lambda:InvokeFunction",
        "sts:GetCallerIdentity",
    ),
)

DEPLOY = Task(
    "deploy",
    "`pitboard deploy`, `pitboard verify`, `pitboard rollback --table`",
    (
        "cloudformation:DescribeStacks",
        "cloudformation:ListStackResources",
        "cloudformation:UpdateTerminationProtection",
        "cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
        "codedeploy:BatchGetDeploymentTargets",
        "codedeploy:GetDeployment",
        "codedeploy:GetDeploymentGroup",
        "codedeploy:ListDeploymentTargets",
        "codedeploy:ListDeployments",
        "dynamodb:BatchWriteItem",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:RestoreTableToPointInTime",
        "dynamodb:Scan",
        "dynamodb:TagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "iam:GetRole",
        "lambda:DeleteFunction",
        "lambda:GetAccountSettings",
        "lambda:GetFunctionConcurrency",
        "lambda:GetFunctionConfiguration",
        "lambda:InvokeFunction",
        "lambda:ListAliases",
        "lambda:ListVersionsByFunction",
        "logs:DescribeLogGroups",
        "secretsmanager:DescribeSecret",
        "ssm:GetParameter",
        "sts:AssumeRole",
        "sts:GetCallerIdentity",
    ),
    ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"),
)

TASKS = (LOOK, ON_CALL, MEMBERS, DEPLOY)

IAM_NAMES = {"lambda:Invoke": "lambda:InvokeFunction"}
"""The actions of calls whose names differ. Source: AWS' service authorization reference."""


def action(service: str, operation: str) -> str:
    """The IAM action of a call by its names in AWS' library."""
    if service == "apigateway":  # its actions are HTTP methods
        return "apigateway:GET"
    return IAM_NAMES.get(f"{service}:{operation}", f"{service}:{operation}")


def policy(task: Task, account: str = "ACCOUNT") -> dict[str, object]:
    """A policy document that allows the task. CDK's roles alone may be assumed."""
    plain = sorted({*task.actions, *task.secret} - {"sts:AssumeRole"})
    statements: list[dict[str, object]] = [{"Effect": "Allow", "Action": plain, "Resource": "*"}]
    if "sts:AssumeRole" in task.actions:
        roles = [f"arn:aws:iam::{account}:role/{CDK_ROLE}-{name}-{account}-*" for name in CDK_ROLES]
        statements.append({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles})
    return {"Version": "2012-10-17", "Statement": statements}
