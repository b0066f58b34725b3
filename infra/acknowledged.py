"""Findings of cdk-nag's AwsSolutions rules that are accepted: each by construct, with the reason.

A test runs the rules. It fails for a finding that is not listed here, and for an entry without a finding.
"""

import re
from dataclasses import dataclass

import aws_cdk as cdk
from constructs import Construct, IConstruct

PACK = "AwsSolutions::AwsSolutions-"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """`rule` without cdk-nag's prefix; `where` matches the end of a construct's path."""

    rule: str
    where: str
    reason: str


def _logs(kind: str) -> Acknowledged:
    stream = r"IAM5\[Resource::arn:<AWS::Partition>:logs:.*:log-stream:\*\]"
    reason = "The runtime names its log streams itself; the group is the function's own."
    return Acknowledged(stream, f"functions/{kind}-role/Resource", reason)


def _hook(kind: str) -> Acknowledged:
    hook = r"IAM5\[Resource::<canary\w+preflight\w+.Arn>:\*\]"
    reason = "CDK's grant for CodeDeploy to invoke one check, in whatever version."
    return Acknowledged(hook, f"canary/{kind}-group/ServiceRole/DefaultPolicy/Resource", reason)


_SERVING = "(auth|custid|drivers)"
_KINDS = "(auth|custid|drivers|index|addon)"
_METHODS = r"api/rest/Default/.*/(GET|POST)/Resource"

ACKNOWLEDGED = (
    Acknowledged("SMG4", "credentials/Secret", "iRacing issues the credentials; AWS cannot rotate them."),
    _logs(_KINDS),
    Acknowledged(
        r"IAM5\[Resource::\*\]",
        f"functions/{_KINDS}-role/Resource",
        "xray:PutTraceSegments and xray:PutTelemetryRecords cannot be limited to a resource.",
    ),
    Acknowledged(
        "L1",
        f"(functions/{_KINDS}|canary/{_SERVING}-preflight)/Resource",
        "Python 3.13 is supported until 2029, and CI has it to compile the package with.",
    ),
    Acknowledged(
        "APIG2",
        "api/rest/Resource",
        "The routes check requests, and say what is wrong with them.",
    ),
    Acknowledged(
        r"IAM4\[Policy::.*AmazonAPIGatewayPushToCloudWatchLogs\]",
        "api/rest/CloudWatchRole/Resource",
        "API Gateway's setting of the account; AWS documents this policy for it.",
    ),
    Acknowledged(
        "APIG3",
        "DeploymentStage.*/Resource",
        "A firewall costs more than all the rest; the stage is throttled.",
    ),
    Acknowledged(
        "APIG6",
        "DeploymentStage.*/Resource",
        "Execution logs hold people's names; access logs are on.",
    ),
    Acknowledged("APIG4", _METHODS, "The data is public; /auth gives no token and makes no login."),
    Acknowledged("COG4", _METHODS, "Readers have no accounts; nothing personal to them is served."),
    Acknowledged(
        r"IAM4\[Policy::.*AWSCodeDeployRoleForLambdaLimited\]",
        f"canary/{_SERVING}-group/ServiceRole/Resource",
        "CDK's role for CodeDeploy; the narrowest that AWS has.",
    ),
    _hook(_SERVING),
)


def acknowledge(scope: Construct, findings: list[tuple[str, str]]) -> list[Acknowledged]:
    """Acknowledges the findings (rule, construct path) that are listed; returns the entries used."""
    used = []
    nodes: dict[str, IConstruct] = {node.node.path: node for node in scope.node.find_all()}
    for rule, path in findings:
        for entry in ACKNOWLEDGED:
            if re.fullmatch(entry.rule, rule) and re.search(f"{entry.where}$", path):
                cdk.Validations.of(nodes[path]).acknowledge(
                    cdk.Acknowledgment(id=PACK + rule, reason=entry.reason)
                )
                used.append(entry)
    return used
