"""`pitboard doctor` as a person and a program use it."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.doctor_checks import check
from tests.support.local_server import local_home
from typer.testing import CliRunner

from pitboard import cli
from pitboard.ops.doctor import run
from pitboard.ops.doctor.check import Check, Section, Status, ok
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.logs import LocalLog, Query
from pitboard.settings import Settings, UsageError
from pitboard.simulator import Simulator
from pitboard.telemetry.files import log_file


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    """A simulator that the environment of this process points to, with a database that has served."""
    with Simulator(latency=0.002, link_latency=0.001) as simulator:
        for name, value in simulator.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PITBOARD_DB", str(tmp_path / "pitboard.sqlite3"))
        monkeypatch.setenv("PITBOARD_PORT", "0")
        with local_home(simulator, tmp_path) as home:
            home.service.page([driver.display_name for driver in simulator.population.sample(3)], 8.0)
        yield simulator


def pitboard(*arguments: str, typed: str = "") -> tuple[int, str]:
    """Runs the command; gives its exit code and what it printed."""
    done = CliRunner().invoke(cli.app, list(arguments), input=typed, env={"COLUMNS": "200"})
    if isinstance(done.exception, UsageError):
        return 2, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_a_healthy_home_has_no_problems(simulator: Simulator) -> None:
    code, text = pitboard("doctor")
    assert code == 0, text
    assert "no problems" in text


def test_findings_are_grouped_as_the_guide_is(simulator: Simulator) -> None:
    _, text = pitboard("doctor")
    sections = [line for line in text.splitlines() if line in list(Section)]
    assert sections == [s for s in Section if s in sections]
    assert len(sections) > 3


def test_a_problem_is_shown_with_its_remedy_and_exit_code_1(simulator: Simulator) -> None:
    simulator.stop()
    code, text = pitboard("doctor", "--only", "upstream")
    assert code == 1
    assert "cannot be reached" in text
    assert "curl -I" in text


def test_a_warning_is_no_failure(simulator: Simulator) -> None:
    simulator.faults.maintenance = True
    code, text = pitboard("doctor", "--only", "maintenance")
    assert code == 0
    assert "1 warning" in text


def test_json_has_home_state_and_all_checks(simulator: Simulator) -> None:
    code, text = pitboard("doctor", "--json")
    told = json.loads(text)
    assert code == 0
    assert (told["home"], told["ok"]) == ("local", True)
    assert {c["id"] for c in told["checks"]} == {c.id for c in run.all_checks() if c.local}
    assert all(c["status"] in list(Status) for c in told["checks"])


def test_only_runs_the_given_checks_in_their_order(simulator: Simulator) -> None:
    _, text = pitboard("doctor", "--json", "--only", "disk, ttl")
    assert [c["id"] for c in json.loads(text)["checks"]] == ["disk", "ttl"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["doctor", "--only", "nonsense"], "no check nonsense"),
        (["doctor", "--env", "moon"], "no environment 'moon'"),
        (["doctor", "--fix", "--json"], "--fix asks"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_sentence(arguments: list[str], words: str) -> None:
    code, text = pitboard(*arguments)
    assert code == 2
    assert words in text


@pytest.mark.parametrize(("answer", "mode", "code"), [("y\n", 0o600, 0), ("n\n", 0o644, 1)])
def test_a_change_is_made_only_after_a_yes(
    simulator: Simulator, tmp_path: Path, answer: str, mode: int, code: int
) -> None:
    (tmp_path / "pitboard.sqlite3").chmod(0o644)
    done, text = pitboard("doctor", "--fix", "--only", "database", typed=answer)
    assert "readable by you alone?" in text
    assert (tmp_path / "pitboard.sqlite3").stat().st_mode & 0o777 == mode
    assert done == code


def test_the_checks_end_within_ten_seconds(simulator: Simulator) -> None:
    simulator.faults.add("hang", times=10)
    begin = time.monotonic()
    code, text = pitboard("doctor")
    assert time.monotonic() - begin < run.LOCAL_SECONDS + 1
    assert code == 1
    assert "upstream" in text


def test_no_secret_is_printed(simulator: Simulator, tmp_path: Path) -> None:
    environment = simulator.environment()
    with pytest.MonkeyPatch.context() as patch:
        # A finding that would tell one, as a message of a library might.
        patch.setenv("OTEL_TRACES_EXPORTER", environment["PITBOARD_PASSWORD"])
        for arguments in (["doctor"], ["doctor", "--json"]):
            _, text = pitboard(*arguments)
            assert "[redacted]" in text
            assert environment["PITBOARD_PASSWORD"] not in text
            assert environment["PITBOARD_CLIENT_SECRET"] not in text


# --- how checks are run


def context(tmp_path: Path) -> LocalEnvironment:
    return LocalEnvironment(replace(Settings.read({}), db=tmp_path / "pitboard.sqlite3"), {})


def made(name: str, local: object) -> Check:
    return Check(name, name, Section.HOST, (), "", local=local)  # type: ignore[arg-type]


def test_a_hung_check_is_reported_and_does_not_delay_the_others(tmp_path: Path) -> None:
    never = threading.Event()
    hangs = made("hangs", lambda _: never.wait() and ok("never"))
    fine = made("fine", lambda _: ok("fine"))
    begin = time.monotonic()
    results = run.run(context(tmp_path), [hangs, fine], 0.2)
    assert time.monotonic() - begin < 10
    assert [(r.check.id, r.finding.status) for r in results] == [("hangs", Status.HUNG), ("fine", Status.OK)]
    never.set()


def test_checks_run_side_by_side(tmp_path: Path) -> None:
    meeting = threading.Barrier(8)
    checks = [made(f"c{n}", lambda _: ok(str(meeting.wait(5)))) for n in range(8)]
    assert {r.finding.status for r in run.run(context(tmp_path), checks, 5)} == {Status.OK}


def test_a_check_that_raises_an_error_is_a_finding(tmp_path: Path) -> None:
    (result,) = run.run(context(tmp_path), [made("broken", lambda _: 1 / 0)], 5)
    assert result.finding.status is Status.FAILED
    assert "division by zero" in result.finding.summary
    assert "`pitboard doctor --only broken`" in result.finding.remedy


# --- what a check must have


@pytest.mark.parametrize("name", [c.id for c in run.all_checks()])
def test_a_check_is_complete(name: str) -> None:
    found = check(name)
    assert found.homes
    assert found.title
    assert found.symptoms
    assert found.remedy.endswith((".", "`", "com"))
    for home in ("local", "aws"):
        assert getattr(found.fix, home) is None or getattr(found, home) is not None
    assert bool(found.fix.question) == bool(found.fix.local or found.fix.aws)


def test_ids_are_unique() -> None:
    ids = [c.id for c in run.all_checks()]
    assert len(set(ids)) == len(ids)


# --- pitboard logs


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PITBOARD_DB", str(tmp_path / "pitboard.sqlite3"))
    file = log_file(tmp_path / "pitboard.sqlite3")
    file.write_text(
        line(7200, "INFO", "long ago")
        + line(60, "INFO", "Serving")
        + line(30, "ERROR", "Call 17 failed", exception="Traceback ...\npitboard.x.StoreError: no")
        + line(20, "ERROR", "Call 18 failed", exception="Traceback ...\npitboard.x.StoreError: no")
        + line(10, "ERROR", "Answer 3 is odd")
        + "not JSON at all\n"
    )
    return file


def line(ago: float, level: str, message: str, **more: str) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - ago))
    return json.dumps({"time": at, "level": level, "message": message, **more}) + "\n"


def test_the_last_hour_is_shown(log: Path) -> None:
    code, text = pitboard("logs")
    assert code == 0
    assert "Serving" in text
    assert "long ago" not in text


def test_since_and_pattern_select_lines(log: Path) -> None:
    _, text = pitboard("logs", "--since", "3h", "--pattern", "LONG")
    assert [row.split()[-2:] for row in text.splitlines()] == [["long", "ago"]]


def test_older_files_come_first(log: Path) -> None:
    log.with_name("pitboard.log.1").write_text(line(100, "INFO", "before"))
    _, text = pitboard("logs")
    assert text.index("before") < text.index("Serving")


def test_errors_are_counted_by_kind(log: Path) -> None:
    _, text = pitboard("logs", "--count")
    rows = [row.split("│") for row in text.splitlines() if "│" in row]
    assert [(row[1].strip(), row[3].strip()) for row in rows] == [
        ("2", "pitboard.x.StoreError"),
        ("1", "Answer # is odd"),
    ]


def test_json_shows_lines_unchanged(log: Path) -> None:
    _, text = pitboard("logs", "--json", "--errors")
    assert [json.loads(row)["message"][:4] for row in text.splitlines()] == ["Call", "Call", "Answ"]


def test_following_goes_on_in_a_new_log_file(log: Path) -> None:
    lines = LocalLog(log).follow(Query(pattern="new"))
    coming = [("new line", False), ("last line", False), ("new file", True)]
    with log.open("a") as opened:
        opened.write(line(0, "INFO", "new and first"))
    heard = [next(lines).message]
    for text, turned_over in coming:
        if turned_over:
            log.rename(log.with_name("pitboard.log.1"))
        with log.open("a") as opened:
            opened.write(line(0, "INFO", f"new: {text}"))
        heard.append(next(lines).message)
    assert heard == ["new and first", "new: new line", "new: last line", "new: new file"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], "90s, 15m, 2h or 1d"),
        (["--query", "nonsense"], "no query"),
        (["--query", "errors"], "--env"),
    ],
)
def test_wrong_usage_of_logs_is_exit_code_2(log: Path, arguments: list[str], words: str) -> None:
    code, text = pitboard("logs", *arguments)
    assert (code, words in text) == (2, True)


def test_without_a_log_the_command_says_what_writes_it(log: Path) -> None:
    log.unlink()
    code, text = pitboard("logs")
    assert (code, "pitboard serve" in text) == (2, True)


def test_ready_queries_are_listed() -> None:
    _, text = pitboard("logs", "--query", "list")
    assert "cold-starts:" in text
