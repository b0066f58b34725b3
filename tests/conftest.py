"""What every test folder shares."""

import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from tests.support import needs

from pitboard.telemetry.logs import SECRETS, QuietErrors

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "mutants",  # scripts/mutate.py only asks whether a test fails: no time for a small example
    settings.get_profile("any machine"),
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    database=None,
)
settings.register_profile(
    "other Pythons",  # for scripts/check.py: the laws were tried on one, and do not depend on the version
    settings.get_profile("any machine"),
    max_examples=10,
)
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Tests, what they import, and the programs that their fixtures start, see neither the settings nor the
    AWS account of the shell they run in, and Ctrl+C ends them: what a shell starts with `&` ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith(("PITBOARD_", "AWS_"))]:
        del os.environ[name]


@pytest.fixture(scope="session")
def chromium() -> str:
    return needs.program("chromium")


@pytest.fixture(scope="session")
def firefox() -> str:
    return needs.program("firefox-esr")


@pytest.fixture(scope="session")
def wrk() -> str:
    return needs.program("wrk")


@pytest.fixture(scope="session")
def uv() -> str:
    return needs.program("uv", "see README.md")


@pytest.fixture(autouse=True)
def no_host_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests see neither the keyring nor the folders of the machine they run on, nor what another has set."""
    for name in [name for name in os.environ if name.startswith("PITBOARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data"))


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """The level and the handlers that a test sets, and the secrets that it hides, end with it."""
    root = logging.getLogger()
    level, hidden = root.level, vars(SECRETS).copy()
    yield
    root.setLevel(level)
    for handler in [one for one in root.handlers if isinstance(one, QuietErrors)]:
        root.removeHandler(handler)
    vars(SECRETS).update(hidden)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each reason to skip, however many tests it skips."""
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    for reason, times in reasons.most_common():
        terminalreporter.write_line(f"{times} skipped: {reason}")
