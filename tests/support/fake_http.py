"""A real HTTP server that gives the answers a test sets, for answers that the simulator does not give."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Reply:
    """One answer. `hold` is awaited first; `drop` closes without an answer; `drip` (seconds) is a pause
    after each byte of the body."""

    status: int = 200
    json: Any = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None
    drop: bool = False
    drip: float = 0.0

    @property
    def payload(self) -> bytes:
        return self.body if self.json is None else json.dumps(self.json).encode()


@dataclass
class ReceivedRequest:
    """A request as it arrived. Header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    port: int
    """The client's port: the same for requests on the same connection."""


class FakeHttp:
    """The server as a test sees it."""

    def __init__(self, url: str, stop: threading.Event) -> None:
        self.url = url
        self.stop = stop
        self.got: list[ReceivedRequest] = []
        self.arrived = threading.Event()
        self._replies: dict[str, list[Reply]] = {}
        self._lock = threading.Lock()

    def on(self, path: str, *replies: Reply) -> None:
        """Answers requests to `path` with these, one after the other, the last one again and again."""
        self._replies[path] = list(replies)

    def next(self, got: ReceivedRequest) -> Reply:
        """The answer to a request, which is recorded."""
        with self._lock:
            self.got.append(got)
            self.arrived.set()
            replies = self._replies.get(got.path, [Reply(404)])
            return replies.pop(0) if len(replies) > 1 else replies[0]

    @property
    def paths(self) -> list[str]:
        """The paths of all requests so far."""
        return [got.path for got in self.got]


@contextmanager
def fake_http_server(tls: ssl.SSLContext | None = None) -> Iterator[FakeHttp]:
    """A server on a free port of loopback, until the block ends; with `tls` it speaks https."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), _Handler) as httpd:
        if tls:
            httpd.socket = tls.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
        fake_http = FakeHttp(
            f"{'https' if tls else 'http'}://127.0.0.1:{httpd.server_port}", threading.Event()
        )
        httpd.fake_http = fake_http  # type: ignore[attr-defined]
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield fake_http
        finally:
            fake_http.stop.set()
            httpd.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        fake_http: FakeHttp = self.server.fake_http  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        query, form = ({k: v[0] for k, v in parse_qs(text).items()} for text in (parts.query, sent))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = fake_http.next(
            ReceivedRequest(self.command, parts.path, query, form, headers, self.client_address[1])
        )
        if reply.hold:
            reply.hold.wait(30)
        if reply.drop:
            self.close_connection = True
            return
        try:
            self.send_response_only(reply.status)
            for name, value in ({"Content-Length": str(len(reply.payload))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            for part in [bytes([b]) for b in reply.payload] if reply.drip else [reply.payload]:
                self.wfile.write(part)
                if reply.drip and fake_http.stop.wait(reply.drip):
                    return
        except OSError:  # the client has hung up
            self.close_connection = True

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        pass
