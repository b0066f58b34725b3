"""The description of the contract says what the routes do. That all routes are in it, and that answers fit
it, is tested with a running server."""

from collections.abc import Iterator
from typing import Any

import pytest

from pitboard.drivers.categories import CATEGORIES
from pitboard.http.openapi import document

DOCUMENT = document()
OPERATIONS = {
    (method, path): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the description."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(part)


def parameters(method: str, path: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in OPERATIONS[method, path].get("parameters", ())}


def test_every_reference_leads_to_a_schema():
    schemas = DOCUMENT["components"]["schemas"]
    references = {node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node}
    assert references == {f"#/components/schemas/{name}" for name in schemas}


def test_the_answers_of_each_route():
    assert {key: set(operation["responses"]) for key, operation in OPERATIONS.items()} == {
        ("get", "/drivers"): {"200", "304", "400", "414", "503"},
        ("get", "/drivers/{cust_id}/history"): {"200", "400", "404", "414", "503"},
        ("get", "/drivers/{cust_id}/races"): {"200", "400", "404", "414", "503"},
        ("get", "/cars"): {"200", "400", "414", "503"},
        ("get", "/custid"): {"200", "400", "404", "414", "503"},
        ("post", "/auth"): {"200", "503"},
        ("get", "/health"): {"200", "503"},
    }


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_route_and_answer_is_described_and_failures_are_problems(method, path):
    operation = OPERATIONS[method, path]
    assert operation["summary"]
    for status, answer in operation["responses"].items():
        assert answer["description"]
        problem = status[0] in "45" and path != "/health"
        kind = "application/problem+json" if problem else "application/json"
        assert list(answer.get("content", {kind: ...})) == [kind]
        if problem:
            assert answer["content"][kind]["schema"] == {"$ref": "#/components/schemas/Problem"}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/drivers", {"names", "name", "profile", "wait"}),
        ("/drivers/{cust_id}/history", {"cust_id", "category", "kind", "wait"}),
        ("/drivers/{cust_id}/races", {"cust_id", "wait"}),
        ("/cars", {"wait"}),
        ("/custid", {"name", "wait"}),
        ("/health", set()),
    ],
)
def test_the_parameters_of_each_route(path, names):
    found = parameters("get", path)
    assert set(found) == names
    for name, parameter in found.items():
        assert parameter["in"] == ("path" if name == "cust_id" else "query")
        must = name == "cust_id" or (path, name) == ("/custid", "name")
        assert parameter.get("required", False) is must
    if "wait" in found:
        assert found["wait"]["schema"] == {"type": "number", "minimum": 0, "maximum": 10, "default": 8}
    if "cust_id" in found:
        assert found["cust_id"]["schema"] == {"type": "integer", "minimum": 1}


def test_how_names_are_given():
    found = parameters("get", "/drivers")
    name = {"type": "string", "minLength": 1, "maxLength": 100}
    assert found["names"]["schema"] == {"type": "array", "items": name, "minItems": 1, "maxItems": 50}
    assert (found["names"]["style"], found["names"]["explode"]) == ("form", False)
    assert found["name"]["schema"] == {"type": "array", "items": name}
    assert found["name"]["explode"] is True
    assert parameters("get", "/custid")["name"]["schema"] == name


def test_closed_lists_are_those_of_the_code():
    history = parameters("get", "/drivers/{cust_id}/history")
    assert history["category"]["schema"] == {"enum": list(CATEGORIES), "default": "sports_car"}
    assert history["kind"]["schema"] == {"enum": ["irating", "safety_rating"], "default": "irating"}
    assert parameters("get", "/drivers")["profile"]["schema"] == {"enum": ["0", "1"], "default": "1"}
    health = OPERATIONS["get", "/health"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert health["properties"]["status"]["enum"] == ["healthy", "degraded", "unhealthy"]


def test_places_and_numbers_of_drivers_count_from_one():
    licences = DOCUMENT["components"]["schemas"]["Driver"]["properties"]["member_info"]["properties"][
        "licenses"
    ]
    places = licences["items"]["properties"]["rank"]["properties"]
    assert set(places) == {"world", "of", "country", "country_of"}
    assert all(place == {"type": "integer", "minimum": 1} for place in places.values())
