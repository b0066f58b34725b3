"""CDK's command line: run quietly, and what it would change summed up."""

import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pitboard.aws.names import CDK
from pitboard.ops.children import FOR_CDK, environment
from pitboard.ops.errors import ChangeFailedError

ROWS = 10
"""Kinds of resources that a summary shows; the rest is one row more."""

_CHANGED = re.compile(r"^\s*\[([+~-])\]\s+(AWS::\S+|Custom::\S+)\s+(\S+)(.*)$")
_PROGRESS = re.compile(r"\|\s+(\d+)(?:/(\d+))?\s+\|.*\|\s+(\w+_(?:IN_PROGRESS|COMPLETE|FAILED))\s+\|\s+(\S+)")
_TROUBLE = re.compile(r"_FAILED|ROLLBACK_|Error:|^pitboard:|❌|‣")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SIGNS = {"+": "new", "~": "changed", "-": "removed"}
_LAST = 15
"""Lines of its output that are shown when it fails and none of them names a trouble."""


def run(
    words: Iterable[str],
    *,
    region: str,
    cwd: Path,
    tell: Callable[[str], object] | None = None,
    verbose: bool = False,
) -> str:
    """Runs CDK's command line; returns its output, standard output and error together.

    `tell` gets a few words on each step. With `verbose` the output is shown as it comes. Raises
    `ChangeFailedError`, after showing the lines of the output that say why.
    """
    child = subprocess.Popen(  # noqa: S603 - our own words and checked settings; no secret is among them
        [shutil.which("npx") or "npx", "--yes", CDK, *words, "--no-notices", "--no-color"],
        cwd=cwd,
        env={
            **environment(*FOR_CDK),
            "CDK_DISABLE_CLI_TELEMETRY": "1",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    lines = []
    with child:
        for line in child.stdout or ():
            lines.append(_COLOURS.sub("", line.rstrip("\n")))
            if verbose:
                print(lines[-1], flush=True)
            elif tell and (step := _step(lines[-1])):
                tell(step)
    if child.returncode:
        if not verbose:
            _show_trouble(lines)
        raise ChangeFailedError(f"cdk {next(iter(words))} failed.")
    return "\n".join(lines)


def app() -> str:
    """The command that makes the template; it runs in the checkout."""
    return f"{shlex.quote(sys.executable)} -m infra.app"


def _step(line: str) -> str:
    found = _PROGRESS.search(line)
    if not found:
        return ""
    done, of, status, kind = found.groups()
    return f"{done}{f' of {of}' if of else ''} done, {kind.removeprefix('AWS::')} {status.lower()}"


def _show_trouble(lines: list[str]) -> None:
    chosen = [line for line in lines if _TROUBLE.search(line)] or lines
    for line in chosen[-_LAST:]:
        print(line, file=sys.stderr)


# --- what would change


class Changes:
    """What `cdk diff` says would change."""

    def __init__(self, diff: str) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self.replaced: list[str] = []
        current = ""
        for line in diff.splitlines():
            if found := _CHANGED.match(line):
                sign, kind, name, rest = found.groups()
                current = f"{kind.removeprefix('AWS::')} {name}"
                self._counts[kind.removeprefix("AWS::"), _SIGNS[sign]] += 1
                if sign == "~" and "replace" in rest:
                    self.replaced.append(current)
            elif "requires replacement" in line and current and current not in self.replaced:
                self.replaced.append(current)

    def __bool__(self) -> bool:
        return bool(self._counts)

    def rows(self) -> list[tuple[str, int, int, int]]:
        """The kinds of resources with how many are new, changed and removed, the most first; at most
        `ROWS`, and one for all others."""
        count = self._counts
        rows = [
            (kind, count[kind, "new"], count[kind, "changed"], count[kind, "removed"])
            for kind in sorted({kind for kind, _ in count})
        ]
        rows.sort(key=lambda row: (-row[3], -row[1] - row[2]))
        if len(rows) > ROWS:
            rest = rows[ROWS:]
            new, changed, removed = (sum(numbers) for numbers in zip(*(row[1:] for row in rest), strict=True))
            rows = [*rows[:ROWS], (f"{len(rest)} other kinds", new, changed, removed)]
        return rows

    def show(self, console: Console) -> None:
        """Prints the table."""
        if not self:
            console.print("Nothing changes.", highlight=False)
            return
        table = Table("resources", *_SIGNS.values())
        for kind, *counts in self.rows():
            table.add_row(kind, *(str(count or "") for count in counts))
        console.print(table)
        for name in self.replaced:
            console.print(f"Replaced by a new one: {name}", highlight=False)
