"""The three tables and the secret. They are kept when the stack is deleted. Existing ones can be used."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.config import Config
from pitboard.aws.names import TTL_ATTRIBUTE


class Tables(Construct):
    """`auth`, `custid` and `drivers`, on demand, with point-in-time recovery."""

    def __init__(self, scope: Construct, id: str, config: Config) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        self._config = config
        made = {name: self._table(name, key) for name, key in config.names.tables.items()}
        self.auth, self.custid, self.drivers = made.values()
        # A role takes effect before the alias moves: the version that runs until then needs its table.
        self.former = {made[name].table_arn: [self._arn(table)] for name, table in config.former.items()}

    def _arn(self, table: str) -> str:
        return Stack.of(self).format_arn(service="dynamodb", resource="table", resource_name=table)

    def _table(self, contract_name: str, key: str) -> dynamodb.ITable:
        name = self._config.table(contract_name)
        output = self._config.names.table_outputs[contract_name]
        CfnOutput(self, output, value=name).override_logical_id(output)
        if name in self._config.existing:
            return dynamodb.Table.from_table_name(self, contract_name, name)
        return dynamodb.Table(
            self,
            contract_name,
            table_name=name,
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute=TTL_ATTRIBUTE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            deletion_protection=self._config.protect,
        )


class Credentials(Construct):
    """The secret, without its value: `pitboard deploy --update-secrets` writes that."""

    def __init__(self, scope: Construct, id: str, config: Config) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        name = config.names.secret
        if name in config.existing:
            existing = secretsmanager.Secret.from_secret_name_v2(self, "Existing", name)
            self.arn = f"{existing.secret_arn}-??????"  # AWS adds six random characters to the name
            return
        secret = secretsmanager.CfnSecret(
            self, "Secret", name=name, description="iRacing's OAuth client and account, for ir-auth alone."
        )
        secret.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        self.arn = secret.ref
