"""The REST API: routes to the functions' aliases, throttling, CORS on every answer, logs without names."""

import json
from http import HTTPStatus
from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Size
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.config import Config
from infra.functions import retention
from infra.release import Release
from pitboard.aws.names import API_URL_OUTPUT, BINARY

_VARIED = ("querystring.wait", "header.Origin", "header.If-None-Match")
CACHED = {
    "/drivers/{cust_id}/history": ("path.cust_id", "querystring.category", "querystring.kind", *_VARIED),
    "/drivers/{cust_id}/races": ("path.cust_id", *_VARIED),
}
"""The parameters that an answer depends on. They are the cache's key. /drivers is not cached: see ADR 51."""

ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "error": "$context.error.responseType",
}
"""It has the route's pattern, not the URL: the query holds names of forum authors. No caller's IP address."""

ERRORS = {
    "MISSING_AUTHENTICATION_TOKEN": (404, "unknown_route", "There is nothing here, or not by this method."),
    "THROTTLED": (429, "throttled", "Too many requests at once; ask again shortly."),
    "REQUEST_TOO_LARGE": (413, "too_large", "The request is too large."),
    "INTEGRATION_TIMEOUT": (504, "timeout", "The function has not answered in time."),
    "DEFAULT_4XX": (None, "gateway", "The gateway refused the request."),
    "DEFAULT_5XX": (None, "gateway", "The gateway could not serve the request."),
}
"""The gateway's own error answers by its response types: status, code and text, like the functions' problems.

MISSING_AUTHENTICATION_TOKEN is the gateway's word for an unknown route or method. The last two cover many
statuses, so their bodies have no `status`; RFC 9457 makes it optional.
"""


HANDED_OUT = {
    "/pitboard.user.js": (20, 100),
    "/pitboard-card.js": (20, 100),
    "/pitboard-options.js": (20, 100),
    "/addon": (5, 20),
    "/addon/{file}": (5, 20),
    "/static/{file}": (10, 40),
}
"""What ir-addon hands out: most requests a second, and most at once. Script managers look for a new version
once a day; a zip has 200 kB, and the bytes that go out are what an attack here would cost."""


class Api(Construct):
    """The API in `rest`, its stage named after the environment."""

    def __init__(self, scope: Construct, id: str, config: Config, release: Release) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        self._config = config
        self._log_group = logs.LogGroup(
            self,
            "access-logs",
            log_group_name=f"/aws/apigateway/{config.names.api}",
            retention=retention(config.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.rest = apigateway.RestApi(
            self,
            "rest",
            rest_api_name=config.names.api,
            description=f"Pitboard {config.names.environment}",
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN,
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            min_compression_size=Size.bytes(1024),
            binary_media_types=list(BINARY),
            default_cors_preflight_options=apigateway.CorsOptions(
                allow_origins=apigateway.Cors.ALL_ORIGINS,
                allow_methods=["GET", "POST", "OPTIONS"],
                allow_headers=["Content-Type", "If-None-Match"],
                max_age=Duration.days(1),
            ),
            deploy_options=self._stage(),
        )
        self._add_routes(release.aliases)
        self._add_cors_to_errors()
        if config.domain:
            self._add_domain()
        CfnOutput(self, "url", value=self.rest.url).override_logical_id(API_URL_OUTPUT)

    def _add_domain(self) -> None:
        """The API at the host's own name, without the stage in its path. The certificate is in this region.
        Source: API Gateway's guide, "Set up a Regional custom domain name"."""
        name = apigateway.CfnDomainName(
            self,
            "domain",
            domain_name=self._config.domain,
            regional_certificate_arn=self._config.certificate,
            endpoint_configuration=apigateway.CfnDomainName.EndpointConfigurationProperty(types=["REGIONAL"]),
            security_policy="TLS_1_2",
        )
        apigateway.CfnBasePathMapping(
            self,
            "mapping",
            domain_name=name.ref,
            rest_api_id=self.rest.rest_api_id,
            stage=self.rest.deployment_stage.stage_name,
        )
        target = CfnOutput(self, "domain-target", value=name.attr_regional_domain_name)
        target.override_logical_id("DomainTarget")

    def _add_routes(self, aliases: dict[str, lambda_.Alias]) -> None:
        self._route("/auth", "POST", aliases["auth"])
        self._route("/health", "GET", aliases["auth"])
        self._route("/custid", "GET", aliases["custid"])
        self._route("/drivers", "GET", aliases["drivers"])
        self._route("/drivers/{cust_id}/history", "GET", aliases["drivers"])
        self._route("/drivers/{cust_id}/races", "GET", aliases["drivers"])
        self._route("/cars", "GET", aliases["drivers"])
        for path in HANDED_OUT:
            self._route(path, "GET", aliases["addon"])

    def _route(self, path: str, method: str, alias: lambda_.Alias) -> None:
        keys = [f"method.request.{key}" for key in CACHED.get(path, ())] if self._config.cache else []
        integration = apigateway.LambdaIntegration(
            alias, proxy=True, allow_test_invoke=False, cache_key_parameters=keys or None
        )
        self.rest.root.resource_for_path(path).add_method(
            method, integration, request_parameters={key: ".path." in key for key in keys} or None
        )

    def _stage(self) -> apigateway.StageOptions:
        config = self._config
        return apigateway.StageOptions(
            stage_name=config.names.environment,
            throttling_rate_limit=config.rate,
            throttling_burst_limit=config.burst,
            tracing_enabled=True,
            access_log_destination=apigateway.LogGroupLogDestination(self._log_group),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
            cache_cluster_enabled=config.cache or None,
            cache_cluster_size=config.cache_size if config.cache else None,
            method_options=self._methods(),
        )

    def _methods(self) -> dict[str, apigateway.MethodDeploymentOptions]:
        """Routes have lower limits than the whole stage: one request for 50 names costs far more than others,
        and /auth and /health are for the host and for monitors. Only answers about drivers are cached: /auth
        and /health tell the present state."""
        config = self._config
        limits = {
            "/drivers/GET": (200, 400),
            **{f"{path}/GET": (200, 400) for path in CACHED},
            "/custid/GET": (50, 100),
            "/cars/GET": (20, 100),
            "/auth/POST": (10, 50),
            "/health/GET": (20, 50),
            **{f"{path}/GET": limit for path, limit in HANDED_OUT.items()},
        }
        cached = {f"{path}/GET" for path in CACHED} if config.cache else set()
        return {
            route: apigateway.MethodDeploymentOptions(
                throttling_rate_limit=min(config.rate, rate),
                throttling_burst_limit=min(config.burst, burst),
                caching_enabled=True if route in cached else None,
                cache_ttl=Duration.seconds(config.cache_seconds) if route in cached else None,
                cache_data_encrypted=True if route in cached else None,
            )
            for route, (rate, burst) in limits.items()
        }

    def _add_cors_to_errors(self) -> None:
        """Without CORS headers a browser hides a 429 from the addon."""
        for kind, (status, code, detail) in ERRORS.items():
            problem: dict[str, Any] = {"type": "about:blank", "title": code, "detail": detail, "code": code}
            if status:
                problem |= {"title": HTTPStatus(status).phrase, "status": status}
            self.rest.add_gateway_response(
                kind,
                type=apigateway.ResponseType.of(kind),
                status_code=str(status) if status else None,
                response_headers={
                    "Access-Control-Allow-Origin": "'*'",
                    "Access-Control-Expose-Headers": "'Retry-After'",
                    "Content-Type": "'application/problem+json'",
                    "Cache-Control": "'no-store'",
                    "X-Content-Type-Options": "'nosniff'",
                    **({"Retry-After": "'1'"} if status == 429 else {}),
                },
                templates={"application/json": json.dumps(problem)},
            )
