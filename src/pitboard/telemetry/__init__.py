"""Logs with redaction, metrics, traces: implementations of `drivers.ports.Telemetry` for both homes.

Light to import: Prometheus and OpenTelemetry are imported when they are used.
"""

from pitboard.drivers.ports import request_id
from pitboard.telemetry.emf import EmfTelemetry
from pitboard.telemetry.logs import configure_logging, hide
from pitboard.telemetry.prometheus import PrometheusTelemetry
from pitboard.telemetry.redact import mask_secret
from pitboard.telemetry.tracing import spans

__all__ = [
    "EmfTelemetry",
    "PrometheusTelemetry",
    "configure_logging",
    "hide",
    "mask_secret",
    "request_id",
    "spans",
]
