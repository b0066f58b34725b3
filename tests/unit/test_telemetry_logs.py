"""Log lines are JSON for machines and short for people, carry the request's id, and never fail."""

import contextvars
import io
import json
import logging
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from pitboard.telemetry import configure_logging, hide, request_id
from pitboard.telemetry.files import log_file_handler

log = logging.getLogger("pitboard.test")


@pytest.fixture(autouse=True)
def _root_logger_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("INFO", stream)
    return stream


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_is_one_json_object(stream: io.StringIO) -> None:
    log.warning("two\nlines for %s", "Åsa", extra={"endpoint": "member/get", "seconds": 0.12})
    (line,) = stream.getvalue().splitlines()
    fields = json.loads(line)
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "WARNING",
        "logger": "pitboard.test",
        "message": "two\nlines for Åsa",
        "endpoint": "member/get",
        "seconds": 0.12,
    }


def test_fields_of_a_line_cannot_be_forged_by_extra_ones(stream: io.StringIO) -> None:
    log.info("true", extra={"level": "FORGED", "time": "then"})
    assert json.loads(stream.getvalue())["level"] == "INFO"


def test_every_line_of_a_request_carries_its_id_and_no_other_does(stream: io.StringIO) -> None:
    def served(name: str) -> None:
        request_id.set(name)
        log.info("first")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(contextvars.copy_context().run, log.info, "from a pool").result()

    for name in ("one", "two"):
        contextvars.copy_context().run(served, name)
    log.info("outside")
    ids = [json.loads(line).get("request_id") for line in stream.getvalue().splitlines()]
    assert ids == ["one", "one", "two", "two", None]


def test_a_terminal_gets_short_lines() -> None:
    terminal = Terminal()
    configure_logging("INFO", terminal)
    log.info("serving %d drivers", 20, extra={"state": "fresh"})
    log.error("no")
    first, second = terminal.getvalue().splitlines()
    assert first.endswith("INFO    serving 20 drivers state=fresh")
    assert "\033[31mERROR" in second


def test_an_exception_is_in_its_line(stream: io.StringIO) -> None:
    try:
        dict[str, int]()["gone"]
    except KeyError:
        log.exception("trouble")
    fields = json.loads(stream.getvalue())
    assert fields["exception"].startswith("Traceback")
    assert fields["exception"].endswith("KeyError: 'gone'")


def test_what_cannot_be_written_as_json_becomes_text(stream: io.StringIO) -> None:
    circle: list[object] = []
    circle.append(circle)
    log.info("x", extra={"path": Path("/x"), "circle": circle, "nan": float("nan"), "lone": "\ud800"})
    fields = json.loads(stream.getvalue(), parse_constant=pytest.fail)
    assert (fields["path"], fields["nan"]) == ("/x", "nan")


def test_setting_up_again_replaces(stream: io.StringIO) -> None:
    second = io.StringIO()
    configure_logging("ERROR", second)
    log.warning("no")
    log.error("once")
    assert stream.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure_logging("LOUD", io.StringIO())


def test_secrets_can_be_registered_before_and_after(stream: io.StringIO) -> None:
    configure_logging("INFO", stream, ["first-hidden-value"])
    hide("second-hidden-value")
    log.info("first-hidden-value and second-hidden-value")
    assert json.loads(stream.getvalue())["message"] == "[redacted] and [redacted]"


def test_the_log_file_is_private_and_holds_json(tmp_path: Path) -> None:
    path = tmp_path / "made" / "pitboard.log"
    handler = log_file_handler(path)
    logger = logging.Logger("file")  # noqa: LOG001 - not in logging's registry: nothing is left behind
    logger.addHandler(handler)
    logger.info("kept, password=%s", "hunter2")
    handler.close()
    assert json.loads(path.read_text())["message"] == "kept, password=[redacted]"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_log_file_begins_before_the_old_one_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "pitboard.log"
    handler = log_file_handler(path)
    assert isinstance(handler, RotatingFileHandler)
    assert handler.maxBytes == 5_000_000
    handler.maxBytes = 5_000
    logger = logging.Logger("file")  # noqa: LOG001
    logger.addHandler(handler)
    for _ in range(25):
        logger.info("%s", "x" * 1_000)
    handler.close()
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["pitboard.log", "pitboard.log.1", "pitboard.log.2", "pitboard.log.3"]
    assert all(p.stat().st_size <= 5_000 for p in tmp_path.iterdir())


def test_a_failed_write_reveals_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError("disk full")

    configure_logging("INFO", Broken())
    log.info("password=%s", "hunter2")
    assert capsys.readouterr().err == "A log line of pitboard.test could not be written.\n"


def test_the_import_is_light() -> None:
    heavy = (
        "prometheus_client",
        "opentelemetry",
        "rich",
        "boto3",
        "starlette",
        "urllib3",
        "logging.handlers",
        "html",
    )
    code = (
        f"import sys, pitboard.telemetry as t; t.spans('x'); print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert done.stdout.strip() == "[]"
