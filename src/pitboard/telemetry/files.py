"""The log file of the local home: nobody else may read it, and it does not fill the disk."""

import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from pitboard.telemetry.logs import QuietErrors

FILE_BYTES = 5_000_000
OLDER_KEPT = 3


class PrivateFileHandler(QuietErrors, RotatingFileHandler):
    """Appends to `path` (mode 0600). At `FILE_BYTES` it begins a new file; three older ones are kept."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=OLDER_KEPT, encoding="utf-8", delay=True)

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding)
