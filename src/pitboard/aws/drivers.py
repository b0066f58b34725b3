"""ir-drivers: GET /drivers, history, races and cars, and renewals that nobody waits for."""

from pitboard.aws import startup
from pitboard.aws.drivers_home import DriversHome
from pitboard.aws.entry import handler
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.names import METRICS_NAMESPACE
from pitboard.aws.remedies import worded
from pitboard.drivers.cars import CarService
from pitboard.drivers.history import HistoryService
from pitboard.drivers.races import RaceService
from pitboard.http.app import make_app
from pitboard.http.detail_routes import detail_routes
from pitboard.http.routes import driver_routes
from pitboard.settings import UpstreamSettings
from pitboard.telemetry import EmfTelemetry, spans

settings = FunctionSettings.read()
telemetry = EmfTelemetry(METRICS_NAMESPACE, settings.environment, spans=spans("ir-drivers", at_once=True))
home = DriversHome(settings, UpstreamSettings.read(), telemetry)
cars = CarService(home.dependencies, lookup_seconds=None)
details = detail_routes(
    HistoryService(home.dependencies, lookup_seconds=None),
    RaceService(home.dependencies, cars, lookup_seconds=None),
    cars,
)
app = make_app([*driver_routes(home.service), *details], telemetry, worded)
lambda_handler = handler(app, {}, telemetry, home.renew)
startup.done()
