"""The API must have a stage with the environment's name, and the stage must have a deployment."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment


def aws(environment: AwsEnvironment) -> Finding:
    api, stage = environment.api_id(), environment.names.environment
    if not api:
        return skipped("The API is not deployed yet.")
    client = environment.client("apigateway")
    found = environment.found(client.get_stage, restApiId=api, stageName=stage)
    if found is None:
        names = [other["stageName"] for other in client.get_stages(restApiId=api)["item"]]
        return problem(f"The API {api} has no stage {stage}; it has {', '.join(names) or 'none'}.")
    if not found.get("deploymentId"):
        return problem(f"The stage {stage} has no deployment.")
    return ok(f"The API {api} has the stage {stage}.")


CHECK = Check(
    id="stage",
    title="The API's stage exists",
    section=Section.DEPLOYMENT,
    guide="API Gateway Deployment Failed",
    symptoms=("Invalid stage identifier specified", "The API answers every request with 403 Forbidden"),
    remedy="Run `pitboard deploy`; check with `aws apigateway get-stages --rest-api-id ID`.",
    more=(
        (
            "The stage is named after the environment. `pitboard deploy`"
            " prints its address, the stack's output `ApiUrl`."
        ),
    ),
    aws=aws,
)
