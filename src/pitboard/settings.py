"""The list of settings: name, default, help. docs/SETTINGS.md and options of commands are made from it."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable. `secret` values are never printed."""

    env: str
    default: str
    help: str
    secret: bool = False


SETTINGS = (
    Setting("PITBOARD_HOST", "127.0.0.1", "Address the local server listens on."),
    Setting("PITBOARD_PORT", "8765", "Port the local server listens on; 0 takes any free one."),
    Setting("PITBOARD_DB", "", "Path of the SQLite file. Empty: pitboard.sqlite3 in the user's data folder."),
    Setting(
        "PITBOARD_INDEX_HOURS",
        "24",
        "Hours after which `pitboard serve` loads the driver index anew; 0: it never does.",
    ),
    Setting("PITBOARD_OAUTH_URL", "https://oauth.iracing.com/oauth2/token", "iRacing's token endpoint."),
    Setting("PITBOARD_DATA_URL", "https://members-ng.iracing.com", "Base address of iRacing's Data API."),
    Setting(
        "PITBOARD_LINK_HOSTS",
        "",
        "More hosts, with commas between them, that links in iRacing's answers may lead to; `*` stands for "
        "one part of a name. Known are `*.iracing.com` and iRacing's bucket in S3, `scorpio-assets`: all "
        "links of recorded answers lead there.",
    ),
    Setting("PITBOARD_CLIENT_ID", "", "OAuth client id, as iRacing issued it."),
    Setting("PITBOARD_CLIENT_SECRET", "", "OAuth client secret.", secret=True),
    Setting("PITBOARD_USERNAME", "", "E-mail address of the iRacing account the client is registered for."),
    Setting("PITBOARD_PASSWORD", "", "Password of that account.", secret=True),
)


class UsageError(Exception):
    """Something that the user has to change first. The message is one sentence that says what.

    The command line prints it and exits with 2.
    """


class SettingError(UsageError):
    """A setting has a value that cannot be used; the message names the variable."""


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Where iRacing is. Both homes read these."""

    oauth_url: str
    data_url: str
    link_hosts: tuple[str, ...] = ()

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "UpstreamSettings":
        """Reads the environment. Raises `SettingError` for an address that cannot be used."""
        values = _values(environment)
        return cls(
            oauth_url=_url("PITBOARD_OAUTH_URL", values["PITBOARD_OAUTH_URL"]),
            data_url=_url("PITBOARD_DATA_URL", values["PITBOARD_DATA_URL"]).rstrip("/"),
            link_hosts=_hosts("PITBOARD_LINK_HOSTS", values["PITBOARD_LINK_HOSTS"]),
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the local home, without the credentials."""

    host: str
    port: int
    db: Path
    upstream: UpstreamSettings
    index_hours: float = 24.0

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Reads the environment. Raises `SettingError` that names the variable with a wrong value."""
        values = _values(environment)
        return cls(
            host=values["PITBOARD_HOST"],
            port=_port(values["PITBOARD_PORT"]),
            db=Path(values["PITBOARD_DB"]) if values["PITBOARD_DB"] else default_db(),
            upstream=UpstreamSettings.read(environment),
            index_hours=_hours("PITBOARD_INDEX_HOURS", values["PITBOARD_INDEX_HOURS"]),
        )


def _values(environment: Mapping[str, str] | None) -> dict[str, str]:
    environment = os.environ if environment is None else environment
    return {s.env: environment.get(s.env) or s.default for s in SETTINGS if not s.secret}


def default_db() -> Path:
    """Where the SQLite file lies unless PITBOARD_DB says otherwise."""
    import platformdirs  # a function in AWS, which has no such file, need not load it

    return Path(platformdirs.user_data_dir("pitboard", appauthor=False)) / "pitboard.sqlite3"


def _port(text: str) -> int:
    if text.isdecimal() and 0 <= int(text) <= 65535:
        return int(text)
    raise SettingError(f"PITBOARD_PORT is {text!r}; it must be a number from 0 to 65535.")


def _hours(name: str, text: str) -> float:
    with suppress(ValueError):
        if 0 <= (hours := float(text)) <= 8760:
            return hours
    raise SettingError(f"{name} is {text!r}; it must be a number of hours, 0 or more (at most 8760).")


def _hosts(name: str, text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower() for host in text.split(",") if host.strip())
    for host in hosts:
        if not re.fullmatch(r"(?:\*|[a-z0-9-]+)(?:\.(?:\*|[a-z0-9-]+))*\.[a-z][a-z0-9-]*", host):
            raise SettingError(f"{name} has {host!r}; it must be names of hosts such as files.example.org.")
    return hosts


def _url(name: str, text: str) -> str:
    parts = urlsplit(text)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and local)):
        return text
    raise SettingError(f"{name} is {text!r}; it must start with https:// (http:// only for this machine).")
