"""Where links in iRacing's answers may lead."""

import socket

import pytest

from pitboard.drivers.errors import UnreachableError
from pitboard.iracing.links import Links
from pitboard.iracing.transport import is_public
from pitboard.settings import SettingError, UpstreamSettings

BUCKET = "scorpio-assets.s3.amazonaws.com"


@pytest.fixture
def links():
    return Links("https://members-ng.iracing.com", ["files.example.org", "*.cdn.example.org"])


@pytest.mark.parametrize(
    "link",
    [
        f"https://{BUCKET}/production/x?X-Amz-Signature=hush",
        f"https://{BUCKET.upper()}/x",
        f"https://{BUCKET}:443/x",
        "https://scorpio-assets.s3.us-east-1.amazonaws.com/x",
        "https://members-ng.iracing.com/x",
        "https://members-assets.iracing.com/x",
        "https://files.example.org/x",
        "https://a.cdn.example.org/x",
    ],
)
def test_links_to_known_hosts_are_followed(links, link):
    links.check(link)


@pytest.mark.parametrize(
    "link",
    [
        f"http://{BUCKET}/x",
        f"https://{BUCKET}.evil.example/x",
        f"https://evil-{BUCKET}/x",
        f"https://{BUCKET}@evil.example/x",
        f"https://user@{BUCKET}/x",
        f"https://evil.example\\@{BUCKET}/x",
        f"https://{BUCKET}\\.evil.example/x",
        f"https://evil.example#{BUCKET}/x",
        f"https://evil.example/{BUCKET}",
        f"https://{BUCKET}./x",
        f"https://{BUCKET}:99999/x",
        f" https://{BUCKET}/x",
        f"\thttps://{BUCKET}/x",
        f"https://{BUCKET}\n/x",
        f"ht\ttps://{BUCKET}/x",
        f"https://{BUCKET}/x y",
        "https://other-bucket.s3.amazonaws.com/x",
        "https://scorpio-assets.s3.evil.us-east-1.amazonaws.com/x",
        "https://iracing.com.evil.example/x",
        "https://eviliracing.com/x",
        "https://members.iracing.com.evil/x",
        "https://a.b.cdn.example.org/x",
        "https://ｆiles.example.org/x",
        "https://127.0.0.1/x",
        "http://127.0.0.1/x",
        "http://localhost/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/x",
        "https://2130706433/x",
        "https:///x",
        "//scorpio-assets.s3.amazonaws.com/x",
        "file:///etc/passwd",
        "https://[::1",
        "",
    ],
)
def test_other_links_are_not_followed(links, link):
    with pytest.raises(UnreachableError) as caught:
        links.check(link)
    assert "hush" not in str(caught.value)


def test_the_message_names_the_host_and_the_setting(links):
    with pytest.raises(UnreachableError, match=r"files\.example\.net.*PITBOARD_LINK_HOSTS"):
        links.check("https://files.example.net/x?signature=hush")


def test_a_simulator_on_this_machine_may_point_to_this_machine():
    links = Links("http://127.0.0.1:8080")
    links.check("http://127.0.0.1:8081/x")
    assert not links.public_only
    for link in ("http://10.0.0.1/x", "http://user@127.0.0.1/x", "ftp://127.0.0.1/x"):
        with pytest.raises(UnreachableError):
            links.check(link)


@pytest.mark.parametrize(
    ("addresses", "public_only"),
    [
        (["8.8.8.8"], True),
        (["8.8.8.8", "2606:4700::1111"], True),
        (["10.1.2.3"], False),
        (["8.8.8.8", "10.1.2.3"], False),
        ([], True),
    ],
    ids=["public", "two public", "private", "one of two private", "cannot be resolved"],
)
def test_links_may_lead_into_a_private_network_only_if_the_data_api_is_in_one(
    monkeypatch, addresses, public_only
):
    """A Data API whose address is not known now may have any, so nothing private is followed."""
    asked = []

    def resolve(host: str, port: int, **named: object) -> list[object]:
        asked.append((host, port, named))
        if not addresses:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    links = Links("https://data.example.org")
    assert links.public_only is public_only
    assert links.public_only is public_only
    assert asked == [("data.example.org", 443, {"type": socket.SOCK_STREAM})]


def test_links_to_the_data_apis_own_host_are_followed():
    links = Links("https://data.example.org")
    links.check("https://data.example.org/x")
    with pytest.raises(UnreachableError):
        links.check("https://other.example.org/x")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),  # noqa: S104 - not listened on
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
    ],
)
def test_addresses_of_the_internet_are_told_from_others(address, public):
    assert is_public(address) is public


def test_the_setting_takes_names_only():
    read = UpstreamSettings.read({"PITBOARD_LINK_HOSTS": " Files.Example.org, *.cdn.example.org ,"})
    assert read.link_hosts == ("files.example.org", "*.cdn.example.org")
    for text in ("*", "*.*", "https://a.example/", "a.example:443", "10.0.0.1", "a b", "org"):
        with pytest.raises(SettingError, match="PITBOARD_LINK_HOSTS"):
            UpstreamSettings.read({"PITBOARD_LINK_HOSTS": text})
