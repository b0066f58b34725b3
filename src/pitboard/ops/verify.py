"""`pitboard verify`: whether a deployed environment does what it is there for."""

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

from pitboard.aws.secret import parse
from pitboard.drivers.errors import CredentialsError
from pitboard.drivers.names import same
from pitboard.ops.cloud import ALIAS, fresh_stack, outputs, tables_in_use
from pitboard.ops.environment import AwsEnvironment
from pitboard.settings import UsageError

ASKED_AGAIN = 3
"""How often a driver that is `pending` is asked for."""


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was looked at. `ok` None: it could not be looked at, `detail` says what it needs."""

    what: str
    ok: bool | None
    detail: str


def verify(aws: AwsEnvironment, url: str, name: str) -> Iterator[Result]:
    """Looks at everything, one after the other. `url` stands in for the stack's own address, `name` is
    the driver to look up; "" takes one that is known already.

    Raises `UsageError` if the environment is not deployed.
    """
    stack = fresh_stack(aws)
    if stack is None:
        raise UsageError(f"{aws.names.stack} is not deployed in {aws.region}: run `pitboard deploy` first.")
    base = (url or outputs(stack).get(aws.names.url_output, "")).rstrip("/")
    tables = tables_in_use(aws, stack)
    yield _stack(stack)
    for function in aws.names.functions:
        yield _guarded(aws, function, lambda f=function: _function(aws, f))  # type: ignore[misc]
    for contract_name, table in tables.items():
        key = aws.names.tables[contract_name]
        yield _guarded(aws, table, lambda t=table, k=key: _table(aws, t, k))  # type: ignore[misc]
    yield _guarded(aws, "secret", lambda: _secret(aws))
    drivers = next(table for contract_name, table in tables.items() if contract_name.startswith("ir_drivers"))
    yield from Routes(base).look(name or _known_name(aws, drivers))


def _guarded(aws: AwsEnvironment, what: str, look: Callable[[], tuple[bool | None, str]]) -> Result:
    try:
        return Result(what, *look())
    except aws.errors as error:
        return Result(what, False, f"AWS refused to tell: {error}")


def _stack(stack: Any) -> Result:
    status = str(stack["StackStatus"])
    healthy = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    return Result(str(stack["StackName"]), healthy, status)


def _function(aws: AwsEnvironment, function: str) -> tuple[bool, str]:
    client = aws.client("lambda")
    settings = aws.found(client.get_function_configuration, FunctionName=function, Qualifier=ALIAS)
    if settings is None:
        return False, f"There is no alias {ALIAS}."
    for field, wanted in (("State", "Active"), ("LastUpdateStatus", "Successful")):
        if settings.get(field, wanted) != wanted:
            return False, f"{field} is {settings[field]}."
    answer = client.invoke(FunctionName=function, Qualifier=ALIAS, Payload=b'{"action": "ping"}')
    body = json.loads(answer["Payload"].read())
    if answer.get("FunctionError") or not isinstance(body, dict) or not body.get("healthy"):
        return False, "It cannot be loaded; its log says why."
    return (
        True,
        f"Version {settings['Version']} runs on {settings['Runtime']}, {settings['Architectures'][0]}.",
    )


def _table(aws: AwsEnvironment, table: str, key: str) -> tuple[bool, str]:
    client = aws.client("dynamodb")
    answer = aws.found(client.describe_table, TableName=table)
    if answer is None:
        return False, "It does not exist."
    described = answer["Table"]
    if described["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return False, f"It is {described['TableStatus']}."
    if [part["AttributeName"] for part in described["KeySchema"]] != [key]:
        return False, f"Its key is not {key}."
    expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if expiry.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING") or expiry.get("AttributeName") != "ttl":
        return False, "Expired items stay: time to live is not on for the attribute ttl."
    backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    if backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] != "ENABLED":
        return False, "It cannot be restored: point-in-time recovery is off."
    return True, "Active, with time to live and point-in-time recovery."


def _secret(aws: AwsEnvironment) -> tuple[bool | None, str]:
    """Whether the secret is complete. What is in it is neither shown nor kept."""
    client, name = aws.client("secretsmanager"), aws.names.secret
    if aws.found(client.describe_secret, SecretId=name) is None:
        return False, f"{name} does not exist."
    answer = aws.found(client.get_secret_value, SecretId=name)
    if answer is None:
        return False, f"{name} is empty: `pitboard deploy --update-secrets`."
    try:
        parse(str(answer.get("SecretString", "")), name)
    except CredentialsError as error:
        return False, str(error)
    return True, f"{name} is complete."


def _known_name(aws: AwsEnvironment, table: str) -> str:
    """The name of a driver that is in the table, "" if there is none yet."""
    pages = aws.client("dynamodb").get_paginator("scan")
    found = pages.paginate(
        TableName=table, FilterExpression="attribute_exists(body)", PaginationConfig={"MaxItems": 200}
    )
    try:
        for page in found:
            for item in page["Items"]:
                shown = json.loads(zlib.decompress(item["body"]["B"])).get("member_info", {})
                if shown.get("display_name"):
                    return str(shown["display_name"])
    except aws.errors:
        pass
    return ""


class Routes:
    """The routes of the contract at an address, each with its CORS header."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._http = urllib3.PoolManager(timeout=30, retries=False)

    def look(self, name: str) -> Iterator[Result]:
        """Asks each route, the look-up of `name` first: it brings a token for the others."""
        yield self._expect("GET /health", "/health", 200)
        cust_id = 0
        if name:
            result, cust_id = self._look_up(name)
            yield result
            yield self._expect("GET /custid", f"/custid?name={quote(name, safe='')}", 200)
        else:
            yield Result("look-up", None, "No driver is known yet: name one with --name.")
        if cust_id:
            yield self._expect("GET history", f"/drivers/{cust_id}/history?category=sports_car", 200)
        yield self._expect("POST /auth", "/auth", 200, method="POST", body=b'{"test": true}')
        yield self._expect("no names", "/drivers", 400)
        yield self._expect("an unknown route", "/nothing-here", 404)
        yield self._expect("preflight", "/drivers", (200, 204), method="OPTIONS")

    def _look_up(self, name: str) -> tuple[Result, int]:
        what, found = "look-up", {}
        for _ in range(ASKED_AGAIN):
            answer = self._ask("GET", f"/drivers?name={quote(name, safe='')}&wait=10", None)
            if isinstance(answer, str):
                return Result(what, False, answer), 0
            found = self._json(answer).get(name, {})
            if found.get("code") != "pending":
                break
        shown = found.get("member_info", {}).get("display_name", "")
        if "error" in found or not same(shown, name):
            return Result(what, False, str(found.get("error") or f"The answer is about {shown!r}.")), 0
        return Result(what, True, f"{shown} ({found['_meta']['state']})."), int(found["cust_id"])

    def _expect(
        self,
        what: str,
        target: str,
        status: int | tuple[int, ...],
        method: str = "GET",
        body: bytes | None = None,
    ) -> Result:
        answer = self._ask(method, target, body)
        if isinstance(answer, str):
            return Result(what, False, answer)
        wanted = (status,) if isinstance(status, int) else status
        if answer.status not in wanted:
            detail = self._json(answer).get("detail") or ""
            return Result(what, False, f"Status {answer.status}. {detail}".strip())
        if answer.headers.get("Access-Control-Allow-Origin") != "*":
            return Result(what, False, "The header Access-Control-Allow-Origin is missing.")
        return Result(what, True, f"Status {answer.status}, with CORS.")

    def _ask(self, method: str, target: str, body: bytes | None) -> urllib3.BaseHTTPResponse | str:
        """The answer, or in a sentence why there is none."""
        headers = {"Origin": "https://forums.iracing.com", "Access-Control-Request-Method": "GET"}
        try:
            return self._http.request(method, self._base + target, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            return f"{self._base} does not answer ({type(error).__name__})."

    @staticmethod
    def _json(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
        try:
            document = json.loads(answer.data)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}
