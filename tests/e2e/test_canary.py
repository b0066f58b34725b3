"""Bad versions that a canary sends back: one whose look-ups raise, found by its check before traffic, and one
that only an alarm finds. In MiniStack, with the real CDK, the real command and the functions that it deploys.
CodeDeploy's part is `tests.support.codedeploy`, driven by the stack's template.

The tests of this file go on from each other.
"""

import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import urllib3
from tests.support.deployed_stage import Stage, emulated

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("canary"), pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
HTTP = urllib3.PoolManager(maxsize=8)

MINUTE = 2.0
"""Seconds that a minute of the canary takes, and of its alarms."""

LOOK_UPS = ("drivers/service.py", "DriverService", ("begin", "customer_id"))
RACES = ("drivers/races.py", "RaceService", ("races",))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with emulated(MINUTE, latency=0.01, link_latency=0.005) as stage:
        done = stage.deploy("--update-secrets", "--context", "canary=true")
        assert done.returncode == 0, done.stdout
        stage.wait_for_index()
        yield stage


def checkout_with_a_defect(folder: Path, file: str, of: str, methods: tuple[str, ...]) -> Path:
    """A copy of the checkout in which these methods of a class raise AttributeError."""
    for name in ("cdk.json", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, folder)
    for name in ("src", "infra"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    broken = folder / "src" / "pitboard" / file
    lines = [f"{of}.{method} = lambda self, *_, **__: self.there_is_no_such_thing" for method in methods]
    broken.write_text("\n\n".join((broken.read_text("utf-8"), *lines, "")), "utf-8")
    return folder


def deploy(stage: Stage, checkout: Path) -> tuple[int, str]:
    done = stage.pitboard("deploy", "--env", "dev", PYTHONPATH=str(checkout / "src"))
    return done.returncode, done.stdout


def live(stage: Stage) -> dict[str, tuple[str, Mapping[str, float]]]:
    """The version of each function that readers get, and the others with their shares."""
    client, found = stage.client("lambda"), {}
    for kind in ("auth", "custid", "drivers", "index"):
        alias = client.get_alias(FunctionName=f"ir-{kind}-dev", Name="live")
        weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        found[kind] = alias["FunctionVersion"], weights
    return found


@contextmanager
def readers(stage: Stage, target: str, count: int = 3) -> Iterator[Counter[int]]:
    """Readers who ask again and again; yields how often they got which status."""
    over, seen, url = threading.Event(), Counter[int](), stage.url

    def read() -> None:
        while not over.is_set():
            seen[HTTP.request("GET", url + target, retries=False).status] += 1
            over.wait(0.1)  # the stage lets fifty requests a second through

    threads = [threading.Thread(target=read) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_version_whose_look_ups_raise_is_sent_back_before_a_reader_meets_it(
    stage: Stage, tmp_path: Path
) -> None:
    before, driver = live(stage), stage.simulator.population.sample(1, seed=3)[0]
    checkout = checkout_with_a_defect(tmp_path, *LOOK_UPS)
    with readers(stage, f"/drivers?name={quote(driver.display_name, safe='')}&profile=0") as seen:
        code, said = deploy(stage, checkout)
    assert code == 1, said
    assert live(stage) == before
    assert set(seen) == {200}, seen
    assert re.search(
        r"ir-custid-dev: version \d+ was sent back to 1, because its check before traffic fai", said
    )
    assert "hook BeforeAllowTraffic; the check's log is /aws/lambda/ir-custid-preflight-dev" in said
    assert "`pitboard logs --env dev --since 15m --errors`" in said
    stacks = stage.client("cloudformation").describe_stacks(StackName="pitboard-dev")["Stacks"]
    assert stacks[0]["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


@pytest.mark.long
def test_a_version_that_only_its_alarm_finds_is_sent_back_and_a_tenth_of_the_requests_met_it(
    stage: Stage, tmp_path: Path
) -> None:
    before, driver = live(stage), stage.simulator.population.sample(1, seed=3)[0]
    checkout = checkout_with_a_defect(tmp_path, *RACES)
    with readers(stage, f"/drivers/{driver.cust_id}/races") as seen:
        code, said = deploy(stage, checkout)
    assert code == 1, said
    assert live(stage) == before
    assert 0 < seen[500] <= 0.1 * seen.total(), seen
    assert re.search(
        r"ir-drivers-dev: version \d+ was sent back to 1, because of an alarm: pitboard-dev-de", said
    )
    assert HTTP.request("GET", f"{stage.url}/drivers/{driver.cust_id}/races").status == 200
