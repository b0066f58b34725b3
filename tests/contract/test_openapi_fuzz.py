"""Random requests, made from the server's own OpenAPI description.

Every answer has a status and a content type of the description, and fits its schema.
"""

import os
import time

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.support.lambda_runtime import lambda_server
from tests.support.local_server import local_server

from pitboard.drivers.budget import Budget
from pitboard.http.openapi import document
from pitboard.local.home import LocalHome

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Requests of each kind by command (scripts/fuzz.py); 0: as many as CI has time for, the same each time."""

QUICK = {"latency": 0.0, "link_latency": 0.0}


@pytest.fixture(
    scope="module", params=["local", pytest.param("lambda", marks=pytest.mark.xdist_group("lambda"))]
)
def fuzzed(request, tmp_path_factory):
    if request.param == "local":
        with local_server(tmp_path_factory.mktemp("fuzzed"), **QUICK) as backend:
            backend.home.sign_in()
            yield backend
    else:
        with lambda_server(**QUICK, calls_a_minute=2_400) as backend:
            yield backend


CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def refill(backend):
    """Fills our budget and the simulator's limit, so that neither decides the answer."""
    if not isinstance(backend.home, LocalHome):
        return  # the functions' budget is in DynamoDB; a limit that is ten times as high is enough
    kept = backend.home.store.documents.get("BUDGET")
    full = Budget(at=time.time()).document()
    backend.home.store.documents.put("BUDGET", full, expected=kept.version if kept else None)
    backend.simulator.set_calls_left(240)


RESULTS = list(schemathesis.openapi.from_dict(document()).get_all_operations())
ALL = [result.ok() for result in RESULTS if isinstance(result, Ok)]
CASES = [(operation, GenerationMode.POSITIVE) for operation in ALL] + [
    (operation, GenerationMode.NEGATIVE) for operation in ALL if list(operation.iter_parameters())
]
"""With valid arguments, and, for operations that have arguments, with invalid ones."""


def test_every_operation_of_the_description_can_be_read():
    assert len(ALL) == len(RESULTS) == sum(len(methods) for methods in document()["paths"].values())


@pytest.mark.parametrize(
    ("operation", "mode"), CASES, ids=[f"{operation.label} {mode.value}" for operation, mode in CASES]
)
def test_every_answer_fits_the_description(fuzzed, operation, mode):
    @settings(
        max_examples=EXAMPLES or (60 if isinstance(fuzzed.home, LocalHome) else 15),
        derandomize=not EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        refill(fuzzed)
        answer = case.call(base_url=fuzzed.base_url, timeout=60)  # busy machines take their time
        case.validate_response(answer, checks=CHECKS)
        assert answer.status_code in (200, 304, 503) or 400 <= answer.status_code < 500

    ask()
