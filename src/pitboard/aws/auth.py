"""ir-auth: POST /auth, GET /health, and the access token for the other functions."""

from pitboard import __version__
from pitboard.aws import startup
from pitboard.aws.auth_home import AuthHome
from pitboard.aws.entry import handler
from pitboard.aws.invoke import ACCESS_TOKEN, RENEW_TOKEN
from pitboard.aws.place import Place, upstream
from pitboard.http.app import make_app
from pitboard.http.routes import auth_routes, health_routes
from pitboard.telemetry import EmfTelemetry, spans

place = Place.read()
telemetry = EmfTelemetry(place.environment, spans=spans("ir-auth", at_once=True))
home = AuthHome(place, upstream(), telemetry)
lambda_handler = handler(
    make_app([*auth_routes(home), *health_routes(home.health, __version__)], telemetry),
    {ACCESS_TOKEN: home.access_token, RENEW_TOKEN: home.renew_token},
    telemetry,
)
startup.done()
