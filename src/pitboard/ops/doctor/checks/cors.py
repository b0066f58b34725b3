"""Every answer must allow any page to read it. The gateway's own errors too: else the addon sees no 429."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment

HEADER = "Access-Control-Allow-Origin"


def aws(environment: AwsEnvironment) -> Finding:
    api = environment.api_id()
    if not api:
        return skipped("The API is not deployed yet.")
    client = environment.client("apigateway")
    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        answer = environment.found(client.get_gateway_response, restApiId=api, responseType=kind)
        parameters = (answer or {}).get("responseParameters", {})
        if parameters.get(f"gatewayresponse.header.{HEADER}") != "'*'":
            return problem(f"The gateway's own answers ({kind}) have no {HEADER}.")
    answered = environment.get("/health")
    if answered is None:
        return skipped("The gateway's own answers are right; the API itself gave no answer.")
    if answered.headers.get(HEADER) != "*":
        return problem(f"GET /health was answered ({answered.status}) without {HEADER}: *.")
    if answered.headers.get("Access-Control-Allow-Credentials"):
        return problem("The API allows credentials; browsers refuse this together with `*`.")
    return ok("Any page may read the answers.")


CHECK = Check(
    id="cors",
    title="Pages may read the answers",
    section=Section.DEPLOYMENT,
    guide="CORS Configuration Problems",
    symptoms=("No 'Access-Control-Allow-Origin' header is present",),
    remedy="Run `pitboard deploy`: the header is part of the stack, for the gateway's own errors too.",
    more=(
        (
            "Every origin is allowed, without credentials, for GET, POST and OPTIONS, and the headers"
            " `Content-Type` and `If-None-Match`: the data is public. There is no `Authorization` header"
            " to allow. To allow only your own origins, change `default_cors_preflight_options` in"
            " infra/api.py and the header in `pitboard.http.app`; a browser then keeps other pages out,"
            " and nothing else does."
        ),
    ),
    aws=aws,
)
