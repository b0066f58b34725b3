"""What happens by the clock: the renewal of the token, the refresh of the driver index, and the heartbeat."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Config
from infra.release import Release
from pitboard.aws.names import HEARTBEAT, REFRESH_INDEX, REFRESH_TOKEN_NOW

HEARTBEAT_EVERY = Duration.minutes(5)


class Schedule(Construct):
    """Renews the token four times a day: the session stays alive, so that no password login is needed.
    Refreshes the driver index once a day. Asks the API at `url` every five minutes whether it is there."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's name
        config: Config,
        release: Release,
        url: str,
    ) -> None:
        super().__init__(scope, id)
        self._environment = config.names.environment
        aliases = release.aliases
        self._rule("renew-token", Duration.hours(6), aliases["auth"], REFRESH_TOKEN_NOW, tries_again=1)
        self._rule("refresh-index", Duration.days(1), aliases["index"], REFRESH_INDEX, tries_again=0)
        self._rule("heartbeat", HEARTBEAT_EVERY, aliases["index"], HEARTBEAT, tries_again=0, url=url)

    def _rule(
        self,
        name: str,
        every: Duration,
        alias: lambda_.Alias,
        action: str,
        *,
        tries_again: int,
        **more: str,
    ) -> None:
        events.Rule(
            self,
            name,
            rule_name=f"pitboard-{self._environment}-{name}",
            schedule=events.Schedule.rate(every),
            targets=[
                targets.LambdaFunction(
                    alias,
                    event=events.RuleTargetInput.from_object({"action": action, **more}),
                    retry_attempts=tries_again,
                )
            ],
        )
