"""A host with an AWS account: deploy, verify, doctor, logs, deploy again, roll back, restore a table. In
MiniStack, with the real CDK, the real command and the simulator as iRacing. The tests of this file go on from
each other.

What the emulator lacks (CodeDeploy, the setting of TTL by CloudFormation, compression) is asserted on the
template in tests/infra.
"""

import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
import urllib3
from tests.support.deployed_stage import ACCOUNT, REGION, Stage, emulated
from tests.support.guide_commands import GAPS
from tests.support.lambda_runtime import ARCHITECTURE

from pitboard.addon.extension import BROWSERS
from pitboard.ops.doctor.run import all_checks

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("stage"), pytest.mark.timeout(600)]

HTTP = urllib3.PoolManager()

CLICK = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""What a browser accepts when somebody follows a link."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with emulated(latency=0.01, link_latency=0.005) as stage:
        yield stage


class ProcessList:
    """Looks at the command lines of all processes, again and again, for a text that must not be there."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.seen = 0
        self.leaks: set[str] = set()

    def __enter__(self) -> "ProcessList":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = file.read_bytes()
                except OSError:
                    continue
                self.seen += b"aws-cdk" in line
                self.leaks |= {line.decode(errors="replace") for secret in self._secrets if secret in line}


@pytest.fixture(scope="module")
def deployed(stage: Stage) -> Stage:
    """The first deploy, with the secret set from the environment. It says what it would change in ten lines,
    not what CDK says. Nothing secret may show anywhere."""
    secrets = (stage.simulator.client.secret, stage.simulator.client.password)
    with ProcessList(*secrets) as processes:
        done = stage.deploy("--update-secrets")
    assert done.returncode == 0, done.stdout
    assert f"pitboard-dev in account {ACCOUNT}, {REGION}" in done.stdout
    assert "Settings: " in done.stdout
    assert re.search(r"Lambda::Function +│ 5 ", done.stdout), done.stdout
    assert "other kinds" in done.stdout
    assert "[+] AWS::Lambda::Function" not in done.stdout
    assert processes.seen, "the process list was watched while CDK ran"
    assert not processes.leaks
    template = json.dumps(stage.client("cloudformation").get_template(StackName="pitboard-dev"), default=str)
    for secret in secrets:
        assert secret not in done.stdout
        assert secret not in template
    return stage


def ask(stage: Stage, target: str) -> Any:
    answer = HTTP.request("GET", stage.url + target, retries=False)
    assert answer.status == 200, answer.data
    return answer.json()


def live_versions(stage: Stage) -> dict[str, str]:
    client = stage.client("lambda")
    names = (f"ir-{kind}-dev" for kind in ("auth", "custid", "drivers", "index", "addon"))
    return {n: client.get_alias(FunctionName=n, Name="live")["FunctionVersion"] for n in names}


def verify(stage: Stage, *words: str) -> dict[str, bool | None]:
    done = stage.pitboard("verify", "--env", "dev", "--url", stage.url, "--json", *words)
    results = {result["what"]: result for result in json.loads(done.stdout)}
    assert done.returncode == 0, results
    return {what: result["ok"] for what, result in results.items()}


def test_after_a_deploy_authors_never_asked_for_come_from_the_index(deployed: Stage) -> None:
    deployed.wait_for_index()
    drivers = deployed.simulator.population.sample(20, seed=41)
    asked = "&".join(f"name={quote(driver.display_name, safe='')}" for driver in drivers)
    before = deployed.simulator.calls.count(service="data")
    found = ask(deployed, f"/drivers?{asked}&profile=0")
    assert [found[d.display_name]["cust_id"] for d in drivers] == [d.cust_id for d in drivers]
    assert {one["_meta"]["source"] for one in found.values()} == {"index"}
    assert any("rank" in licence for one in found.values() for licence in one["member_info"]["licenses"])
    assert deployed.simulator.calls.count(service="data") == before
    deadline = time.monotonic() + 60
    while any(one["_meta"]["source"] == "index" for one in found.values()):
        assert time.monotonic() < deadline, "the queue brings them"
        time.sleep(0.1)
        found = ask(deployed, f"/drivers?{asked}&profile=0")
    assert deployed.simulator.calls.count(service="data") == before + 1
    assert any("rank" in licence for one in found.values() for licence in one["member_info"]["licenses"])


def test_twenty_right_drivers_come_through_the_stage(deployed: Stage) -> None:
    drivers = deployed.simulator.population.sample(20, seed=11)
    names = ",".join(quote(driver.display_name, safe="") for driver in drivers)
    answer = ask(deployed, f"/drivers?names={names}")
    assert [answer[d.display_name].get("cust_id") for d in drivers] == [d.cust_id for d in drivers]


def test_the_token_and_the_records_are_in_the_tables(deployed: Stage) -> None:
    client = deployed.client("dynamodb")
    (token,) = client.scan(TableName="ir_auth_dev")["Items"]
    assert token["username"]["S"] == f"TOKEN:{deployed.simulator.client.username.lower()}"
    assert json.loads(token["value"]["S"])["refresh_token"]
    records = [i for i in client.scan(TableName="ir_drivers_dev")["Items"] if "body" in i]
    assert len(records) >= 20
    assert all(int(item["ttl"]["N"]) > datetime.now(UTC).timestamp() for item in records)
    index = [
        i for i in client.scan(TableName="ir_custid_dev")["Items"] if i["name"]["S"].startswith("INDEX:")
    ]
    assert len(index) > 500
    assert not any("ttl" in item for item in index)


def test_a_profile_that_nobody_waits_for_comes_by_the_queue(deployed: Stage) -> None:
    driver = deployed.simulator.population.sample(25, seed=23)[-1]
    target = f"/drivers?name={quote(driver.display_name, safe='')}&wait=0"
    assert ask(deployed, target)[driver.display_name]["_meta"]["state"] == "partial"
    deadline = time.monotonic() + 30
    while (found := ask(deployed, target)[driver.display_name])["_meta"]["state"] == "partial":
        assert time.monotonic() < deadline
        time.sleep(0.1)  # the emulator tells nobody when it is done
    assert found["cust_id"] == driver.cust_id
    assert found["recent_events"] is not None


def test_no_log_holds_a_token_a_secret_or_a_name(deployed: Stage) -> None:
    client, logs = deployed.client("dynamodb"), deployed.client("logs")
    value = json.loads(client.scan(TableName="ir_auth_dev")["Items"][0]["value"]["S"])
    secrets = [value["access_token"], value["refresh_token"], deployed.simulator.client.secret]
    names = [d.display_name for d in deployed.simulator.population.sample(20, seed=11)]
    written = ""
    for group in logs.describe_log_groups()["logGroups"]:
        events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        written += "".join(event["message"] for event in events)
    assert "UpstreamCalls" in written
    for text in (*secrets, deployed.simulator.client.password, *names):
        assert text not in written


def test_verify_finds_no_problem(deployed: Stage) -> None:
    found = verify(deployed)
    assert {"pitboard-dev", "ir-auth-dev", "ir_drivers_dev", "secret", "look-up", "preflight"} <= set(found)
    assert {"ir-addon-dev", "userscript", "extension"} <= set(found)
    assert all(found.values())


def test_the_doctor_finds_a_fresh_deploy_healthy_but_for_what_the_emulator_lacks(deployed: Stage) -> None:
    done = deployed.pitboard("doctor", "--env", "dev", "--json")
    checks = {check["id"]: check for check in json.loads(done.stdout)["checks"]}
    assert set(checks) == {check.id for check in all_checks() if check.aws}
    odd = {
        key: (check["status"], check["summary"])
        for key, check in checks.items()
        if check["status"] not in ("ok", GAPS.get(key, ("ok", ""))[0])
    }
    assert odd == {}
    assert_no_secret(deployed, done.stdout)


def test_the_logs_of_the_functions_hold_no_secret(deployed: Stage) -> None:
    done = deployed.pitboard("logs", "--env", "dev", "--json")
    assert done.returncode == 0, done.stdout
    assert done.stdout
    assert_no_secret(deployed, done.stdout)


def assert_no_secret(stage: Stage, text: str) -> None:
    for secret in (stage.simulator.client.secret, stage.simulator.client.password):
        assert secret not in text


def test_the_address_hands_out_a_userscript_that_is_installed_from_it(deployed: Stage) -> None:
    answer = HTTP.request("GET", f"{deployed.url}/pitboard.user.js")
    assert answer.status == 200
    script = answer.data.decode()
    for name in ("pitboard.user.js", "pitboard-card.js", "pitboard-options.js"):
        assert f" {deployed.url}/{name}" in script
        assert HTTP.request("GET", f"{deployed.url}/{name}").status == 200


@pytest.mark.parametrize("browser", BROWSERS)
def test_the_address_hands_out_an_extension_that_asks_it(deployed: Stage, browser: str) -> None:
    page = HTTP.request("GET", f"{deployed.url}/addon", headers={"Accept": CLICK})
    (link,) = re.findall(rf'href="([^"]+-{browser}\.zip)"', page.data.decode())
    answer = HTTP.request("GET", urljoin(f"{deployed.url}/addon", link), headers={"Accept": CLICK})
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert packed.testzip() is None
        assert f'"{deployed.url}"' in packed.read("background.js").decode()


def test_a_member_who_asks_the_host_is_withheld_and_deleted_until_he_agrees_again(deployed: Stage) -> None:
    """In AWS there is no page for it: the host gives the command. It ends when every function knows."""
    name = deployed.simulator.population.sample(20, seed=11)[7].display_name
    target = f"/drivers?name={quote(name, safe='')}"
    assert "cust_id" in ask(deployed, target)[name]
    forgotten = deployed.pitboard("forget", name, "--env", "dev")
    assert forgotten.returncode == 0, forgotten.stdout
    assert ask(deployed, target)[name]["code"] == "withheld"
    client = deployed.client("dynamodb")
    for table in ("ir_drivers_dev", "ir_custid_dev"):
        assert name.lower() not in str(client.scan(TableName=table)["Items"])
    agreed = deployed.pitboard("allow", name, "--env", "dev")
    assert agreed.returncode == 0, agreed.stdout
    deadline = time.monotonic() + 60
    while ask(deployed, target)[name].get("code") == "withheld":
        assert time.monotonic() < deadline, "functions look every half minute"
        time.sleep(0.5)
    assert "cust_id" in ask(deployed, f"{target}&wait=10")[name]


def test_a_deploy_without_settings_keeps_those_of_the_one_before(deployed: Stage) -> None:
    done = deployed.pitboard("deploy", "--env", "dev", "--dry-run")
    assert done.returncode == 0, done.stdout
    assert "Nothing changes." in done.stdout
    assert f"architecture={ARCHITECTURE}" in done.stdout


def test_a_dry_run_shows_what_would_change_and_changes_nothing(deployed: Stage) -> None:
    before = live_versions(deployed)
    other = ("--context", "data_url=http://127.0.0.1:9/other")
    done = deployed.pitboard("deploy", "--env", "dev", "--dry-run", *other)
    assert done.returncode == 0, done.stdout
    assert "Lambda::Function" in done.stdout
    assert live_versions(deployed) == before


def test_a_second_deploy_can_be_rolled_back(deployed: Stage) -> None:
    before = live_versions(deployed)
    other = f"{deployed.simulator.data_url}/"
    done = deployed.pitboard("deploy", "--env", "dev", "--context", f"data_url={other}")
    assert done.returncode == 0, done.stdout
    after = live_versions(deployed)
    assert all(int(after[name]) > int(before[name]) for name in before)
    assert all(verify(deployed).values())
    back = deployed.pitboard("rollback", "--env", "dev")
    assert back.returncode == 0, back.stdout
    assert live_versions(deployed) == before
    assert all(verify(deployed).values())


def restore(stage: Stage) -> Any:
    """Restores ir_drivers to now. The emulator lets only the very second be restored to in which it is asked,
    which is some time after the command has begun: so each try aims at what the last one has seen."""
    later = 1.0
    for _ in range(20):
        begun = datetime.now(UTC)
        moment = begun + timedelta(seconds=later)
        words = ("--table", "ir_drivers_dev", "--to", moment.isoformat(timespec="seconds"))
        done = stage.pitboard("rollback", "--env", "dev", *words)
        missed = re.search(r"can be restored to a moment from (\S+)Z to", done.stdout)
        if missed is None:
            break
        seen = datetime.fromisoformat(missed[1]).replace(tzinfo=UTC)
        later = (seen - begun).total_seconds() + 0.5
    return done


@pytest.mark.long
def test_a_table_is_restored_to_a_moment_and_used(deployed: Stage) -> None:
    driver = deployed.simulator.population.sample(1, seed=11)[0]
    ask(deployed, f"/drivers?name={quote(driver.display_name, safe='')}")
    client = deployed.client("dynamodb")
    kept = {item["name"]["S"] for item in client.scan(TableName="ir_drivers_dev")["Items"] if "body" in item}
    done = restore(deployed)
    assert done.returncode == 0, done.stdout
    settings = deployed.client("lambda").get_function_configuration(
        FunctionName="ir-drivers-dev", Qualifier="live"
    )
    table = settings["Environment"]["Variables"]["DRIVERS_TABLE"]
    assert table.startswith("ir_drivers_dev_")
    assert kept <= {item["name"]["S"] for item in client.scan(TableName=table)["Items"]}
    assert client.describe_table(TableName="ir_drivers_dev")["Table"]["TableStatus"] == "ACTIVE"
    found = verify(deployed)
    assert found[table]


@pytest.mark.long
def test_the_next_deploy_goes_on_with_the_restored_table(deployed: Stage) -> None:
    done = deployed.pitboard("deploy", "--env", "dev")
    assert done.returncode == 0, done.stdout
    settings = deployed.client("lambda").get_function_configuration(
        FunctionName="ir-drivers-dev", Qualifier="live"
    )
    assert settings["Environment"]["Variables"]["DRIVERS_TABLE"].startswith("ir_drivers_dev_"), done.stdout
