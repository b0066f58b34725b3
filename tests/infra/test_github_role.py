"""The role and the workflow with which GitHub deploys."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pitboard.ops.github_role import template
from pitboard.ops.permissions import CDK_ROLES, DEPLOY

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "github-role.json"
CALLED, CALLER, CHECK = (
    ROOT / ".github" / "workflows" / name for name in ("deploy_to.yml", "deploy.yml", "check.yml")
)


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


@pytest.mark.parametrize(
    ("repository", "subject"),
    [
        ("octo-org/octo-repo", "repo:octo-org/octo-repo:environment:prod"),
        ("octo-org@123456/octo-repo@456789", "repo:octo-org@123456/octo-repo@456789:environment:prod"),
    ],
)
def test_the_subject_is_what_github_says_for_old_and_for_new_repositories(repository, subject):
    """One that was made, renamed or transferred after 15 July 2026 has its ids in it, and IAM compares the
    whole. Source: GitHub's guide, "OpenID Connect reference", "Immutable subject claims"."""
    pattern = template()["Parameters"]["Repository"]["AllowedPattern"]
    assert re.fullmatch(pattern, repository)
    (trust,) = role()["AssumeRolePolicyDocument"]["Statement"]
    subjects = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject in [one["Fn::Sub"].replace("${Repository}", repository) for one in subjects]


@pytest.mark.parametrize(
    "wrong", ["octo-org/*", "octo-org", "https://github.com/octo-org/octo-repo", "a/b:ref"]
)
def test_what_is_no_repository_makes_no_role(wrong):
    assert not re.fullmatch(template()["Parameters"]["Repository"]["AllowedPattern"], wrong)


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


def test_a_push_does_not_cancel_the_checks_of_a_deploy():
    """A called workflow's group counts for the whole repository, and `github.workflow` is the caller's name.
    Sources: GitHub's guides, "Control the concurrency of workflows and jobs" and "Reuse workflows"."""
    groups = [re.findall(r"^ +group: (.+)$", file.read_text("utf-8"), re.M) for file in (CHECK, CALLER)]
    assert groups == [["check-${{ github.workflow }}-${{ github.ref }}"], ["deploy"]]


def test_each_step_in_aws_has_a_token_of_its_own_and_a_deploy_begins_with_everything_built():
    """GitHub's token lives for five minutes, and CDK's command line signs in when it begins to deploy: after
    package and difference were made. Source: github.com/actions/toolkit/issues/2048."""
    steps = [step for step in CALLED.read_text("utf-8").split("      - ") if "pitboard " in step]
    assert all(".ci/github-token\n" in step for step in steps)
    made = [re.findall(r"pitboard (\w+) --env \S+ ?(\S*)$", step, re.M) for step in steps]
    assert made == [[("deploy", "--dry-run")], [("deploy", "--yes")], [("verify", "")]]
