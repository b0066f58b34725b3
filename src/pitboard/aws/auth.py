"""ir-auth: POST /auth, GET /health, and the access token for the other functions."""

from pitboard import __version__
from pitboard.aws import startup
from pitboard.aws.auth_home import AuthHome
from pitboard.aws.entry import handler
from pitboard.aws.function_settings import FunctionSettings
from pitboard.aws.names import ACCESS_TOKEN, METRICS_NAMESPACE, REFRESH_TOKEN_NOW
from pitboard.aws.remedies import worded
from pitboard.http.app import make_app
from pitboard.http.state_routes import auth_routes, health_routes
from pitboard.settings import UpstreamSettings
from pitboard.telemetry import EmfTelemetry, spans

settings = FunctionSettings.read()
telemetry = EmfTelemetry(METRICS_NAMESPACE, settings.environment, spans=spans("ir-auth", at_once=True))
home = AuthHome(settings, UpstreamSettings.read(), telemetry)
lambda_handler = handler(
    make_app([*auth_routes(home), *health_routes(home.health, __version__)], telemetry, worded),
    {ACCESS_TOKEN: home.access_token, REFRESH_TOKEN_NOW: home.refresh_token_now},
    telemetry,
)
startup.done()
