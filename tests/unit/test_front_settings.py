"""The settings of a server that others reach: what is read, and which sentence says what is wrong."""

import sys

import pytest

from pitboard.settings import FrontSettings, SettingError, Settings


def read(**values: str) -> Settings:
    return Settings.read({f"PITBOARD_{name}": value for name, value in values.items()})


def test_names_networks_and_the_prefix_are_read_in_one_form() -> None:
    front = read(
        ALLOWED_HOSTS=" Pit.Example.org, xn--mnchen-3ya.example,[2001:DB8::1] ,racebox",
        TRUSTED_PROXIES="10.0.0.5, 10.1.0.0/16,fd00::/8",
        PATH_PREFIX="/league/pit/",
    ).front
    assert front.allowed_hosts == ("pit.example.org", "xn--mnchen-3ya.example", "2001:db8::1", "racebox")
    assert front.trusted_proxies == ("10.0.0.5/32", "10.1.0.0/16", "fd00::/8")
    assert front.path_prefix == "/league/pit"


def test_by_default_programs_on_this_machine_are_trusted_and_no_name_is_allowed() -> None:
    assert read().front == FrontSettings()
    assert not read().is_public


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", "https://pit.example.org"),
        ("ALLOWED_HOSTS", "pit.example.org:443"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "münchen.example"),
        ("TRUSTED_PROXIES", "caddy"),
        ("TRUSTED_PROXIES", "10.0.0.5/8"),
        ("PATH_PREFIX", "pitboard"),
        ("PATH_PREFIX", "/a/../b"),
        ("PATH_PREFIX", "//evil.example"),
        ("PATH_PREFIX", '/"><script>'),
        ("STATUS_TOKEN", "too-short"),
        ("STATUS_TOKEN", "with spaces in it, and long"),
        ("HOST", "unix:pit.sock"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_and_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"PITBOARD_{name}") as refused:
        read(**{name: value})
    assert name != "STATUS_TOKEN" or value not in str(refused.value)


def test_the_status_token_is_not_shown() -> None:
    assert "a-token-of-the-host" not in repr(read(STATUS_TOKEN="a-token-of-the-host-0001"))


@pytest.mark.parametrize(
    ("host", "beyond"),
    [
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("LOCALHOST", False),
        ("192.168.1.7", True),
        ("::", True),
        ("racebox", True),
    ],
)
def test_only_addresses_of_this_machine_are_not_beyond_it(host: str, beyond: bool) -> None:
    assert read(HOST=host).listens_beyond is beyond
    assert read(HOST=host).is_public is beyond
    assert read(HOST=host, ALLOWED_HOSTS="pit.example.org").is_public


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets here")
def test_a_unix_socket_is_for_this_machine() -> None:
    settings = read(HOST="unix:/run/pitboard/pit.sock")
    assert str(settings.socket_path) == "/run/pitboard/pit.sock"
    assert not settings.listens_beyond
