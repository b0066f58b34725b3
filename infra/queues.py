"""The queue of renewals: pages send the names that are due, and ir-drivers renews those of many pages."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import Config

WINDOW = 10
"""Seconds for which names are gathered, as at home (`drivers.renewal_pool.GATHER`)."""

BATCH = 100
"""Messages of one invocation at most. A message has the names of one page that are due: few, as a rule."""

CONCURRENCY = 2
"""Invocations at a time, so that renewals do not use up the account's concurrency. AWS allows 2 and more."""

TRIES = 5
"""Source: AWS' advice for queues that invoke a function."""


class Renewals(Construct):
    """`queue`, and `dead` for messages that failed `TRIES` times. Both are encrypted and take TLS alone."""

    def __init__(self, scope: Construct, id: str, config: Config) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        # Six times the function's timeout, and the window. Source: Lambda's guide, "Using Lambda with SQS".
        visible = 6 * config.drivers.timeout + WINDOW
        self.dead = self._queue("dead", config.names.dead_renewals, kept=Duration.days(7))
        self.queue = self._queue(
            "queue",
            config.names.renewals,
            kept=Duration.hours(2),  # names that nobody renewed by then have been sent again by later pages
            visible=Duration.seconds(visible),
            dead=sqs.DeadLetterQueue(max_receive_count=TRIES, queue=self.dead),
        )

    def _queue(
        self,
        id: str,  # noqa: A002 - CDK's name
        name: str,
        *,
        kept: Duration,
        visible: Duration | None = None,
        dead: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            id,
            queue_name=name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=kept,
            visibility_timeout=visible,
            dead_letter_queue=dead,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def feed(self, alias: lambda_.Alias) -> None:
        """Invokes the function with what is in the queue."""
        lambda_.EventSourceMapping(
            self,
            "mapping",
            target=alias,
            event_source_arn=self.queue.queue_arn,
            batch_size=BATCH,
            max_batching_window=Duration.seconds(WINDOW),
            max_concurrency=CONCURRENCY,
            report_batch_item_failures=True,
        )
