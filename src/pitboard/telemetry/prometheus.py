"""Telemetry of the local home: its own Prometheus registry, served at /metrics."""

import logging
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from pitboard.drivers.ports import Telemetry
from pitboard.telemetry.metrics import METRICS, Kind
from pitboard.telemetry.spans import Spans

if TYPE_CHECKING:
    from prometheus_client.metrics import MetricWrapperBase

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_log = logging.getLogger(__name__)


class PrometheusTelemetry(Telemetry):
    """Counts in memory; `exposition` is the body of /metrics."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, spans: Spans | None = None) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        self._spans = spans or Spans()
        self._metrics: dict[str, MetricWrapperBase] = {}
        self._labelled: dict[tuple[object, ...], MetricWrapperBase] = {}  # labels have few values
        for metric in METRICS:
            name = f"pitboard_{metric.name}"
            if metric.kind is Kind.COUNTER:
                made: MetricWrapperBase = Counter(name, metric.help, metric.labels, registry=self._registry)
            elif metric.kind is Kind.GAUGE:
                made = Gauge(name, metric.help, metric.labels, registry=self._registry)
            else:
                made = Histogram(name, metric.help, metric.labels, registry=self._registry, buckets=_BUCKETS)
            self._metrics[metric.name] = made

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        self._do(metric, "inc", value, labels)

    def gauge(self, metric: str, value: float, **labels: str) -> None:
        self._do(metric, "set", value, labels)

    def observe(self, metric: str, seconds: float, **labels: str) -> None:
        self._do(metric, "observe", seconds, labels)

    def span(self, name: str, **attributes: str | int) -> AbstractContextManager[None]:
        return self._spans.span(name, attributes)

    def values(self, metric: str) -> dict[tuple[str, ...], float]:
        """What a counter or a gauge stands at, by the values of its labels in their order."""
        made = self._metrics[metric]
        return {
            tuple(sample.labels.values()): sample.value
            for family in made.collect()
            for sample in family.samples
            if not sample.name.endswith("_created")
        }

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format 0.0.4, to be sent as `content_type`."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def _do(self, metric: str, verb: str, value: float, labels: dict[str, str]) -> None:
        """A wrong metric or label is logged; it must not fail an answer."""
        try:
            key = (metric, *labels.items())
            made = self._labelled.get(key)
            if made is None:
                made = self._metrics[metric].labels(**labels) if labels else self._metrics[metric]
                self._labelled[key] = made
            getattr(made, verb)(value)
        except (KeyError, ValueError, AttributeError) as error:
            _log.warning("Metric %s was not recorded: %s.", metric, error)
