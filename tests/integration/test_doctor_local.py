"""Each local check sees its trouble, made for real in the simulator, the database or the file system, and
sees when there is none."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from tests.support.doctor_checks import apply_fix, breaks, finding_of, healthy
from tests.support.fake_http import Reply, fake_http_server
from tests.support.index_lists import GivenLists, crowd, refreshed
from tests.support.local_server import local_home, local_server

from pitboard.addon.userscript import SCRIPT
from pitboard.drivers.errors import UpstreamError
from pitboard.local.credentials import save
from pitboard.ops.doctor.check import Finding, Status
from pitboard.ops.doctor.checks import addon_version
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.settings import Settings
from pitboard.simulator import Simulator
from pitboard.telemetry.files import log_file

DAY = 86_400


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        yield simulator


@pytest.fixture
def doctor(simulator: Simulator, tmp_path: Path) -> Iterator[Callable[..., LocalEnvironment]]:
    """Makes contexts on the simulator and the database in `tmp_path`; variables given are set on top."""
    made: list[LocalEnvironment] = []

    def make(**changes: str) -> LocalEnvironment:
        environment = {**simulator.environment(), "PITBOARD_PORT": str(free_port()), **changes}
        settings = replace(Settings.read(environment), db=tmp_path / "pitboard.sqlite3")
        made.append(LocalEnvironment(settings, environment, tmp_path / "credentials.json"))
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.fixture
def used(simulator: Simulator, tmp_path: Path) -> Path:
    """A database that has served: a token, twenty drivers. Gives its path."""
    with local_home(simulator, tmp_path) as home:
        names = [driver.display_name for driver in simulator.population.sample(5, seed=3)]
        home.service.page(names, 8.0)
    return tmp_path / "pitboard.sqlite3"


def free_port() -> int:
    with closing(socket.socket()) as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement, values)
        db.commit()


def change_document(path: Path, key: str, **fields: object) -> None:
    """Changes fields of a kept document, as a broken program or a long time would."""
    with closing(sqlite3.connect(path)) as db:
        ((name, text),) = db.execute(
            "SELECT key, value FROM documents WHERE key LIKE ?", (f"{key}%",)
        ).fetchall()
        value = json.dumps(json.loads(text) | fields)
        db.execute("UPDATE documents SET value = ? WHERE key = ?", (value, name))
        db.commit()


def login(simulator: Simulator, folder: Path) -> str:
    """Tries to get a token; gives the error's sentence, "" if it went well."""
    try:
        with local_home(simulator, folder) as home:
            home.tokens.access_token(time.monotonic() + 5)
    except UpstreamError as error:
        return str(error)
    return ""


def assert_found(finding: Finding, status: Status, *words: str) -> None:
    assert finding.status is status, finding
    for word in words:
        assert word in finding.summary


# --- the clock


@breaks("clock", "the simulator's clock is set two minutes ahead")
def test_a_clock_that_is_behind(doctor, simulator):
    simulator.faults.clock_skew = 120
    assert told_seconds(finding_of(doctor(), "clock"), Status.PROBLEM, "behind") == about(120)


def told_seconds(finding: Finding, status: Status, where: str) -> int:
    assert_found(finding, status, f" s {where}")
    return int(finding.summary.split(f" s {where}")[0].split()[-1])


def about(seconds: int) -> object:
    """A Date header has whole seconds, and the answer takes its time on the way."""
    return pytest.approx(seconds, abs=15)


@breaks("clock", "the simulator's clock is set half a minute back")
def test_a_clock_that_is_a_little_ahead(doctor, simulator):
    simulator.faults.clock_skew = -30
    assert told_seconds(finding_of(doctor(), "clock"), Status.WARNING, "ahead") == about(30)


@healthy("clock")
def test_a_clock_that_is_right(doctor):
    assert_found(finding_of(doctor(), "clock"), Status.OK)


# --- upstream and maintenance


@breaks("upstream", "nothing listens where the Data API should be")
def test_the_data_api_cannot_be_reached(doctor):
    assert_found(
        finding_of(doctor(PITBOARD_DATA_URL=f"http://127.0.0.1:{free_port()}"), "upstream"), Status.PROBLEM
    )


@breaks("upstream", "nothing listens where the token endpoint should be")
def test_the_login_service_cannot_be_reached(doctor):
    gone = doctor(PITBOARD_OAUTH_URL=f"http://127.0.0.1:{free_port()}/oauth2/token")
    assert_found(finding_of(gone, "upstream"), Status.PROBLEM, "cannot be reached")


@breaks("upstream", "the simulator answers with a gateway's HTML error page")
def test_a_gateway_in_front_of_iracing_fails(doctor, simulator):
    simulator.faults.add("html", status=504, times=2)
    assert_found(finding_of(doctor(), "upstream"), Status.PROBLEM, "504")


@healthy("upstream")
def test_iracing_answers(doctor):
    assert_found(finding_of(doctor(), "upstream"), Status.OK)


@pytest.mark.parametrize("old", [False, True])
@breaks("maintenance", "the simulator is put into maintenance")
def test_iracing_is_in_maintenance(doctor, simulator, old):
    simulator.faults.maintenance, simulator.faults.maintenance_old_shape = True, old
    assert_found(finding_of(doctor(), "maintenance"), Status.WARNING)


@healthy("maintenance")
def test_iracing_is_not_in_maintenance(doctor):
    assert_found(finding_of(doctor(), "maintenance"), Status.OK)


def test_checks_cost_no_call_and_no_login(doctor, simulator):
    context = doctor()
    for name in ("clock", "upstream", "maintenance", "oauth", "token-refresh"):
        finding_of(context, name)
    assert simulator.calls.select(service="data", status=200) == []
    assert [call for call in simulator.calls.select(service="oauth") if call.status == 200] == []


# --- the port, /health, /metrics


@breaks("port", "another program listens on the port")
def test_another_program_has_the_port(doctor):
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        threading.Thread(target=_hang_up, args=(other,), daemon=True).start()
        context = doctor(PITBOARD_PORT=str(other.getsockname()[1]))
        assert_found(finding_of(context, "port"), Status.PROBLEM, "Cannot listen")


def _hang_up(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


@healthy("port")
def test_the_port_is_free(doctor):
    assert_found(finding_of(doctor(), "port"), Status.OK, "free")


@healthy("health")
@healthy("metrics")
def test_a_running_server(doctor, tmp_path):
    with local_server(tmp_path / "backend", latency=0.0, link_latency=0.0) as backend:
        context = doctor(PITBOARD_PORT=backend.base_url.rsplit(":", 1)[1])
        assert_found(finding_of(context, "port"), Status.OK, "runs")
        assert_found(finding_of(context, "metrics"), Status.OK)
        assert_found(finding_of(context, "health"), Status.OK)


@breaks("health", "iRacing refuses the running server's credentials")
def test_a_degraded_server_is_a_warning(doctor, tmp_path):
    with local_server(tmp_path / "backend", latency=0.0, link_latency=0.0) as backend:
        backend.simulator.faults.client_disabled = True
        with pytest.raises(UpstreamError):
            backend.home.tokens.access_token(time.monotonic() + 5)
        context = doctor(PITBOARD_PORT=backend.base_url.rsplit(":", 1)[1])
        assert_found(finding_of(context, "health"), Status.WARNING, "token")


@breaks("health", "the running server's database is damaged")
def test_an_unhealthy_server_is_a_problem(doctor):
    with fake_http_server() as other:
        store = {"store": {"ok": False, "detail": "The database is damaged."}}
        other.on("/health", Reply(503, json={"status": "unhealthy", "version": "1", "checks": store}))
        context = doctor(PITBOARD_PORT=other.url.rsplit(":", 1)[1])
        assert_found(finding_of(context, "health"), Status.PROBLEM, "damaged")


@breaks("metrics", "the server on the port says that it is healthy, and has no /metrics")
def test_a_server_without_metrics(doctor):
    with fake_http_server() as other:
        other.on("/health", Reply(json={"status": "healthy", "checks": {}}))
        context = doctor(PITBOARD_PORT=other.url.rsplit(":", 1)[1])
        assert_found(finding_of(context, "metrics"), Status.PROBLEM, "404")


# --- database, disk, credentials


@breaks("database", "a page in the middle of the file is overwritten")
def test_a_damaged_database(doctor, used):
    with used.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    finding = finding_of(doctor(), "database")
    assert_found(finding, Status.PROBLEM)
    assert "pitboard serve" in finding.remedy


@breaks("database", "the file is another program's database")
def test_another_programs_database(doctor, tmp_path):
    change(tmp_path / "pitboard.sqlite3", "CREATE TABLE theirs (x)")
    assert_found(finding_of(doctor(), "database"), Status.PROBLEM, "another program")
    assert b"theirs" in (tmp_path / "pitboard.sqlite3").read_bytes()


@breaks("database", "the file is whole, and cannot be opened where it lies")
def test_a_database_that_cannot_be_opened_is_not_told_to_be_moved_away(doctor, used):
    used.with_name(f"{used.name}-wal").mkdir()
    finding = finding_of(doctor(), "database")
    assert_found(finding, Status.PROBLEM, "must be writable for you")
    assert "mv" not in finding.remedy


@breaks("database", "the schema's number is raised, as a newer version would")
def test_a_newer_database(doctor, used):
    change(used, "PRAGMA user_version = 99")
    assert_found(finding_of(doctor(), "database"), Status.PROBLEM, "newer")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
@breaks("database", "the file is made readable by everybody")
def test_an_exposed_database_is_made_private(doctor, used):
    used.chmod(0o644)
    context = doctor()
    assert_found(finding_of(context, "database"), Status.PROBLEM, "Other users")
    apply_fix(context, "database")
    assert used.stat().st_mode & 0o077 == 0
    assert_found(finding_of(context, "database"), Status.OK)


@healthy("database")
def test_a_healthy_database(doctor, used):
    assert_found(finding_of(doctor(), "database"), Status.OK, "undamaged")


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[None]:
    """Lets nobody write in the folder; root, who may write everywhere, but on a disk that is read-only."""
    if os.name != "posix":
        pytest.skip("Windows has no modes")
    if os.geteuid():
        tmp_path.chmod(0o500)
        yield
        tmp_path.chmod(0o700)
        return
    if sys.platform != "linux":
        pytest.skip("only Linux has disks in memory")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", tmp_path], check=True)
    yield
    subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.usefixtures("unwritable")
@breaks("database", "there is none, and its folder cannot be written")
def test_a_database_that_cannot_be_made_is_told_before_the_server_fails(doctor, tmp_path):
    for folder in (tmp_path, tmp_path / "to" / "come"):
        context = doctor()
        context.settings = replace(context.settings, db=folder / "pitboard.sqlite3")
        finding = finding_of(context, "database")
        assert_found(finding, Status.PROBLEM, "cannot be made", str(tmp_path))
        assert "PITBOARD_DB" in finding.remedy


def test_without_a_database_none_is_created(doctor, tmp_path):
    assert_found(finding_of(doctor(), "database"), Status.SKIPPED)
    assert not (tmp_path / "pitboard.sqlite3").exists()


@breaks("index-age", "the index is three days old, or missing beside a database that is used")
def test_an_old_driver_index(doctor, used):
    assert_found(finding_of(doctor(), "index-age"), Status.WARNING, "no driver index yet")
    refreshed(used, GivenLists(crowd(3)), now=time.time() - 72 * 3600)
    assert_found(finding_of(doctor(), "index-age"), Status.WARNING, "72 hours old")


@healthy("index-age")
def test_a_young_driver_index(doctor, used):
    refreshed(used, GivenLists(crowd(3)), now=time.time() - 20 * 3600)
    assert_found(finding_of(doctor(), "index-age"), Status.OK, "20 hours old")


def test_no_driver_index_where_none_is_wanted_yet(doctor, used):
    assert finding_of(doctor(PITBOARD_INDEX_HOURS="0"), "index-age").status is Status.SKIPPED
    used.unlink()
    assert finding_of(doctor(), "index-age").status is Status.SKIPPED


@breaks("disk", "the file is made (sparsely) larger than what is free on the disk")
def test_a_full_disk(doctor, tmp_path):
    vfs = os.statvfs(tmp_path)
    with (tmp_path / "pitboard.sqlite3").open("wb") as file:
        file.truncate(vfs.f_frsize * vfs.f_blocks)
    assert_found(finding_of(doctor(), "disk"), Status.PROBLEM, "free")


@healthy("disk")
def test_a_disk_with_room(doctor):
    assert_found(finding_of(doctor(), "disk"), Status.OK)


def without_credentials(simulator: Simulator) -> dict[str, str]:
    return {name: "" for name in simulator.environment() if not name.endswith("URL")}


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
@breaks("keyring", "the credentials file is made readable by everybody")
def test_an_exposed_credentials_file_is_made_private(doctor, simulator, tmp_path):
    file = tmp_path / "credentials.json"
    save(doctor().credentials, file)
    file.chmod(0o644)
    nothing = without_credentials(simulator)
    assert_found(finding_of(doctor(**nothing), "keyring"), Status.PROBLEM, "Other users")
    apply_fix(doctor(**nothing), "keyring")
    assert_found(finding_of(doctor(**nothing), "keyring"), Status.OK, "private file")


@breaks("keyring", "the credentials file is cut off in the middle")
def test_a_damaged_credentials_file(doctor, simulator, tmp_path):
    file = tmp_path / "credentials.json"
    save(doctor().credentials, file)
    file.write_text(file.read_text()[:20])
    assert_found(finding_of(doctor(**without_credentials(simulator)), "keyring"), Status.PROBLEM, "damaged")


class PlaintextKeyring(KeyringBackend):
    """Called as the one of the package keyrings.alt, which writes clear text."""

    priority = 1

    def get_password(self, service, username):
        return json.dumps({"client_id": "x"})

    def set_password(self, service, username, password):
        raise AssertionError("nothing is written")

    def delete_password(self, service, username):
        raise AssertionError("nothing is deleted")


@breaks("keyring", "the keyring in use keeps clear text")
def test_a_keyring_of_clear_text(doctor):
    before = keyring.get_keyring()
    keyring.set_keyring(PlaintextKeyring())
    try:
        assert_found(finding_of(doctor(), "keyring"), Status.PROBLEM, "clear text")
    finally:
        keyring.set_keyring(before)


@healthy("keyring")
def test_credentials_in_the_environment(doctor):
    assert_found(finding_of(doctor(), "keyring"), Status.OK)


# --- OAuth in each of its ways


@breaks("oauth", "one of the four variables is unset")
def test_a_missing_credential(doctor):
    finding = finding_of(doctor(PITBOARD_PASSWORD=""), "oauth")
    assert_found(finding, Status.PROBLEM, "PITBOARD_PASSWORD")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("client_disabled", "PITBOARD_CLIENT_ID"),
        ("account_inactive", "subscription"),
        ("withhold_scope", "scope"),
        ("oauth_maintenance", "login service"),
    ],
)
@breaks("oauth", "the simulator disables the client, ends the subscription, withholds the scope, or is down")
def test_iracing_refuses_a_token(doctor, simulator, tmp_path, fault, words):
    setattr(simulator.faults, fault, True)
    told = login(simulator, tmp_path)
    assert told
    assert_found(finding_of(doctor(), "oauth"), Status.PROBLEM, told.split(" (")[0][:40])


@breaks("oauth", "the simulator's twelve logins of the hour are used up")
def test_too_many_logins(doctor, simulator, tmp_path):
    simulator.set_logins_left(0)
    login(simulator, tmp_path)
    assert_found(finding_of(doctor(), "oauth"), Status.PROBLEM, "limits how often")


@breaks("oauth", "the password is wrong")
def test_a_wrong_password(doctor, simulator, tmp_path):
    with pytest.raises(UpstreamError), local_home(simulator, tmp_path, PITBOARD_PASSWORD="wrong") as home:
        home.tokens.access_token(time.monotonic() + 5)
    assert_found(finding_of(doctor(PITBOARD_PASSWORD="wrong"), "oauth"), Status.PROBLEM, "PITBOARD_PASSWORD")


@healthy("oauth")
def test_credentials_that_iracing_accepts(doctor, used):
    assert_found(finding_of(doctor(), "oauth"), Status.OK)


# --- the token


@breaks("token-refresh", "the access token's end is put into the past")
def test_an_expired_token_is_refreshed_without_a_login(doctor, simulator, used):
    change_document(used, "TOKEN:", access_until=1.0)
    context = doctor()
    assert_found(finding_of(context, "token-refresh"), Status.WARNING, "refreshed")
    simulator.calls.clear()
    assert "Refreshed" in apply_fix(context, "token-refresh")
    assert_found(finding_of(context, "token-refresh"), Status.OK)
    assert len(simulator.calls.select(service="oauth")) == 1


@breaks("token-refresh", "access and refresh token are removed")
def test_neither_access_nor_refresh_token(doctor, used):
    change_document(used, "TOKEN:", access_token="", refresh_token="")
    assert_found(finding_of(doctor(), "token-refresh"), Status.PROBLEM, "no refresh token")


@breaks("token-refresh", "the hour's password logins are used up besides")
def test_no_token_and_no_login_left(doctor, used):
    change_document(used, "TOKEN:", access_token="", refresh_token="", logins=[time.time()] * 4)
    assert_found(finding_of(doctor(), "token-refresh"), Status.PROBLEM, "used up")


@healthy("token-refresh")
def test_a_valid_token(doctor, used):
    assert_found(finding_of(doctor(), "token-refresh"), Status.OK, "valid for")


# --- budget, client, names


@breaks("budget", "the bucket is emptied")
def test_the_budget_is_used_up(doctor, used):
    change_document(used, "BUDGET", level=0.0, at=time.time() + 1)
    assert_found(finding_of(doctor(), "budget"), Status.WARNING, "used up")


@breaks("budget", "iRacing's rate limit was met and calls are paused")
def test_calls_are_paused(doctor, used):
    change_document(used, "BUDGET", paused_until=time.time() + 40, paused_code="rate_limited")
    assert_found(finding_of(doctor(), "budget"), Status.WARNING, "paused", "rate_limited")


@healthy("budget")
def test_calls_are_left(doctor, used):
    assert_found(finding_of(doctor(), "budget"), Status.OK)


@breaks("inactivity", "the last token is made 100 days old")
def test_a_client_that_nobody_has_used_for_long(doctor, used):
    change_document(used, "TOKEN:", access_from=time.time() - 100 * DAY)
    assert_found(finding_of(doctor(), "inactivity"), Status.WARNING, "100 days")


@breaks("inactivity", "the last token is made 200 days old")
def test_a_client_that_is_disabled_by_now(doctor, used):
    change_document(used, "TOKEN:", access_from=time.time() - 200 * DAY)
    assert_found(finding_of(doctor(), "inactivity"), Status.PROBLEM, "disabled")


@healthy("inactivity")
def test_a_client_in_use(doctor, used):
    assert_found(finding_of(doctor(), "inactivity"), Status.OK)


@breaks("name-lookup", "a known driver's customer id is changed in the database")
def test_a_name_of_another_driver_is_deleted(doctor, used):
    change(used, "UPDATE records SET cust_id = 1")
    context = doctor()
    assert_found(finding_of(context, "name-lookup"), Status.PROBLEM, "not the one")
    before = context.newest_record()
    apply_fix(context, "name-lookup")
    after = context.newest_record()
    assert before != after


@breaks("name-lookup", "every session is revoked")
def test_a_lookup_that_iracing_refuses(doctor, simulator, used):
    simulator.revoke_sessions()
    simulator.faults.client_disabled = True
    assert_found(finding_of(doctor(), "name-lookup"), Status.PROBLEM)


@healthy("name-lookup")
def test_a_known_driver_is_found_again_with_one_call(doctor, simulator, used):
    simulator.calls.clear()
    assert_found(finding_of(doctor(), "name-lookup"), Status.OK)
    assert len(simulator.calls.select(service="data")) == 1


# --- logs, time to live, traces, addon


def log_lines(db: Path, *fields: Mapping[str, object]) -> Path:
    file = log_file(db)
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    file.write_text("".join(json.dumps({"time": now, "level": "INFO", **f}) + "\n" for f in fields))
    return file


@breaks("secrets-in-logs", "the password and a bearer token are written into the log file")
@pytest.mark.parametrize("line", ["as Bearer abcdefghijkl", "GET /x?token=abcdefghijkl", "the password {}"])
def test_a_secret_in_the_log_is_redacted(doctor, simulator, used, line):
    secret = simulator.environment()["PITBOARD_PASSWORD"]
    file = log_lines(used, {"message": "fine"}, {"message": line.format(secret)}, {"message": "fine, too"})
    context = doctor()
    assert context.credentials
    finding = finding_of(context, "secrets-in-logs")
    assert_found(finding, Status.PROBLEM, "Line 2")
    assert secret not in finding.summary
    apply_fix(context, "secrets-in-logs")
    assert secret not in file.read_text()
    assert "abcdefghijkl" not in file.read_text()
    assert file.read_text().count("\n") == 3
    assert_found(finding_of(context, "secrets-in-logs"), Status.OK)


@healthy("secrets-in-logs")
@healthy("errors-in-logs")
def test_a_clean_log(doctor, used):
    log_lines(used, {"message": "fine, password=[redacted]"})
    assert_found(finding_of(doctor(), "secrets-in-logs"), Status.OK)
    assert_found(finding_of(doctor(), "errors-in-logs"), Status.OK)


@breaks("errors-in-logs", "errors are written into the log file")
def test_errors_in_the_log_are_counted(doctor, used):
    trouble = {"level": "ERROR", "message": "x", "exception": "Traceback\nKeyError: 'a'"}
    log_lines(used, trouble, trouble, {"message": "fine"})
    assert_found(finding_of(doctor(), "errors-in-logs"), Status.WARNING, "2 errors", "KeyError")


@breaks("ttl", "records' ends are put two days back")
def test_expired_records_are_deleted(doctor, used):
    change(used, "UPDATE records SET stale_until = ?", time.time() - 2 * DAY)
    context = doctor()
    assert_found(finding_of(context, "ttl"), Status.WARNING, "ended")
    apply_fix(context, "ttl")
    assert_found(finding_of(context, "ttl"), Status.OK)


@healthy("ttl")
def test_no_expired_records(doctor, used):
    assert_found(finding_of(doctor(), "ttl"), Status.OK)


@breaks("tracing", "an exporter is named that there is not")
def test_an_unknown_trace_exporter(doctor):
    assert_found(finding_of(doctor(OTEL_TRACES_EXPORTER="pigeon"), "tracing"), Status.PROBLEM, "pigeon")


@healthy("tracing")
def test_traces_are_on(doctor):
    pytest.importorskip("opentelemetry.sdk")
    assert_found(finding_of(doctor(OTEL_TRACES_EXPORTER="otlp"), "tracing"), Status.OK)


@breaks("addon-version", "a userscript of another version")
def test_an_old_userscript():
    script = "// ==UserScript==\n// @name Pitboard\n// @version 0.0.1\n"
    assert_found(addon_version.compare(script, {}), Status.PROBLEM, "0.0.1")


@breaks("addon-version", "a userscript with a script of another build")
def test_a_userscript_that_loads_another_script():
    script = SCRIPT.read_text(encoding="utf-8")
    assert_found(
        addon_version.compare(script, {"pitboard-card.js": b"another"}), Status.PROBLEM, "pitboard-card.js"
    )


@healthy("addon-version")
def test_the_committed_userscript(doctor):
    assert_found(finding_of(doctor(), "addon-version"), Status.OK)
