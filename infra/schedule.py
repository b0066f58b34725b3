"""The scheduled renewal of the token."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.config import Config
from infra.release import Release
from pitboard.aws.names import REFRESH_TOKEN_NOW


class Schedule(Construct):
    """Renews the token four times a day. The session stays alive, so that no password login is needed."""

    def __init__(self, scope: Construct, id: str, config: Config, release: Release) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        events.Rule(
            self,
            "renew-token",
            rule_name=f"pitboard-{config.names.environment}-renew-token",
            schedule=events.Schedule.rate(Duration.hours(6)),
            targets=[
                targets.LambdaFunction(
                    release.aliases["auth"],
                    event=events.RuleTargetInput.from_object({"action": REFRESH_TOKEN_NOW}),
                    retry_attempts=1,
                )
            ],
        )
