"""Look-ups in the local home: settings, credentials, database, token, and one answer of iRacing."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from pitboard import telemetry
from pitboard.drivers.errors import CredentialsError, StoreError, UpstreamError
from pitboard.drivers.model import Record
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.masking import mask
from pitboard.iracing.meter import Meter
from pitboard.iracing.oauth import OAuth
from pitboard.iracing.tokens import TokenKeeper
from pitboard.iracing.transport import Answer, Transport
from pitboard.local import credentials
from pitboard.settings import Settings
from pitboard.stores import processes
from pitboard.stores.sqlite import SqliteStore

PROBE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Probe:
    """The Data API's answer to a request without a token (it costs no call), or the error's sentence.

    `sent_at` and `received_at` are this machine's times (Unix seconds).
    """

    answer: Answer | None
    error: str = ""
    sent_at: float = 0.0
    received_at: float = 0.0


class LocalEnvironment:
    """The local home. Opens what exists and creates nothing. Safe for threads. `close` it."""

    home = "local"

    def __init__(
        self,
        settings: Settings,
        variables: Mapping[str, str] | None = None,
        credentials_file: Path | None = None,
    ) -> None:
        self.settings = settings
        self.variables = variables
        self.credentials_file = credentials_file
        self.transport = Transport()
        self._lock = Lock()
        self._probing = Lock()

    @property
    def folder(self) -> Path:
        """The database's folder; while that does not exist, the nearest above it that does."""
        return next(folder for folder in self.settings.db.absolute().parents if folder.exists())

    @cached_property
    def _credentials(self) -> Credentials | CredentialsError:
        try:
            found = credentials.find(self.variables, self.credentials_file)
        except CredentialsError as error:
            return error
        telemetry.hide(
            found.client_secret,
            found.password,
            mask(found.client_secret, found.client_id),
            mask(found.password, found.username),
        )
        return found

    @property
    def credentials(self) -> Credentials:
        """The credentials as `pitboard serve` would find them. Raises `CredentialsError`."""
        with self._lock:
            found = self._credentials
        if isinstance(found, CredentialsError):
            raise found
        return found

    @cached_property
    def _store(self) -> SqliteStore | StoreError | None:
        if not self.settings.db.exists():
            return None
        try:
            return SqliteStore(self.settings.db)
        except StoreError as error:
            return error

    @property
    def store(self) -> SqliteStore | None:
        """The database, None if there is none yet. Raises `StoreError` if it cannot be used."""
        with self._lock:
            found = self._store
        if isinstance(found, StoreError):
            raise found
        return found

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a read-only query; none if there is no database yet. Raises `StoreError`."""
        if self.store is None:
            return []
        try:
            with closing(sqlite3.connect(f"{self.settings.db.absolute().as_uri()}?mode=ro", uri=True)) as db:
                return db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"The database cannot be read: {error}.") from error

    def newest_record(self) -> Record | None:
        """The driver whose record was made last, None if none is known yet."""
        statement = (
            "SELECT key, cust_id, body, as_of, fresh_until, stale_until, profile_until FROM records"
            # keys in capitals are those of charts, races and the like
            " WHERE key NOT GLOB '[A-Z]*:*' ORDER BY as_of DESC LIMIT 1"
        )
        return next((Record(*row) for row in self.rows(statement)), None)

    def tokens(self) -> TokenKeeper | None:
        """The keeper of the token, None without credentials or database: then there is no token."""
        with suppress(CredentialsError, StoreError):
            if store := self.store:
                oauth = OAuth(self.settings.upstream.oauth_url, self.transport)
                return TokenKeeper(
                    store.documents,
                    oauth,
                    self.credentials,
                    worker=processes.mark,
                    is_dead=processes.is_dead,
                )
        return None

    def meter(self) -> Meter | None:
        """The meter of calls, None without a usable database."""
        with suppress(StoreError):
            if store := self.store:
                return Meter(store.documents)
        return None

    @cached_property
    def _probe(self) -> Probe:
        sent_at = time.time()
        try:
            answer = self.transport.get(
                f"{self.settings.upstream.data_url}/data/doc", time.monotonic() + PROBE_SECONDS
            )
        except UpstreamError as error:
            return Probe(None, str(error))
        return Probe(answer, sent_at=sent_at, received_at=time.time())

    def probe(self) -> Probe:
        """The Data API's answer. It is asked once for all checks."""
        with self._probing:
            return self._probe

    def close(self) -> None:
        """Closes the database."""
        if isinstance(store := self.__dict__.get("_store"), SqliteStore):
            store.close()
