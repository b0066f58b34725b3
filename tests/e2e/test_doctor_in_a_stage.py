"""The doctor and the logs on what `pitboard deploy` really makes, in the emulator."""

import json
from collections.abc import Iterator

import pytest

pytest.importorskip("ministack", reason="needs the dependency group `infra`")

from tests.support.deployed_stage import deployed_stage
from tests.support.guide_commands import GAPS
from tests.support.local_server import Backend

from pitboard.ops.doctor.run import all_checks

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("doctor")]


@pytest.fixture(scope="module")
def stage() -> Iterator[Backend]:
    with deployed_stage(latency=0.0, link_latency=0.0) as backend:
        backend.home.wait_for_index()
        yield backend


def findings(stage: Backend, *options: str) -> dict[str, dict[str, str]]:
    done = stage.home.pitboard("doctor", "--env", "dev", "--json", *options)
    return {check["id"]: check for check in json.loads(done.stdout)["checks"]}


def test_a_fresh_deploy_is_healthy_but_for_what_the_emulator_lacks(stage: Backend) -> None:
    name = stage.drivers(1)[0].display_name
    done = stage.home.pitboard("verify", "--env", "dev", "--url", stage.base_url, "--name", name)
    assert done.returncode == 0, done.stdout
    found = findings(stage)
    assert set(found) == {check.id for check in all_checks() if check.aws}
    told = {key: (check["status"], check["summary"]) for key, check in found.items()}
    odd = {key: told[key] for key in found if told[key][0] not in ("ok", GAPS.get(key, ("ok", ""))[0])}
    assert odd == {}
    for secret in stage.secrets:
        assert secret not in json.dumps(found)


def test_the_logs_of_the_functions_hold_no_secret(stage: Backend) -> None:
    done = stage.home.pitboard("logs", "--env", "dev", "--json")
    assert done.returncode == 0, done.stdout
    for secret in stage.secrets:
        assert secret not in done.stdout
