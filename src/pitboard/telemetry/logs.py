"""Log lines: JSON, or short lines on a terminal. Both are without secrets."""

import json
import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from pitboard.drivers.ports import request_id
from pitboard.telemetry.redact import Redactor

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_COLOURS = {"WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[31m"}
_PLAIN = "\033[0m"

SECRETS = Redactor()
"""The secrets of this process. Every formatter uses it by default."""


def hide(*secrets: str) -> None:
    """Registers values that must never be written: secrets, and their masked forms that are sent."""
    SECRETS.hide(*secrets)


def configure_logging(level: str = "INFO", stream: TextIO | None = None, secrets: Iterable[str] = ()) -> None:
    """Sends every logger's lines to `stream` (default: standard error) and removes other handlers.

    A terminal gets short lines, any other stream one JSON object a line. Raises ValueError for an unknown
    level.
    """
    hide(*secrets)
    stream = stream or sys.stderr
    handler = _StreamHandler(stream)
    handler.setFormatter(ConsoleFormatter() if stream.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.setLevel(level)
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)


class QuietErrors(logging.Handler):
    """A handler whose failed writes reveal nothing: logging's own report has message and arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if sys.stderr is not None:
            sys.stderr.write(f"A log line of {record.name} could not be written.\n")


class _StreamHandler(QuietErrors, logging.StreamHandler[TextIO]):
    pass


class JsonFormatter(logging.Formatter):
    """One JSON object: time (UTC), level, logger, message, request_id, then the extra fields, exception."""

    def __init__(self, secrets: Redactor = SECRETS) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        line = self._secrets.value(_extra(record)) | {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record, self._secrets),
        }
        if request := request_id.get():
            line["request_id"] = self._secrets.text(request)
        if traceback := _traceback(self, record):
            line["exception"] = self._secrets.text(traceback)
        return json.dumps(line, default=str)  # ASCII: a Windows console may not have every letter


class ConsoleFormatter(logging.Formatter):
    """One short line for a person: time, level, message, extra fields."""

    def __init__(self, secrets: Redactor = SECRETS) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = f"{record.levelname:<7}"
        if colour := _COLOURS.get(record.levelname):
            level = f"{colour}{level}{_PLAIN}"
        parts = [clock, level, _message(record, self._secrets)]
        parts += [f"{key}={value}" for key, value in self._secrets.value(_extra(record)).items()]
        if request := request_id.get():
            parts.append(f"request={self._secrets.text(request)}")
        text = " ".join(parts)
        traceback = _traceback(self, record)
        return f"{text}\n{self._secrets.text(traceback)}" if traceback else text


def _message(record: logging.LogRecord, secrets: Redactor) -> str:
    """The message with its arguments. Secrets in containers are removed by key first: as text they may have
    no key any more. Never raises."""
    args: Any = record.args
    if isinstance(args, Mapping):
        args = secrets.value(args)
    elif args:
        args = tuple(secrets.value(a) if isinstance(a, Mapping | list | tuple) else a for a in args)
    try:
        text = str(record.msg) % args if args else str(record.msg)
    except (TypeError, ValueError, KeyError):
        text = f"{record.msg} {args}"
    return secrets.text(text)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _OWN}


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback and stack as text. `record.exc_text` comes from another formatter and is not used."""
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)
