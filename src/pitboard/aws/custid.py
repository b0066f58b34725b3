"""ir-custid: GET /custid, and the same by direct invocation."""

from pitboard.aws import startup
from pitboard.aws.drivers_home import DriversHome
from pitboard.aws.entry import handler
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.names import CUSTID, METRICS_NAMESPACE
from pitboard.aws.remedies import worded
from pitboard.http.app import make_app
from pitboard.http.routes import custid_routes
from pitboard.settings import UpstreamSettings
from pitboard.telemetry import EmfTelemetry, spans

settings = FunctionSettings.read()
telemetry = EmfTelemetry(METRICS_NAMESPACE, settings.environment, spans=spans("ir-custid", at_once=True))
home = DriversHome(settings, UpstreamSettings.read(), telemetry)
app = make_app(custid_routes(home.service), telemetry, worded)
lambda_handler = handler(app, {CUSTID: home.custid}, telemetry)
startup.done()
