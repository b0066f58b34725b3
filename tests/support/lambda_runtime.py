"""Lambda on loopback: the real runtime client (awslambdaric) on the package that is deployed, a Runtime API
for it, AWS' Invoke API between the functions, a gateway that turns HTTP into events as REST APIs do, and a
poller that gives ir-drivers what is in its queue.

Source of the protocols: AWS' "Lambda runtime API", "Input format of a Lambda function for proxy integration"
and "Using Lambda with Amazon SQS". DynamoDB, SQS and Secrets Manager are moto's.
"""

import base64
import gzip
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from infra.bundle import build
from tests.support.local_server import Backend
from tests.support.stores import create_table, dynamo_client, moto_endpoint

from pitboard.simulator import Simulator

PYTHON = "{}.{}".format(*sys.version_info)
ARCHITECTURE = "arm64" if os.uname().machine == "aarch64" else "x86_64"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "invented", "AWS_SECRET_ACCESS_KEY": "invented"}
MEASURED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
"""What a process needs whose branches are counted (scripts/measure_coverage.py)."""

END = "end"
"""In place of an invocation's identity: the Runtime API closes the connection."""


class LoopbackServer(ThreadingHTTPServer):
    """A server on a free port of loopback, in a thread, until its `with` block ends."""

    daemon_threads = True
    disable_nagle_algorithm = True
    request_queue_size = 128

    def __init__(self, answer: Any) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                reply = answer(self, self.rfile.read(length))
                if reply is None:
                    self.close_connection = True
                    return
                status, headers, body = reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status not in (204, 304):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if status not in (204, 304):
                    self.wfile.write(body)

            do_POST = do_OPTIONS = do_GET  # noqa: N815 - http.server's

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> "LoopbackServer":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class InitError(Exception):
    """The function could not be loaded; the message is what it told the Runtime API."""


@dataclass
class LambdaFunction:
    """One function in a process of its own. One invocation at a time, as in Lambda. `client` is where the
    runtime client is, if not in this environment."""

    handler: str
    environment: Mapping[str, str]
    package: Path
    python: str = sys.executable
    client: Path | None = None
    init_seconds: float = 0.0
    _events: "queue.Queue[tuple[str, bytes]]" = field(default_factory=queue.Queue)
    _answers: dict[str, "Future[tuple[str, bytes]]"] = field(default_factory=dict)

    def __enter__(self) -> "LambdaFunction":
        self._ready: Future[float] = Future()
        self._api = LoopbackServer(self._runtime_api)
        self._api.__enter__()
        self._began = time.perf_counter()
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(self.package), *self._runtime_client()]),
            "AWS_LAMBDA_RUNTIME_API": self._api.url.removeprefix("http://"),
            "AWS_LAMBDA_FUNCTION_NAME": self.handler.split(".")[-2],
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            **CREDENTIALS,
            **MEASURED,
            **self.environment,
        }
        self.log = ""
        self._grown = threading.Condition()
        self._process = subprocess.Popen(
            [self.python, "-m", "awslambdaric", self.handler],
            cwd=self.package,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            self.init_seconds = self._ready.result(30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def give_way(self) -> None:
        """Lets others here have the processor first. In Lambda each copy has processors of its own."""
        os.setpriority(os.PRIO_PROCESS, self._process.pid, 10)

    def __exit__(self, *_: object) -> None:
        if MEASURED:
            self._end_by_itself()
        self._process.kill()
        self._process.wait()
        self._reader.join(5)
        self._api.__exit__()

    def invoke(self, event: Mapping[str, Any] | bytes, timeout: float = 60) -> tuple[str, Any]:
        """Invokes and waits: ("response" or "error", the answer)."""
        kind, body = self.begin(event).result(timeout)
        return kind, json.loads(body)

    def begin(self, event: Mapping[str, Any] | bytes) -> "Future[tuple[str, bytes]]":
        """Invokes without waiting; the future gets the answer."""
        identity, answer = str(uuid.uuid4()), Future[tuple[str, bytes]]()
        self._answers[identity] = answer  # gone again as soon as the function has answered
        self._events.put((identity, event if isinstance(event, bytes) else json.dumps(event).encode()))
        return answer

    def _runtime_api(self, request: BaseHTTPRequestHandler, body: bytes) -> Any:
        parts = request.path.split("/")
        if request.path.endswith("/invocation/next"):
            if not self._ready.done():
                self._ready.set_result(time.perf_counter() - self._began)
            identity, event = self._events.get()
            if identity == END:
                self._events.put((END, b""))  # the client asks again
                return None
            headers = {
                "Lambda-Runtime-Aws-Request-Id": identity,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 75) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
                "Lambda-Runtime-Client-Context": "{}",
                "Lambda-Runtime-Cognito-Identity": "{}",
                "Content-Type": "application/json",
            }
            return 200, headers, event
        if request.path.endswith("/init/error"):
            self._ready.set_exception(InitError(body.decode()))
        elif parts[-1] in ("response", "error"):
            self._answers.pop(parts[-2]).set_result((parts[-1], body))
        return 202, {"Content-Type": "application/json"}, b"{}"

    def _end_by_itself(self) -> None:
        """A process that is killed writes down nothing of what was counted; one without an API ends."""
        self._events.put((END, b""))
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)

    def _read_log(self) -> None:
        assert self._process.stdout
        with self._process.stdout as stream:
            for line in stream:
                with self._grown:
                    self.log += line.decode(errors="replace")
                    self._grown.notify_all()

    def written(self, mark: str, since: int = 0, timeout: float = 30) -> str:
        """The log from `since` on, as soon as `mark` is in it: lines come after the answer they belong to."""
        with self._grown:
            assert self._grown.wait_for(lambda: mark in self.log[since:], timeout), f"{mark} was not written"
            return self.log[since:]

    def _runtime_client(self) -> list[str]:
        """Where awslambdaric is. The package's own libraries come first, as in Lambda's image."""
        import awslambdaric

        return [str(self.client or Path(awslambdaric.__file__).parents[1])]


@dataclass
class LambdaFunctions:
    """The functions, by their short names, with their tables, their queue and their secret."""

    functions: dict[str, LambdaFunction]
    dynamodb: Any
    tables: dict[str, str]
    secrets: Any
    secret: str
    sqs: Any
    queue: str


@contextmanager
def lambda_functions(
    simulator: Simulator,
    between: Callable[[str, str], str] = lambda _, url: url,
    package: Path | None = None,
    dynamodb: str = "",
) -> Iterator[LambdaFunctions]:
    """All functions on moto, with the simulator as upstream. `between` maps a function's short name and
    moto's address to the address that the function uses. `package` is used in place of the one that is
    deployed, `dynamodb` is the address of another DynamoDB than moto's."""
    package = package or build(PYTHON, ARCHITECTURE, 40_000_000).path
    with ExitStack() as stack:
        moto = stack.enter_context(moto_endpoint())
        client = dynamo_client(dynamodb or moto)
        tables = {
            "AUTH_TABLE": create_table(client, "auth", "username"),
            "CUSTID_TABLE": create_table(client, "custid", "name"),
            "DRIVERS_TABLE": create_table(client, "drivers", "name"),
        }
        secrets, sqs = _client("secretsmanager", moto), _client("sqs", moto)
        queue = sqs.create_queue(QueueName=f"renewals-{uuid.uuid4().hex}")["QueueUrl"]
        environment = simulator.environment()
        secret = f"iRacing/OAuth/Credentials-{uuid.uuid4().hex[:8]}"
        fields = ("client_id", "client_secret", "username", "password")
        value = {name: environment[f"PITBOARD_{name.upper()}"] for name in fields}
        secrets.create_secret(Name=secret, SecretString=json.dumps(value))
        functions: dict[str, LambdaFunction] = {}
        lambda_api = stack.enter_context(LoopbackServer(partial(invoke_api, functions)))
        common = {
            "ENVIRONMENT": "dev",
            "AWS_ENDPOINT_URL_LAMBDA": lambda_api.url,
            "PITBOARD_OAUTH_URL": environment["PITBOARD_OAUTH_URL"],
            "PITBOARD_DATA_URL": environment["PITBOARD_DATA_URL"],
        }
        places = {
            "auth": {"AUTH_TABLE": tables["AUTH_TABLE"], "SECRET_NAME": secret},
            "custid": {**tables, "AUTH_TABLE": "", "AUTH_FUNCTION": "auth:live"},
            "drivers": {
                **tables,
                "AUTH_TABLE": "",
                "AUTH_FUNCTION": "auth:live",
                "RENEWALS_QUEUE": queue,
            },
            "index": {**tables, "AUTH_TABLE": "", "AUTH_FUNCTION": "auth:live"},
        }
        for kind, place in places.items():
            data = between(kind, moto)
            services = ("DYNAMODB", "SECRETS_MANAGER", "SQS")
            endpoints = {f"AWS_ENDPOINT_URL_{service}": data for service in services}
            endpoints |= {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb} if dynamodb else {}
            environment = {**common, **endpoints, **place}
            function = LambdaFunction(f"pitboard.aws.{kind}.lambda_handler", environment, package)
            functions[kind] = stack.enter_context(function)
        with _poller(_client("sqs", moto), queue, functions["drivers"]):
            yield LambdaFunctions(functions, client, tables, secrets, secret, sqs, queue)


def _client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="invented",
        aws_secret_access_key="invented",
    )


@contextmanager
def _poller(sqs: Any, queue: str, function: LambdaFunction) -> Iterator[None]:
    """What Lambda's event source mapping does, without its window: invokes the function with each batch of
    messages, and deletes those that it does not report as failed. The others come again after a second."""
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            messages = sqs.receive_message(
                QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=1
            ).get("Messages", [])
            if not messages:
                continue
            kind, answer = function.invoke(queue_event(*messages))
            if kind == "error":
                continue
            failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] not in failed:
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def queue_event(*messages: Mapping[str, Any]) -> dict[str, Any]:
    """Messages of SQS as Lambda gives them to a function."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message.get("ReceiptHandle", ""),
                "body": message["Body"],
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:renewals",
                "awsRegion": "us-east-1",
            }
            for message in messages
        ]
    }


def invoke_api(functions: Mapping[str, LambdaFunction], request: BaseHTTPRequestHandler, body: bytes) -> Any:
    """AWS' Invoke API: /2015-03-31/functions/NAME/invocations."""
    name = unquote(request.path.split("/")[3]).split(":")[0]
    answer = functions[name].begin(body)
    if request.headers.get("X-Amz-Invocation-Type") == "Event":
        return 202, {}, b""
    kind, body = answer.result(60)
    headers = {"Content-Type": "application/json"}
    return 200, headers | ({"X-Amz-Function-Error": "Unhandled"} if kind == "error" else {}), body


def gateway_event(
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    source: str = "127.0.0.1",
    stage: str = "/dev",
) -> Any:
    """A request as API Gateway's REST API gives it to a function (payload 1.0). `source` is the address that
    the gateway sees, `stage` how the path begins for the client: not at all below a domain of the host's."""
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    headers = dict(headers or {})
    return {
        "resource": parts.path,
        "path": unquote(parts.path),
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "identity": {"sourceIp": source},
            "stage": "dev",
            "path": stage + parts.path,
            "httpMethod": method,
        },
        "body": body.decode() or None,
        "isBase64Encoded": False,
    }


def _gateway(functions: Mapping[str, LambdaFunction], request: BaseHTTPRequestHandler, body: bytes) -> Any:
    """What a REST API with proxy integrations and compression answers."""
    path = urlsplit(request.path).path
    kind = {"/auth": "auth", "/health": "auth", "/custid": "custid"}.get(path, "drivers")
    outcome, answer = functions[kind].invoke(
        gateway_event(request.command, request.path, dict(request.headers), body)
    )
    if outcome == "error":
        return 502, {"Content-Type": "application/json"}, b'{"message": "Internal server error"}'
    headers = {**answer["headers"], **{n: v[0] for n, v in answer.get("multiValueHeaders", {}).items()}}
    content = answer["body"].encode()
    if answer["isBase64Encoded"]:
        content = base64.b64decode(content)
    headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    if len(content) >= 1024 and "gzip" in request.headers.get("Accept-Encoding", ""):
        content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
    return answer["statusCode"], headers, content


@contextmanager
def lambda_server(**options: Any) -> Iterator[Backend]:
    """The Lambda functions behind a gateway. `options` go to the simulator."""
    with (
        Simulator(**options) as simulator,
        lambda_functions(simulator) as running,
        LoopbackServer(partial(_gateway, running.functions)) as gateway,
    ):
        environment = simulator.environment()
        secrets = tuple(environment[f"PITBOARD_{part}"] for part in ("CLIENT_SECRET", "PASSWORD"))
        yield Backend(gateway.url, simulator, secrets, running)
