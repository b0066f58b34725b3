"""ir-addon under Lambda's own runtime client: what it hands out, and to whom. No AWS account is used."""

import base64
import io
import json
import re
import zipfile
from urllib.parse import urljoin

import pytest
from infra.bundle import ADDON, build
from tests.support.lambda_runtime import ARCHITECTURE, PYTHON, LambdaFunction, gateway_event

from pitboard import __version__
from pitboard.addon.extension import BROWSERS
from pitboard.addon.userscript import BUILT_FOR, REQUIRED, integrity
from pitboard.http.app import HEADERS

AWS = "abc123.execute-api.eu-central-1.amazonaws.com"
DOMAIN = "stats.example.org"
ADDRESSES = [(AWS, "/prod", f"https://{AWS}/prod"), (DOMAIN, "", f"https://{DOMAIN}")]
"""Where a request is sent, how its path begins, and the address that it shows: the stage is a part of AWS'
own address alone. Source: API Gateway's guide, "Custom domain name for public REST APIs"."""

CLICK = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""What a browser accepts when somebody follows a link."""

LAMBDA_PAYLOAD = 6 * 1024 * 1024
GATEWAY_SECONDS = 29
"""Most bytes of an answer, and the gateway's patience. Sources: Lambda quotas; API Gateway quotas (REST)."""


@pytest.fixture(scope="module")
def function():
    package = build(PYTHON, ARCHITECTURE, 40_000_000, ADDON).path
    with LambdaFunction("pitboard.aws.addon.lambda_handler", {"ENVIRONMENT": "dev"}, package) as function:
        yield function


def asked(function, path, host=AWS, stage="/prod", accept=CLICK):
    headers = {"Host": host, "X-Forwarded-Proto": "https", "Accept": accept}
    kind, answer = function.invoke(gateway_event("GET", path, headers, stage=stage))
    assert kind == "response"
    return answer


def opened(answer):
    assert answer["isBase64Encoded"] is True
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(answer["body"]))) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


@pytest.mark.parametrize(("host", "stage", "address"), ADDRESSES)
def test_the_userscript_is_installed_from_the_address_and_asks_there(function, host, stage, address):
    script = asked(function, "/pitboard.user.js", host, stage)["body"]
    header = dict(re.findall(r"^// @(\w+) +(\S+)", script, re.MULTILINE))
    assert header["updateURL"] == header["downloadURL"] == f"{address}/pitboard.user.js"
    assert BUILT_FOR not in script
    for name in REQUIRED:
        required = asked(function, f"/{name}", host, stage)["body"].encode()
        assert f"{address}/{name}{integrity(required).decode()}\n" in script


@pytest.mark.parametrize(("host", "stage", "address"), ADDRESSES)
@pytest.mark.parametrize("browser", BROWSERS)
def test_the_extension_asks_the_address_and_may_do_so(function, browser, host, stage, address):
    answer = asked(function, f"/addon/pitboard-{browser}.zip", host, stage)
    assert answer["headers"]["content-type"] == "application/zip"
    assert f'filename="pitboard-{browser}-{__version__}.zip"' in answer["headers"]["content-disposition"]
    files = opened(answer)
    assert f'"{address}"'.encode() in files["background.js"]
    assert not [name for name, content in files.items() if BUILT_FOR.encode() in content]
    assert f"https://{host}/*" in json.loads(files["manifest.json"])["host_permissions"]


@pytest.mark.parametrize("path", ["/addon", "/addon/"])
def test_all_that_the_page_leads_to_is_there(function, path):
    page = asked(function, path)
    assert page["headers"]["content-type"].startswith("text/html")
    assert f"<code>https://{AWS}/prod</code>" in page["body"]
    links = {urljoin(path, link) for link in re.findall(r'(?:href|src)="([^":]+)"', page["body"])}
    assert {"/addon/pitboard-chromium.zip", "/addon/pitboard-firefox.zip", "/pitboard.user.js"} <= links
    for link in links:
        assert asked(function, link)["statusCode"] == 200, link


def test_who_would_get_the_zip_as_text_is_told_what_to_do(function):
    """The gateway decodes an answer only if the first type of the Accept header is one of the API's binary
    ones. Source: API Gateway's guide, "Return binary media from a Lambda proxy integration"."""
    answer = asked(function, "/addon/pitboard-firefox.zip", accept="*/*")
    assert answer["statusCode"] == 406
    assert "Accept: application/zip" in json.loads(answer["body"])["detail"]
    told = asked(function, "/addon/pitboard-firefox.zip", accept="application/zip")
    assert opened(told)


def test_answers_are_far_below_the_limits_of_lambda_and_the_gateway(function, prod_size):
    for browser in BROWSERS:
        answer = asked(function, f"/addon/pitboard-{browser}.zip")
        assert len(json.dumps(answer)) < LAMBDA_PAYLOAD / 4
    assert prod_size.timeout < GATEWAY_SECONDS


@pytest.fixture
def prod_size():
    from infra.config import environment

    return environment("prod").addon


def test_what_is_not_there_is_a_problem_that_a_page_may_read(function):
    answer = asked(function, "/addon/other.zip")
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["code"] == "unknown_route"
    for name, value in HEADERS:
        assert answer["headers"][name.decode()] == value.decode()


def test_it_answers_a_ping_and_writes_no_address_into_its_log(function):
    assert function.invoke({"action": "ping"}) == ("response", {"healthy": True})
    since = len(function.log)
    asked(function, "/addon")
    assert AWS not in function.written("Requests", since)
