"""`pitboard serve` as a process of its own, as a host runs it."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from pitboard.simulator import Simulator


@dataclass
class Serving:
    """A running `pitboard serve`. `said` is what it has written to standard error so far."""

    process: "subprocess.Popen[str]"
    base_url: str = ""
    said: str = ""
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, maxsize=10))
    _reader: threading.Thread | None = None

    def __post_init__(self) -> None:
        stream = self.process.stderr
        assert stream
        while not (found := re.search(r"http://\S+:\d+", self.said)):
            line = stream.readline()
            assert line, self.said
            self.said += line
        self.base_url = found[0]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said += line

    def ask(self, target: str, method: str = "GET", **fields: str) -> urllib3.BaseHTTPResponse:
        """Asks one target, such as `/health`; `fields` are its query."""
        return self._pool.request(method, f"{self.base_url}{target}", fields=fields or None, timeout=30)

    def driver(self, name: str, wait: float = 8) -> Mapping[str, Any]:
        """What GET /drivers says of a name."""
        answer: Mapping[str, Any] = self.ask("/drivers", name=name, wait=str(wait)).json()[name]
        return answer

    def has_token(self) -> bool:
        """Whether POST /auth says that a valid token is held. It makes no login."""
        return self._pool.request("POST", f"{self.base_url}/auth", timeout=30).status == 200

    def told(self, sentence: str) -> bool:
        """Whether standard error has this sentence, however it was cut into lines."""
        return sentence in " ".join(self.said.split())

    def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        self._ended()

    def stop(self) -> int:
        """As `kill`, and waits for the end; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def _ended(self) -> int:
        code = self.process.wait(timeout=20)
        if self._reader:
            self._reader.join(timeout=20)
        return code


@contextmanager
def serving(simulator: Simulator, db: Path, *arguments: str, **changes: str) -> Iterator[Serving]:
    """`pitboard serve` on a simulator and a database, killed at the end if it still runs. `changes` go to its
    environment; the index is off unless they say otherwise."""
    environment = {
        **os.environ,
        **simulator.environment(),
        "PITBOARD_DB": str(db),
        "PITBOARD_INDEX_HOURS": "0",
        "PITBOARD_AUDIENCE": "everyone",
        "COLUMNS": "200",
        **changes,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pitboard", "serve", "--port", "0", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Serving(process)
    finally:
        process.kill()
        process.wait(timeout=20)
        if process.stderr:
            process.stderr.close()
