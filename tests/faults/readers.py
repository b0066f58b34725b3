"""The readers of the load test: 200 connections that ask for pages, in a process of their own.

As a program it reads its order as JSON from standard input, says "begun", and ends with what it saw as JSON.
"""

import asyncio
import gc
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from urllib.parse import quote, urlsplit

CONNECTIONS = 200
MISSES = 20
"""One page in so many has an unknown author."""


@dataclass(slots=True)
class Seen:
    """What the readers have seen. Times are seconds; `broken` answers began and did not end."""

    known: list[float] = field(default_factory=list)
    misses: int = 0
    refused: int = 0
    broken: int = 0

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of the known pages was answered."""
        ordered = sorted(self.known)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def add(self, other: "Seen") -> None:
        """Takes in what others saw."""
        self.known += other.known
        self.misses += other.misses
        self.refused += other.refused
        self.broken += other.broken


def target(names: Sequence[str]) -> str:
    """What a reader asks for."""
    return "/drivers?profile=0&wait=2&" + "&".join(f"name={quote(name)}" for name in names)


class Reading:
    """`CONNECTIONS` readers who together ask for `rate` pages a second (0: as many as they can), for so many
    seconds or until there is no server any more. They have begun when this is made."""

    def __init__(self, url: str, names: Sequence[str], rate: float, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin
        assert self._process.stdout
        order = {"url": url, "page": target(names), "rate": rate, "seconds": seconds}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "begun\n"

    def seen(self) -> Seen:
        """What they saw, when they are done."""
        said, _ = self._process.communicate()
        assert self._process.returncode == 0
        return Seen(**json.loads(said))


async def _read(url: str, page: str, pause: float, until: float, seen: Seen, number: int) -> None:
    """One connection: a page every `pause` seconds (0: at once) until then (monotonic seconds)."""
    parts = urlsplit(url)
    rng = random.Random(number)
    count = rng.randrange(MISSES)
    await asyncio.sleep(rng.uniform(0.0, pause))
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        seen.refused += 1
        return
    due = time.monotonic()
    try:
        while time.monotonic() < until:
            count += 1
            miss = pause and count % MISSES == 0
            asked = page + (f"&name=Nobody%20{number}%20{count}" if miss else "")
            began = time.monotonic()
            writer.write(f"GET {asked} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            if not await _answered(reader, seen):
                return
            if miss:
                seen.misses += 1
            else:
                seen.known.append(time.monotonic() - began)
            due = max(due + pause, time.monotonic() - pause)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    except ConnectionError:
        seen.refused += 1
    finally:
        writer.close()


async def _answered(reader: asyncio.StreamReader, seen: Seen) -> bool:
    """Reads one answer; False when the connection has ended."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        seen.broken += bool(getattr(error, "partial", b""))
        seen.refused += 1
        return False
    length = re.search(rb"content-length: (\d+)", head.lower())
    assert length, head
    try:
        await reader.readexactly(int(length[1]))
    except (asyncio.IncompleteReadError, ConnectionError):
        seen.broken += 1
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        seen.refused += 1
    return True


async def _all_read(url: str, page: str, rate: float, seconds: float) -> Seen:
    pause, until, seen = CONNECTIONS / rate if rate else 0.0, time.monotonic() + seconds, Seen()
    print("begun", flush=True)
    await asyncio.gather(*(_read(url, page, pause, until, seen, n) for n in range(CONNECTIONS)))
    return seen


def main() -> None:
    """Reads the order, carries it out."""
    order = json.loads(sys.stdin.readline())
    gc.freeze()  # what was imported; what is made now has few cycles
    json.dump(asdict(asyncio.run(_all_read(**order))), sys.stdout)


if __name__ == "__main__":
    main()
