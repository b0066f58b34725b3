"""ir-drivers: GET /drivers and the history, and renewals that nobody waits for."""

from pitboard.aws import startup
from pitboard.aws.drivers_home import DriversHome
from pitboard.aws.entry import handler
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.names import METRICS_NAMESPACE, RENEW
from pitboard.aws.remedies import worded
from pitboard.http.app import make_app
from pitboard.http.routes import driver_routes
from pitboard.settings import UpstreamSettings
from pitboard.telemetry import EmfTelemetry, spans

settings = FunctionSettings.read()
telemetry = EmfTelemetry(METRICS_NAMESPACE, settings.environment, spans=spans("ir-drivers", at_once=True))
home = DriversHome(settings, UpstreamSettings.read(), telemetry)
lambda_handler = handler(
    make_app(driver_routes(home.service, home.histories), telemetry, worded), {RENEW: home.renew}, telemetry
)
startup.done()
