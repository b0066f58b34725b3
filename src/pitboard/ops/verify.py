"""`pitboard verify`: whether a deployed environment works: its resources in AWS, and its routes."""

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

from pitboard.aws.known import known_name
from pitboard.aws.names import ALIAS, API_URL_OUTPUT, PING, TTL_ATTRIBUTE
from pitboard.aws.remedies import worded
from pitboard.aws.secret import parse
from pitboard.drivers.errors import CredentialsError
from pitboard.drivers.names import same
from pitboard.ops import table_settings
from pitboard.ops.deploy_checks import tables_in_use
from pitboard.ops.environment import AwsEnvironment
from pitboard.settings import UsageError

LOOK_UPS = 3
"""How often a driver is looked up at most while the answer is `pending`."""


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was checked. `ok` None: it could not be checked, and `detail` says what is missing."""

    what: str
    ok: bool | None
    detail: str


def verify(aws: AwsEnvironment, url: str, name: str) -> Iterator[Result]:
    """Checks everything, one after the other. `url` is used instead of the stack's own address, `name` is
    the driver to look up ("": one that is known already).

    Raises `UsageError` if the environment is not deployed.
    """
    stack = aws.fresh_stack()
    if stack is None:
        raise UsageError(f"{aws.names.stack} is not deployed in {aws.region}: run `pitboard deploy` first.")
    base = (url or stack.outputs.get(API_URL_OUTPUT, "")).rstrip("/")
    tables = tables_in_use(aws, stack)
    yield Result(stack.name, stack.complete, stack.status)
    for function in aws.names.functions:
        yield _checked(aws, function, lambda f=function: _function(aws, f))  # type: ignore[misc]
    for contract_name, table in tables.items():
        key = aws.names.tables[contract_name]
        yield _checked(aws, table, lambda t=table, k=key: _table(aws, t, k))  # type: ignore[misc]
    yield _checked(aws, "secret", lambda: _secret(aws))
    drivers, custid = tables[aws.names.drivers_table], tables[aws.names.custid_table]
    yield from Routes(base).check(name or _known_name(aws, drivers, custid))


def _checked(aws: AwsEnvironment, what: str, check: Callable[[], tuple[bool | None, str]]) -> Result:
    try:
        return Result(what, *check())
    except aws.errors as error:
        return Result(what, False, f"AWS refused the request: {error}")


def _function(aws: AwsEnvironment, function: str) -> tuple[bool, str]:
    client = aws.client("lambda")
    settings = aws.found(client.get_function_configuration, FunctionName=function, Qualifier=ALIAS)
    if settings is None:
        return False, f"There is no alias {ALIAS}."
    for field, wanted in (("State", "Active"), ("LastUpdateStatus", "Successful")):
        if settings.get(field, wanted) != wanted:
            return False, f"{field} is {settings[field]}."
    answer = client.invoke(FunctionName=function, Qualifier=ALIAS, Payload=json.dumps({"action": PING}))
    body = json.loads(answer["Payload"].read())
    if answer.get("FunctionError") or not isinstance(body, dict) or not body.get("healthy"):
        return False, "It cannot be loaded; its log says why."
    return (
        True,
        f"Version {settings['Version']} runs on {settings['Runtime']}, {settings['Architectures'][0]}.",
    )


def _table(aws: AwsEnvironment, table: str, key: str) -> tuple[bool, str]:
    answer = aws.found(aws.client("dynamodb").describe_table, TableName=table)
    if answer is None:
        return False, "It does not exist."
    described = answer["Table"]
    if described["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return False, f"It is {described['TableStatus']}."
    if [part["AttributeName"] for part in described["KeySchema"]] != [key]:
        return False, f"Its key is not {key}."
    expiry = table_settings.expiry(aws, table)
    if not expiry.on or expiry.attribute != TTL_ATTRIBUTE:
        return False, f"Expired items stay: time to live is not on for the attribute {TTL_ATTRIBUTE}."
    recovery = table_settings.recovery(aws, table)
    if recovery is None or not recovery.on:
        return False, "It cannot be restored: point-in-time recovery is off."
    return True, "Active, with time to live and point-in-time recovery."


def _secret(aws: AwsEnvironment) -> tuple[bool | None, str]:
    """Whether the secret is complete. Its values are not shown."""
    name = aws.names.secret
    described = aws.found(aws.client("secretsmanager").describe_secret, SecretId=name)
    if described is None:
        return False, f"{name} does not exist."
    text = aws.secret()
    if text is None and described.get("VersionIdsToStages"):
        return None, f"{name} has a value, which may not be read from here."
    if text is None:
        return False, f"{name} is empty. Fill it: `pitboard deploy --update-secrets`."
    try:
        parse(text, name)
    except CredentialsError as error:
        return False, worded(error)
    return True, f"{name} is complete."


def _known_name(aws: AwsEnvironment, drivers: str, custid: str) -> str:
    """The name of a driver who was looked up, else of one in the driver index; "" if there is none yet."""
    pages = aws.client("dynamodb").get_paginator("scan")
    found = pages.paginate(
        TableName=drivers, FilterExpression="attribute_exists(body)", PaginationConfig={"MaxItems": 200}
    )
    try:
        for page in found:
            for item in page["Items"]:
                shown = json.loads(zlib.decompress(item["body"]["B"])).get("member_info", {})
                if shown.get("display_name"):
                    return str(shown["display_name"])
        return known_name(aws.client("dynamodb"), custid)
    except aws.errors:
        pass
    return ""


_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""The Accept header of Firefox and Chrome when somebody follows a link, or begins like it."""


class Routes:
    """The routes of the contract at an address, each with its CORS header."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._http = urllib3.PoolManager(timeout=30, retries=False)

    def check(self, name: str) -> Iterator[Result]:
        """Asks each route. The look-up of `name` comes early: it gets a token for the others."""
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
            yield self._expect("GET races", f"/drivers/{cust_id}/races", 200)
        yield self._expect("GET cars", "/cars", 200)
        yield self._expect("POST /auth", "/auth", 200, method="POST", body=b'{"test": true}')
        yield self._expect("no names", "/drivers", 400)
        yield self._expect("an unknown route", "/nothing-here", 404)
        yield self._userscript()
        yield self._extension()
        yield self._expect("preflight", "/drivers", (200, 204), method="OPTIONS")

    def _look_up(self, name: str) -> tuple[Result, int]:
        what, found = "look-up", {}
        for _ in range(LOOK_UPS):
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

    def _userscript(self) -> Result:
        what, answer = "userscript", self._ask("GET", "/pitboard.user.js", None)
        if isinstance(answer, str):
            return Result(what, False, answer)
        if answer.status != 200 or f"{self._base}/pitboard.user.js" not in answer.data.decode(
            "utf-8", "replace"
        ):
            return Result(
                what, False, f"Status {answer.status}; it does not get its updates from this address."
            )
        return Result(what, True, f"{self._base}/pitboard.user.js gets its updates from there.")

    def _extension(self) -> Result:
        """The bytes of a zip, as a browser gets them that follows a link."""
        what, answer = "extension", self._ask("GET", "/addon/pitboard-firefox.zip", None, Accept=_BROWSER)
        if isinstance(answer, str):
            return Result(what, False, answer)
        if answer.status != 200 or not answer.data.startswith(b"PK"):
            return Result(what, False, f"Status {answer.status}; what a browser gets is no zip.")
        return Result(what, True, f"{self._base}/addon hands it out.")

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

    def _ask(
        self, method: str, target: str, body: bytes | None, **more: str
    ) -> urllib3.BaseHTTPResponse | str:
        """The answer, or a sentence that says why there is none."""
        headers = {"Origin": "https://forums.iracing.com", "Access-Control-Request-Method": "GET"}
        try:
            return self._http.request(method, self._base + target, body=body, headers=headers | more)
        except urllib3.exceptions.HTTPError as error:
            return f"{self._base} does not answer ({type(error).__name__})."

    @staticmethod
    def _json(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
        try:
            document = json.loads(answer.data)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}
