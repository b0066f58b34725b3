"""Looks through the logs for what redaction would have struck out. Tells where, never what."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped
from pitboard.ops.doctor.local import Local
from pitboard.ops.environment import AwsEnvironment
from pitboard.telemetry import log_file
from pitboard.telemetry.logs import SECRETS


def local(context: Local) -> Finding:
    files = _files(context)
    if not files:
        return skipped("Nothing has been logged yet.")
    for file in files:
        if number := leak(file.read_text(encoding="utf-8", errors="replace").splitlines()):
            return problem(f"Line {number} of {file} holds a secret.")
    return ok(f"No secret in {', '.join(file.name for file in files)}.")


def clean(context: Local) -> str:
    files = _files(context)
    for file in files:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        with file.open("r+", encoding="utf-8") as opened:  # in place: a running server has it open
            opened.writelines(f"{line}\n" for line in _cleaned(lines))
            opened.truncate()
    return f"Struck the secrets out of {', '.join(file.name for file in files)}. Now change them at iRacing."


def aws(context: AwsEnvironment) -> Finding:
    if not context.functions():
        return skipped("No function is deployed yet.")
    context.secret()
    for name in context.functions():
        if leak(context.log_lines(name, seconds=24 * 3600)):
            return problem(f"A line of {context.names.log_group(name)} in the last day holds a secret.")
    return ok("No secret in the functions' logs of the last day.")


def leak(lines: Iterable[str]) -> int:
    """The number of the first line that holds a secret, 0 if none does."""
    lines = list(lines)
    cleaned = _cleaned(lines)
    return next(
        (n for n, (line, clean) in enumerate(zip(lines, cleaned, strict=True), 1) if line != clean), 0
    )


def _cleaned(lines: Iterable[str]) -> Iterator[str]:
    """The lines without secrets. In a JSON line the values are looked at, as they are when it is written."""
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            yield SECRETS.text(line)
            continue
        clean = SECRETS.value(document)
        yield line if clean == document else json.dumps(clean)


def _files(context: Local) -> list[Path]:
    file = log_file(context.settings.db)
    return [f for f in (file, *(file.with_name(f"{file.name}.{n}") for n in (1, 2, 3))) if f.exists()]


CHECK = Check(
    id="secrets-in-logs",
    title="No secret is in the logs",
    section=Section.SECURITY,
    guide="Secrets Exposed in Logs",
    symptoms=("Sensitive data visible in logs", "Security audit findings"),
    remedy=(
        "Change the password, ask iRacing for a new client secret, and `pitboard login` (in AWS `pitboard"
        " deploy --update-secrets`); then delete the log stream with `aws logs delete-log-stream`."
    ),
    local=local,
    aws=aws,
    fix=Fix("Strike the secrets out of the log files?", local=clean),
)
