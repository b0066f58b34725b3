"""A stage in MiniStack, deployed with `pitboard deploy`, with the simulator as iRacing."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from typing import Any

import boto3
import urllib3
from tests.support import needs
from tests.support.aws_account import ministack
from tests.support.lambda_runtime import ARCHITECTURE, PYTHON, LoopbackServer
from tests.support.local_server import Backend

from pitboard.aws.names import API_URL_OUTPUT
from pitboard.simulator import Population, Simulator

REGION = "eu-central-1"
ACCOUNT = "000000000000"
"""The emulator's default account: unsigned requests, such as those to the stage, belong to it."""

DRIVERS = 1_000

HTTP = urllib3.PoolManager(retries=False)
OF_THE_CONNECTION = ("connection", "content-length", "date", "server", "transfer-encoding")

HOST = (
    *("--context", f"python={PYTHON}", "--context", f"architecture={ARCHITECTURE}"),
    *("--context", "budget=0"),
)
"""The emulator runs functions with the host's Python, and its CloudFormation has no AWS::Budgets::Budget."""

UPSTREAM = tuple(f"PITBOARD_{name.upper()}" for name in ("oauth_url", "data_url", "link_hosts"))
"""A deploy takes these as settings, not from the shell."""

KEPT = ("SSL_CERT_FILE", "npm_config_cache", "npm_config_registry", "UV_SYSTEM_CERTS")
"""The variables of this machine that uv and npm need."""


@dataclass(frozen=True)
class Stage:
    """The emulator and the environment `dev` in it, used from the command line."""

    endpoint: str
    simulator: Simulator
    front: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a host with an AWS account and iRacing's credentials."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "PITBOARD_AUDIENCE": "everyone",
            **{name: value for name, value in self.simulator.environment().items() if name not in UPSTREAM},
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def bootstrap(self) -> None:
        done = self.pitboard("bootstrap", "--env", "dev")
        assert done.returncode == 0, done.stdout

    def pitboard(self, *words: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """Runs the command; its output is standard output and error together."""
        command = [sys.executable, "-m", "pitboard", *words]
        return self._run(command, self.environment | changes, check=False)

    def deploy(self, *words: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        return self.pitboard("deploy", "--env", "dev", *HOST, *self.upstream, *words, **changes)

    @property
    def upstream(self) -> tuple[str, ...]:
        """The settings of a deploy for the simulator in iRacing's place."""
        given = self.simulator.environment()
        pairs = ((name.removeprefix("PITBOARD_").lower(), given.get(name)) for name in UPSTREAM)
        return tuple(word for name, value in pairs if value for word in ("--context", f"{name}={value}"))

    def wait_for_index(self) -> None:
        """Waits for the refresh of the driver index that a deploy begins. The emulator tells of no end."""
        client, deadline = self.client("dynamodb"), time.monotonic() + 120
        while "Item" not in client.get_item(TableName="ir_custid_dev", Key={"name": {"S": "INDEX"}}):
            assert time.monotonic() < deadline, "the index was not refreshed"
            time.sleep(0.2)

    @property
    def url(self) -> str:
        """The stage's address, as long as that of a stage in AWS: it ends with the stage's name."""
        return f"{self.front}/dev"

    def pass_on(self, request: BaseHTTPRequestHandler, body: bytes) -> Any:
        """Hands a request to the emulator as AWS sees it: the emulator's own addresses are longer, it says
        nothing of the scheme, and of what a client accepts it does not see that only the first counts."""
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("accept", "content-length")}
        headers |= {"X-Forwarded-Proto": "http", "Accept": request.headers.get("Accept", "").split(",")[0]}
        target = self.api + request.path.removeprefix("/dev")
        got = HTTP.request(request.command, target, body=body or None, headers=headers, redirect=False)
        kept = {k: v for k, v in got.headers.items() if k.lower() not in OF_THE_CONNECTION}
        return got.status, kept, got.data

    @cached_property
    def api(self) -> str:
        """The address of the stage's API in the emulator."""
        stacks = self.client("cloudformation").describe_stacks(StackName="pitboard-dev")["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
        host = outputs[API_URL_OUTPUT].split("//")[1]
        return f"{self.endpoint}/restapis/{host.split('.')[0]}/dev/_user_request_"

    def _run(
        self, command: list[str], environment: Mapping[str, str], *, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env=environment,
            check=check,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=180,
        )


@contextmanager
def emulated(minute: float = 0.0, **options: Any) -> Iterator[Stage]:
    """The emulator, bootstrapped, with nothing deployed. `options` go to the simulator.

    With `minute` it has CodeDeploy: so many seconds is a minute of a canary or an alarm.

    It has few drivers: each deploy refreshes the driver index, and the emulator writes a thousand in seconds.
    """
    needs.node()
    extended = ministack(
        "tests.support.ministack_with_codedeploy", CODEDEPLOY_MINUTE=str(minute), AWS_REGION=REGION
    )
    emulator = extended if minute else ministack()
    with Simulator(**{"population": Population(DRIVERS), **options}) as simulator, emulator as endpoint:
        stages: list[Stage] = []
        with LoopbackServer(lambda request, body: stages[0].pass_on(request, body)) as front:
            stages.append(stage := Stage(endpoint, simulator, front.url))
            stage.bootstrap()
            yield stage


@contextmanager
def deployed_stage(**options: Any) -> Iterator[Backend]:
    """A deployed stage. `options` go to the simulator."""
    with emulated(**options) as stage:
        done = stage.deploy("--update-secrets")
        assert done.returncode == 0, done.stdout
        environment = stage.simulator.environment()
        secrets = tuple(environment[f"PITBOARD_{part}"] for part in ("CLIENT_SECRET", "PASSWORD"))
        yield Backend(stage.url, stage.simulator, secrets, stage, lacks=frozenset({"compression"}))
