"""The masking of secrets that iRacing's token endpoint asks for."""

import base64
import hashlib


def mask(secret: str, identifier: str) -> str:
    """The masked form of `secret`: standard base64 of SHA-256 of secret + identifier, 44 characters.

    `identifier` is the client id for a client secret and the username for a password; it is trimmed and
    lower-cased, the secret is taken as it is. Source: iRacing's OAuth book, "client secret and user
    password masking".
    """
    salted = secret + identifier.strip().lower()
    return base64.b64encode(hashlib.sha256(salted.encode()).digest()).decode("ascii")
