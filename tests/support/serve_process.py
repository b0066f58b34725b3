"""`pitboard serve` as a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from pitboard.simulator import Simulator


class ServeProcess:
    """A running server: its address, its process id, and what it has written to its log so far."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.url = url
        self.pid = process.pid
        self.process = process
        self.lines: list[str] = []
        parts = urlsplit(url)
        self.address = (str(parts.hostname), int(parts.port or 0))

    def memory(self, field: str = "VmRSS") -> float:
        """MB of memory; `VmHWM` is the most so far."""
        found = re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024


@contextmanager
def serve_process(
    simulator: Simulator, folder: Path, before: Callable[[], None] | None = None, /, **environment: str
) -> Iterator[ServeProcess]:
    """`pitboard serve` on a simulator with an own database in `folder`, until the block ends. `before` runs
    in the process before it starts; `environment` is added to its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pitboard", "serve", "--port", "0"],
        env={
            **os.environ,
            **simulator.environment(),
            "PITBOARD_DB": str(folder / "pitboard.sqlite3"),
            "PITBOARD_INDEX_HOURS": "0",
            "PITBOARD_AUDIENCE": "everyone",
            **environment,
        },
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=before,
    )
    assert process.stderr
    seen = []
    try:
        for line in process.stderr:
            seen.append(line)
            if found := re.search(r"http://[\w.\[\]:]+:\d+|unix:\S+(?=\. Press)", line):
                break
        else:
            raise AssertionError("".join(seen))
        server = ServeProcess(process, found[0])
        server.lines += seen
        reading = Thread(target=lambda: server.lines.extend(process.stderr or ()), daemon=True)
        reading.start()
        try:
            yield server
        finally:
            process.terminate()
            process.wait(20)
            reading.join(5)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()
