"""Random requests, made from the server's own OpenAPI description.

Every answer has a status and a content type of the description, and fits its schema.
"""

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
from tests.support.local_server import local_server

from pitboard.drivers.budget import Budget
from pitboard.http.openapi import document


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    with local_server(tmp_path_factory.mktemp("fuzzed"), latency=0.0, link_latency=0.0) as backend:
        backend.home.sign_in()
        yield backend


CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def refill(backend):
    """Fills our budget and the simulator's limit, so that neither decides the answer."""
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
        max_examples=60,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        refill(fuzzed)
        answer = case.call(base_url=fuzzed.base_url)
        case.validate_response(answer, checks=CHECKS)
        assert answer.status_code in (200, 304, 503) or 400 <= answer.status_code < 500

    ask()
