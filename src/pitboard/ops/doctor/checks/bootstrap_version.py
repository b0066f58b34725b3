"""A stack that CDK made needs a minimum version of the bootstrap."""

from pitboard.aws.names import BOOTSTRAP_PARAMETER, BOOTSTRAP_VERSION
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(environment: AwsEnvironment) -> Finding:
    version = environment.bootstrap_version()
    if version is None:
        return skipped("There is no bootstrap version; see the check `bootstrap`.")
    if version < BOOTSTRAP_VERSION:
        return problem(f"The bootstrap has version {version}; at least {BOOTSTRAP_VERSION} is needed.")
    return ok(f"The bootstrap has version {version}.")


CHECK = Check(
    id="bootstrap-version",
    title="CDK's bootstrap is new enough",
    section=Section.DEPLOYMENT,
    guide="Bootstrap Version Mismatch",
    symptoms=("This CDK deployment requires bootstrap stack version 'X', found 'Y'",),
    remedy="Run `pitboard bootstrap --env prod`: it brings CDK's stack up to date.",
    more=(f"The version that is there: `aws ssm get-parameter --name {BOOTSTRAP_PARAMETER}`.",),
    aws=aws,
)
