"""The backends that the tests of the HTTP contract run against."""

from collections.abc import Iterator

import pytest
from tests.support.lambda_runtime import lambda_server
from tests.support.local_server import Backend, local_server

QUICK = {"latency": 0.01, "link_latency": 0.005, "calls_a_minute": 2_400}
"""The contract is not about the budget: with a tenth of the usual limit's pauses no test waits for it."""


@pytest.fixture(
    scope="session",
    params=[
        "local",
        # Each on one worker, because it takes long to build.
        pytest.param("lambda", marks=pytest.mark.xdist_group("lambda")),
        pytest.param("stage", marks=[pytest.mark.emulator, pytest.mark.xdist_group("contract-stage")]),
    ],
)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """The local server, the functions under Lambda's runtime client, and a stage deployed to an emulator."""
    if request.param == "local":
        with local_server(tmp_path_factory.mktemp("backend"), **QUICK) as backend:
            yield backend
    elif request.param == "lambda":
        with lambda_server(**QUICK) as backend:
            yield backend
    else:
        from tests.support.deployed_stage import deployed_stage

        with deployed_stage(**QUICK) as backend:
            yield backend
