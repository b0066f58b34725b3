"""No function may do more than it needs: no `*` as action, and as resource only where AWS has no other."""

from pitboard.ops.doctor.check import Check, Finding, Section, ok, problem, skipped
from pitboard.ops.environment import AwsEnvironment, as_list

NO_RESOURCE = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
"""Actions that can be allowed on `*` alone. Source: AWS' service authorization reference."""


def aws(context: AwsEnvironment) -> Finding:
    functions = context.functions()
    if not functions:
        return skipped("No function is deployed yet.")
    for name in functions:
        for statement in context.role_statements(name):
            if statement["Effect"] != "Allow":
                continue
            actions = [str(action) for action in as_list(statement.get("Action", []))]
            broad = [a for a in actions if a == "*" or a.endswith(":*")]
            if broad or "NotAction" in statement:
                return problem(f"The role of {name} allows {', '.join(broad) or 'all actions but some'}.")
            everywhere = "*" in as_list(statement.get("Resource", []))
            if everywhere and any(action not in NO_RESOURCE for action in actions):
                return problem(f"The role of {name} allows {', '.join(actions)} on every resource.")
        if attached := _managed(context, functions[name]["Role"]):
            return problem(f"The role of {name} has broad policies of AWS': {', '.join(attached)}.")
    return ok("No role allows more than its function needs.")


def _managed(context: AwsEnvironment, role: str) -> list[str]:
    iam, name = context.client("iam"), role.rsplit("/", 1)[1]
    answer = context.found(iam.list_attached_role_policies, RoleName=name)
    names = [policy["PolicyName"] for policy in answer["AttachedPolicies"]] if answer else []
    return [name for name in names if name.endswith("FullAccess") or name.startswith("Administrator")]


CHECK = Check(
    id="broad-policies",
    title="No role is overly broad",
    section=Section.SECURITY,
    guide="Overly Permissive IAM Policies",
    symptoms=("Security audit findings", "Wildcard permissions"),
    remedy="Take the policy off by hand (`aws iam delete-role-policy`), then run `pitboard deploy`.",
    aws=aws,
)
