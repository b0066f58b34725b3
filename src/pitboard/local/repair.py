"""What `pitboard serve` does about a damaged database: it goes on with what can still be read."""

import logging
from collections.abc import Callable
from pathlib import Path

from pitboard.drivers.errors import StoreError
from pitboard.stores.sqlite_copy import set_aside
from pitboard.stores.sqlite_file import DamagedError, inspect

log = logging.getLogger(__name__)


def repair(db: Path, tell: Callable[[str], object]) -> None:
    """If the database is Pitboard's and damaged, sets it aside and makes a new one with what can be read of
    it; `tell` is told so. Every other trouble is left to whoever opens it. Raises `StoreError`."""
    try:
        if db.exists() and db.stat().st_size:
            inspect(db)
    except DamagedError as error:
        happened = error.happened
    except StoreError:
        return
    else:
        return
    aside, saved = set_aside(db)
    told = (
        f"{happened} It is set aside as {aside.name}, and {saved} rows of it are in a new one. Delete that"
        " file when you do not need it any more: it has a token and names."
    )
    log.error("%s", told)
    tell(told)
