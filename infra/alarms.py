"""The alarms, the budget, and the SNS topic that they notify."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.config import Config
from infra.monitoring import Metrics

TOKEN_AGE = 8 * 3600
"""Seconds. The schedule renews the token every six hours; an older token means that renewals fail."""

LOGINS_AN_HOUR = 2
"""The first deploy makes one login. The token keeper's own limit is four an hour; iRacing locks an account at
about twelve."""

UNAVAILABLE_PERCENT = 10
"""Mean of the pages of five minutes. The heartbeat's page counts as one."""

NEAR_TIMEOUT = 0.95
"""Share of a function's time. Renewals may take all of it but five seconds (`aws.renewals.SPARE`)."""

SHARE_OF_5XX = 0.05
"""Of the requests of a minute. A canary that fails always makes about 0.1."""

MINUTE = Duration.minutes(1)

CAPACITY = {"Read": 1000, "Write": 200}
"""Capacity units a second of one table, 0.45 dollars an hour each. On-demand tables allow far more. A million
page views a day read 250 a second on average."""


LOADING_PERIODS = 3
"""Five minutes each. The first refresh of the driver index writes half a million items in some minutes."""

SILENT = Duration.minutes(15)
"""Three heartbeats."""

WAITED = 900
"""Seconds. Renewals wait for ten seconds; when the queue is emptied, no message is older than a minute."""


class Alarms(Construct):
    """All alarms. `of_release` has those that stop a canary, by the functions' short names: they look at one
    minute each, because a canary has five."""

    def __init__(self, scope: Construct, id: str, config: Config) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        self._config = config
        self._metrics = Metrics(config)
        self._topic = self._make_topic()
        if config.budget:
            self._budget(config.budget)
        errors = {kind: self._error_alarm(kind) for kind in self._metrics.functions}
        for kind in errors:
            self._throttles_alarm(kind)
            if kind != "addon":  # no page of the forum waits for it
                self._duration_alarm(kind)
        answers = self._api_alarms()
        self.of_release = {kind: [alarm, *answers] for kind, alarm in errors.items()}
        self._table_alarms()
        self._queue_alarms()
        self._missing_alarms()
        self._login_alarms()
        self._answer_alarms()

    def _make_topic(self) -> sns.Topic:
        """A policy of its own replaces SNS' default one, which lets the account's services publish: so
        CloudWatch and Budgets are allowed here. Sources: CloudWatch's guide, "Notifying users on alarm
        changes"; Budgets' guide, "Creating an Amazon SNS topic for budget notifications"."""
        topic = sns.Topic(self, "topic", topic_name=self._config.names.alarm_topic, enforce_ssl=True)
        for service in ("cloudwatch", "budgets"):
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
                )
            )
        if self._config.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._config.alarm_email))
        return topic

    def _budget(self, dollars: int) -> None:
        """The costs of the whole account: a budget by tag needs the tag to be activated by hand first."""
        subscriber = budgets.CfnBudget.SubscriberProperty(
            subscription_type="SNS", address=self._topic.topic_arn
        )
        told = [
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type=kind, comparison_operator="GREATER_THAN", threshold=percent
                ),
                subscribers=[subscriber],
            )
            for kind, percent in (("ACTUAL", 80), ("FORECASTED", 100))
        ]
        budgets.CfnBudget(
            self,
            "budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{self._config.names.stack}-monthly",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=dollars, unit="USD"),
            ),
            notifications_with_subscribers=told,
        ).node.add_dependency(self._topic)

    def _error_alarm(self, kind: str) -> cloudwatch.IAlarm:
        errors = self._metrics.function(kind, "Errors", "Sum", MINUTE)
        return self._alarm(f"{kind}-errors", errors, 1, "an invocation failed; see its log")

    def _throttles_alarm(self, kind: str) -> None:
        self._alarm(
            f"{kind}-throttles",
            self._metrics.function(kind, "Throttles", "Sum"),
            1,
            "Lambda refused an invocation: all copies that it may run, or the account may, were busy",
        )

    def _duration_alarm(self, kind: str) -> None:
        timeout = getattr(self._config, kind).timeout
        self._alarm(
            f"{kind}-duration",
            self._metrics.function(kind, "Duration", "p99"),
            timeout * 1000 * NEAR_TIMEOUT,
            "the slowest invocations come near the time-out",
            periods=2,
        )

    def _api_alarms(self) -> list[cloudwatch.IAlarm]:
        """Those that stop a canary: a defect, and a share of 5XX. A `pending` of /custid and a /health that
        is not well are 503, so a single 5XX is no alarm."""
        api = self._metrics.api
        self._alarm("api-4xx", api("4XXError", "Average"), 0.5, "half of the requests are refused", periods=3)
        return [
            self._alarm(
                "defects",
                self._metrics.own("Defects", "Sum", period=MINUTE),
                1,
                "a request met a defect of Pitboard (status 500); see the log",
            ),
            self._alarm(
                "api-5xx",
                api("5XXError", "Average", MINUTE),
                SHARE_OF_5XX,
                "the API answers with errors of its own",
                periods=2,
            ),
        ]

    def _table_alarms(self) -> None:
        for contract_name in self._config.names.tables:
            for name in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"):
                metric = self._metrics.table(contract_name, name)
                self._alarm(
                    f"{contract_name}-{'reads' if 'Read' in name else 'writes'}",
                    metric,
                    CAPACITY["Read" if "Read" in name else "Write"] * 300,
                    "the table is used more than a busy forum explains; the bill grows with it",
                    periods=LOADING_PERIODS if contract_name == self._config.names.custid_table else 1,
                )

    def _queue_alarms(self) -> None:
        names, queue = self._config.names, self._metrics.queue
        self._alarm(
            "renewals-age",
            queue(names.renewals, "ApproximateAgeOfOldestMessage"),
            WAITED,
            "renewals wait in their queue: ir-drivers does not get through, or fails",
            periods=2,
        )
        self._alarm(
            "renewals-dead",
            queue(names.dead_renewals, "ApproximateNumberOfMessagesVisible"),
            1,
            "renewals failed five times; the log of ir-drivers says why",
        )

    def _missing_alarms(self) -> None:
        """What does not happen writes no metric, so missing data is the trouble."""
        own, breaching = self._metrics.own, cloudwatch.TreatMissingData.BREACHING
        self._alarm(
            "heartbeat",
            own("Heartbeats", "Sum", period=SILENT, outcome="ok"),
            1,
            "the API has not answered a look-up for 15 minutes: Pitboard is down",
            below=True,
            missing=breaching,
        )
        self._alarm(
            "index-age",
            own("IndexRefreshes", "Sum", period=Duration.days(1), outcome="whole"),
            1,
            "the driver index has not been refreshed for two days; see the log of ir-index",
            periods=2,
            below=True,
            missing=breaching,
        )

    def _login_alarms(self) -> None:
        own = self._metrics.own
        self._alarm(
            "grants-failed",
            own("GrantsFailed", "Sum"),
            1,
            "iRacing has not granted a token, and it is not in maintenance; see the log of ir-auth",
        )
        self._alarm(
            "token-age",
            own("TokenAgeSeconds", "Minimum"),
            TOKEN_AGE,
            "the access token is not renewed any more; see `pitboard doctor`",
            missing=cloudwatch.TreatMissingData.IGNORE,  # at night nobody asks for it between two renewals
        )
        self._alarm(
            "password-logins",
            own("OauthGrants", "Sum", period=Duration.hours(1), grant="password_limited"),
            LOGINS_AN_HOUR,
            "password logins are spent; too many lock the account",
        )

    def _answer_alarms(self) -> None:
        own = self._metrics.own
        self._alarm(
            "unavailable",
            own("UnavailablePercent", "Average"),
            UNAVAILABLE_PERCENT,
            f"{UNAVAILABLE_PERCENT} % of the names are `unavailable`; see `pitboard doctor`",
            periods=3,
        )
        self._alarm(
            "budget-left",
            own("BudgetLeft", "Maximum"),
            1,
            "the call budget was used up for fifteen minutes; answers are stale",
            periods=3,
            below=True,
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.Metric,
        threshold: float,
        meaning: str,
        *,
        periods: int = 1,
        below: bool = False,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> cloudwatch.Alarm:
        compare = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=self._config.names.alarm(name),
            alarm_description=f"{meaning[0].upper()}{meaning[1:]}.",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=compare.LESS_THAN_THRESHOLD
            if below
            else compare.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))
        return alarm
