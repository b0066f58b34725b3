"""The functions, each with its own role that allows what it does and nothing else."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Aws, Duration, RemovalPolicy, Stack
from aws_cdk import Size as Bytes
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.bundle import Package
from infra.config import Config, Size
from infra.tables import Credentials, Tables
from pitboard.aws.names import ACTIONS_WITHOUT_RESOURCE, ALIAS, INDEX_LEASE, Variable

BUDGET = "DOCUMENT:BUDGET"
MEMBERS = "DOCUMENT:MEMBERS"
"""The keys of the items of ir_drivers with the call budget, and with what members have asked for."""

Statements = Sequence[iam.PolicyStatement]


class Functions(Construct):
    """`auth`, `custid`, `drivers`, `index`, `addon`: each with its role, log group and newest version."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's name
        config: Config,
        tables: Tables,
        credentials: Credentials,
        queue: sqs.IQueue,
        package: Package,
        addon: Package,
    ) -> None:
        super().__init__(scope, id)
        self._config = config
        self._former = tables.former
        self._package = package
        names = config.names
        ask_auth = allow(["lambda:InvokeFunction"], self._alias_arn(names.auth))
        self.auth = self._function(
            "auth",
            config.auth,
            {Variable.AUTH_TABLE: tables.auth.table_name, Variable.SECRET: names.secret},
            {
                "SecretsManagerPolicy": [allow(["secretsmanager:GetSecretValue"], credentials.arn)],
                "DynamoDBPolicy": [allow(["dynamodb:GetItem", "dynamodb:PutItem"], tables.auth.table_arn)],
            },
        )
        variables = {
            Variable.CUSTID_TABLE: tables.custid.table_name,
            Variable.DRIVERS_TABLE: tables.drivers.table_name,
            Variable.AUTH_FUNCTION: f"{names.auth}:{ALIAS}",
        }
        self.custid = self._function(
            "custid",
            config.custid,
            variables,
            {
                "DynamoDBPolicy": [
                    allow(["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"], tables.custid.table_arn),
                    allow(["dynamodb:BatchGetItem", "dynamodb:GetItem"], tables.drivers.table_arn),
                    allow_items(["dynamodb:PutItem"], tables.drivers.table_arn, BUDGET, MEMBERS),
                ],
                "InvokePolicy": [ask_auth],
            },
        )
        self.drivers = self._function(
            "drivers",
            config.drivers,
            {**variables, Variable.RENEWALS_QUEUE: queue.queue_url},
            {
                "DynamoDBPolicy": [
                    allow(["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"], tables.custid.table_arn),
                    allow(
                        [
                            "dynamodb:BatchGetItem",
                            "dynamodb:BatchWriteItem",
                            "dynamodb:DeleteItem",
                            "dynamodb:GetItem",
                            "dynamodb:PutItem",
                        ],
                        tables.drivers.table_arn,
                    ),
                ],
                "InvokePolicy": [ask_auth],
                # The last three are what Lambda's poller needs. Source: AWSLambdaSQSQueueExecutionRole.
                "QueuePolicy": [
                    allow(
                        [
                            "sqs:SendMessage",
                            "sqs:ReceiveMessage",
                            "sqs:DeleteMessage",
                            "sqs:GetQueueAttributes",
                        ],
                        queue.queue_arn,
                    )
                ],
            },
        )
        self.index = self._function(
            "index",
            config.index,
            variables,
            {
                "DynamoDBPolicy": [
                    allow(
                        ["dynamodb:Scan", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"],
                        tables.custid.table_arn,
                    ),
                    allow_items(
                        ["dynamodb:GetItem", "dynamodb:PutItem"], tables.drivers.table_arn, BUDGET, MEMBERS
                    ),
                    allow_items(
                        ["dynamodb:PutItem", "dynamodb:DeleteItem"],
                        tables.drivers.table_arn,
                        f"LEASE:{INDEX_LEASE}",
                    ),
                ],
                "InvokePolicy": [ask_auth],
            },
        )

        self.addon = self._function("addon", config.addon, {}, {}, addon)

    @property
    def all(self) -> dict[str, lambda_.Function]:
        """The functions by their short names."""
        return {
            "auth": self.auth,
            "custid": self.custid,
            "drivers": self.drivers,
            "index": self.index,
            "addon": self.addon,
        }

    def _function(
        self,
        kind: str,
        size: Size,
        variables: Mapping[str, str],
        policies: Mapping[str, Statements],
        package: Package | None = None,
    ) -> lambda_.Function:
        """`package`, if it is not that of the others."""
        package = package or self._package
        config, name = self._config, getattr(self._config.names, kind)
        log_group = logs.LogGroup(
            self,
            f"{kind}-logs",
            log_group_name=config.names.log_group(name),
            retention=retention(config.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        return lambda_.Function(
            self,
            kind,
            function_name=name,
            description=f"Pitboard {config.names.environment}: ir-{kind}",
            runtime=runtime(config.python),
            architecture=architecture(config.architecture),
            code=lambda_.Code.from_asset(str(package.path), asset_hash=package.digest),
            handler=f"pitboard.aws.{kind}.lambda_handler",
            memory_size=size.memory,
            timeout=Duration.seconds(size.timeout),
            ephemeral_storage_size=Bytes.mebibytes(size.disk),
            reserved_concurrent_executions=size.reserved or None,
            environment=self._environment(variables),
            role=self._role(kind, log_group, policies),
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if size.snap_start else None,
            current_version_options=lambda_.VersionOptions(
                # A failed deploy must take its version along: Lambda makes no second one of the same code, so
                # the next deploy of it would fail. Source: CloudFormation's guide, AWS::Lambda::Version.
                removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
            ),
        )

    def _role(self, kind: str, log_group: logs.LogGroup, policies: Mapping[str, Statements]) -> iam.IRole:
        """The role. CDK adds no policies to it: everything that it allows is written here."""
        write = ["logs:CreateLogStream", "logs:PutLogEvents"]
        for statement in (statement for statements in policies.values() for statement in statements):
            statement.add_resources(*(arn for r in statement.resources for arn in self._former.get(r, ())))
        inline = {
            **policies,
            "LogsPolicy": [allow(write, f"{_group_arn(self, log_group)}:log-stream:*")],
            "TracingPolicy": [allow(ACTIONS_WITHOUT_RESOURCE, "*")],
        }
        role = iam.Role(
            self,
            f"{kind}-role",
            role_name=self._config.names.role(kind),
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                name: iam.PolicyDocument(statements=list(statements)) for name, statements in inline.items()
            },
        )
        return role.without_policy_updates()

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        config = self._config
        upstream = {
            "PITBOARD_OAUTH_URL": config.oauth_url,
            "PITBOARD_DATA_URL": config.data_url,
            "PITBOARD_LINK_HOSTS": config.link_hosts,
        }
        given = {name: value for name, value in upstream.items() if value}
        return {Variable.ENVIRONMENT: config.names.environment, **variables, **given}

    def _alias_arn(self, function: str) -> str:
        """The alias' ARN, made from names. References would make a circle of a role and its function."""
        return f"arn:{Aws.PARTITION}:lambda:{Aws.REGION}:{Aws.ACCOUNT_ID}:function:{function}:{ALIAS}"


def allow(actions: Sequence[str], resource: str) -> iam.PolicyStatement:
    """A statement that allows these actions on one resource."""
    return iam.PolicyStatement(actions=list(actions), resources=[resource])


def allow_items(actions: Sequence[str], table: str, *keys: str) -> iam.PolicyStatement:
    """Allows actions on the items of a table that have these keys."""
    return iam.PolicyStatement(
        actions=list(actions),
        resources=[table],
        conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(keys)}},
    )


def runtime(python: str) -> lambda_.Runtime:
    """Lambda's runtime for a version such as "3.13"."""
    return lambda_.Runtime(f"python{python}", lambda_.RuntimeFamily.PYTHON, supports_snap_start=True)


def architecture(name: str) -> lambda_.Architecture:
    """Lambda's architecture `arm64` or `x86_64`."""
    return lambda_.Architecture.ARM_64 if name == "arm64" else lambda_.Architecture.X86_64


def _group_arn(scope: Construct, log_group: logs.LogGroup) -> str:
    return Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def retention(days: int) -> logs.RetentionDays:
    """CloudWatch's enumeration value for a number of days. CloudWatch allows only some numbers."""
    names = {7: "ONE_WEEK", 30: "ONE_MONTH", 90: "THREE_MONTHS"}
    value: logs.RetentionDays = getattr(logs.RetentionDays, names[days])
    return value
