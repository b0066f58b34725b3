"""A role must allow no action `*`, and a resource `*` only for actions that AWS allows on nothing else."""

from pitboard.aws.names import ACTIONS_WITHOUT_RESOURCE, Names
from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment, as_list


def aws(environment: AwsEnvironment) -> Finding:
    functions = environment.functions()
    if not functions:
        return skipped("No function is deployed yet.")
    for name in functions:
        for statement in environment.role_statements(name):
            if statement["Effect"] != "Allow":
                continue
            actions = [str(action) for action in as_list(statement.get("Action", []))]
            broad = [a for a in actions if a == "*" or a.endswith(":*")]
            if broad or "NotAction" in statement:
                return problem(
                    f"The role of {name} allows {', '.join(broad) or 'all actions with exceptions'}."
                )
            everywhere = "*" in as_list(statement.get("Resource", []))
            if everywhere and any(action not in ACTIONS_WITHOUT_RESOURCE for action in actions):
                return problem(f"The role of {name} allows {', '.join(actions)} on every resource.")
        if attached := _broad_managed_policies(environment, functions[name]["Role"]):
            return problem(f"The role of {name} has AWS' own broad policies: {', '.join(attached)}.")
    return ok("No role is overly broad.")


def _broad_managed_policies(environment: AwsEnvironment, role: str) -> list[str]:
    iam, name = environment.client("iam"), role.rsplit("/", 1)[1]
    answer = environment.found(iam.list_attached_role_policies, RoleName=name)
    names = [policy["PolicyName"] for policy in answer["AttachedPolicies"]] if answer else []
    return [name for name in names if name.endswith("FullAccess") or name.startswith("Administrator")]


CHECK = Check(
    id="broad-policies",
    title="No role is overly broad",
    section=Section.SECURITY,
    guide="Overly Permissive IAM Policies",
    symptoms=("Security audit findings", "Wildcard permissions"),
    remedy="Delete the policy by hand (`aws iam delete-role-policy`), then run `pitboard deploy`.",
    more=(
        (
            "Each function has a role of its own. ir-auth's, as an example: `DynamoDBPolicy` (GetItem and"
            f" PutItem on {Names('prod').auth_table}), `SecretsManagerPolicy`, `LogsPolicy`, `TracingPolicy`;"
            " infra/functions.py has all of them."
        ),
    ),
    aws=aws,
)
