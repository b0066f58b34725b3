"""The stack of one environment: its constructs, in the order in which they depend on each other."""

import json
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.alarms import Alarms
from infra.api import Api
from infra.bundle import Package
from infra.config import Config
from infra.dashboards import Dashboards
from infra.firewall import Firewall
from infra.functions import Functions
from infra.queues import Renewals
from infra.release import Canary, Release
from infra.schedule import Schedule
from infra.tables import Credentials, Tables
from pitboard.aws.deploy_settings import SETTINGS_OUTPUT


class PitboardStack(cdk.Stack):
    """Everything that one environment has in AWS. `addon` is the package of ir-addon."""

    def __init__(
        self, scope: Construct, config: Config, package: Package, addon: Package, **options: Any
    ) -> None:
        super().__init__(
            scope,
            config.names.stack,
            description="Pitboard",
            termination_protection=config.protect,
            **options,
        )
        tables = Tables(self, "tables", config)
        credentials = Credentials(self, "credentials", config)
        renewals = Renewals(self, "renewals", config)
        self.functions = Functions(
            self, "functions", config, tables, credentials, renewals.queue, package, addon
        )
        self.release = Release(self, "release", config, self.functions)
        renewals.feed(self.release.aliases["drivers"])
        self.api = Api(self, "api", config, self.release)
        if config.waf:
            Firewall(self, "firewall", config, self.api.rest)
        self.schedule = Schedule(self, "schedule", config, self.release, self.api.rest.url)
        self.alarms = Alarms(self, "alarms", config)
        Dashboards(self, "dashboards", config)
        if config.canary:
            self.canary = Canary(
                self,
                "canary",
                config,
                self.functions,
                self.release,
                package,
                self.alarms.of_release,
                tables.custid,
            )
        cdk.CfnOutput(self, "settings", value=json.dumps(config.given, sort_keys=True)).override_logical_id(
            SETTINGS_OUTPUT
        )
        cdk.Tags.of(self).add("application", "pitboard")
        cdk.Tags.of(self).add("environment", config.names.environment)
