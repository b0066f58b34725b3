"""The log file of the local home: private, and limited in size.

It is not part of the package's own imports: it imports sockets and pickle, which a cold start need not load.
"""

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from pitboard.private import make_folder
from pitboard.telemetry.logs import JsonFormatter, QuietErrors

FILE_BYTES = 5_000_000
OLDER_KEPT = 3


def log_file(db: Path) -> Path:
    """The file for log lines of `pitboard serve`: beside the database."""
    return db.with_name("pitboard.log")


def older_log_files(file: Path) -> list[Path]:
    """The names that older log files have, oldest first."""
    return [file.with_name(f"{file.name}.{number}") for number in range(OLDER_KEPT, 0, -1)]


def log_file_handler(path: Path) -> logging.Handler:
    """A handler that writes JSON lines to `path` (mode 0600), and keeps `OLDER_KEPT` older files."""
    handler = PrivateFileHandler(path)
    handler.setFormatter(JsonFormatter())
    return handler


class PrivateFileHandler(QuietErrors, RotatingFileHandler):
    """Appends to `path` (mode 0600). At `FILE_BYTES` a new file begins; `OLDER_KEPT` older ones are kept."""

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=OLDER_KEPT, encoding="utf-8", delay=True)

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding)
