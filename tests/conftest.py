"""What every test folder shares."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def need(program: str, package: str, advice: str = "") -> str:
    """The path of a program. Without it the test is skipped; in CI it fails, so that none is skipped there.

    `package` is Debian's; `advice` says what to do where Debian has none.
    """
    if path := shutil.which(program):
        return path
    advice = advice or f"install Debian's package {package} (apt-get install {package})"
    sentence = f"{program} is missing: {advice}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def chromium() -> str:
    return need("chromium", "chromium")


@pytest.fixture(scope="session")
def firefox() -> str:
    return need("firefox-esr", "firefox-esr")


@pytest.fixture(scope="session")
def wrk() -> str:
    return need("wrk", "wrk")


@pytest.fixture(scope="session")
def uv() -> str:
    return need("uv", "", "pip install uv")


@pytest.fixture(autouse=True)
def no_host_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests see neither the settings nor the credentials nor the keyring of the machine they run on."""
    for name in [name for name in os.environ if name.startswith("PITBOARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data"))
