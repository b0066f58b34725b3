"""The check before traffic, on versions under Lambda's own runtime client: CodeDeploy's part is played by a
server that keeps the verdict. The emulator of AWS has no CodeDeploy."""

import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from infra.bundle import build
from tests.support.lambda_runtime import (
    ARCHITECTURE,
    CREDENTIALS,
    PYTHON,
    LambdaFunction,
    LambdaFunctions,
    LoopbackServer,
    invoke_api,
    lambda_functions,
)

from pitboard.aws import preflight
from pitboard.aws.clients import INVOKE_CONFIG
from pitboard.simulator import Population, Simulator

DEFECT = """

def _broken(self, *_, **__):
    return self.there_is_no_such_thing


DriverService.begin = DriverService.customer_id = _broken
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(Population(200), latency=0.0, link_latency=0.0) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def good(simulator: Simulator) -> Iterator[LambdaFunctions]:
    with lambda_functions(simulator) as running:
        running.functions["index"].invoke({"action": "refresh_index"})
        yield running


@pytest.fixture(scope="module")
def bad(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaFunctions]:
    """A version that is loaded, answers a ping, and fails with every look-up."""
    package = tmp_path_factory.mktemp("version") / "package"
    shutil.copytree(build(PYTHON, ARCHITECTURE, 40_000_000).path, package, copy_function=os.link)
    service = package / "pitboard" / "drivers" / "service.py"
    text = service.read_text()
    for file in (service, *(service.parent / "__pycache__").glob("service.*.pyc")):
        file.unlink()
    service.write_text(text + DEFECT)
    with lambda_functions(simulator, package=package) as running:
        yield running


def verdict(running: LambdaFunctions, kind: str) -> str:
    """What the check, a function like the others, tells CodeDeploy about this version."""
    told: list[dict[str, Any]] = []

    def codedeploy(request: Any, body: bytes) -> Any:
        assert request.headers["X-Amz-Target"].endswith("PutLifecycleEventHookExecutionStatus")
        told.append(json.loads(body))
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, b"{}"

    with LoopbackServer(codedeploy) as deploys, LoopbackServer(partial(invoke_api, running.functions)) as api:
        environment = {
            "AWS_ENDPOINT_URL_CODEDEPLOY": deploys.url,
            "AWS_ENDPOINT_URL_LAMBDA": api.url,
            "AWS_ENDPOINT_URL_DYNAMODB": running.dynamodb.meta.endpoint_url,
            "VERSION": f"{kind}:7",
            "KIND": kind,
            "CUSTID_TABLE": running.tables["CUSTID_TABLE"],
        }
        package = running.functions["auth"].package
        with LambdaFunction("pitboard.aws.preflight.lambda_handler", environment, package) as check:
            event = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}
            assert check.invoke(event) == ("response", None)
    (answer,) = told
    assert (answer["deploymentId"], answer["lifecycleEventHookExecutionId"]) == ("d-1", "e-1")
    return str(answer["status"])


def _lambda(url: str) -> Any:
    import boto3

    return boto3.client("lambda", endpoint_url=url, region_name="us-east-1", config=INVOKE_CONFIG)


@pytest.mark.parametrize("kind", ["auth", "custid", "drivers"])
def test_a_version_that_answers_gets_traffic(good, kind):
    assert verdict(good, kind) == "Succeeded"


@pytest.mark.parametrize("kind", ["custid", "drivers"])
def test_a_version_with_a_defect_in_its_look_up_gets_no_traffic(bad, kind):
    assert bad.functions[kind].invoke({"action": "ping"}) == ("response", {"healthy": True})
    assert verdict(bad, kind) == "Failed"


def test_a_version_that_cannot_be_loaded_gets_no_traffic(good, monkeypatch):
    def failing(request: Any, body: bytes) -> Any:
        return 200, {"X-Amz-Function-Error": "Unhandled"}, b'{"errorType": "Runtime.ImportModuleError"}'

    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with LoopbackServer(failing) as api:
        monkeypatch.setattr(preflight, "client", {"lambda": _lambda(api.url)}.__getitem__)
        assert not preflight._is_healthy("ir-auth:7", preflight._request("GET", "/health"))
