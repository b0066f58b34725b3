"""ir-addon: hands the addon out, with the address by which the request came. It has a package of its own."""

from starlette.requests import Request

from pitboard.addon.routes import addon_routes
from pitboard.aws import startup
from pitboard.aws.entry import handler
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.names import METRICS_NAMESPACE
from pitboard.aws.remedies import worded
from pitboard.http.app import make_app
from pitboard.telemetry import EmfTelemetry, spans


def address(request: Request) -> str:
    """The API's public address: the gateway's, with its stage, or a domain of the host's own."""
    return str(request.base_url).rstrip("/")


settings = FunctionSettings.read()
telemetry = EmfTelemetry(METRICS_NAMESPACE, settings.environment, spans=spans("ir-addon", at_once=True))
lambda_handler = handler(make_app(addon_routes(address, look_up=False), telemetry, worded), {}, telemetry)
startup.done()
