"""`pitboard drivers`: one look-up from the command line, over the same database as the server."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from pitboard.drivers.service import MOST_NAMES
from pitboard.local.credentials import find
from pitboard.local.files import tighten
from pitboard.local.home import LocalHome
from pitboard.settings import Settings, UsageError


def look_up(names: Sequence[str], seconds: float, console: Console) -> dict[str, Any]:
    """The decoded answer for the names, waiting up to `seconds`. Progress goes to `console`.

    Raises `UsageError` for too many names, `CredentialsError` when none are known or iRacing refused them.
    """
    if len(names) > MOST_NAMES:
        raise UsageError(f"At most {MOST_NAMES} names at a time; these are {len(names)}.")
    settings = Settings.read()
    tighten(settings.db, lambda told: console.print(Text(told)))
    credentials = find()
    with (
        LocalHome(settings, credentials, lookup_seconds=0.0) as home,
        console.status(f"Looking up {len(names)} driver(s) ..."),
    ):
        home.sign_in()
        answer: dict[str, Any] = json.loads(home.service.page(names, seconds).body)
    return answer
