"""The simulator's Data API with answers that a test changes on the way, over real sockets."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from pitboard.simulator import Simulator

Change = Callable[[Any], Any]


class OddUpstream:
    """`changes` maps an endpoint ("member/get") to what makes its JSON another; bytes go out as they are.

    Links are followed here, so that a change is made to the data themselves. `calls` counts by endpoint.
    """

    def __init__(self, simulator: Simulator, url: str) -> None:
        self.simulator = simulator
        self.url = url
        self.changes: dict[str, Change] = {}
        self.calls: Counter[str] = Counter()
        self.pool = urllib3.PoolManager(maxsize=32)

    def answer(self, target: str, bearer: str) -> tuple[int, bytes]:
        endpoint = target.split("?")[0].removeprefix("/data/")
        self.calls[endpoint] += 1
        got = self.pool.request(
            "GET", self.simulator.data_url + target, headers={"Authorization": bearer}, retries=False
        )
        if got.status != 200:
            return got.status, got.data
        data = got.json()
        if isinstance(data, dict) and "link" in data:
            data = self.pool.request("GET", data["link"], retries=False).json()
        if change := self.changes.get(endpoint):
            data = change(data)
        return 200, data if isinstance(data, bytes) else json.dumps(data).encode()


@contextmanager
def odd_upstream(simulator: Simulator) -> Iterator[OddUpstream]:
    """The server on a free port of loopback, until the block ends. Give its url as PITBOARD_DATA_URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, body = odd.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as httpd:
        odd = OddUpstream(simulator, f"http://127.0.0.1:{httpd.server_port}")
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield odd
        finally:
            httpd.shutdown()
            thread.join()
            odd.pool.clear()
