"""A stack that CDK made asks for a bootstrap of at least some version."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment

PARAMETER = "/cdk-bootstrap/hnb659fds/version"
"""CDK's name for it, with its default qualifier."""

NEEDED = 6
"""What templates of CDK 2 check for by default (rule CheckBootstrapVersion)."""


def aws(context: AwsEnvironment) -> Finding:
    client = context.client("ssm")
    answer = context.found(client.get_parameter, Name=PARAMETER)
    if answer is None:
        return skipped("There is no bootstrap version; see the check `bootstrap`.")
    version = int(answer["Parameter"]["Value"])
    if version < NEEDED:
        return problem(f"The bootstrap has version {version}; at least {NEEDED} is needed.")
    return ok(f"The bootstrap has version {version}.")


CHECK = Check(
    id="bootstrap-version",
    title="CDK's bootstrap is new enough",
    section=Section.DEPLOYMENT,
    guide="Bootstrap Version Mismatch",
    symptoms=("This CDK deployment requires bootstrap stack version 'X', found 'Y'",),
    remedy="Run `npx aws-cdk@2.1148.1 bootstrap --force`.",
    aws=aws,
)
