"""The guide's `aws ...` commands, run with the AWS CLI on what `pitboard deploy` makes in the emulator."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="needs the extra `aws`")
pytest.importorskip("ministack", reason="needs the dependency group `infra`")

from tests.support import needs
from tests.support.deployed_stage import ACCOUNT, HOST, Stage, emulated
from tests.support.guide_commands import COMMANDS, Command

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("guide"), pytest.mark.timeout(600)]

AWSCLI = "awscli==1.46.3"
"""In an environment of its own: it pins another botocore than ours."""


@pytest.fixture(scope="module")
def shell_environment() -> Iterator[dict[str, str]]:
    """Variables under which `aws` is the real CLI and works in a deployed account."""
    needs.program("uvx", "see README.md")
    needs.program("bash")
    found = subprocess.run(
        ["uvx", "--quiet", "--from", AWSCLI, "python", "-c", "import sys; print(sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    with emulated(latency=0.0, link_latency=0.0) as stage:
        options = (*HOST, *stage.upstream, "--context", "snap_start=false", "--update-secrets", "--yes")
        done = stage.pitboard("deploy", "--env", "prod", *options)
        assert done.returncode == 0, done.stdout
        stage.client("iam").create_user(UserName="deployer")
        log_a_line(stage, "ERROR ProvisionedThroughputExceededException")
        path = f"{found.stdout.strip()}/bin{os.pathsep}{os.environ['PATH']}"
        yield os.environ | stage.environment | {"PATH": path, "AWS_PAGER": "", "ACCOUNT": ACCOUNT}


def log_a_line(stage: Stage, text: str) -> None:
    logs, place = stage.client("logs"), {"logGroupName": "/aws/lambda/ir-auth-prod", "logStreamName": "test"}
    logs.create_log_stream(**place)
    logs.put_log_events(**place, logEvents=[{"timestamp": int(time.time() * 1000), "message": text}])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.text.split()[1:3]))
def test_a_command_of_the_guide_answers(command: Command, shell_environment: dict[str, str]) -> None:
    text = (command.instead or command.text).replace("ACCOUNT", shell_environment["ACCOUNT"])
    if "| jq" in text and shutil.which("jq") is None:
        text = text.partition("| jq")[0]
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        env=shell_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() not in ("", "null", "None")


def test_the_runbooks_emergency_stop_stops_and_starts(shell_environment: dict[str, str]) -> None:
    runbook = (Path(__file__).parents[2] / "docs" / "RUNBOOK.md").read_text("utf-8")
    stop, start = re.findall(r"```bash\n(for .*?)```", runbook, re.DOTALL)
    look = "aws lambda get-function-concurrency --function-name ir-drivers-prod"

    def bash(text: str) -> str:
        return subprocess.run(
            ["bash", "-ec", text], env=shell_environment, capture_output=True, text=True, check=True
        ).stdout

    bash(stop)
    assert json.loads(bash(look))["ReservedConcurrentExecutions"] == 0
    bash(start)
    assert json.loads(bash(look))["ReservedConcurrentExecutions"] == 40


def test_the_runbook_starts_a_refresh_and_empties_the_queue(shell_environment: dict[str, str]) -> None:
    """This version of the CLI has an address of its own for queues: there the emulator is named once more."""
    runbook = (Path(__file__).parents[2] / "docs" / "RUNBOOK.md").read_text("utf-8")
    blocks = re.findall(r"```bash\n((?:echo|aws) .*?)```", runbook, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        named = block.replace("aws sqs", 'aws --endpoint-url "$AWS_ENDPOINT_URL" sqs')
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", named],
            env=shell_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
