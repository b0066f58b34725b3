"""Telemetry of the AWS home: lines in CloudWatch's embedded metric format, from which it makes metrics.

The format is AWS' "CloudWatch Logs: embedded metric format specification": a JSON line with an `_aws`
member; at most 100 values in an array. Every metric has the dimension Environment, some have one more
(`Metric.split`). All labels are members of the line and can be searched with Logs Insights.
"""

import json
import logging
import sys
import threading
import time
from collections import defaultdict
from contextlib import AbstractContextManager
from typing import Any, TextIO

from pitboard.drivers.ports import Telemetry, request_id
from pitboard.telemetry.metrics import BY_NAME, Kind, Metric
from pitboard.telemetry.spans import Spans

_MOST_VALUES = 100
_log = logging.getLogger(__name__)

_Labels = tuple[tuple[str, str], ...]


class EmfTelemetry(Telemetry):
    """Collects during an invocation; `flush` writes what was collected. Safe for threads.

    The metrics belong to CloudWatch's `namespace` and have `environment` as a dimension.
    """

    def __init__(
        self,
        namespace: str,
        environment: str,
        stream: TextIO | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._namespace = namespace
        self._environment = environment
        self._stream = stream
        self._spans = spans or Spans()
        self._lock = threading.Lock()
        self._values: dict[_Labels, dict[str, list[float]]] = defaultdict(dict)

    def count(self, metric: str, value: float = 1, **labels: str) -> None:
        self._put(metric, value, labels, Kind.COUNTER)

    def gauge(self, metric: str, value: float, **labels: str) -> None:
        self._put(metric, value, labels, Kind.GAUGE)

    def observe(self, metric: str, seconds: float, **labels: str) -> None:
        self._put(metric, seconds, labels, Kind.SECONDS)

    def span(self, name: str, **attributes: str | int) -> AbstractContextManager[None]:
        return self._spans.span(name, attributes)

    def flush(self) -> None:
        """Writes the lines of this invocation to standard output and starts again with none."""
        with self._lock:
            values, self._values = self._values, defaultdict(dict)
        stream = self._stream or sys.stdout
        for labels, metrics in values.items():
            while metrics:
                stream.write(json.dumps(self._line(labels, metrics)) + "\n")
                metrics = {name: rest for name, kept in metrics.items() if (rest := kept[_MOST_VALUES:])}
        stream.flush()

    def _put(self, metric: str, value: float, labels: dict[str, str], kind: Kind) -> None:
        known = BY_NAME.get(metric)
        if known is None or known.kind is not kind or set(labels) != set(known.labels):
            _log.warning(
                "Metric %s was not recorded: it is not in the list as a %s with these labels.", metric, kind
            )
            return
        with self._lock:
            values = self._values[tuple(sorted(labels.items()))].setdefault(metric, [])
            if kind is Kind.SECONDS or not values:
                values.append(value)
            else:
                values[0] = values[0] + value if kind is Kind.COUNTER else value

    def _line(self, labels: _Labels, metrics: dict[str, list[float]]) -> dict[str, Any]:
        line: dict[str, Any] = {**dict(labels), "Environment": self._environment}
        if request := request_id.get():
            line["request_id"] = request
        for name, values in metrics.items():
            head = values[:_MOST_VALUES]
            line[BY_NAME[name].cloudwatch] = head if len(head) > 1 else head[0]
        line["_aws"] = {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [self._directive(BY_NAME[name]) for name in metrics],
        }
        return line

    def _directive(self, metric: Metric) -> dict[str, Any]:
        split = [["Environment", metric.split]] if metric.split else []
        return {
            "Namespace": self._namespace,
            "Dimensions": [["Environment"], *split],
            "Metrics": [{"Name": metric.cloudwatch, "Unit": metric.unit}],
        }
