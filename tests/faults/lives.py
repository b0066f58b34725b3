"""Short lives on one database: processes that look drivers up and renew tokens until they are killed.

Run as a program it is what they are forked from: everything is imported once, so that a life begins in
milliseconds. It reads a line of JSON for each two lives, and answers with their process ids.
"""

import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from pitboard.drivers.errors import StoreError, UpstreamError  # noqa: E402
from pitboard.local.credentials import find  # noqa: E402
from pitboard.local.home import LocalHome  # noqa: E402
from pitboard.settings import Settings  # noqa: E402

THREADS = 8
"""Threads of each process that ask for pages."""

PROCESSES = 2


def live(db: Path, names: list[str], ahead: float, seed: int) -> None:
    """Asks for pages and renews the token, with the clock so many seconds ahead, until it is killed."""
    settings = replace(Settings.read(os.environ), db=db)

    def clock() -> float:
        return time.time() + ahead

    with LocalHome(settings, find(os.environ), clock=clock, lookup_seconds=2.0) as home:
        threads = [threading.Thread(target=_ask, args=(home, names, seed + n)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _ask(home: LocalHome, names: list[str], seed: int) -> None:
    rng = random.Random(seed)
    while True:
        try:
            home.tokens.access_token(time.monotonic() + 2.0)
            home.service.page(rng.sample(names, 5), 0.2)
        except (UpstreamError, StoreError):
            time.sleep(0.02)


def main() -> None:
    """Forks lives as they are ordered on standard input."""
    db, names = Path(sys.argv[1]), json.loads(sys.argv[2])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        pids = []
        for number in range(PROCESSES):
            pid = os.fork()
            if not pid:
                try:
                    live(db, names, order["ahead"], order["seed"] * 100 + number * 50)
                except BaseException:
                    traceback.print_exc()
                    raise
                finally:
                    os._exit(1)
            pids.append(pid)
        print(json.dumps(pids), flush=True)


if __name__ == "__main__":
    main()
