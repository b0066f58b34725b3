"""The API's stage is named after the environment and has a deployment behind it."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(context: AwsEnvironment) -> Finding:
    api, stage = context.api_id(), context.names.environment
    if not api:
        return skipped("The API is not deployed yet.")
    client = context.client("apigateway")
    found = context.found(client.get_stage, restApiId=api, stageName=stage)
    if found is None:
        names = [other["stageName"] for other in client.get_stages(restApiId=api)["item"]]
        return problem(f"The API {api} has no stage {stage}; it has {', '.join(names) or 'none'}.")
    if not found.get("deploymentId"):
        return problem(f"The stage {stage} has no deployment behind it.")
    return ok(f"The API {api} has the stage {stage}.")


CHECK = Check(
    id="stage",
    title="The API's stage is there",
    section=Section.DEPLOYMENT,
    guide="API Gateway Deployment Failed",
    symptoms=("Invalid stage identifier specified", "The API answers 403 Forbidden to everything"),
    remedy="Run `pitboard deploy`; look with `aws apigateway get-stages --rest-api-id ID`.",
    aws=aws,
)
