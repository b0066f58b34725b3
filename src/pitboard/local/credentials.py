"""Where the local home keeps its iRacing credentials: environment, the system's keyring, or a file."""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import platformdirs

from pitboard.drivers.errors import CredentialsError, Remedy
from pitboard.iracing.credentials import BrowserClient, Credentials
from pitboard.private import make_folder
from pitboard.settings import UsageError

SERVICE = "pitboard"
ENTRY = "iracing"


def default_file() -> Path:
    """The file that is used where there is no keyring."""
    return Path(platformdirs.user_config_dir("pitboard", appauthor=False)) / "credentials.json"


def find(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Credentials:
    """The credentials: each part from the environment, else as `save` kept it.

    Raises `CredentialsError` that names what is missing, or a file that others can read.
    """
    environment = os.environ if environment is None else environment
    parts = {
        field.name: environment.get(f"PITBOARD_{field.name.upper()}", "") for field in fields(Credentials)
    }
    if not all(parts.values()):
        kept = _from_keyring() or _from_file(file or default_file())
        given = Credentials(**parts)
        parts = {name: value or str(kept.get(name, "")) for name, value in parts.items()}
        if kept.get("browser") and not (given.username or given.password):
            client = Credentials(**parts)
            return _checked(BrowserClient(client.client_id, client.client_secret))
    return _checked(Credentials(**parts))


def _checked(credentials: Credentials) -> Credentials:
    credentials.check()
    return credentials


def save(credentials: Credentials, file: Path | None = None) -> str:
    """Keeps the credentials in the keyring, else in a file of mode 0600; says where and how.

    A keyring that is known to keep clear text is not used: the file is at least known to be private. What
    lay at the other place is taken away. Raises `UsageError` when neither can be written.
    """
    kept: dict[str, object] = {field.name: getattr(credentials, field.name) for field in fields(Credentials)}
    if credentials.interactive:
        kept["browser"] = True
    text = json.dumps(kept)
    file = file or default_file()
    try:
        if _to_keyring(text):
            file.unlink(missing_ok=True)
            return _keyring_in_words()
        _write(file, text)
    except OSError as error:
        raise UsageError(
            f"The credentials cannot be kept in {file}: {error.strerror}. Set the PITBOARD_ variables."
        ) from error
    return f"{file}, in clear text, readable by your user alone"


def remove(file: Path | None = None) -> list[str]:
    """Deletes what `save` kept, in the keyring and in the file; says where something was. Raises `UsageError`
    when the file cannot be deleted."""
    import keyring
    from keyring.errors import KeyringError

    places = []
    with suppress(KeyringError):
        if keyring.get_password(SERVICE, ENTRY) is not None:
            keyring.delete_password(SERVICE, ENTRY)
            places.append(_keyring_in_words())
    file = file or default_file()
    try:
        file.unlink()
        places.append(str(file))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"{file} cannot be deleted: {error.strerror}.") from error
    return places


_ENCRYPTED = {
    "keyring.backends.SecretService": "the system's keyring (Secret Service)",
    "keyring.backends.libsecret": "the system's keyring (Secret Service)",
    "keyring.backends.kwallet": "the system's keyring (KWallet)",
    "keyring.backends.macOS": "the system's keyring (Keychain)",
    "keyring.backends.Windows": "the system's keyring (Credential Manager)",
}
"""The keyrings of operating systems, by the package's module. All of them encrypt."""


def clear_text_keyring() -> str:
    """The name of the keyring in use if it is known to keep clear text, else ""."""
    kind = _keyring()
    known = kind.__module__.startswith("keyrings.alt.") and "Encrypted" not in kind.__name__
    return kind.__name__ if known or "plaintext" in kind.__name__.lower() else ""


def in_clear_text_keyring() -> bool:
    """Whether the credentials lie in such a keyring."""
    return bool(clear_text_keyring() and _from_keyring())


def _keyring() -> type:
    """The kind of keyring that is written to; of several, the first."""
    import keyring

    ring = keyring.get_keyring()
    return type(next(iter(getattr(ring, "backends", ())), ring))


def _keyring_in_words() -> str:
    kind = _keyring()
    for module, words in _ENCRYPTED.items():
        if kind.__module__.startswith(module):
            return words
    return f"the keyring {kind.__name__}; Pitboard does not know whether it encrypts"


def _write(file: Path, text: str) -> None:
    make_folder(file.parent)
    temporary = file.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    temporary.replace(file)


def _from_keyring() -> dict[str, str]:
    import keyring
    from keyring.errors import KeyringError

    try:
        text = keyring.get_password(SERVICE, ENTRY)
    except KeyringError:
        return {}
    return _parsed(text, "the keyring's entry") if text else {}


def _to_keyring(text: str) -> bool:
    import keyring
    from keyring.errors import KeyringError

    if not clear_text_keyring():
        try:
            keyring.set_password(SERVICE, ENTRY, text)
            if keyring.get_password(SERVICE, ENTRY) == text:
                return True
        except KeyringError:
            pass
    # An older entry would be found before the file.
    with suppress(KeyringError):
        keyring.delete_password(SERVICE, ENTRY)
    return False


def _from_file(file: Path) -> dict[str, str]:
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CredentialsError(f"{file} cannot be read: {error.strerror}.", Remedy.FIX_PERMISSIONS) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialsError(f"Other users can read {file}.", Remedy.FIX_PERMISSIONS)
    return _parsed(text, str(file))


def _parsed(text: str, where: str) -> dict[str, str]:
    try:
        kept = json.loads(text)
    except ValueError:
        kept = None
    if not isinstance(kept, dict):
        raise CredentialsError(f"{where} is damaged.", Remedy.LOG_IN)
    return kept
