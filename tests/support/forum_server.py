"""The forum: pages of https://forums.iracing.com, served by this machine."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

HOST = "forums.iracing.com"
POLICY = "script-src 'nonce-abc' 'unsafe-inline' 'self' blob:; object-src 'none'; base-uri 'self'"
"""The policy that the forum's software sends (read in its source): inline event handlers do not run."""


@contextmanager
def forum(folder: Path, page: Callable[[str], str | None], styles: Path) -> Iterator[int]:
    """Serves pages by path with a self-signed certificate; yields the port."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    where = ["-subj", f"/CN={HOST}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *where], check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/static/"):
                name = styles / self.path.removeprefix("/static/")
                body = name.read_bytes() if name.is_file() else None
                kind = "text/css" if self.path.endswith(".css") else "image/svg+xml"
            else:
                text = page(self.path)
                body, kind = (None if text is None else text.encode()), "text/html; charset=utf-8"
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
