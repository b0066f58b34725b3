"""iRacing's credentials in Secrets Manager: one secret, a JSON object with four strings."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from pitboard.drivers.errors import CredentialsError, Remedy, UnreachableError
from pitboard.iracing.credentials import Credentials
from pitboard.telemetry import hide

CACHE_SECONDS = 300.0
"""How long the secret is not read again."""

FIELDS = tuple(field.name for field in fields(Credentials))
"""The secret's fields."""


def parse(text: str, what: str) -> Credentials:
    """The credentials in a secret's text; `what` it is comes first in the error: "The secret NAME".

    Raises `CredentialsError` that says what is wrong and has none of the values.
    """
    try:
        value = json.loads(text)
    except ValueError:
        raise CredentialsError(f"{what} is not JSON.", Remedy.SET_CREDENTIALS) from None
    if not isinstance(value, dict):
        raise CredentialsError(f"{what} is not a JSON object.", Remedy.SET_CREDENTIALS)
    missing = [field for field in FIELDS if not isinstance(value.get(field), str) or not value[field]]
    if missing:
        raise CredentialsError(f"{what} lacks {', '.join(missing)}.", Remedy.SET_CREDENTIALS)
    return Credentials(*(value[field] for field in FIELDS))


class Secret:
    """The secret `name` as a function reads it. Safe for threads.

    `client` returns the Secrets Manager client and is not called before it is needed.
    """

    def __init__(
        self, client: Callable[[], Any], name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._held: Credentials | None = None
        self._read_at = 0.0

    def credentials(self) -> Credentials:
        """The credentials, at most `CACHE_SECONDS` old. Raises `CredentialsError` and `UnreachableError`."""
        with self._lock:
            if self._held is None or self._clock() - self._read_at > CACHE_SECONDS:
                self._held = self._read()
                self._read_at = self._clock()
            return self._held

    def changed(self) -> bool:
        """Reads the secret again; whether the credentials differ from before."""
        with self._lock:
            before, self._held = self._held, self._read()
            self._read_at = self._clock()
            return self._held != before

    def _read(self) -> Credentials:
        from botocore.exceptions import BotoCoreError, ClientError  # not there without the extra `aws`

        try:
            text = self._client().get_secret_value(SecretId=self._name)["SecretString"]
        except ClientError as error:
            raise _read_error(self._name, error.response.get("Error", {}).get("Code", "")) from None
        except (BotoCoreError, KeyError) as error:
            kind = type(error).__name__
            raise UnreachableError(f"The secret {self._name} could not be read ({kind}).") from None
        credentials = parse(text, f"The secret {self._name}")
        hide(*(getattr(credentials, field) for field in FIELDS))
        return credentials


def _read_error(name: str, code: str) -> CredentialsError | UnreachableError:
    if code == "ResourceNotFoundException":
        return CredentialsError(
            f"The secret {name} does not exist or has no value yet.", Remedy.SET_CREDENTIALS
        )
    if code == "AccessDeniedException":
        return CredentialsError(f"The role may not read the secret {name}.", Remedy.FIX_PERMISSIONS)
    return UnreachableError(f"The secret {name} could not be read ({code}).", retry_after=5)
