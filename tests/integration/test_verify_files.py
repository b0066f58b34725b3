"""What `pitboard verify` says of the addon's files at an address: a reader would notice it too late."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.lambda_runtime import LoopbackServer

from pitboard.addon.extension import zip_for
from pitboard.addon.userscript import script_for
from pitboard.ops.verify import Routes

CORS = {"Access-Control-Allow-Origin": "*"}

Files = dict[str, Callable[[str], bytes]]

WELL: Files = {
    "/pitboard.user.js": script_for,
    "/addon/pitboard-firefox.zip": lambda address: zip_for("firefox", address),
}


class Address:
    """Answers with `files` at their paths, made for the address, and with 404 elsewhere."""

    def __init__(self) -> None:
        self.files = dict(WELL)
        self.accepted: dict[str, str] = {}

    def __call__(self, request: Any, _: bytes) -> Any:
        self.accepted[request.path] = request.headers.get("Accept", "")
        if request.path not in self.files:
            return 404, CORS, b"{}"
        return 200, CORS, self.files[request.path](self.url)

    url = ""

    def told(self) -> dict[str, tuple[bool | None, str]]:
        return {result.what: (result.ok, result.detail) for result in Routes(self.url).check("")}


@pytest.fixture
def address() -> Iterator[Address]:
    answering = Address()
    with LoopbackServer(answering) as server:
        answering.url = server.url
        yield answering


def test_files_that_are_made_for_the_address_are_well(address: Address) -> None:
    told = address.told()
    assert told["userscript"] == (True, f"{address.url}/pitboard.user.js gets its updates from there.")
    assert told["extension"] == (True, f"{address.url}/addon hands it out.")


def test_the_zip_is_asked_for_as_a_browser_does_that_follows_a_link(address: Address) -> None:
    address.told()
    assert address.accepted["/addon/pitboard-firefox.zip"].startswith("text/html,")


def test_a_userscript_that_would_ask_elsewhere_is_a_problem(address: Address) -> None:
    address.files["/pitboard.user.js"] = lambda _: script_for("https://elsewhere.example.org")
    ok, detail = address.told()["userscript"]
    assert not ok
    assert "does not get its updates from this address" in detail


def test_a_zip_that_the_gateway_has_not_decoded_is_a_problem(address: Address) -> None:
    built = WELL["/addon/pitboard-firefox.zip"]
    address.files["/addon/pitboard-firefox.zip"] = lambda url: base64.b64encode(built(url))
    ok, detail = address.told()["extension"]
    assert not ok
    assert "no zip" in detail


@pytest.mark.parametrize(("path", "what"), [*zip(WELL, ("userscript", "extension"), strict=True)])
def test_a_file_that_is_missing_is_a_problem(address: Address, path: str, what: str) -> None:
    del address.files[path]
    ok, detail = address.told()[what]
    assert not ok
    assert "404" in detail
