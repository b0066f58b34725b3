"""Two dashboards: one for operation, one for usage and cost."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.config import Config
from infra.monitoring import Metrics

STATES = ("fresh", "stale", "partial", "pending", "not_found", "unavailable", "invalid_name")
OUTCOMES = ("ok", "unreachable", "maintenance", "rate_limited", "credentials", "refused")
REFRESHES = ("whole", "partly", "failed")
BEATS = ("ok", "failed")
HALF = 12


class Dashboards(Construct):
    """`pitboard-ENV-service` shows health, `pitboard-ENV-business` shows usage and cost."""

    def __init__(self, scope: Construct, id: str, config: Config) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        self._config = config
        self._metrics = Metrics(config)
        self._dashboard("service", [*self._api(), *self._functions(), *self._upstream()])
        self._dashboard("business", [*self._readers(), *self._cost()])

    def _api(self) -> list[cloudwatch.IWidget]:
        api = self._metrics.api
        return [
            _graph(
                "Requests and errors", [api("Count", "Sum"), api("4XXError", "Sum"), api("5XXError", "Sum")]
            ),
            _graph("Latency of the API, ms", [api("Latency", "p50"), api("Latency", "p99")]),
        ]

    def _functions(self) -> list[cloudwatch.IWidget]:
        return [
            _graph(title, [self._metrics.function(kind, name, statistic) for kind in self._metrics.functions])
            for title, name, statistic in (
                ("Failed invocations", "Errors", "Sum"),
                ("Throttled invocations", "Throttles", "Sum"),
                ("Duration, p99, ms", "Duration", "p99"),
                ("Concurrent executions", "ConcurrentExecutions", "Maximum"),
            )
        ]

    def _upstream(self) -> list[cloudwatch.IWidget]:
        own = self._metrics.own
        return [
            _graph("Calls to iRacing", [own("UpstreamCalls", "Sum", outcome=o) for o in OUTCOMES]),
            _graph("Time of a call to iRacing, s", [own("UpstreamSeconds", s) for s in ("p50", "p99")]),
            _graph("Call budget left", [own("BudgetLeft", "Minimum")]),
            _graph("Age of the access token, s", [own("TokenAgeSeconds", "Maximum")]),
            _graph(
                "Waiting renewals: age of the oldest, s; failed for good",
                [
                    self._metrics.queue(self._config.names.renewals, "ApproximateAgeOfOldestMessage"),
                    self._metrics.queue(
                        self._config.names.dead_renewals, "ApproximateNumberOfMessagesVisible"
                    ),
                ],
            ),
            _graph("Heartbeats", [own("Heartbeats", "Sum", outcome=outcome) for outcome in BEATS]),
            _graph(
                "Refreshes of the driver index", [own("IndexRefreshes", "Sum", outcome=o) for o in REFRESHES]
            ),
        ]

    def _readers(self) -> list[cloudwatch.IWidget]:
        own = self._metrics.own
        return [
            _graph("Pages answered", [own("Requests", "Sum")]),
            _graph("Names, by state of the answer", [own("Names", "Sum", state=state) for state in STATES]),
            _graph("Time of an answer, s", [own("RequestSeconds", s) for s in ("p50", "p90", "p99")]),
            _graph(
                "Password logins and token refreshes",
                [own("OauthGrants", "Sum", grant=grant) for grant in ("password_limited", "refresh_token")],
            ),
        ]

    def _cost(self) -> list[cloudwatch.IWidget]:
        tables = self._config.names.tables
        return [
            _graph(
                "Invocations",
                [self._metrics.function(k, "Invocations", "Sum") for k in self._metrics.functions],
            ),
            _graph("Units read", [self._metrics.table(t, "ConsumedReadCapacityUnits") for t in tables]),
            _graph("Units written", [self._metrics.table(t, "ConsumedWriteCapacityUnits") for t in tables]),
        ]

    def _dashboard(self, name: str, widgets: list[cloudwatch.IWidget]) -> None:
        rows = [widgets[start : start + 2] for start in range(0, len(widgets), 2)]
        cloudwatch.Dashboard(
            self, name, dashboard_name=f"pitboard-{self._config.names.environment}-{name}", widgets=rows
        )


def _graph(title: str, metrics: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=HALF)
