"""ir-drivers: GET /drivers, history, races and cars, and renewals that nobody waits for."""

from pitboard.aws import startup
from pitboard.aws.drivers_home import DriversHome
from pitboard.aws.entry import handler
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.names import METRICS_NAMESPACE
from pitboard.aws.remedies import worded
from pitboard.http.app import make_app
from pitboard.http.routes import detail_routes, driver_routes
from pitboard.settings import UpstreamSettings
from pitboard.telemetry import EmfTelemetry, spans

settings = FunctionSettings.read()
telemetry = EmfTelemetry(METRICS_NAMESPACE, settings.environment, spans=spans("ir-drivers", at_once=True))
home = DriversHome(settings, UpstreamSettings.read(), telemetry)
app = make_app(
    [*driver_routes(home.service), *detail_routes(home.histories, home.races, home.cars)], telemetry, worded
)
lambda_handler = handler(app, {}, telemetry, home.renew)
startup.done()
