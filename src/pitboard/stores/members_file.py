"""The members' document of a local home, in a file of its own beside the database.

What members have asked for must outlive the database, which a host may delete, restore or replace.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pitboard.drivers.errors import StoreError
from pitboard.drivers.model import Document
from pitboard.stores.sqlite import SqliteDocuments
from pitboard.stores.sqlite_file import DamagedError, SqliteFile


class MembersFile:
    """`ports.Documents` in `<database>.members.sqlite3`. The file is made by the first write."""

    def __init__(self, db: Path) -> None:
        self.path = db.with_name(f"{db.stem}.members.sqlite3")
        self._lock = threading.Lock()
        self._file: SqliteFile | None = None
        self._documents: SqliteDocuments | None = None

    def get(self, key: str) -> Document | None:
        documents = self._opened(make=False)
        return documents.get(key) if documents else None

    def put(self, key: str, value: Mapping[str, Any], *, expected: int | None) -> bool:
        documents = self._opened(make=True)
        return bool(documents and documents.put(key, value, expected=expected))

    def _opened(self, *, make: bool) -> SqliteDocuments | None:
        with self._lock:
            if self._documents is None and (make or self.path.exists()):
                try:
                    self._file = SqliteFile(self.path, lambda: None)
                    self._documents = SqliteDocuments(self._file)
                except StoreError as error:
                    # What mends a damaged database does not mend this file.
                    told = f"{error.happened} Move it away." if isinstance(error, DamagedError) else error
                    raise StoreError(
                        f"What members have asked for cannot be read: {told} It is in the backups, too"
                        " (`pitboard restore`). Without it nobody knows who asked not to be shown."
                    ) from error
            return self._documents

    def scrub(self) -> None:
        """Leaves no byte of what was deleted. Raises `StoreError`."""
        if self._file:
            self._file.scrub()

    def close(self) -> None:
        with self._lock:
            if self._file:
                self._file.close()
