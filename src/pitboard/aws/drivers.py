"""ir-drivers: GET /drivers and the history, and renewals that nobody waits for."""

from pitboard.aws import startup
from pitboard.aws.drivers_home import DriversHome
from pitboard.aws.entry import handler
from pitboard.aws.invoke import REFRESH
from pitboard.aws.place import Place, upstream
from pitboard.http.app import make_app
from pitboard.http.routes import driver_routes
from pitboard.telemetry import EmfTelemetry, spans

place = Place.read()
telemetry = EmfTelemetry(place.environment, spans=spans("ir-drivers", at_once=True))
home = DriversHome(place, upstream(), telemetry)
lambda_handler = handler(
    make_app(driver_routes(home.service, home.histories), telemetry), {REFRESH: home.refresh}, telemetry
)
startup.done()
