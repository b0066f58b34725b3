"""The role and the workflow with which GitHub deploys."""

import json
import re
import subprocess
import sys
from pathlib import Path

from pitboard.ops.github_role import template
from pitboard.ops.permissions import CDK_ROLES, DEPLOY

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "github-role.json"
CALLED, CALLER = (ROOT / ".github" / "workflows" / name for name in ("deploy_to.yml", "deploy.yml"))


def role():
    return template()["Resources"]["Role"]["Properties"]


def test_the_template_that_is_kept_is_the_one_that_is_made():
    assert json.loads(TEMPLATE.read_text("utf-8")) == template()


def test_only_the_two_environments_of_the_repository_get_the_role():
    """Without a condition on `sub` any repository would. Source: GitHub's guide, "Configuring OpenID Connect
    in Amazon Web Services"."""
    (trust,) = role()["AssumeRolePolicyDocument"]["Statement"]
    condition = trust["Condition"]["StringEquals"]
    assert condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    subjects = [one["Fn::Sub"] for one in condition["token.actions.githubusercontent.com:sub"]]
    assert subjects == ["repo:${Repository}:environment:staging", "repo:${Repository}:environment:prod"]


def test_the_role_may_deploy_and_neither_read_nor_set_the_secret():
    (policy,) = role()["Policies"]
    plain, assume = policy["PolicyDocument"]["Statement"]
    assert set(plain["Action"]) == set(DEPLOY.actions) - {"sts:AssumeRole"} - set(DEPLOY.secret)
    assert not {"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"} & set(plain["Action"])
    assert len(assume["Resource"]) == len(CDK_ROLES)


def test_cfn_lint_has_nothing_to_say_about_it():
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), str(TEMPLATE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_prod_comes_after_staging_and_each_is_an_environment_that_can_ask_for_approval():
    text = CALLER.read_text("utf-8")
    assert re.search(r"  prod:\n    needs: staging\n", text)
    assert re.search(r"  staging:\n    needs: check\n", text)
    assert "    environment: ${{ inputs.environment }}" in CALLED.read_text("utf-8")


def test_the_workflow_holds_no_key_and_deploys_as_the_documents_say():
    text = CALLED.read_text("utf-8")
    assert "secrets." not in text
    for command in ('pitboard deploy --env "$ENVIRONMENT" --yes', 'pitboard verify --env "$ENVIRONMENT"'):
        assert command in text
