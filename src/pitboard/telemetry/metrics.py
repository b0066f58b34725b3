"""The list of all metrics: name, kind, help, labels. Both homes and docs/RUNBOOK.md use it."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kind of a metric. Distributions are in seconds."""

    COUNTER = "counter"
    GAUGE = "gauge"
    SECONDS = "distribution"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `prometheus` and `cloudwatch` are its names in those systems.

    `split` is the label that is also a dimension in CloudWatch. CloudWatch bills each of its values as a
    metric.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = "Count"
    split: str = ""

    @property
    def prometheus(self) -> str:
        """`pitboard_requests_total`, `pitboard_budget_left`."""
        return f"pitboard_{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"

    @property
    def cloudwatch(self) -> str:
        """`Requests`, `BudgetLeft`."""
        return "".join(word.capitalize() for word in self.name.split("_"))


METRICS = (
    Metric("requests", Kind.COUNTER, "HTTP requests answered.", ("route", "status")),
    Metric("defects", Kind.COUNTER, "Requests that met a defect of Pitboard (status 500)."),
    Metric("request_seconds", Kind.SECONDS, "Time from request to answer.", ("route",), "Seconds"),
    Metric(
        "names",
        Kind.COUNTER,
        "Names asked for, by what was given: fresh, stale, partial, or the error's code.",
        ("state",),
        split="state",
    ),
    Metric(
        "unavailable_percent",
        Kind.GAUGE,
        "Share of a page's names that were answered with `unavailable`, in per cent.",
        unit="Percent",
    ),
    Metric(
        "upstream_calls",
        Kind.COUNTER,
        "Calls to iRacing by endpoint, and how they ended: ok, or the error's code.",
        ("endpoint", "outcome"),
        split="outcome",
    ),
    Metric("upstream_seconds", Kind.SECONDS, "Time of one call to iRacing.", ("endpoint",), "Seconds"),
    Metric("budget_left", Kind.GAUGE, "Calls to iRacing that the budget would allow at once."),
    Metric(
        "oauth_grants",
        Kind.COUNTER,
        "Requests to iRacing's OAuth service: password logins (password_limited), refreshes (refresh_token),"
        " and whether it is back (probe).",
        ("grant", "outcome"),
        split="grant",
    ),
    Metric(
        "grants_failed",
        Kind.COUNTER,
        "Requests to iRacing's OAuth service that gave no token, outside of its maintenance.",
    ),
    Metric(
        "token_age_seconds",
        Kind.GAUGE,
        "Seconds since the access token was issued; told also while it cannot be renewed.",
        (),
        "Seconds",
    ),
    Metric(
        "index_refreshes",
        Kind.COUNTER,
        "Refreshes of the driver index in AWS, by how they ended: whole, partly (a list stays old), failed.",
        ("outcome",),
        split="outcome",
    ),
    Metric(
        "heartbeats",
        Kind.COUNTER,
        "In AWS every five minutes: whether the API answered like a reader's request: ok or failed.",
        ("outcome",),
        split="outcome",
    ),
    Metric("queue_length", Kind.GAUGE, "Names waiting for a renewal in the background."),
)

BY_NAME = {metric.name: metric for metric in METRICS}
