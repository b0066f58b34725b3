"""The CDK app. `pitboard deploy` runs it under CDK's command line, as `python -m infra.app`."""

import sys

import aws_cdk as cdk

from infra.bundle import ADDON, build
from infra.config import PACKAGE_LIMIT, from_context
from infra.errors import ConfigError
from infra.stack import PitboardStack


def main() -> None:
    """Synthesizes the environment that the context names. CDK's own validation of the template takes longer
    than all the rest, and what it finds would be a warning that nobody sees: tests/infra runs it."""
    app = cdk.App(builtin_cloud_formation_validation=False)
    config = from_context(app.node.try_get_context)
    target = (config.python, config.architecture, PACKAGE_LIMIT)
    PitboardStack(app, config, build(*target), build(*target, ADDON))
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except ConfigError as error:
        sys.exit(f"pitboard: {error}")
