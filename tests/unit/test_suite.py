"""What the test suite itself relies on."""

import os

import pytest


@pytest.mark.xdist_group("together")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process keeps everything together")
def test_groups_stay_on_one_worker(request: pytest.FixtureRequest) -> None:
    """Otherwise each worker would deploy its own stage, and tests that need each other would be separated."""
    assert request.node.nodeid.endswith("@together"), "run with --dist loadgroup, as scripts/check.py does"
