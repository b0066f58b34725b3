"""What every way of exporting spans has in common."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from pitboard.telemetry.logs import SECRETS
from pitboard.telemetry.redact import mask_secret

_PERSONAL = frozenset({"user", "username", "email", "name", "display_name", "cust_id"})


class Spans:
    """Spans that are not exported."""

    def span(self, _name: str, _attributes: Mapping[str, str | int]) -> AbstractContextManager[None]:
        """A span around a block."""
        return nullcontext()

    def flush(self) -> None:
        """Sends the spans that wait."""


def safe_attribute(key: str, value: str | int) -> str | int:
    """The value as it may be recorded: a person's name or id is masked, a secret is taken out."""
    if key in _PERSONAL:
        return mask_secret(str(value))
    return SECRETS.text(value) if isinstance(value, str) else value
