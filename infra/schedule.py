"""What happens by the clock."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.config import Config
from infra.release import Release


class Schedule(Construct):
    """Renews the token four times a day, so that the session lives on and no password login is spent."""

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
                    event=events.RuleTargetInput.from_object({"action": "refresh_token_now"}),
                    retry_attempts=1,
                )
            ],
        )
