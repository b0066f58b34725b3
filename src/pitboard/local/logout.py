"""`pitboard logout`: the stored credentials and the tokens are deleted."""

import os
from contextlib import closing
from dataclasses import fields, replace

from rich.console import Console
from rich.text import Text

from pitboard.drivers.errors import CredentialsError
from pitboard.iracing.credentials import Credentials
from pitboard.iracing.token_state import TokenState
from pitboard.iracing.tokens import token_key
from pitboard.local.credentials import find, remove
from pitboard.settings import Settings
from pitboard.stores.sqlite import SqliteStore

TRIES = 5
"""A running server may write the token's document between our read and our write."""


def logout(settings: Settings, console: Console) -> None:
    """Deletes them, and says on `console` what is gone and what the environment still gives. Raises
    `StoreError` when the database cannot be used."""
    try:
        account = find().account
    except CredentialsError:
        account = ""
    if account and settings.db.exists() and _forget_token(settings, account):
        console.print(Text(f"The tokens in {settings.db} are deleted."), soft_wrap=True)
    for place in (places := remove()):
        console.print(Text(f"The credentials in {place} are deleted."), soft_wrap=True)
    if not places:
        console.print("No credentials were stored.")
    variables = [f"PITBOARD_{field.name.upper()}" for field in fields(Credentials)]
    if still := [name for name in variables if os.environ.get(name)]:
        console.print(Text(f"The environment still gives {', '.join(still)}."), soft_wrap=True)


def _forget_token(settings: Settings, account: str) -> bool:
    """Empties the tokens. The counts of logins stay: a limit is not escaped by logging out."""
    key = token_key(account)
    with closing(SqliteStore(settings.db)) as store:
        for _ in range(TRIES):
            document = store.documents.get(key)
            if document is None:
                return False
            state = TokenState.parse(document.value)
            empty = replace(
                state, access_token="", access_from=0.0, access_until=0.0, refresh_token="", refresh_until=0.0
            )
            if store.documents.put(key, empty.document(), expected=document.version):
                return True
    return False
