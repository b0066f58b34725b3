"""The `aws ...` commands of the troubleshooting guide that only read, for prod, as the tests run them against
an emulator. `scripts/make_docs.py` makes a table of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command. ACCOUNT stands for the account's number. With `gap` it does not work as written in the
    guide, and `instead` does the same."""

    text: str
    gap: str = ""
    instead: str = ""


COMMANDS = (
    Command("aws cloudformation describe-stacks --stack-name CDKToolkit"),
    Command(
        "aws ssm get-parameter --name /cdk-bootstrap/version",
        "CDK's parameter has its qualifier in the name",
        "aws ssm get-parameter --name /cdk-bootstrap/hnb659fds/version",
    ),
    Command("aws iam get-user"),
    Command("aws iam list-attached-user-policies --user-name deployer"),
    Command(
        "aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::ACCOUNT:user/deployer"
        ' --action-names iam:CreateRole --resource-arns "*"'
    ),
    Command("aws secretsmanager describe-secret --secret-id iRacing/OAuth/Credentials"),
    Command("aws secretsmanager get-secret-value --secret-id iRacing/OAuth/Credentials"),
    Command("aws lambda get-function --function-name ir-auth-prod"),
    Command(
        "aws lambda get-policy --function-name ir-auth-prod",
        "the emulator answers, AWS does not: all permissions are the alias's",
        "aws lambda get-policy --function-name ir-auth-prod --qualifier live",
    ),
    Command("aws iam get-role-policy --role-name ir-auth-role --policy-name SecretsManagerPolicy"),
    Command(
        "aws logs tail /aws/lambda/ir-auth-prod --since 1h",
        "only version 2 of the AWS CLI has it, which PyPI does not",
        "aws logs filter-log-events --log-group-name /aws/lambda/ir-auth-prod"
        " --start-time $(date -d '1 hour ago' +%s)000",
    ),
    Command(
        "aws dynamodb describe-table --table-name ir_drivers --query 'Table.TimeToLiveDescription'",
        "answers `null`: DescribeTable does not tell it",
        "aws dynamodb describe-time-to-live --table-name ir_drivers",
    ),
    Command(
        'aws dynamodb scan --table-name ir_drivers --projection-expression "id,ttl" --max-items 5',
        "the emulator answers, DynamoDB does not: `ttl` is a reserved word, and the key is `name`",
        'aws dynamodb scan --table-name ir_drivers --projection-expression "#n,#t"'
        """ --expression-attribute-names '{"#n":"name","#t":"ttl"}' --max-items 5""",
    ),
    Command(
        "aws logs filter-log-events --log-group-name /aws/lambda/ir-auth-prod"
        " --filter-pattern \"ERROR\" --start-time $(date -d '1 hour ago' +%s)000 | jq '.events | length'"
    ),
    Command(
        "aws logs filter-log-events --log-group-name /aws/lambda/ir-auth-prod"
        " --filter-pattern \"ProvisionedThroughputExceededException\" | jq -r '.events[].message'"
    ),
)

GAPS = {
    "alarms": ("warning", "the tests name no address"),
    "cors": ("skipped", "the API's address in the stack's outputs is AWS' own and leads nowhere"),
    "health": ("problem", "the API's address in the stack's outputs is AWS' own and leads nowhere"),
    "role-creation": (
        "problem",
        "the emulator's policy simulator does not know AWS' policy AdministratorAccess",
    ),
    "secret-access": ("problem", "a secret's `Ref` is its ARN in AWS, its name in the emulator"),
    "ttl": ("problem", "the emulator's CloudFormation leaves time to live out"),
    "cold-start": ("skipped", "no `Init Duration` is in the emulator's REPORT lines"),
    "api-latency": ("skipped", "the emulator's API Gateway has no metrics"),
    "metrics": ("warning", "the emulator makes no metrics of the embedded metric format"),
}
"""What the doctor finds on a deploy in the emulator that it would not find in AWS, and why."""
