"""What a host needs to have from iRacing: an OAuth client and the account it is registered for."""

import hashlib
from dataclasses import dataclass, field, fields

from pitboard.drivers.errors import CredentialsError, Remedy


@dataclass(frozen=True, slots=True)
class Credentials:
    """An OAuth client and a username with password. Secrets do not show in `repr`."""

    client_id: str
    client_secret: str = field(repr=False)
    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def account(self) -> str:
        """What tells this account's token from others."""
        return self.username.strip().lower()

    @property
    def interactive(self) -> bool:
        """Whether only the member himself can log in, in his browser."""
        return False

    def fingerprint(self) -> str:
        """Sixteen hex digits that are the same for the same credentials.

        They are kept to recognise credentials that iRacing has refused. The client secret is random and
        goes in, so the digits help nobody to guess the password.
        """
        parts = (self.client_id, self.client_secret, self.username, self.password)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def check(self) -> None:
        """Raises `CredentialsError` naming each part that is missing."""
        missing = [f"PITBOARD_{f.name.upper()}" for f in fields(self) if not getattr(self, f.name)]
        if missing:
            raise CredentialsError(
                f"iRacing credentials are missing: {', '.join(missing)}.", Remedy.SET_CREDENTIALS
            )


class BrowserClient(Credentials):
    """An OAuth client for which members log in with a browser (authorization code with PKCE). The client
    secret may be "": iRacing gives none to a public client. There is neither username nor password."""

    __slots__ = ()

    def __init__(self, client_id: str, client_secret: str = "") -> None:
        super().__init__(client_id, client_secret, "", "")

    @property
    def account(self) -> str:
        return f"browser:{self.client_id}"

    @property
    def interactive(self) -> bool:
        return True

    def check(self) -> None:
        """Raises `CredentialsError` without a client id."""
        if not self.client_id:
            message = "iRacing credentials are missing: PITBOARD_CLIENT_ID."
            raise CredentialsError(message, Remedy.SET_CREDENTIALS)
