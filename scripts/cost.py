"""The monthly cost of the AWS home at three sizes, and of an attack: prices, assumptions and arithmetic.

    uv run scripts/cost.py [--write]

Prices are AWS' published on-demand prices for us-east-1 in US dollars, as of November 2026, without taxes.
The free tier is left out, except where it never ends. Check the prices before you rely on them: their pages
are named beside them. With --write the table in docs/DEPLOYMENT.md is updated; a test checks that it is
current.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "DEPLOYMENT.md"
BEGIN, END = "<!-- cost -->", "<!-- end -->"

MILLION = 1_000_000
HOURS = 730
SECONDS = HOURS * 3600

PRICES = {
    # https://aws.amazon.com/lambda/pricing/ (arm64)
    "lambda request": 0.20 / MILLION,
    "lambda GB-second": 0.0000133334,
    "SnapStart cache GB-second": 0.0000015046,
    "SnapStart restore GB": 0.0001397998,
    # https://aws.amazon.com/api-gateway/pricing/ (REST)
    "gateway request": 3.50 / MILLION,
    "gateway cache hour, 0.5 GB": 0.020,
    # https://aws.amazon.com/dynamodb/pricing/on-demand/
    "write unit": 0.625 / MILLION,
    "read unit": 0.125 / MILLION,
    "table GB": 0.25,
    "recovery GB": 0.20,
    # https://aws.amazon.com/cloudwatch/pricing/
    "log GB": 0.50,
    "metric": 0.30,
    "alarm": 0.10,
    # https://aws.amazon.com/secrets-manager/pricing/
    "secret": 0.40,
    # https://aws.amazon.com/waf/pricing/ (an ACL with one rule)
    "firewall": 6.00,
    "firewall request": 0.60 / MILLION,
    # https://aws.amazon.com/xray/pricing/ (100,000 traces a month are free for good)
    "trace": 5.00 / MILLION,
    # https://aws.amazon.com/sqs/pricing/ (standard; a million requests a month are free for good)
    "queue request": 0.40 / MILLION,
    # https://aws.amazon.com/ec2/pricing/on-demand/ (data out; 100 GB a month are free for good)
    "GB out": 0.09,
    # https://aws.amazon.com/cloudfront/pricing/ (HTTPS, Europe and North America; 10 million requests and
    # 1 TB a month are free for good). Unverified: read second-hand in November 2026.
    "edge request": 1.00 / MILLION,
    "edge GB out": 0.085,
}

FLAT_PLANS = ((MILLION, 0.0), (10 * MILLION, 15.0), (125 * MILLION, 200.0))
"""CloudFront's flat plans: requests a month, and dollars for them with their data and a firewall. Unverified:
read second-hand in November 2026."""

EDGE_FREE_REQUESTS, EDGE_FREE_GB = 10 * MILLION, 1_000
EDGE_HITS = 0.2
"""Share of the pages that CloudFront might answer itself. A guess, a high one: lists of names are as many as
pages of the forum, and most are read by few within the minutes for which an answer is fresh."""

NAMES_A_PAGE = 20
RECORD_KB = 2.0
"""A driver with profile and races, compressed, as it is stored."""

PAGE_SECONDS = 0.030
"""Mean of a page under the runtime client: 12 ms when all names are known, and sometimes a cold start."""

PAGE_KB_OUT = 30.0
LOG_KB_A_PAGE = 2.5
RENEWALS_A_DRIVER_AND_DAY = 6
"""Renewals of a driver who is requested all day. Licences are fresh for an hour, but nights are quiet."""

PAGES_WITH_DUE_NAMES = 0.5
"""Share of the pages that send a message: a function sends a name once a minute at most."""

POLLS = 5 * SECONDS / 20
"""Requests of Lambda to an empty queue: five at a time, each waits for 20 s. Source: Lambda's guide."""

FREE_QUEUE_REQUESTS = MILLION
RENEWING_SECONDS = 0.5
"""An invocation that renews: one call to iRacing, and the writes."""

BATCHES_A_WINDOW = 2
WINDOW = 10
"""What infra/queues.py allows: two invocations for each window of ten seconds."""

RENEWAL_READS = 2.5 + 0.1
"""Read units of a renewal: the record, what is remembered of failures, the entry in the index (half a unit),
its part of the reads of the budget. A test counts them, and the writes."""

RENEWAL_WRITES = math.ceil(RECORD_KB) + 2 + 0.2
"""Write units: the record, taking and releasing its lease, its part of a block of the budget."""

PAGES_A_READER = 20
"""Pages that a reader looks at in a day. Each day his script manager looks for a new userscript, which it
gets as a whole. Who has the extension asks for less."""

SCRIPT_KB = 20.0
"""The userscript, compressed."""

SCRIPT_SECONDS = 0.010
GB_OF_ADDON = 0.5

GB_OF_DRIVERS = 1.0
"""Memory of ir-drivers."""

ALARMS = 32
METRICS = 12 + 7 + 6 + 2 + 2
"""Our metrics (telemetry.metrics), and the values of each second dimension."""

METRICS_OF_THE_INDEX = (1 + 3) / 24
"""The same for what is written once a day: a metric is paid for by the hour in which it has data."""

# The driver index. benchmarks/index_aws.py measures what a refresh takes and changes.
INDEXED_DRIVERS = 500_000
RACED_A_DAY = 0.10
"""Share of all drivers whose entry changes in a day: those who raced. Each costs one write unit."""

ENTRY_KB = 0.28
RANKS_KB = 200.0
REFRESH_SECONDS = 300.0
"""One core takes a minute and a half for 500,000 drivers; a function of 1 GB has a little more than half."""

GB_OF_INDEX = 1.0
READERS_OF_RANKS = 10
"""Instances of ir-drivers that look every five minutes whether there is a newer distribution, and begin 20
times a day, when they read it."""

UNKNOWN_NAMES = 0.05
"""Share of the names of a page that no record is kept of, and that are looked up in the index."""

VERSIONS = 2
"""Versions of ir-drivers that are kept; each has a snapshot."""

TRACED = 0.05
TRACED_A_SECOND = 1
FREE_TRACES = 100_000
"""X-Ray's default rule: the first request of each second, and 5 % of the others. Source: X-Ray's guide,
"Configuring sampling rules"."""

HEARTBEATS = 30 * 24 * 12
"""Each asks the API twice and runs for about a second in ir-index."""

DOCUMENT_READS = 1
"""Read units of a page for what all functions share: the call budget, what members asked for."""

# An attack: requests of 50 random names with wait=10, one after the other without a pause.
ATTACK_NAMES = 50
REFUSED_READS = 2.5
"""Read units for a name that the budget has no call for: its record, its entry in the index (half a unit) and
what is remembered of its search. A test counts them, and that there is no write."""

REFUSED_SECONDS = 0.05
"""A request that the budget has no call for ends at once (ADR 17)."""

ATTACK_PAUSE = 0.05
"""Seconds from an answer to the same client's next request."""

ATTACK_CALLS = 2
"""Calls a second that flow into the budget; each lets one request in, which waits and writes."""

LET_IN_SECONDS = 1.5
LET_IN_WRITES = 4
"""Write units of such a request: the call, the lease of the name that it searches for, taken and given up,
and that nobody has the name. The other names have no lease."""

ATTACK_KB_OUT = 6.0
STAGE_RATE = 200
"""Requests a second to /drivers that infra/api.py lets through."""

RESERVED = 40
"""Copies of ir-drivers that run at a time at most."""


@dataclass(frozen=True, slots=True)
class Size:
    """Page views in a day. `drivers` is the number of different drivers that are requested."""

    name: str
    daily: int
    drivers: int

    @property
    def pages(self) -> int:
        """Pages in a month."""
        return self.daily * 30


SIZES = (
    Size("a league", 1_000, 300),
    Size("a busy part of the forum", 10_000, 2_000),
    Size("everybody", 1_000_000, 20_000),
)


def traces(pages: float) -> float:
    """The traces that are paid for, at most: when no two pages come within a second."""
    first = min(pages, TRACED_A_SECOND * SECONDS)
    return max(0.0, first + (pages - first) * TRACED - FREE_TRACES)


def reads(size: Size) -> float:
    """Read units in a month for pages and renewals, without the driver index."""
    renewals = size.drivers * RENEWALS_A_DRIVER_AND_DAY * 30
    return size.pages * (NAMES_A_PAGE * math.ceil(RECORD_KB / 4) + DOCUMENT_READS) + renewals * RENEWAL_READS


def parts(size: Size) -> dict[str, float]:
    """Dollars a month by service."""
    p = PRICES
    renewals = size.drivers * RENEWALS_A_DRIVER_AND_DAY * 30
    messages = size.pages * PAGES_WITH_DUE_NAMES
    events = min(messages, BATCHES_A_WINDOW * SECONDS / WINDOW)
    stored = size.drivers * RECORD_KB / MILLION
    compute = (size.pages * PAGE_SECONDS + events * RENEWING_SECONDS) * GB_OF_DRIVERS
    compute += HEARTBEATS * GB_OF_INDEX
    asked = size.pages + 2 * HEARTBEATS
    looks = size.pages / PAGES_A_READER
    return {
        "API Gateway": asked * p["gateway request"],
        "Lambda": (asked + HEARTBEATS + events) * p["lambda request"] + compute * p["lambda GB-second"],
        "SnapStart": VERSIONS * GB_OF_DRIVERS * SECONDS * p["SnapStart cache GB-second"]
        + size.pages / 200 * GB_OF_DRIVERS * p["SnapStart restore GB"],
        "DynamoDB": reads(size) * p["read unit"]
        + renewals * RENEWAL_WRITES * p["write unit"]
        + stored * (p["table GB"] + p["recovery GB"]),
        "Addon's updates": looks
        * (p["gateway request"] + p["lambda request"] + SCRIPT_SECONDS * GB_OF_ADDON * p["lambda GB-second"]),
        "Driver index": sum(index(size).values()),
        "Queue": max(0.0, POLLS + messages * 2 - FREE_QUEUE_REQUESTS) * p["queue request"],
        "Logs and traces": (size.pages + looks) * LOG_KB_A_PAGE / MILLION * p["log GB"]
        + traces(size.pages + looks) * p["trace"],
        "Metrics and alarms": METRICS * p["metric"] + ALARMS * p["alarm"],
        "Secret": p["secret"],
        "Data out": max(0.0, (size.pages * PAGE_KB_OUT + looks * SCRIPT_KB) / MILLION - 100) * p["GB out"],
    }


def attack(requests: float) -> dict[str, float]:
    """Dollars for an hour of such requests, so many an hour. Compute is bounded by the copies that run."""
    p = PRICES
    let_in = min(requests, ATTACK_CALLS * 3600.0)
    busy = min(requests * REFUSED_SECONDS + let_in * LET_IN_SECONDS, RESERVED * 3600.0)
    reads = ATTACK_NAMES * REFUSED_READS + DOCUMENT_READS
    return {
        "API Gateway": requests * p["gateway request"],
        "Lambda": requests * p["lambda request"] + busy * GB_OF_DRIVERS * p["lambda GB-second"],
        "DynamoDB": requests * reads * p["read unit"] + let_in * LET_IN_WRITES * p["write unit"],
        "Logs and traces": requests * LOG_KB_A_PAGE / MILLION * p["log GB"] + requests * TRACED * p["trace"],
        "Data out": requests * ATTACK_KB_OUT / MILLION * p["GB out"],
    }


ATTACKS = (
    ("six requests at a time", 6 * 3600 / (REFUSED_SECONDS + ATTACK_PAUSE)),
    ("all that the stage lets through", STAGE_RATE * 3600.0),
)


def attack_table() -> str:
    """What an hour of an attack costs, as a Markdown table in dollars."""
    lines = ["| an attack, $ | requests an hour | an hour | a day |", "| --- | ---: | ---: | ---: |"]
    for name, requests in ATTACKS:
        cost = sum(attack(requests).values())
        lines.append(f"| {name} | {requests:,.0f} | {cost:.2f} | {24 * cost:.2f} |")
    p = PRICES
    month = p["firewall"] + SIZES[1].pages * p["firewall request"]
    text = f"The firewall (`waf=true`), for a busy part of the forum: {month:.2f} a month more."
    return "\n".join([*lines, "", text])


def index(size: Size) -> dict[str, float]:
    """What the driver index adds, in dollars a month, by what it is paid for."""
    p = PRICES
    stored = INDEXED_DRIVERS * ENTRY_KB / MILLION
    looks = READERS_OF_RANKS * (SECONDS / 300 + 20 * 30 * RANKS_KB / 4)
    return {
        "drivers that changed": INDEXED_DRIVERS * RACED_A_DAY * 30 * p["write unit"],
        "ranks": RANKS_KB * 30 * p["write unit"],
        "comparing with what is there": stored * MILLION / 8 * 30 * p["read unit"],
        "reading ranks": looks * p["read unit"],
        "reading drivers": size.pages * NAMES_A_PAGE * UNKNOWN_NAMES * 0.5 * p["read unit"],
        "storage and recovery": stored * (p["table GB"] + p["recovery GB"]),
        "the function": REFRESH_SECONDS * GB_OF_INDEX * 30 * p["lambda GB-second"],
        "its metrics": METRICS_OF_THE_INDEX * p["metric"],
    }


def index_table() -> str:
    """The driver index's costs at the largest size as a Markdown table, in dollars a month."""
    costs = index(SIZES[-1])
    lines = [f"| the index of {INDEXED_DRIVERS:,} drivers | $ a month |", "| --- | ---: |"]
    lines += [f"| {part} | {cost:.2f} |" for part, cost in costs.items()]
    once = INDEXED_DRIVERS * PRICES["write unit"]
    return "\n".join(
        [*lines, f"| **together** | **{sum(costs.values()):.2f}** |", "", f"The first load: {once:.2f} once."]
    )


def table() -> str:
    """The costs as a Markdown table, in dollars a month."""
    costs = [parts(size) for size in SIZES]
    heads = [f"{size.name}: {size.daily:,} page views a day, {size.drivers:,} drivers" for size in SIZES]
    lines = [f"| $ a month | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(SIZES)]
    lines += [f"| {part} | {' | '.join(f'{cost[part]:.2f}' for cost in costs)} |" for part in costs[0]]
    totals = " | ".join(f"**{sum(cost.values()):.2f}**" for cost in costs)
    cache = HOURS * PRICES["gateway cache hour, 0.5 GB"]
    return "\n".join(
        [*lines, f"| **together** | {totals} |", "", f"The gateway's cache, if turned on: {cache:.2f} more."]
    )


def edge(size: Size, hits: float, *, flat: bool) -> float:
    """Dollars a month that CloudFront in front costs more than API Gateway alone; below 0: less. What comes
    to it from the gateway costs no data."""
    p, all_parts = PRICES, parts(size)
    saved = hits * sum(all_parts[part] for part in ("API Gateway", "Lambda", "DynamoDB", "Logs and traces"))
    if flat:
        price = next(price for most, price in FLAT_PLANS if size.pages <= most)
    else:
        data = size.pages * PAGE_KB_OUT / MILLION
        price = max(0, size.pages - EDGE_FREE_REQUESTS) * p["edge request"]
        price += max(0.0, data - EDGE_FREE_GB) * p["edge GB out"]
    return price - saved - all_parts["Data out"]


def edge_table() -> str:
    """What CloudFront in front would change, as a Markdown table in dollars a month."""
    lines = [f"| CloudFront in front would cost | {' | '.join(size.name for size in SIZES)} |"]
    lines.append("| --- |" + " ---: |" * len(SIZES))
    for name, flat in (("paid by use", False), ("a flat plan", True)):
        for hits in (0.0, EDGE_HITS):
            costs = " | ".join(f"{edge(size, hits, flat=flat):+.2f}" for size in SIZES)
            lines.append(f"| {name}, {hits:.0%} answered there | {costs} |")
    return "\n".join(lines)


def everything() -> str:
    """All tables."""
    return f"{table()}\n\n{index_table()}\n\n{attack_table()}\n\n{edge_table()}"


def in_document(text: str) -> str:
    """The document with the current table."""
    head, rest = text.split(BEGIN)
    tail = rest.split(END, 1)[1]
    return f"{head}{BEGIN}\n{everything()}\n{END}{tail}"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        DOCUMENT.write_text(in_document(DOCUMENT.read_text("utf-8")), "utf-8")
    print(everything())
