"""The metrics that alarms and dashboards are made from."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.config import Config
from pitboard.aws.names import METRICS_NAMESPACE

KINDS = ("auth", "custid", "drivers", "index", "addon")
"""The functions by their short names."""

FIVE_MINUTES = Duration.minutes(5)


class Metrics:
    """CloudWatch metrics of one environment. Our own are listed in `pitboard.telemetry.metrics`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.functions = {kind: getattr(config.names, kind) for kind in KINDS}

    def own(
        self, name: str, statistic: str, period: Duration = FIVE_MINUTES, **split: str
    ) -> cloudwatch.Metric:
        """One of our own metrics, by its CloudWatch name; `split` is a second dimension."""
        dimensions = {"Environment": self._config.names.environment, **split}
        return self._metric(METRICS_NAMESPACE, name, statistic, dimensions, period)

    def function(
        self, kind: str, name: str, statistic: str, period: Duration = FIVE_MINUTES
    ) -> cloudwatch.Metric:
        """Errors, Throttles, Duration or Invocations of a function."""
        function = self.functions[kind]
        return self._metric("AWS/Lambda", name, statistic, {"FunctionName": function}, period)

    def api(self, name: str, statistic: str, period: Duration = FIVE_MINUTES) -> cloudwatch.Metric:
        """Count, 4XXError, 5XXError or Latency of the stage."""
        names = self._config.names
        dimensions = {"ApiName": names.api, "Stage": names.environment}
        return self._metric("AWS/ApiGateway", name, statistic, dimensions, period)

    def table(self, contract_name: str, name: str) -> cloudwatch.Metric:
        """Consumed capacity of a table, in units a second."""
        table = self._config.table(contract_name)
        return self._metric("AWS/DynamoDB", name, "Sum", {"TableName": table})

    def queue(self, name: str, metric: str) -> cloudwatch.Metric:
        """The highest value of a metric of a queue."""
        return self._metric("AWS/SQS", metric, "Maximum", {"QueueName": name})

    def _metric(
        self,
        namespace: str,
        name: str,
        statistic: str,
        dimensions: dict[str, str],
        period: Duration = FIVE_MINUTES,
    ) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            statistic=statistic,
            dimensions_map=dimensions,
            period=period,
        )
