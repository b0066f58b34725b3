"""iRacing's credentials in Secrets Manager: one secret, a JSON object with four texts."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pitboard.drivers.errors import CredentialsError, UnreachableError
from pitboard.iracing.credentials import Credentials
from pitboard.telemetry import hide

KEPT = 300.0
"""Seconds for which the secret is not read again."""

FIELDS = tuple(field.name for field in fields(Credentials))


def parse(text: str, name: str) -> Credentials:
    """The credentials in a secret's text. Raises `CredentialsError`: what is wrong, never what is in it."""
    remedy = f"put {', '.join(FIELDS)} into it with `pitboard deploy --update-secrets`."
    try:
        value = json.loads(text)
    except ValueError:
        raise CredentialsError(f"The secret {name} is not JSON; {remedy}") from None
    if not isinstance(value, dict):
        raise CredentialsError(f"The secret {name} is not a JSON object; {remedy}")
    missing = [field for field in FIELDS if not isinstance(value.get(field), str) or not value[field]]
    if missing:
        raise CredentialsError(f"The secret {name} lacks {', '.join(missing)}; {remedy}")
    return Credentials(*(value[field] for field in FIELDS))


class Secret:
    """The secret `name` as a function reads it. Safe for threads.

    `client` gives the Secrets Manager client and is not called before it is needed.
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
        """The credentials, at most `KEPT` seconds old. Raises `CredentialsError` and `UnreachableError`."""
        with self._lock:
            if self._held is None or self._clock() - self._read_at > KEPT:
                self._held = self._read()
                self._read_at = self._clock()
            return self._held

    def changed(self) -> bool:
        """Reads again; whether the credentials are others than before."""
        with self._lock:
            before, self._held = self._held, self._read()
            self._read_at = self._clock()
            return self._held != before

    def _read(self) -> Credentials:
        try:
            text = self._client().get_secret_value(SecretId=self._name)["SecretString"]
        except ClientError as error:
            raise _sentence(self._name, error.response.get("Error", {}).get("Code", "")) from None
        except (BotoCoreError, KeyError) as error:
            kind = type(error).__name__
            raise UnreachableError(f"The secret {self._name} could not be read ({kind}).") from None
        credentials = parse(text, self._name)
        hide(*(getattr(credentials, field) for field in FIELDS))
        return credentials


def _sentence(name: str, code: str) -> CredentialsError | UnreachableError:
    if code == "ResourceNotFoundException":
        return CredentialsError(
            f"The secret {name} is not there or holds nothing yet; run `pitboard deploy --update-secrets`."
        )
    if code == "AccessDeniedException":
        return CredentialsError(f"The role may not read the secret {name}; run `pitboard deploy` to mend it.")
    return UnreachableError(f"The secret {name} could not be read ({code}).", retry_after=5)
