"""CDK needs a stack of its own in each account and region before it can deploy."""

from pitboard.aws.names import BOOTSTRAP_STACK
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem
from pitboard.ops.environment import AwsEnvironment


def aws(environment: AwsEnvironment) -> Finding:
    stack, target = environment.find_stack(BOOTSTRAP_STACK), environment.cdk_target
    command = f"pitboard bootstrap --env {environment.names.environment}"
    if stack is None:
        return problem(f"CDK is not bootstrapped in {target}.", f"Run `{command}`.")
    if not stack.complete:
        return problem(
            f"The stack {BOOTSTRAP_STACK} has the status {stack.status}.",
            f"Delete it in CloudFormation, then run `{command}`.",
        )
    return ok(f"CDK is bootstrapped in {target}.")


CHECK = Check(
    id="bootstrap",
    title="CDK is bootstrapped",
    section=Section.DEPLOYMENT,
    guide="Stack Uses Assets Error",
    symptoms=("This stack uses assets, so the toolkit stack must be deployed to the environment",),
    remedy=("Run `pitboard bootstrap --env prod`; with a profile, set AWS_PROFILE before it."),
    more=(
        (
            "With a profile: `AWS_PROFILE=my-profile pitboard bootstrap --env prod`; in another region:"
            " `AWS_REGION=us-east-1` before it. Every command takes both from there; `pitboard bootstrap`"
            " says account and region before it asks. What was made:"
            " `aws cloudformation describe-stacks --stack-name CDKToolkit`, and the bucket for assets with"
            " `aws cloudformation describe-stack-resources --stack-name CDKToolkit`."
        ),
    ),
    aws=aws,
)
