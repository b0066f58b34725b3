"""Refreshes of the driver index in DynamoDB at full size: time, memory, disk, and what is paid for.

    uv run --all-extras --all-groups python benchmarks/index_aws.py [--drivers 500000]

Three days: the first load, a day on which a tenth of the drivers raced, and one on which nobody did. The
refresh runs in a process of its own with a real botocore client; the table is a stub on loopback that counts.
The lists are read from files: what their download costs, benchmarks/index.py measures. Exit code 1 if a limit
of the function is missed: 15 minutes, 1 GB of memory, 1 GB of files.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from tests.support.lambda_runtime import LoopbackServer  # noqa: E402 - they are in the checkout

from pitboard.drivers.categories import CATEGORIES  # noqa: E402
from pitboard.drivers.index import COLUMNS  # noqa: E402

MOST_SECONDS, MOST_MEGABYTES, MOST_DISK = 900.0, 1024.0, 1024.0
PAGE = 1_000_000
"""Bytes of one page of a scan. Source: DynamoDB's guide, "Scanning tables"."""


class CountingTable:
    """As much of DynamoDB as a refresh uses: items by key, as the JSON that came."""

    def __init__(self) -> None:
        self.items: dict[str, bytes] = {}
        self.count: Counter[str] = Counter()
        self._order: list[str] = []

    def __call__(self, request: Any, body: bytes) -> Any:
        operation = request.headers["X-Amz-Target"].split(".")[1]
        self.count[operation] += 1
        answer = getattr(self, f"_{operation}")(json.loads(body))
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, answer

    def _BatchWriteItem(self, asked: Any) -> bytes:  # noqa: N802 - DynamoDB's names
        (changes,) = asked["RequestItems"].values()
        for change in changes:
            if "PutRequest" in change:
                item = change["PutRequest"]["Item"]
                kept = json.dumps(item).encode()
                self.items[item["name"]["S"]] = kept
                self.count["written"] += 1
                self.count["write units"] += -(-len(kept) // 1024)
            else:
                self.items.pop(change["DeleteRequest"]["Key"]["name"]["S"], None)
                self.count["deleted"] += 1
                self.count["write units"] += 1
        return b"{}"

    def _BatchGetItem(self, asked: Any) -> bytes:  # noqa: N802
        ((table, wanted),) = asked["RequestItems"].items()
        keys = (key["name"]["S"] for key in wanted["Keys"])
        found = b",".join(self.items[key] for key in keys if key in self.items)
        return b'{"Responses": {"%s": [%s]}}' % (table.encode(), found)

    def _Scan(self, asked: Any) -> bytes:  # noqa: N802
        if "ExclusiveStartKey" not in asked:
            self._order = [key for key in self.items if key.startswith(("INDEX:", "SHARED:"))]
            begin = 0
        else:
            begin = int(asked["ExclusiveStartKey"]["name"]["S"])
        page, size, end = [], 0, begin
        while end < len(self._order) and size < PAGE:
            page.append(self.items[self._order[end]])
            size += len(page[-1])
            end += 1
        self.count["read units"] += -(-size // 8192)  # half a unit for 4 kB: not consistent
        last = b', "LastEvaluatedKey": {"name": {"S": "%d"}}' % end if end < len(self._order) else b""
        return b'{"Items": [%s]%s}' % (b",".join(page), last)


class FileLists:
    """`refresh.Lists` from the files of `index.make_lists`; `changed` of 100 drivers have a start more."""

    def __init__(self, folder: Path, changed: int) -> None:
        self._folder = folder
        self._changed = changed

    def rows(
        self,
        category: str,
        _: object,
        received: Callable[[int, int | None], object],  # noqa: ARG002 - a port's
    ) -> Iterator[Sequence[str]]:
        with (self._folder / f"{category}.csv").open(encoding="utf-8-sig") as file:
            head = file.readline().strip().split(",")
            places = [head.index(column) for column in COLUMNS]
            starts = COLUMNS.index("STARTS")
            for line in file:
                fields = line.rstrip().split(",")
                row = [fields[place] for place in places]
                if int(row[1]) % 100 < self._changed:
                    row[starts] = str(int(row[starts]) + 1)
                yield row


def child(url: str, lists: Path, changed: int, work: Path) -> None:
    """One refresh; prints its figures as JSON."""
    import botocore.session

    from pitboard.aws.clients import PATIENT_CONFIG
    from pitboard.aws.index_refresh import refresh_index
    from pitboard.stores.dynamodb_publisher import IndexTable

    session = botocore.session.get_session()
    session.set_credentials("invented", "invented")
    client = session.create_client(
        "dynamodb", region_name="us-east-1", endpoint_url=url, config=PATIENT_CONFIG
    )
    began, cpu = time.monotonic(), time.process_time()
    with watched(work) as disk:
        done, published = refresh_index(FileLists(lists, changed), IndexTable(client, "ir_custid"), work)
    figures = {
        "drivers": done.drivers,
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "disk": max(disk) / 1e6,
        "unchanged": published.unchanged,
    }
    print(json.dumps(figures))


@contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """The bytes of the files in a folder, looked at five times a second."""
    seen, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            nodes = {}
            for path in folder.iterdir():
                try:
                    stat = path.stat()
                except FileNotFoundError:
                    continue
                nodes[stat.st_ino] = stat.st_size
            seen.append(sum(nodes.values()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def main() -> int:
    """Prints a line for each day; 1 if a limit is missed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--drivers", type=int, default=500_000)
    options.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        url, lists, changed, work = given.child
        child(url, Path(lists), int(changed), Path(work))
        return 0
    from benchmarks.index import make_lists

    missed = False
    with tempfile.TemporaryDirectory() as folder, LoopbackServer(table := CountingTable()) as server:
        lists = Path(folder) / "lists"
        lists.mkdir()
        make_lists(lists, given.drivers)
        print(f"{given.drivers:,} drivers in {len(CATEGORIES)} lists")
        for title, changed in (("first load", 0), ("a tenth raced", 10), ("nobody raced", 10)):
            work = Path(folder) / "work"
            work.mkdir()
            table.count.clear()
            command = [sys.executable, __file__, "--child", server.url, str(lists), str(changed), str(work)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            figures = json.loads(done.stdout.splitlines()[-1])
            c = table.count
            print(
                f"{title:<14} {figures['seconds']:6.1f} s ({figures['cpu']:.1f} s of CPU), "
                f"{figures['megabytes']:.0f} MB, {figures['disk']:.0f} MB of files; "
                f"{c['written']:,} written, {c['deleted']:,} deleted, {figures['unchanged']:,} unchanged: "
                f"{c['write units']:,} write and {c['read units']:,} read units"
            )
            missed |= figures["seconds"] > MOST_SECONDS or figures["megabytes"] > MOST_MEGABYTES
            missed |= figures["disk"] > MOST_DISK
            for path in work.iterdir():
                path.unlink()
            work.rmdir()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
