"""The settings of a deploy: `pitboard deploy --context NAME=VALUE`. docs/DEPLOYMENT.md has a table of them.

What is given is remembered in an output of the stack, so that the next deploy and a rollback know it, too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SETTINGS_OUTPUT = "Settings"
"""The stack's output with the settings that were given, as JSON."""


@dataclass(frozen=True, slots=True)
class DeploySetting:
    """One setting. `default` and `help` are for people; `infra.config` has the values."""

    name: str
    example: str
    default: str
    help: str


DEPLOY_SETTINGS = (
    DeploySetting(
        "alarm_email",
        "you@example.org",
        "none",
        "Sends alarms by mail, after you have confirmed the address. Without it nobody is told that Pitboard"
        " is down.",
    ),
    DeploySetting(
        "budget",
        "N",
        "50 in prod, else 20",
        "Dollars a month: at 80 % of them, and when AWS forecasts more, there is a message. It counts the"
        " whole account. 0: none.",
    ),
    DeploySetting(
        "reserved",
        "false",
        "on",
        "Bounds how many copies of each function run at a time, and so the costs; other functions of the"
        " account keep their part. Where the account's limit leaves no room, it is off by itself.",
    ),
    DeploySetting(
        "waf",
        "true",
        "off",
        "A firewall that blocks an address with more than 600 requests in five minutes, for 6 $ a month.",
    ),
    DeploySetting(
        "domain",
        "stats.example.org",
        "none",
        "An address of your own that lasts, beside AWS'; with `certificate`. Its DNS record, a CNAME, goes"
        " to the stack's output `DomainTarget`.",
    ),
    DeploySetting(
        "certificate", "ARN", "none", "The domain's certificate in Certificate Manager, of the same region."
    ),
    DeploySetting(
        "canary",
        "true",
        "off",
        "CodeDeploy checks a new version with a look-up, then sends it a tenth of the requests for five"
        " minutes. On an alarm it returns to the old version.",
    ),
    DeploySetting(
        "snap_start",
        "false",
        "on in prod",
        "ir-drivers starts from a snapshot. Each version that is kept costs about 4 $ a month.",
    ),
    DeploySetting(
        "provisioned",
        "N",
        "none",
        "Keeps N copies of ir-drivers running, so that no reader meets a cold start. Cannot be used with"
        " SnapStart; a deploy with both is refused.",
    ),
    DeploySetting(
        "cache",
        "true",
        "off",
        "API Gateway's cache for charts and races, 0.5 GB, 5 minutes. It ignores our `Cache-Control`. Lists"
        " of names are not cached there (ADR 51).",
    ),
    DeploySetting("python", "3.12", "3.13", "The Python that the functions run on."),
    DeploySetting("architecture", "x86_64", "arm64", "The processor that the functions run on."),
    DeploySetting("oauth_url", "URL", "iRacing's", "Another token endpoint, for tests."),
    DeploySetting("data_url", "URL", "iRacing's", "Another Data API, for tests."),
    DeploySetting(
        "link_hosts", "HOSTS", "none", "More hosts that links in iRacing's answers may lead to (SETTINGS.md)."
    ),
)

NAMES = tuple(setting.name for setting in DEPLOY_SETTINGS)


class UnknownSettingError(ValueError):
    """There is no such setting. The message is a sentence for the user."""


def parse(words: Iterable[str]) -> dict[str, str]:
    """Settings from words like NAME=VALUE. Raises `UnknownSettingError`."""
    given = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator:
            raise UnknownSettingError(f"--context takes NAME=VALUE, not {word!r}.")
        if name not in NAMES:
            raise UnknownSettingError(f"There is no setting {name!r}; there are {', '.join(NAMES)}.")
        given[name] = value
    return given


def remembered(outputs: Mapping[str, str]) -> dict[str, str]:
    """The settings that the stack's outputs tell: those of the last deploy."""
    try:
        kept = json.loads(outputs.get(SETTINGS_OUTPUT, "{}"))
    except ValueError:
        return {}
    return {name: str(value) for name, value in kept.items() if name in NAMES}
