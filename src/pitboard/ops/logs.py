"""`pitboard logs`: the log lines of both homes, parsed, filtered, counted and followed."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pitboard.ops.environment import AwsEnvironment
from pitboard.settings import Settings, UsageError
from pitboard.telemetry.files import log_file, older_log_files

LOCAL_POLL = 0.25
AWS_POLL = 2.0
"""Seconds between two reads when following."""

QUERIES = {
    "errors": (
        "Errors of the functions, counted by logger and message.",
        'filter level in ["ERROR", "CRITICAL"] | stats count(*) as times by logger, message',
    ),
    "slow-requests": (
        "The slowest requests by route.",
        "filter ispresent(RequestSeconds) | stats avg(RequestSeconds), max(RequestSeconds) by route",
    ),
    "upstream": (
        "Calls to iRacing by endpoint and outcome.",
        "filter ispresent(UpstreamCalls) | stats sum(UpstreamCalls) as calls by endpoint, outcome",
    ),
    "cache": (
        "What the names that were asked for were answered with.",
        "filter ispresent(Names) | stats sum(Names) as names by state | sort names desc",
    ),
    "logins": (
        "Token renewals and password logins.",
        "filter ispresent(OauthGrants) | stats sum(OauthGrants) as grants by grant, outcome, bin(1h)",
    ),
    "cold-starts": (
        "Cold starts, and how long they took in milliseconds.",
        "filter ispresent(@initDuration) | stats count(*), avg(@initDuration), max(@initDuration) by @log",
    ),
    "one-request": (
        "Everything about one request; put its id in.",
        'filter request_id = "ID" or @requestId = "ID" | sort @timestamp asc',
    ),
}
"""Ready CloudWatch Logs Insights queries: what each shows, and its text."""

_ERRORS = ("ERROR", "CRITICAL")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Line:
    """One log line. `time` is in Unix seconds, `text` is the line as it was written."""

    time: float
    level: str
    message: str
    text: str

    @property
    def is_error(self) -> bool:
        """Whether it is an error, in our format or in Lambda's own."""
        return self.level in _ERRORS or "Task timed out" in self.text or self.text.startswith("[ERROR]")

    @property
    def short(self) -> str:
        """Time, level and message in one line, for people."""
        return f"{utc_time(self.time)} {self.level:<8} {self.message}"

    @property
    def kind(self) -> str:
        """The exception's type, else the message with # for numbers: equal for errors of one kind."""
        found = re.findall(r"^(\w[\w.]*(?:Error|Exception|Exit)\b)", self.message, re.MULTILINE)
        return found[-1] if found else re.sub(r"\d+", "#", self.message.partition("\n")[0])[:80]


def parse(text: str, at: float = 0.0) -> Line:
    """Parses a line: our JSON, or any other text. `at` is the time of a line that has none."""
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or "message" not in fields:
        return Line(at, "", text.rstrip(), text.rstrip())
    with suppress(ValueError):
        at = datetime.fromisoformat(str(fields.get("time"))).timestamp()
    message = str(fields["message"])
    if fields.get("exception"):
        message = f"{message}\n{fields['exception']}"
    return Line(at, str(fields.get("level", "")), message, text.rstrip())


@dataclass(frozen=True, slots=True)
class Query:
    """Which lines: of the last `since` seconds, containing `pattern` (in any case), errors only."""

    since: float = 3600.0
    pattern: str = ""
    errors_only: bool = False

    def matches(self, line: Line, now: float) -> bool:
        """Whether the line is one of them."""
        if self.errors_only and not line.is_error:
            return False
        return line.time >= now - self.since and self.pattern.lower() in line.text.lower()


class Log(Protocol):
    """The lines of one home."""

    def read(self, query: Query) -> list[Line]:
        """The existing lines, oldest first."""

    def follow(self, query: Query) -> Iterator[Line]:
        """The existing lines, then new ones as they come, without end."""


class LocalLog:
    """The log file of `pitboard serve`, with the older ones."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._older = older_log_files(file)

    def read(self, query: Query) -> list[Line]:
        now = time.time()
        data = b"".join(_from(file, 0) for file in (*self._older, self._file))
        return [line for line in _lines(data) if query.matches(line, now)]

    def follow(self, query: Query) -> Iterator[Line]:
        data = b"".join(_from(file, 0) for file in self._older)
        inode, offset = 0, 0
        while True:
            newest = self._file.stat().st_ino if self._file.exists() else inode
            if newest != inode:  # a new file has begun: the rest of the old one comes first
                data += _from(self._older[-1], offset) if inode else b""
                inode, offset = newest, 0
            new = _from(self._file, offset)
            offset += len(new)
            whole, end, data = (data + new).rpartition(b"\n")
            yield from (line for line in _lines(whole + end) if query.matches(line, time.time()))
            time.sleep(LOCAL_POLL)


class AwsLog:
    """The log groups of an environment's functions."""

    def __init__(self, aws: AwsEnvironment) -> None:
        self._aws = aws

    def read(self, query: Query) -> list[Line]:
        return [line for _, line in self._events(query, time.time() - query.since)]

    def follow(self, query: Query) -> Iterator[Line]:
        seen: set[str] = set()
        begin = time.time() - query.since
        while True:
            for name, line in self._events(query, begin):
                if name not in seen:
                    seen.add(name)
                    yield line
                    begin = max(begin, line.time - 60)  # lines may arrive late
            time.sleep(AWS_POLL)

    def insights(self, name: str, since: float, seconds: float = 60.0) -> list[Mapping[str, str]]:
        """Runs one of `QUERIES`; returns its rows. Raises `UsageError` if it fails or takes too long."""
        client, now = self._aws.client("logs"), time.time()
        groups = [self._aws.names.log_group(function) for function in self._aws.names.functions]
        started = client.start_query(
            logGroupNames=groups, startTime=int(now - since), endTime=int(now), queryString=QUERIES[name][1]
        )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = client.get_query_results(queryId=started["queryId"])
            if answer["status"] == "Complete":
                return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]
            if answer["status"] in ("Failed", "Cancelled", "Timeout"):
                raise UsageError(f"CloudWatch ended the query with the status {answer['status']}.")
            time.sleep(0.5)
        raise UsageError(f"CloudWatch did not finish the query within {seconds:.0f} s.")

    def _events(self, query: Query, begin: float) -> list[tuple[str, Line]]:
        found: list[tuple[str, Line]] = []
        for function in self._aws.names.functions:
            found += self._group(self._aws.names.log_group(function), query, begin)
        return sorted(found, key=lambda item: item[1].time)

    def _group(self, group: str, query: Query, begin: float) -> list[tuple[str, Line]]:
        arguments: dict[str, Any] = {"logGroupName": group, "startTime": int(begin * 1000)}
        if query.pattern and query.pattern.isascii():
            arguments["filterPattern"] = json.dumps(query.pattern)
        client, events = self._aws.client("logs"), list[Any]()
        while True:
            answer = self._aws.found(client.filter_log_events, **arguments)
            events += answer["events"] if answer else []
            if not answer or not answer.get("nextToken"):
                break
            arguments["nextToken"] = answer["nextToken"]
        lines = [(e.get("eventId", ""), parse(e["message"], e["timestamp"] / 1000)) for e in events]
        return [(name, line) for name, line in lines if not query.errors_only or line.is_error]


def open_log(env: str) -> Log:
    """The log of an AWS environment ("": this machine's). Raises `UsageError` if there is none."""
    if env:
        return AwsLog(AwsEnvironment(env))
    file = log_file(Settings.read().db)
    if not file.exists():
        raise UsageError(f"There is no log yet: `pitboard serve` writes {file}.")
    return LocalLog(file)


def run_query(name: str, env: str, since: float) -> list[Mapping[str, str]]:
    """Runs one of `QUERIES` in an AWS environment; returns its rows. Raises `UsageError`."""
    if name not in QUERIES:
        raise UsageError(f"There is no query {name!r}; there are {', '.join(QUERIES)}.")
    if not env:
        raise UsageError("Queries run in AWS; name the environment with --env.")
    return AwsLog(AwsEnvironment(env)).insights(name, since)


def parse_duration(text: str) -> float:
    """`90s`, `15m`, `2h`, `1d` in seconds. Raises `UsageError`."""
    if found := re.fullmatch(r"(\d+)([smhd])", text.strip()):
        return float(found[1]) * _UNITS[found[2]]
    raise UsageError(f"--since is {text!r}; it must be like 90s, 15m, 2h or 1d.")


def count(lines: Sequence[Line]) -> list[tuple[str, int, float]]:
    """Each kind of error with its number and the time of the last one, the most frequent first."""
    times = Counter(line.kind for line in lines)
    last = {line.kind: line.time for line in sorted(lines, key=lambda line: line.time)}
    return [(kind, number, last[kind]) for kind, number in times.most_common()]


def utc_time(at: float) -> str:
    """A time (Unix seconds) in UTC, for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _from(file: Path, offset: int) -> bytes:
    """A file's content from an offset on; nothing if there is no such file."""
    try:
        with file.open("rb") as opened:
            opened.seek(offset)
            return opened.read()
    except FileNotFoundError:
        return b""


def _lines(data: bytes) -> Iterator[Line]:
    return map(parse, data.decode("utf-8", "replace").splitlines())
