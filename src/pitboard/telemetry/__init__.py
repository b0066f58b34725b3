"""Logs with redaction, metrics, traces: the homes' side of `drivers.ports.Telemetry`.

Light to import: what a home does not use (Prometheus, OpenTelemetry) is imported when it is asked for.
"""

from pitboard.drivers.ports import request_id
from pitboard.telemetry.emf import EmfTelemetry
from pitboard.telemetry.logs import configure_logging, hide, log_file, log_file_handler
from pitboard.telemetry.prometheus import PrometheusTelemetry
from pitboard.telemetry.redact import mask_secret
from pitboard.telemetry.tracing import spans

__all__ = [
    "EmfTelemetry",
    "PrometheusTelemetry",
    "configure_logging",
    "hide",
    "log_file",
    "log_file_handler",
    "mask_secret",
    "request_id",
    "spans",
]
