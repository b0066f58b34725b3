"""Connections to iRacing: which are reused, which are trusted, and when waiting ends."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.fake_http import FakeHttp, Reply, fake_http_server
from tests.support.waiting import wait_until

from pitboard.drivers.errors import UnreachableError
from pitboard.iracing.links import Links
from pitboard.iracing.transport import NoAnswerError, Transport, is_loopback
from pitboard.simulator import Simulator


@pytest.fixture
def server() -> Iterator[FakeHttp]:
    with fake_http_server() as server:
        server.on("/", Reply(body=b"ok"))
        yield server


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


class TestConnections:
    def test_a_connection_is_reused_for_the_next_call(self, server: FakeHttp) -> None:
        transport = Transport()
        for _ in range(3):
            assert transport.get(f"{server.url}/", soon()).body == b"ok"
        assert len({got.port for got in server.got}) == 1
        transport.close()

    def test_the_connections_of_32_parallel_calls_are_all_reused(self, server: FakeHttp) -> None:
        transport = Transport()
        for _ in range(3):
            with ThreadPoolExecutor(32) as pool:
                assert all(pool.map(lambda _: transport.get(f"{server.url}/", soon()), range(32)))
        assert len(server.got) == 96
        assert len({got.port for got in server.got}) <= 32

    def test_a_connection_with_unread_bytes_is_not_reused(self, server: FakeHttp) -> None:
        server.on("/large", Reply(body=b"x" * 3_000_000))
        transport = Transport()
        with transport.stream(f"{server.url}/large", soon()) as stream:
            assert (stream.status, stream.size) == (200, 3_000_000)
            assert next(stream.parts)
        assert transport.get(f"{server.url}/", soon()).body == b"ok"
        assert len({got.port for got in server.got}) == 2

    def test_a_get_that_hangs_is_broken_off_when_later_ones_are_answered(self) -> None:
        with Simulator(latency=0.0) as simulator, ThreadPoolExecutor(1) as pool:
            simulator.faults.add("hang", "data")
            transport = Transport()
            url = f"{simulator.data_url}/data/constants/categories"
            hanging = pool.submit(transport.get, url, soon())
            wait_until(lambda: simulator.calls.count(service="data"))
            began = time.monotonic()
            assert transport.get(url, soon()).status == 401
            transport.give_up(began)
            with pytest.raises(NoAnswerError):
                hanging.result(timeout=5)
            transport.close()

    def test_a_post_that_hangs_is_not_broken_off(self) -> None:
        with Simulator(latency=0.0) as simulator, ThreadPoolExecutor(1) as pool:
            simulator.faults.add("hang", "token")
            transport = Transport()
            hanging = pool.submit(transport.post_form, simulator.oauth_url, {"a": "b"}, soon(1.0))
            wait_until(lambda: simulator.calls.count("token"))
            transport.give_up(time.monotonic())
            with pytest.raises(NoAnswerError, match="in time"):
                hanging.result(timeout=5)
            transport.close()

    def test_a_post_has_its_own_connection(self, server: FakeHttp) -> None:
        transport = Transport()
        transport.get(f"{server.url}/", soon())
        for _ in range(2):
            transport.post_form(f"{server.url}/", {"a": "ü/+= &"}, soon())
        assert server.got[1].form == {"a": "ü/+= &"}
        transport.get(f"{server.url}/", soon())
        assert server.got[1].port != server.got[2].port


@pytest.fixture(params=["head", "size of a chunk", "body"])
def dripping(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that sends a part of an answer byte by byte, for ever."""
    begin = {
        "head": b"HTTP/1.1 200 OK\r\nX-Long: ",
        "size of a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "body": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    }[request.param]
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(begin)
            while not over.wait(0.02):
                connection.sendall(b"0")

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(door.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"
        over.set()


@pytest.mark.timeout(20)
def test_whoever_sends_byte_by_byte_does_not_keep_a_get_beyond_its_deadline(dripping: str) -> None:
    with pytest.raises(NoAnswerError, match="in time") as caught:
        Transport().get(dripping, soon(0.3))
    assert caught.value.sent


@pytest.mark.timeout(20)
def test_whoever_sends_byte_by_byte_does_not_keep_a_grant_beyond_its_deadline(dripping: str) -> None:
    with pytest.raises(NoAnswerError, match="in time") as caught:
        Transport().post_form(dripping, {"a": "b"}, soon(0.3))
    assert caught.value.sent


def test_a_length_of_thousands_of_digits_is_no_length(server: FakeHttp) -> None:
    server.on("/", Reply(body=b"ok", headers={"Content-Length": "9" * 5000}))
    with Transport().stream(f"{server.url}/", soon(0.5)) as stream:
        assert stream.size is None


def test_headers_are_found_in_any_case(server: FakeHttp) -> None:
    server.on("/", Reply(headers={"x-RATELIMIT-limit": "240"}))
    assert Transport().get(f"{server.url}/", soon()).headers["X-RateLimit-Limit"] == "240"


def test_after_the_deadline_nothing_is_sent(server: FakeHttp) -> None:
    with pytest.raises(NoAnswerError, match="no time left") as caught:
        Transport().get(f"{server.url}/", soon(0))
    assert not caught.value.sent
    assert server.got == []


@pytest.mark.parametrize("url", ["http://nowhere.invalid/", "http://127.0.0.1:1/", "gopher://127.0.0.1/"])
def test_an_address_without_a_server_is_unreachable(url: str) -> None:
    with pytest.raises(UnreachableError):
        Transport().get(url, soon(2))


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8080/x", True),
        ("http://localhost/x", True),
        ("https://[::1]/", True),
        ("http://127.0.0.1.files.example/", False),
        ("http://localhost.files.example/", False),
        ("https://files.example/127.0.0.1", False),
        ("127.0.0.1", False),
    ],
)
def test_only_loopback_hosts_count_as_this_machine(url: str, here: bool) -> None:
    assert is_loopback(url) is here


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    made = ["-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run(["openssl", "req", *kind, *subject, *made], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


class TestCertificates:
    @pytest.fixture
    def server(self, certificate: Path) -> Iterator[FakeHttp]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        with fake_http_server(tls) as server:
            server.on("/token", Reply(body=b"ok"))
            yield server

    def test_an_untrusted_certificate_is_refused_before_any_secret_is_sent(self, server: FakeHttp) -> None:
        with pytest.raises(NoAnswerError, match=r"could not be verified.*clock") as caught:
            Transport().post_form(f"{server.url}/token", {"client_secret": "hush"}, soon())
        assert not caught.value.sent
        assert server.got == []

    def test_a_public_link_sends_nothing_to_a_private_address(
        self, server: FakeHttp, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        with pytest.raises(NoAnswerError, match="private network") as caught:
            Transport().get(f"{server.url}/token", soon(), public=True)
        assert not caught.value.sent
        with pytest.raises(NoAnswerError), Transport().stream(f"{server.url}/token", soon(), public=True):
            pass
        assert server.got == []
        assert Transport().get(f"{server.url}/token", soon()).body == b"ok"

    def test_a_name_that_changes_its_address_after_the_check_sends_nothing(
        self, server: FakeHttp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve = socket.getaddrinfo
        answers = iter(["8.8.8.8"])

        def rebinding(host: str, *more: Any, **named: Any) -> Any:
            return resolve(next(answers, "127.0.0.1"), *more, **named)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        links = Links("https://members-ng.iracing.com")
        assert links.public_only  # the first look at the name
        url = f"https://scorpio-assets.s3.amazonaws.com:{server.url.rsplit(':', 1)[1]}/token"
        links.check(url)
        with pytest.raises(NoAnswerError, match="private network"):
            Transport().get(url, soon(), public=links.public_only)
        assert server.got == []

    def test_a_certificate_that_the_machine_trusts_is_accepted(
        self, server: FakeHttp, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        transport = Transport()
        assert transport.post_form(f"{server.url}/token", {}, soon()).body == b"ok"
        transport.close()

    def test_a_public_address_is_asked_over_tls_and_its_connection_is_kept(
        self, server: FakeHttp, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        monkeypatch.setattr("pitboard.iracing.transport.is_public", lambda _: True)
        transport = Transport()
        for _ in range(2):
            assert transport.get(f"{server.url}/token", soon(), public=True).body == b"ok"
        with transport.stream(f"{server.url}/token", soon(), public=True) as stream:
            assert b"".join(stream.parts) == b"ok"
        first, second, third = (got.port for got in server.got)
        assert first == second == third
        transport.close()
