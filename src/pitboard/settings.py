"""The list of settings: name, default, help. docs/SETTINGS.md and options of commands are made from it."""

import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
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
    Setting(
        "PITBOARD_HOST",
        "127.0.0.1",
        "Address the local server listens on; `unix:PATH` is a Unix socket, for a proxy on this machine.",
    ),
    Setting("PITBOARD_PORT", "8765", "Port the local server listens on; 0 takes any free one."),
    Setting(
        "PITBOARD_ALLOWED_HOSTS",
        "",
        "Names by which readers ask for the local server, with commas between them, such as "
        "`pit.example.org`. One is needed behind a proxy and to listen beyond this machine. With one, "
        "/metrics and the details of /health are for the host only (PITBOARD_STATUS_TOKEN).",
    ),
    Setting(
        "PITBOARD_TRUSTED_PROXIES",
        "127.0.0.1,::1",
        "Addresses and networks of the proxies in front, with commas between them. Their X-Forwarded-For and "
        "X-Forwarded-Proto are believed. Whoever may open the Unix socket always is.",
    ),
    Setting(
        "PITBOARD_PATH_PREFIX",
        "",
        "Path before every route, such as `/pitboard`, if the proxy hands only this part of its site on. "
        "The proxy may leave it in the path or take it away.",
    ),
    Setting(
        "PITBOARD_STATUS_TOKEN",
        "",
        "What the host sends as `Authorization: Bearer ...` to read /metrics and the details of /health on a "
        "server with PITBOARD_ALLOWED_HOSTS; at least 16 characters.",
        secret=True,
    ),
    Setting("PITBOARD_DB", "", "Path of the SQLite file. Empty: pitboard.sqlite3 in the user's data folder."),
    Setting(
        "PITBOARD_INDEX_HOURS",
        "24",
        "Hours after which `pitboard serve` loads the driver index anew; 0: it never does.",
    ),
    Setting(
        "PITBOARD_AUDIENCE",
        "",
        "Whom this host shows: `everyone`, or `listed`: members whom `pitboard allow` has put on the list."
        " About others nothing is asked, kept or shown. Empty: everyone, as long as only this machine"
        " can ask.",
    ),
    Setting(
        "PITBOARD_SELF_SERVICE",
        "off",
        "`on`: the page `/members` lets members ask not to be shown, with effect at once. `off`: there is no"
        " such page.",
    ),
    Setting("PITBOARD_OAUTH_URL", "https://oauth.iracing.com/oauth2/token", "iRacing's token endpoint."),
    Setting(
        "PITBOARD_REDIRECT_URI",
        "http://127.0.0.1:8766/callback",
        "Where iRacing sends the browser after `pitboard login --browser`: an address of this machine,"
        " exactly as it is registered for the OAuth client.",
    ),
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


UNIX = "unix:"
"""Before the path of a Unix socket in PITBOARD_HOST."""

SHORTEST_TOKEN = 16


class UsageError(Exception):
    """Something that the user has to change first. The message is one sentence that says what.

    The command line prints it and exits with 2.
    """


class SettingError(UsageError):
    """A setting has a value that cannot be used; the message names the variable."""


def unreadable(file: Path, error: OSError | UnicodeDecodeError) -> UsageError:
    """The sentence for a file that the user has named and that cannot be read."""
    return UsageError(f"{file} cannot be read: {getattr(error, 'strerror', 'it is no text in UTF-8')}.")


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
class FrontSettings:
    """How the local server is reached from outside. The path prefix begins with a slash, or is empty."""

    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ("127.0.0.1/32", "::1/128")
    path_prefix: str = ""
    status_token: str = field(default="", repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "FrontSettings":
        """Reads the environment. Raises `SettingError` that names the variable with a wrong value."""
        values = _values(environment)
        given = os.environ if environment is None else environment
        return cls(
            allowed_hosts=_names("PITBOARD_ALLOWED_HOSTS", values["PITBOARD_ALLOWED_HOSTS"]),
            trusted_proxies=_networks("PITBOARD_TRUSTED_PROXIES", values["PITBOARD_TRUSTED_PROXIES"]),
            path_prefix=_prefix("PITBOARD_PATH_PREFIX", values["PITBOARD_PATH_PREFIX"]),
            status_token=_token("PITBOARD_STATUS_TOKEN", given.get("PITBOARD_STATUS_TOKEN", "")),
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the local home, without the credentials."""

    host: str
    port: int
    db: Path
    upstream: UpstreamSettings
    index_hours: float = 24.0
    front: FrontSettings = FrontSettings()
    audience: str = ""
    self_service: bool = False

    @property
    def socket_path(self) -> Path | None:
        """Where the Unix socket lies on which the server listens, if it does."""
        return Path(self.host.removeprefix(UNIX)) if self.host.startswith(UNIX) else None

    @property
    def listens_beyond(self) -> bool:
        """Whether other machines reach the address on which the server listens."""
        if self.socket_path or self.host.lower() == "localhost":
            return False
        with suppress(ValueError):
            return not ipaddress.ip_address(self.host).is_loopback
        return True

    @property
    def is_public(self) -> bool:
        """Whether others than the host are served: over the network, or by a proxy in front."""
        return self.listens_beyond or bool(self.front.allowed_hosts)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Reads the environment. Raises `SettingError` that names the variable with a wrong value."""
        values = _values(environment)
        return cls(
            host=_address("PITBOARD_HOST", values["PITBOARD_HOST"]),
            port=_port(values["PITBOARD_PORT"]),
            db=_file("PITBOARD_DB", values["PITBOARD_DB"]) if values["PITBOARD_DB"] else default_db(),
            upstream=UpstreamSettings.read(environment),
            index_hours=_hours("PITBOARD_INDEX_HOURS", values["PITBOARD_INDEX_HOURS"]),
            front=FrontSettings.read(environment),
            audience=audience(values["PITBOARD_AUDIENCE"]),
            self_service=_word("PITBOARD_SELF_SERVICE", values["PITBOARD_SELF_SERVICE"], ("on", "off"))
            == "on",
        )


def _values(environment: Mapping[str, str] | None) -> dict[str, str]:
    environment = os.environ if environment is None else environment
    return {s.env: environment.get(s.env) or s.default for s in SETTINGS if not s.secret}


def _file(name: str, text: str) -> Path:
    path = Path(text)
    if path.is_dir():
        raise SettingError(f"{name} is {text!r}, a folder; it must be the path of a file.")
    if path.exists() and not path.is_file():
        raise SettingError(f"{name} is {text!r}, which is no file; it must be the path of one.")
    return path


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


def audience(text: str) -> str:
    """PITBOARD_AUDIENCE: `everyone`, `listed`, or "" when the host has not chosen. Raises `SettingError`."""
    return _word("PITBOARD_AUDIENCE", text, ("", "everyone", "listed"))


def _word(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if (word := text.strip().lower()) in allowed:
        return word
    raise SettingError(f"{name} is {text!r}; it must be {' or '.join(one for one in allowed if one)}.")


def _hosts(name: str, text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower() for host in text.split(",") if host.strip())
    for host in hosts:
        if not re.fullmatch(r"(?:\*|[a-z0-9-]+)(?:\.(?:\*|[a-z0-9-]+))*\.[a-z][a-z0-9-]*", host):
            raise SettingError(f"{name} has {host!r}; it must be names of hosts such as files.example.org.")
    return hosts


def _address(name: str, text: str) -> str:
    if not text.startswith(UNIX):
        return text
    if sys.platform == "win32":
        raise SettingError(f"{name} is {text!r}; Windows has no Unix sockets here, give an address.")
    if not text.startswith(f"{UNIX}/"):
        raise SettingError(f"{name} is {text!r}; after `{UNIX}` stands a whole path, such as /run/pit.sock.")
    return text


def _names(name: str, text: str) -> tuple[str, ...]:
    """Names and addresses as a Host header has them, without a port."""
    hosts = tuple(host.strip().strip("[]").lower() for host in text.split(",") if host.strip())
    for host in hosts:
        with suppress(ValueError):
            ipaddress.ip_address(host)
            continue
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", host):
            raise SettingError(
                f"{name} has {host!r}; it must be names such as pit.example.org, without https:// and port "
                "(with other letters than a to z in the form that begins with xn--)."
            )
    return hosts


def _networks(name: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(part.strip())) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SettingError(
            f"{name} is {text!r}; it must be addresses or networks such as 10.0.0.0/24: {error}."
        ) from None


def _prefix(name: str, text: str) -> str:
    prefix = text.rstrip("/")
    if prefix and not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", prefix):
        raise SettingError(f"{name} is {text!r}; it must be a path such as /pitboard.")
    return prefix


def _token(name: str, text: str) -> str:
    if text and not re.fullmatch(rf"[!-~]{{{SHORTEST_TOKEN},}}", text):
        raise SettingError(
            f"{name} must have at least {SHORTEST_TOKEN} characters, and no spaces. "
            "`openssl rand -hex 24` makes one."
        )
    return text


def _url(name: str, text: str) -> str:
    parts = urlsplit(text)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and local)):
        return text
    raise SettingError(f"{name} is {text!r}; it must start with https:// (http:// only for this machine).")
