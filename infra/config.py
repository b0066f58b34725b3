"""Names and sizes of every environment, and what may be changed from the command line.

Names are those of `pitboard.aws.names`, so that the stack makes what the commands ask for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from infra.errors import ConfigError
from pitboard.aws.deploy_settings import NAMES as SETTING_NAMES
from pitboard.aws.names import Names, UnknownEnvironmentError

PACKAGE_LIMIT = 40_000_000
"""Most bytes of the functions' package, unpacked. Lambda's limit is 262,144,000; this one shows growth."""

PYTHONS = {"3.11", "3.12", "3.13", "3.14"}
ARCHITECTURES = {"arm64", "x86_64"}
KINDS = ("auth", "custid", "drivers", "index", "addon")
SNAP_START_PYTHONS = {"3.12", "3.13", "3.14"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of one function. Memory in MB (CPU grows with it: one core at 1,769 MB), timeout in seconds.

    `disk` is MB of temporary files. AWS allows either `snap_start` or `provisioned` concurrency. `reserved`
    is the concurrency that is kept for this function and is also its limit (0: none).
    """

    memory: int
    timeout: int
    disk: int = 512
    snap_start: bool = False
    provisioned: int = 0
    reserved: int = 0

    def check(self, name: str, python: str) -> None:
        """Raises `ConfigError` for a combination that Lambda does not have."""
        if self.snap_start and self.provisioned:
            raise ConfigError(
                f"{name} has both SnapStart and provisioned concurrency; Lambda allows one of them."
            )
        if self.reserved and self.provisioned > self.reserved:
            raise ConfigError(
                f"{name} has {self.provisioned} provisioned copies and may run {self.reserved}; give"
                " reserved=false."
            )
        if self.snap_start and python not in SNAP_START_PYTHONS:
            raise ConfigError(
                f"{name} has SnapStart, which Lambda does not have for Python {python}; give"
                " snap_start=false."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One environment.

    Rates are requests a second for the whole stage. `cache` turns on API Gateway's cache (0.5 GB, billed by
    the hour); it keeps an answer for `cache_seconds`. `budget` is the account's cost in dollars a month from
    which on its owner is told (0: no budget). `tables` replaces names of tables. `existing` lists
    the tables, and perhaps the secret, that exist already and are not created. `oauth_url` and `data_url`
    are for an upstream that is not iRacing; `link_hosts` is PITBOARD_LINK_HOSTS (docs/SETTINGS.md). `former`
    are the tables that were used before, in place of the contract's: the version that runs still uses them.
    `given` are the settings as they were given. `protect` is off at the first deploy: a failed one must be
    able to delete what it has made.
    """

    names: Names
    auth: Size = Size(memory=512, timeout=60, reserved=5)
    custid: Size = Size(memory=512, timeout=45, reserved=3)
    drivers: Size = Size(memory=1024, timeout=75, reserved=15)
    index: Size = Size(memory=1024, timeout=900, disk=1024, reserved=2)
    addon: Size = Size(memory=512, timeout=15, reserved=2)
    rate: int = 1000
    burst: int = 2000
    cache: bool = False
    cache_size: str = "0.5"
    cache_seconds: int = 300
    log_days: int = 30
    protect: bool = False
    canary: bool = False
    waf: bool = False
    domain: str = ""
    certificate: str = ""
    alarm_email: str = ""
    budget: int = 20
    python: str = "3.13"
    architecture: str = "arm64"
    oauth_url: str = ""
    data_url: str = ""
    link_hosts: str = ""
    tables: dict[str, str] = field(default_factory=dict)
    existing: frozenset[str] = frozenset()
    former: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)

    def check(self) -> "Config":
        """Returns itself. Raises `ConfigError` if it cannot be deployed."""
        if self.python not in PYTHONS:
            raise ConfigError(f"Python {self.python} is not one of Lambda's: {', '.join(sorted(PYTHONS))}.")
        if self.architecture not in ARCHITECTURES:
            known = " or ".join(sorted(ARCHITECTURES))
            raise ConfigError(f"The architecture {self.architecture!r} is not one of Lambda's: {known}.")
        for name in KINDS:
            getattr(self, name).check(getattr(self.names, name), self.python)
        if bool(self.domain) != bool(self.certificate):
            raise ConfigError("A domain needs a certificate, and a certificate a domain: give both.")
        if not 0 < self.rate <= 10_000 or not 0 < self.burst <= 5_000:
            raise ConfigError(
                "The stage's rate goes up to 10,000 and its burst up to 5,000 in a new account."
            )
        return self

    @property
    def reserved(self) -> int:
        """The concurrency that all functions reserve."""
        return sum(getattr(self, name).reserved for name in KINDS)

    def table(self, name: str) -> str:
        """The table that is used in place of one of the contract's; usually that table itself."""
        return self.tables.get(name, name)


def environment(name: str) -> Config:
    """The configuration of an environment. Raises `ConfigError` if there is no such environment."""
    try:
        base = Config(names=Names(name))
    except UnknownEnvironmentError as error:
        raise ConfigError(str(error)) from None
    if name == "dev":
        return replace(base, log_days=7, rate=50, burst=100)
    if name == "staging":
        return replace(base, rate=200, burst=400)
    sizes = {"auth": 10, "custid": 10, "drivers": 40, "index": 3, "addon": 3}
    base = replace(base, **{kind: replace(getattr(base, kind), reserved=n) for kind, n in sizes.items()})
    return replace(
        base,
        log_days=90,
        protect=base.names.protected,
        budget=50,
        drivers=replace(base.drivers, snap_start=True),
    )


def from_context(context: Callable[[str], Any]) -> Config:
    """The environment that `-c env=` names, changed by the other `-c NAME=VALUE`.

    `context` gives the value of a name or None. Raises `ConfigError` for a value that is not allowed.
    """
    config = environment(str(context("env") or ""))
    texts = (
        "python",
        "architecture",
        "oauth_url",
        "data_url",
        "link_hosts",
        "alarm_email",
        "domain",
        "certificate",
    )
    changes: dict[str, Any] = {name: str(context(name)) for name in texts if context(name)}
    for name in ("cache", "canary", "waf"):
        if context(name) is not None:
            changes[name] = _switch(name, context(name))
    if context("budget") is not None:
        changes["budget"] = _number("budget", context("budget"))
    changes["tables"] = dict(_pair(part) for part in _list(context("tables")))
    changes["former"] = dict(_pair(part) for part in _list(context("former")))
    changes["existing"] = frozenset(_list(context("existing")))
    if provisioned := context("provisioned"):
        changes["drivers"] = replace(config.drivers, provisioned=_number("provisioned", provisioned))
    if context("snap_start") is not None:
        drivers = changes.get("drivers", config.drivers)
        changes["drivers"] = replace(drivers, snap_start=_switch("snap_start", context("snap_start")))
    if str(context("first")) == "true":
        changes["protect"] = False
    if str(context("reserved")) == "false" or str(context("no_room")) == "true":
        for name in KINDS:
            changes[name] = replace(changes.get(name, getattr(config, name)), reserved=0)
    elif context("reserved") is not None:
        _switch("reserved", context("reserved"))
    given = {name: str(context(name)) for name in SETTING_NAMES if context(name) is not None}
    return replace(config, given=given, **changes).check()


def _switch(name: str, value: Any) -> bool:
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ConfigError(f"{name} is {value!r}; it must be true or false.")


def _number(name: str, value: Any) -> int:
    if str(value).isdecimal():
        return int(value)
    raise ConfigError(f"{name} is {value!r}; it must be a whole number.")


def _list(value: Any) -> list[str]:
    return [part for part in str(value or "").split(",") if part]


def _pair(text: str) -> tuple[str, str]:
    name, separator, other = text.partition("=")
    if not separator or not name or not other:
        raise ConfigError(f"tables has {text!r}; it takes NAME=OTHER.")
    return name, other
