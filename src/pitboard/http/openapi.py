"""The OpenAPI description of the contract. A test holds it equal to the routes that are served."""

from typing import Any

from pitboard import __version__
from pitboard.drivers.categories import CATEGORIES
from pitboard.drivers.health import State
from pitboard.drivers.history import KINDS
from pitboard.drivers.names import LONGEST
from pitboard.drivers.service import MOST_NAMES
from pitboard.http.query import DEFAULT_WAIT, LONGEST_WAIT


def document() -> dict[str, Any]:
    """The description, JSON-ready."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pitboard",
            "version": __version__,
            "summary": "iRacing driver stats by forum name.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            "/drivers": {"get": _drivers()},
            "/drivers/{cust_id}/history": {"get": _history()},
            "/drivers/{cust_id}/races": {"get": _races()},
            "/cars": {"get": _cars()},
            "/custid": {"get": _custid()},
            "/auth": {"post": _auth()},
            "/health": {"get": _health()},
        },
        "components": {"schemas": _SCHEMAS},
    }


def _drivers() -> dict[str, Any]:
    return {
        "summary": "Driver data of the authors of a page",
        "description": "Every name is a key of the answer. One name's trouble never fails another's.",
        "parameters": [
            _query(
                "names",
                "Names with commas between them, each percent-encoded.",
                {"type": "array", "items": _NAME, "minItems": 1, "maxItems": MOST_NAMES},
                style="form",
                explode=False,
            ),
            _query("name", "One name; may be repeated.", {"type": "array", "items": _NAME}, explode=True),
            _query(
                "profile",
                "0: licences alone; no profile is asked for, waited for or sent. 1: profiles, too.",
                {"enum": ["0", "1"], "default": "1"},
            ),
            _wait(),
        ],
        "responses": {
            "200": _answer(
                "An object keyed by name.",
                {
                    "type": "object",
                    "additionalProperties": {"anyOf": [_ref("Driver"), _ref("Missed")]},
                },
            ),
            "304": {"description": "The same as the ETag sent along."},
            **_problems("400", "414", "503"),
        },
    }


def _history() -> dict[str, Any]:
    return {
        "summary": "A driver's iRating or safety rating over time, and the career's numbers",
        "parameters": [
            _CUST_ID,
            _query("category", "Licence category.", {"enum": list(CATEGORIES), "default": "sports_car"}),
            _query("kind", "What is charted.", {"enum": list(KINDS), "default": "irating"}),
            _wait(),
        ],
        "responses": {
            "200": _answer("The chart.", _ref("History")),
            **_problems("400", "404", "414", "503"),
        },
    }


def _races() -> dict[str, Any]:
    return {
        "summary": "A driver's last official races, with what they did to the ratings",
        "parameters": [_CUST_ID, _wait()],
        "responses": {
            "200": _answer("At most ten races, newest first.", _ref("Races")),
            **_problems("400", "404", "414", "503"),
        },
    }


def _cars() -> dict[str, Any]:
    return {
        "summary": "All cars with their licence categories",
        "parameters": [_wait()],
        "responses": {"200": _answer("The list.", _ref("Cars")), **_problems("400", "414", "503")},
    }


def _custid() -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["custid", "name", "origin"],
        "properties": {
            "custid": {"type": "string", "pattern": "^[0-9]+$"},
            "name": {"type": "string"},
            "origin": {"enum": ["index", "store", "iRacing"]},
        },
    }
    return {
        "summary": "The customer id of a name",
        "parameters": [
            _query("name", "The name, percent-encoded.", _NAME, required=True),
            _wait(),
        ],
        "responses": {"200": _answer("The id.", schema), **_problems("400", "404", "414", "503")},
    }


def _auth() -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["message", "token_type", "expires_in"],
        "properties": {
            "message": {"type": "string"},
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "description": "Seconds."},
        },
    }
    return {
        "summary": "Whether a valid token is held, renewing it if due",
        "description": "Never returns a token and never makes a password login.",
        "responses": {"200": _answer("One is held.", schema), **_problems("503")},
    }


def _health() -> dict[str, Any]:
    check = {
        "type": "object",
        "required": ["ok"],
        "properties": {"ok": {"type": "boolean"}, "detail": {"type": "string"}},
    }
    schema = {
        "type": "object",
        "required": ["status", "version", "checks"],
        "properties": {
            "status": {"enum": list(State)},
            "version": {"type": "string"},
            "checks": {"type": "object", "additionalProperties": check},
        },
    }
    return {
        "summary": "How the parts are",
        "description": "Degraded: known drivers are served, and iRacing cannot be asked at the moment. "
        "A server with PITBOARD_ALLOWED_HOSTS tells only its host more of a part than whether it is well.",
        "responses": {"200": _answer("Healthy or degraded.", schema), "503": _answer("Unhealthy.", schema)},
    }


def _query(name: str, description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def _wait() -> dict[str, Any]:
    schema = {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "default": DEFAULT_WAIT}
    return _query("wait", "Seconds to wait for what is not known yet.", schema)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(*statuses: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {status: {"description": "See `code` and `detail`.", "content": content} for status in statuses}


_CUST_ID = {
    "name": "cust_id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}

_NAME = {"type": "string", "minLength": 1, "maxLength": LONGEST}

_META = {
    "type": "object",
    "required": ["state", "as_of", "age"],
    "properties": {
        "state": {"enum": ["fresh", "stale", "partial"]},
        "as_of": {"type": "string", "format": "date-time"},
        "age": {"type": "integer", "description": "Seconds."},
        "source": {
            "enum": ["index", "iracing"],
            "description": "index: out of the last list of all drivers; iRacing was not asked for this one.",
        },
    },
}

_COUNT = {"type": "integer", "minimum": 1}

_LICENCE = {
    "type": "object",
    "description": "As member/get has it. The unrated have no `irating`. starts, wins and avg_incidents are "
    "the driver index's.",
    "properties": {
        "category": {"type": "string"},
        "irating": {"type": "integer"},
        "rank": {
            "type": "object",
            "description": "By iRating, 1 for the best; of those rated at the last refresh of the index.",
            "required": ["world", "of"],
            "properties": {"world": _COUNT, "of": _COUNT, "country": _COUNT, "country_of": _COUNT},
        },
    },
}

_SCHEMAS: dict[str, Any] = {
    "Driver": {
        "type": "object",
        "description": "iRacing's own profile fields. In state `partial` the profile's are absent.",
        "required": ["cust_id", "member_info", "_meta"],
        "properties": {
            "cust_id": {"type": "integer"},
            "member_info": {
                "type": "object",
                "required": ["cust_id", "display_name", "licenses"],
                "properties": {
                    "display_name": {"type": "string"},
                    "country_code": {"type": "string"},
                    "licenses": {"type": "array", "items": _LICENCE},
                },
            },
            "follow_counts": {"type": ["object", "null"]},
            "recent_events": {"type": "array", "items": {"type": "object"}},
            "activity": {"type": ["object", "null"]},
            "_meta": _META,
        },
    },
    "Missed": {
        "type": "object",
        "required": ["error", "code"],
        "properties": {
            "error": {"type": "string"},
            "code": {"enum": ["not_found", "pending", "invalid_name", "unavailable", "withheld"]},
            "retry_after": {"type": "integer", "description": "Seconds."},
        },
    },
    "History": {
        "type": "object",
        "required": ["cust_id", "category", "kind", "points", "career", "_meta"],
        "properties": {
            "points": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["when", "value"],
                    "properties": {
                        "when": {"type": "string", "format": "date"},
                        "value": {"type": "number"},
                        "class": {"type": "string"},
                    },
                },
            },
            "career": {"type": ["object", "null"]},
            "_meta": _META,
        },
    },
    "Races": {
        "type": "object",
        "required": ["cust_id", "races", "_meta"],
        "properties": {
            "cust_id": {"type": "integer"},
            "races": {
                "type": "array",
                "items": {
                    "type": "object",
                    "description": "As stats/member_recent_races has it, without the winner: positions count "
                    "from 1, sub levels are safety ratings times 100. With the car's name and category, when "
                    "they are known.",
                    "required": [
                        "subsession_id",
                        "session_start_time",
                        "irating_change",
                        "safety_rating_change",
                    ],
                    "properties": {
                        "subsession_id": {"type": "integer"},
                        "session_start_time": {"type": "string", "format": "date-time"},
                        "irating_change": {
                            "type": ["integer", "null"],
                            "description": "null: there was no iRating before.",
                        },
                        "safety_rating_change": {"type": ["number", "null"]},
                        "car_name": {"type": "string"},
                        "category": {"enum": list(CATEGORIES)},
                    },
                },
            },
            "_meta": _META,
        },
    },
    "Cars": {
        "type": "object",
        "required": ["cars", "_meta"],
        "properties": {
            "cars": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["car_id", "car_name"],
                    "properties": {
                        "car_id": {"type": "integer"},
                        "car_name": {"type": "string"},
                        "category": {"enum": list(CATEGORIES)},
                    },
                },
            },
            "_meta": _META,
        },
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
        },
    },
}
