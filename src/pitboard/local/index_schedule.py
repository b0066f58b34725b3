"""Keeps the driver index up to date while `pitboard serve` runs: a child process a day."""

import json
import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import IO, Any

from pitboard.local.renewals import quietly
from pitboard.settings import Settings
from pitboard.stores.index_file import index_age

PAUSES = (900.0, 3600.0, 4 * 3600.0)
"""Seconds until the next attempt after the first, the second and every further failure in a row."""

JITTER = 0.05
"""By this share of the interval a refresh may be early or late, so that hosts do not all ask at once."""

LOOK_SECONDS = 600.0
"""So often the time is looked at: a machine that slept, or whose clock was set, does not wait a day more."""

HOUR = 3600.0

log = logging.getLogger(__name__)


def seconds_left(age: float | None, hours: float, spread: float) -> float:
    """How long to wait for the next refresh of an index so many seconds old (None: there is none).

    `spread` is from -1 to 1.
    """
    return 0.0 if age is None else max(0.0, hours * HOUR * (1 + JITTER * spread) - age)


def pause_after(failures: int, hours: float) -> float:
    """Seconds until the attempt after so many failures in a row; never more than the usual interval."""
    return min(PAUSES[min(failures, len(PAUSES)) - 1], hours * HOUR)


class IndexSchedule:
    """Runs `refresh` when the index is old enough, from a thread of its own. A context manager.

    `refresh` gives "" when all went well, else the sentence that says what did not; `end` makes a running
    one return soon. `wait` waits so many seconds and gives whether the end has come. With 0 hours nothing
    ever runs.
    """

    def __init__(
        self,
        hours: float,
        age: Callable[[], float | None],
        refresh: Callable[[], str],
        end: Callable[[], None],
        wait: Callable[[float], bool] | None = None,
        draw: Callable[[], float] = lambda: random.uniform(-1, 1),  # noqa: S311 - spreads, hides nothing
    ) -> None:
        self._hours = hours
        self._age = age
        self._refresh = refresh
        self._end = end
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._draw = draw
        self._thread = threading.Thread(target=self.run, name="pitboard-index", daemon=True)

    def __enter__(self) -> "IndexSchedule":
        if self._hours:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._end()
        if self._hours:
            self._thread.join()

    def run(self) -> None:
        """Until the end: waits until a refresh is due, runs it, pauses after a failure, whichever it is."""
        failures = 0
        while True:
            try:
                if self._over(failures):
                    return
                problem = self._refresh()
            except OSError as error:  # the folder of the index cannot be read, or there is no memory
                problem = str(error)
            except Exception as error:
                log.exception("the schedule of the driver index failed")
                problem = type(error).__name__
            if self._stopping.is_set():
                return
            failures = failures + 1 if problem else 0
            if problem:
                minutes = pause_after(failures, self._hours) / 60
                told = "the driver index could not be refreshed; the next attempt is in %.0f minutes: %s"
                log.error(told, minutes, problem)

    def _over(self, failures: int) -> bool:
        """Waits until the next refresh is due; gives whether the end came first."""
        if failures:
            return self._wait(pause_after(failures, self._hours))
        spread = self._draw()
        while left := seconds_left(self._age(), self._hours, spread):
            if self._wait(min(left, LOOK_SECONDS)):
                return True
        return self._stopping.is_set()


class IndexJob:
    """A refresh in a child process of lower priority; its log lines become this process's."""

    def __init__(self, settings: Settings) -> None:
        self._environment = {
            **os.environ,
            "PITBOARD_DB": str(settings.db),
            "PITBOARD_OAUTH_URL": settings.upstream.oauth_url,
            "PITBOARD_DATA_URL": settings.upstream.data_url,
        }
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._ended = False

    def run(self) -> str:
        """Runs one refresh to its end. Gives "" or the sentence that says what went wrong."""
        with self._lock:
            if self._ended:
                return ""
            try:
                child = self._child = _started(self._environment)
            except OSError as error:
                return f"The refresh cannot be started: {error.strerror}."
        with child:
            lines = threading.Thread(target=_forward, args=(child.stderr,), daemon=True)
            lines.start()
            said = child.stdout.read() if child.stdout else ""
            lines.join()
        return _problem(said, child.returncode)

    def end(self) -> None:
        """Ends a running child, and lets none begin any more. `run` returns soon after."""
        with self._lock:
            self._ended = True
            if self._child:
                with suppress(OSError):
                    self._child.kill()


def schedule(settings: Settings) -> IndexSchedule:
    """The schedule of a local home."""
    job = IndexJob(settings)
    return IndexSchedule(settings.index_hours, lambda: index_age(settings.db, time.time()), job.run, job.end)


def _started(environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pitboard.local.index_job"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
    )


def _problem(said: str, code: int) -> str:
    result: Any = None
    with suppress(ValueError, IndexError):
        result = json.loads(said.splitlines()[-1])
    if not isinstance(result, dict):
        return f"The refresh ended with code {code} and no result."
    if "error" in result:
        return str(result["error"])
    return "; ".join(
        f"no new list of {category}: {reason}"
        for part in ("kept", "missing")
        for category, reason in result.get(part, {}).items()
    )


def _forward(lines: IO[str] | None) -> None:
    for line in lines or ():  # all of them, whatever is in them: the child waits when nobody reads
        quietly(partial(_log_again, line.rstrip("\n")))


def _log_again(line: str) -> None:
    """Logs a JSON line of the child's under its own logger, level and time; another line as an error."""
    try:
        told = json.loads(line)
        level, name, message = told.pop("level"), told.pop("logger"), told.pop("message")
        created = datetime.fromisoformat(told.pop("time")).timestamp()
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("the refresh of the driver index said: %s", line)
        return
    number = logging.getLevelNamesMapping().get(level, logging.ERROR)
    fields = {"name": name, "levelname": level, "levelno": number, "msg": message, "created": created}
    record = logging.makeLogRecord(told | fields)
    logger = logging.getLogger(name)
    if logger.isEnabledFor(number):
        logger.handle(record)
