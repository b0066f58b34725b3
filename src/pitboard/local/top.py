"""`pitboard top`: what `/status` shows, in a terminal, anew every two seconds."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer
import urllib3
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pitboard.drivers.errors import UnreachableError
from pitboard.local import unix_socket
from pitboard.local.status import LABELS, columns
from pitboard.settings import UNIX, FrontSettings, UsageError

EVERY = 2.0
"""Seconds from one look to the next."""

SECONDS = 10.0
"""How long the server's answer is awaited."""

SPANS = ("last_minute", "last_hour", "last_day")

_STYLES = {"healthy": "bold green", "degraded": "bold yellow", "unhealthy": "bold red"}
_BARS = " ▁▂▃▄▅▆▇█"


class NotServingError(UsageError):
    """No server answers with its status there."""


def watch(host: str, port: int, console: Console, *, once: bool) -> bool:
    """Shows it until Ctrl+C, or once. Whether the server was healthy at last. Raises `NotServingError`."""
    told = ask(host, port)
    if once or not console.is_terminal:
        console.print(screen(told, console.width))
        return bool(told["health"]["status"] == "healthy")
    with suppress(KeyboardInterrupt), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(screen(told, console.width), refresh=True)
            time.sleep(EVERY)
            told = ask(host, port)
    return bool(told["health"]["status"] == "healthy")


def show_json(host: str, port: int) -> bool:
    """Prints what `/status.json` gives; whether the server is healthy. Raises `NotServingError`."""
    told = ask(host, port)
    typer.echo(json.dumps(told, indent=2))
    return bool(told["health"]["status"] == "healthy")


def ask(host: str, port: int) -> Mapping[str, Any]:
    """What the server says of itself. Raises `NotServingError` with what to do."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not listened on here
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if host.startswith(UNIX):
        address = host
    try:
        status, body = _status(address)
        if status == 200:
            told = json.loads(body)
            if isinstance(told, dict) and told.keys() >= {"version", "health", *SPANS}:
                return told
    except (urllib3.exceptions.HTTPError, UnreachableError, ValueError):
        raise NotServingError(
            f"No Pitboard answers at {address}. Start it with `pitboard serve`, or say where it is with"
            " --host and --port."
        ) from None
    if status in (401, 403):
        raise NotServingError(
            f"The server at {address} shows its status to the host only: set PITBOARD_STATUS_TOKEN here, too."
        )
    raise NotServingError(f"What answers at {address} is no Pitboard of this version.")


def _status(address: str) -> tuple[int, bytes]:
    token = FrontSettings.read().status_token
    if address.startswith(UNIX):
        told = unix_socket.get(Path(address.removeprefix(UNIX)), "/status.json", SECONDS, token)
        return told.status, told.body
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = urllib3.request(
        "GET", f"{address}/status.json", headers=headers, timeout=SECONDS, retries=False, redirect=False
    )
    return answer.status, answer.data


def screen(told: Mapping[str, Any], width: int) -> Group:
    """All of it, for a terminal of `width` columns."""
    status = told["health"]["status"]
    head = Text.assemble(
        ("Pitboard ", "bold"),
        f"{told['version']}, since {_time(told['since'])} UTC  ",
        (status, _STYLES.get(status, "bold")),
    )
    parts = Table.grid(padding=(0, 1))
    for name, part in told["health"]["checks"].items():
        mark = Text("ok", "green") if part["ok"] else Text("no", "bold red")
        parts.add_row(mark, Text(name, "bold"), Text(part["detail"]))
    return Group(head, "", parts, "", _counts(told), "", *_lines(told, width))


def _counts(told: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("", *(Text(label, "dim", justify="right") for label in ("minute", "hour", "day")))
    for field, label in LABELS.items():
        numbers = [told[span][field] for span in SPANS]
        table.add_row(label, *(Text(f"{number:,}", justify="right") for number in numbers))
    return table


def _lines(told: Mapping[str, Any], width: int) -> list[Text]:
    """The last hour as bars, one a minute."""
    minutes, room = told["minutes"][-60:], max(10, min(60, width - 24))
    lines = []
    for field, label in (("names", "names a minute"), ("calls", "calls a minute")):
        values = columns(minutes, field, room)
        highest = max(values, default=0) or 1
        bars = "".join(_BARS[round(value / highest * 8)] for value in values)
        lines.append(Text(f"{label:<15} {bars} {highest:,.0f}"))
    lines.append(Text(f"{told['budget_left']} more calls could go out at once.", "dim"))
    return lines


def _time(text: str) -> str:
    return text[:16].replace("T", " ")
