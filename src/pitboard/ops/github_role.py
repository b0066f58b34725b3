"""The template of the role with which a GitHub workflow deploys: infra/github-role.json is made of it.

It is a stack of its own, made once by an administrator. Sources: GitHub's guides, "Configuring OpenID Connect
in Amazon Web Services" and "OpenID Connect reference"; IAM's guide, "Create an OpenID Connect (OIDC) identity
provider".
"""

import json
from typing import Any

from pitboard.ops.permissions import DEPLOY, policy

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
ENVIRONMENTS = ["staging", "prod"]

_PART = r"[A-Za-z0-9._-]+(@[0-9]+)?"
REPOSITORY = f"^{_PART}/{_PART}$"
"""OWNER/NAME, or with ids: OWNER@1/NAME@2. A repository has one of the two: ids if it was made, renamed or
transferred after 15 July 2026. Source: "OpenID Connect reference", "Immutable subject claims"."""


def template() -> dict[str, Any]:
    """A CloudFormation template. The role may do what `permissions.DEPLOY` says, but not touch the secret."""
    text = json.dumps(policy(DEPLOY, "${AWS::AccountId}"))
    document = json.loads(text.replace("arn:aws:", "arn:${AWS::Partition}:"))
    for statement in document["Statement"]:
        if isinstance(statement["Resource"], list):
            statement["Resource"] = [{"Fn::Sub": arn} for arn in statement["Resource"]]
        else:
            statement["Action"] = [name for name in statement["Action"] if name not in DEPLOY.secret]
    subjects = [{"Fn::Sub": f"repo:${{Repository}}:environment:{name}"} for name in ENVIRONMENTS]
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": {"Fn::If": ["Makes", {"Ref": "Issuer"}, {"Ref": "Provider"}]}},
        "Condition": {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subjects}},
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Pitboard: the role of the deploy workflow",
        "Parameters": {
            "Repository": {
                "Type": "String",
                "AllowedPattern": REPOSITORY,
                "ConstraintDescription": "It must be OWNER/NAME or OWNER@ID/NAME@ID.",
                "Description": (
                    "OWNER/NAME on GitHub; OWNER@ID/NAME@ID if made, renamed or moved after 15 July 2026"
                ),
            },
            "Provider": {
                "Type": "String",
                "Default": "",
                "Description": "ARN of GitHub's identity provider, if the account has it already",
            },
        },
        "Conditions": {"Makes": {"Fn::Equals": [{"Ref": "Provider"}, ""]}},
        "Resources": {
            "Issuer": {
                "Type": "AWS::IAM::OIDCProvider",
                "Condition": "Makes",
                "Properties": {"Url": f"https://{ISSUER}", "ClientIdList": [AUDIENCE]},
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "MaxSessionDuration": 3600,
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                    "Policies": [{"PolicyName": "deploy", "PolicyDocument": document}],
                },
            },
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }
