"""The homes that the HTTP contract is asked of."""

from collections.abc import Iterator

import pytest

from houses import House, local_house
from lambda_host import runtime_house

QUICK = {"latency": 0.01, "link_latency": 0.005}


@pytest.fixture(
    scope="session",
    params=[
        "local",
        # One worker each: what they build is dear, and each stays whole in a session of its own.
        pytest.param("lambda", marks=pytest.mark.xdist_group("lambda")),
        pytest.param("stage", marks=[pytest.mark.emulator, pytest.mark.xdist_group("contract-stage")]),
    ],
)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The local server, the functions under Lambda's runtime client, and a stage deployed to an emulator."""
    if request.param == "local":
        with local_house(tmp_path_factory.mktemp("house"), **QUICK) as house:
            yield house
    elif request.param == "lambda":
        with runtime_house(**QUICK) as house:
            yield house
    else:
        from stage_house import stage_house

        with stage_house(**QUICK) as house:
            yield house
