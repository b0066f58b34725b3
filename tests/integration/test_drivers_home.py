"""The own part of ir-drivers and ir-custid. The real functions are in test_lambda_entry.py."""

import ast
from pathlib import Path
from typing import Any

import pytest

from pitboard.aws import drivers_home
from pitboard.aws.drivers_home import DriversHome
from pitboard.aws.function_settings import FunctionSettings
from pitboard.drivers.errors import StoreError
from pitboard.drivers.misses import NOT_FOUND
from pitboard.drivers.ports import Telemetry
from pitboard.settings import SettingError, UpstreamSettings

ROOT = Path(__file__).parents[2]
SERVICES = {"DriverService", "HistoryService", "CarService", "RaceService"}
"""Those that look something up."""


class Service:
    """`DriverService`: what it was made with, and the answer that it gives for a customer id."""

    def __init__(self, *_: object, lookup_seconds: object = "not said") -> None:
        self.lookup_seconds = lookup_seconds
        self.answer: Any = (7, "index")
        self.asked: list[tuple[str, float]] = []

    def customer_id(self, name: str, seconds: float) -> Any:
        self.asked.append((name, seconds))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def home(monkeypatch):
    monkeypatch.setattr(drivers_home, "client", lambda _: None)
    monkeypatch.setattr(drivers_home, "DriverService", Service)
    home: Any = DriversHome(
        FunctionSettings.read({"ENVIRONMENT": "dev"}), UpstreamSettings.read({}), Telemetry()
    )
    return home


def test_no_look_up_outlives_its_request(home):
    """After the answer the function is frozen."""
    assert home.service.lookup_seconds is None


def calls(names: set[str]) -> list[tuple[str, dict[str | None, str]]]:
    """The calls of these names in the functions' code, each with its named arguments."""
    found = []
    for path in (ROOT / "src" / "pitboard" / "aws").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
                told = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                found.append((getattr(node.func, "id", ""), told))
    assert {name for name, _ in found} == names
    return found


def test_no_service_of_a_function_goes_on_looking_after_the_answer():
    assert {told.get("lookup_seconds") for _, told in calls(SERVICES)} == {"None"}


def test_spans_of_functions_are_sent_before_they_are_frozen():
    assert {told.get("at_once") for _, told in calls({"spans"})} == {"True"}


def test_a_direct_invocation_for_a_customer_id_is_answered_as_the_route(home):
    assert home.custid({"name": "Ann"}) == {"custid": "7", "name": "Ann", "origin": "index"}
    assert home.service.asked == [("Ann", 8.0)]
    home.custid({"name": None})
    assert home.service.asked[-1] == ("", 8.0)


def test_a_direct_invocation_says_why_there_is_no_customer_id(home):
    home.service.answer = NOT_FOUND
    assert home.custid({"name": "Ann"})["error"] == {"code": "not_found", "message": NOT_FOUND.error}
    home.service.answer = StoreError("The table is throttled.")
    assert home.custid({"name": "Ann"})["error"] == {"code": "store", "message": "The table is throttled."}


def test_a_function_that_was_not_deployed_says_so():
    with pytest.raises(SettingError, match="ENVIRONMENT is not set"):
        FunctionSettings.read({"ENVIRONMENT": ""})
