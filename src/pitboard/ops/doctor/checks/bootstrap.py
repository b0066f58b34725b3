"""CDK needs its own stack in each account and region before it can deploy."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.environment import AwsEnvironment

TOOLKIT = "CDKToolkit"


def aws(context: AwsEnvironment) -> Finding:
    client = context.client("cloudformation")
    answer = context.found(client.describe_stacks, "ValidationError", StackName=TOOLKIT)
    place = f"aws://{context.caller['Account']}/{context.region}"
    remedy = f"npx aws-cdk@2.1148.1 bootstrap {place}"
    if answer is None or not answer["Stacks"]:
        return problem(f"CDK is not bootstrapped in {place}.", f"Run `{remedy}`.")
    status = answer["Stacks"][0]["StackStatus"]
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
        return problem(f"The stack {TOOLKIT} is in the state {status}.", f"Run `{remedy} --force`.")
    return ok(f"CDK is bootstrapped in {place}.")


CHECK = Check(
    id="bootstrap",
    title="CDK is bootstrapped",
    section=Section.DEPLOYMENT,
    guide="Stack Uses Assets Error",
    symptoms=("This stack uses assets, so the toolkit stack must be deployed to the environment",),
    remedy="Run `npx aws-cdk@2.1148.1 bootstrap aws://ACCOUNT/REGION`.",
    aws=aws,
)
