"""The CDK app: `npx aws-cdk@2.1148.1 synth -c env=prod`, or `pitboard deploy --env prod`."""

import sys

import aws_cdk as cdk

from infra.bundle import build
from infra.config import PACKAGE_LIMIT, from_context
from infra.stack import PitboardStack
from pitboard.settings import UsageError


def main() -> None:
    """Synthesizes the environment that the context names."""
    app = cdk.App()
    config = from_context(app.node.try_get_context)
    PitboardStack(app, config, build(config.python, config.architecture, PACKAGE_LIMIT))
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except UsageError as error:
        sys.exit(f"pitboard: {error}")
