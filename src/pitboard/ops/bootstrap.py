"""`pitboard bootstrap`: CDK's own stack in the account and region, once for all environments in it."""

import tempfile
from pathlib import Path

from pitboard.aws.names import BOOTSTRAP_STACK, BOOTSTRAP_VERSION
from pitboard.ops import cdk
from pitboard.ops.environment import AwsEnvironment


def is_bootstrapped(aws: AwsEnvironment) -> bool:
    """Whether CDK's stack is there, whole and new enough."""
    stack = aws.find_stack(BOOTSTRAP_STACK)
    return bool(stack and stack.complete) and (aws.bootstrap_version() or 0) >= BOOTSTRAP_VERSION


def bootstrap(aws: AwsEnvironment, *, verbose: bool = False) -> None:
    """Makes CDK's stack, or brings it up to date. Raises `ChangeFailedError`.

    It runs outside of the checkout: there CDK would also make the template of an environment.
    """
    force = ("--force",) if aws.bootstrap_version() is not None else ()
    with tempfile.TemporaryDirectory(prefix="pitboard-cdk-") as folder:
        words = ("bootstrap", aws.cdk_target, *force)
        cdk.run(words, region=aws.region, cwd=Path(folder), verbose=verbose)
