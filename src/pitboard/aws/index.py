"""ir-index: the daily refresh of the driver index, and the heartbeat. It answers no reader."""

from pitboard.aws import startup
from pitboard.aws.entry import handler
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.index_home import IndexHome
from pitboard.aws.names import HEARTBEAT, METRICS_NAMESPACE, REFRESH_INDEX
from pitboard.settings import UpstreamSettings
from pitboard.telemetry import EmfTelemetry, spans

settings = FunctionSettings.read()
telemetry = EmfTelemetry(METRICS_NAMESPACE, settings.environment, spans=spans("ir-index", at_once=True))
home = IndexHome(settings, UpstreamSettings.read(), telemetry)
lambda_handler = handler(None, {REFRESH_INDEX: home.refresh, HEARTBEAT: home.heartbeat.beat}, telemetry)
startup.done()
