"""The firewall: it blocks an address that asks too often. Off by default: it costs 6 dollars a month."""

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.config import Config

REQUESTS = 600
"""Of one address in five minutes: two a second. A reader's page is one request, and a card one or two."""


class Firewall(Construct):
    """A WebACL with one rate rule, on the API's stage."""

    def __init__(self, scope: Construct, id: str, config: Config, api: apigateway.RestApi) -> None:  # noqa: A002 - CDK's name
        super().__init__(scope, id)
        shown = waf.CfnWebACL.VisibilityConfigProperty(
            cloud_watch_metrics_enabled=True,
            metric_name=f"{config.names.stack}-rate",
            sampled_requests_enabled=False,  # samples hold names and addresses
        )
        acl = waf.CfnWebACL(
            self,
            "acl",
            name=config.names.stack,
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=shown,
            rules=[
                waf.CfnWebACL.RuleProperty(
                    name="rate",
                    priority=0,
                    action=waf.CfnWebACL.RuleActionProperty(block={}),
                    statement=waf.CfnWebACL.StatementProperty(
                        rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                            limit=REQUESTS, evaluation_window_sec=300, aggregate_key_type="IP"
                        )
                    ),
                    visibility_config=shown,
                )
            ],
        )
        waf.CfnWebACLAssociation(
            self, "stage", resource_arn=api.deployment_stage.stage_arn, web_acl_arn=acl.attr_arn
        )
