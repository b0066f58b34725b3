"""The homes that the HTTP contract is asked of."""

import pytest

from houses import local_house


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    with local_house(tmp_path_factory.mktemp("house"), latency=0.01, link_latency=0.005) as house:
        yield house
