"""What `pitboard deploy` says of versions that a canary has sent back. Doubles answer as AWS' API references
say; the whole way is in tests/e2e/test_canary.py."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pitboard.aws.names import Names
from pitboard.ops import canary
from pitboard.ops.environment import Stack
from pitboard.ops.permissions import DEPLOY

BEGUN = datetime(2026, 11, 24, tzinfo=UTC)
DEFECTS, ERRORS = "pitboard-prod-defects", "pitboard-prod-drivers-errors"


class Account:
    """An environment with a canary whose last deployment has failed. `called` has the actions."""

    names = Names("prod")

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.stack: Stack | None = Stack("pitboard-prod", "UPDATE_ROLLBACK_COMPLETE", {"ApiUrl": "u"})
        self.resources = [("AWS::Lambda::Function", "f"), (canary.GROUP, "the group")]
        self.deployments = ["d-1"]
        self.error: dict[str, str] = {}
        self.events: dict[str, str] = {}
        self.active: list[str] = []
        self.history: dict[str, str] = {}

    def fresh_stack(self) -> Stack | None:
        return self.stack

    def client(self, service: str) -> Any:
        return Client(self, service)

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        target = {
            "lambdaFunctionInfo": {
                "functionName": "ir-drivers-prod", "currentVersion": "7", "targetVersion": "8"
            },
            "lifecycleEvents": [{"lifecycleEventName": n, "status": s} for n, s in self.events.items()],
        }  # fmt: skip
        group = {"applicationName": "pitboard-prod", "deploymentGroupName": "the group"}
        answers: dict[str, dict[str, Any]] = {
            "list_stack_resources": {
                "StackResourceSummaries": [
                    {"ResourceType": kind, "ResourceStatus": "UPDATE_COMPLETE", "PhysicalResourceId": name}
                    for kind, name in self.resources
                ]
            },
            "list_deployments": {"deployments": self.deployments},
            "get_deployment": {
                "deploymentInfo": {"deploymentId": "d-1", "errorInformation": self.error} | group
            },
            "list_deployment_targets": {"targetIds": ["t"]},
            "batch_get_deployment_targets": {"deploymentTargets": [{"lambdaTarget": target}]},
            "get_deployment_group": {
                "deploymentGroupInfo": {
                    "alarmConfiguration": {"alarms": [{"name": DEFECTS}, {"name": ERRORS}]}
                }
            },
            "describe_alarms": {"MetricAlarms": [{"AlarmName": name} for name in self.active]},
            "describe_alarm_history": {
                "AlarmHistoryItems": [
                    {"HistoryData": json.dumps({"newState": {"stateValue": state}})}
                    for name, state in self.history.items()
                    if name == asked.get("AlarmName")
                ]
            },
        }
        if operation == "list_deployments":
            assert asked["createTimeRange"] == {"start": BEGUN}, "those of earlier deploys are of no interest"
            assert (asked["applicationName"], asked["deploymentGroupName"]) == ("pitboard-prod", "the group")
        return answers[operation]


class Client:
    def __init__(self, account: Account, service: str) -> None:
        self._account, self._service = account, service

    def __getattr__(self, operation: str) -> Any:
        def call(**asked: Any) -> dict[str, Any]:
            self._account.called.add(f"{self._service}:{operation.title().replace('_', '')}")
            return self._account.answer(operation, asked)

        return call

    def get_paginator(self, operation: str) -> "Pages":
        return Pages(getattr(self, operation))


class Pages:
    def __init__(self, call: Any) -> None:
        self._call = call

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        return [self._call(**asked)]


@pytest.fixture
def account() -> Account:
    return Account()


def said(account: Account) -> list[str]:
    return canary.sent_back(account, BEGUN)  # type: ignore[arg-type]


def test_a_failed_check_is_named_with_its_log(account):
    account.events = {"BeforeAllowTraffic": "Failed"}
    account.error = {"code": "HOOK_EXECUTION_FAILURE", "message": "The hook failed."}
    sentence, advice = said(account)
    assert sentence == (
        "ir-drivers-prod: version 8 was sent back to 7, because its check before traffic failed (hook"
        " BeforeAllowTraffic; the check's log is /aws/lambda/ir-drivers-preflight-prod). Deployment d-1."
        " CodeDeploy says: The hook failed."
    )
    assert "`pitboard logs --env prod --since 15m --errors`" in advice


@pytest.mark.parametrize("still", [True, False], ids=["active", "over by now"])
def test_an_alarm_is_named_also_when_it_is_over(account, still):
    """Those of a release look at one minute; CloudFormation's way back takes longer."""
    account.error = {"code": "ALARM_ACTIVE"}
    account.active, account.history = ([DEFECTS], {}) if still else ([], {DEFECTS: "ALARM", ERRORS: "OK"})
    assert said(account)[0] == (
        f"ir-drivers-prod: version 8 was sent back to 7, because of an alarm: {DEFECTS}. Deployment d-1."
    )


def test_a_deployment_that_was_stopped_with_another_says_so(account):
    account.events = {"BeforeAllowTraffic": "Succeeded", "AllowTraffic": "Failed"}
    account.error = {"code": "MANUAL_STOP", "message": "The update was cancelled."}
    assert (
        "because its deployment was stopped. Deployment d-1. CodeDeploy says: The update" in said(account)[0]
    )


def test_a_deploy_that_failed_for_another_reason_says_nothing_of_the_canary(account):
    account.deployments = []
    assert said(account) == []


def test_without_a_canary_codedeploy_is_not_asked(account):
    account.resources = account.resources[:1]
    assert said(account) == []
    assert account.called == {"cloudformation:ListStackResources"}


@pytest.mark.parametrize("stack", [None, Stack("pitboard-prod", "ROLLBACK_COMPLETE", {})])
def test_a_first_deploy_has_nothing_to_send_a_version_back_to(account, stack):
    account.stack = stack
    assert said(account) == []
    assert not account.called


def test_who_deploys_may_ask_for_all_of_it(account):
    account.error = {"code": "ALARM_ACTIVE"}
    said(account)
    assert len(account.called) == 8
    assert account.called <= {*DEPLOY.actions}
