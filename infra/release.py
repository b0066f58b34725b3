"""The alias of each function, and how it moves to a new version: at once, or by a canary."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.bundle import Package
from infra.config import Config, Size
from infra.functions import Functions, allow, architecture, runtime
from pitboard.aws.names import ALIAS, Variable

CHECK = Duration.seconds(180)
"""More than two requests that hang, each asked twice (`aws.clients.INVOKE_CONFIG`): the check must live to
report them."""


class Release(Construct):
    """The aliases by the functions' short names, in `aliases`. A refresh of the index is not retried."""

    def __init__(self, scope: Construct, id: str, config: Config, functions: Functions) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        sizes: dict[str, Size] = {kind: getattr(config, kind) for kind in functions.all}
        self.aliases = {
            kind: lambda_.Alias(
                self,
                f"{kind}-{ALIAS}",
                alias_name=ALIAS,
                version=function.current_version,
                provisioned_concurrent_executions=sizes[kind].provisioned or None,
            )
            for kind, function in functions.all.items()
        }
        lambda_.EventInvokeConfig(
            self,
            "index-events",
            function=functions.index,
            qualifier=self.aliases["index"].alias_name,
            retry_attempts=0,  # the next day repeats it
            max_event_age=Duration.hours(1),
        ).node.add_dependency(self.aliases["index"])


class Canary(Construct):
    """Sends a tenth of the requests to a new version for five minutes, then all. CodeDeploy rolls back on an
    alarm or a failed check."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's name
        config: Config,
        functions: Functions,
        release: Release,
        package: Package,
        alarms: dict[str, list[cloudwatch.IAlarm]],
        custid: dynamodb.ITable,
    ) -> None:
        super().__init__(scope, id)
        self._custid = custid
        self._config = config
        self._package = package
        application = codedeploy.LambdaApplication(
            self, "application", application_name=f"pitboard-{config.names.environment}"
        )
        for kind, alias in release.aliases.items():
            if kind in ("index", "addon"):  # few invocations: a tenth of them would tell nothing
                continue
            codedeploy.LambdaDeploymentGroup(
                self,
                f"{kind}-group",
                application=application,
                alias=alias,
                deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
                alarms=alarms[kind],
                pre_hook=self._preflight(kind, functions.all[kind].current_version),
            )

    def _preflight(self, kind: str, version: lambda_.Version) -> lambda_.Function:
        """The function that CodeDeploy invokes before it sends traffic to a version."""
        custid = self._custid
        config, names = self._config, self._config.names
        name = names.preflight(getattr(names, kind))
        log_group = logs.LogGroup(
            self,
            f"{kind}-preflight-logs",
            log_group_name=names.log_group(name),
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            f"{kind}-preflight-role",
            role_name=names.role(f"{kind}-preflight"),
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "InvokePolicy": iam.PolicyDocument(
                    statements=[allow(["lambda:InvokeFunction"], version.function_arn)]
                ),
                "DynamoDBPolicy": iam.PolicyDocument(statements=[allow(["dynamodb:Scan"], custid.table_arn)]),
                "LogsPolicy": iam.PolicyDocument(
                    statements=[allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group.log_group_arn)]
                ),
            },
        )
        return lambda_.Function(
            self,
            f"{kind}-preflight",
            function_name=name,
            runtime=runtime(config.python),
            architecture=architecture(config.architecture),
            code=lambda_.Code.from_asset(str(self._package.path), asset_hash=self._package.digest),
            handler="pitboard.aws.preflight.lambda_handler",
            memory_size=256,
            timeout=CHECK,
            environment={
                Variable.CHECKED_VERSION: version.function_arn,
                Variable.CHECKED_KIND: kind,
                Variable.CUSTID_TABLE: custid.table_name,
            },
            role=role,
            log_group=log_group,
        )
