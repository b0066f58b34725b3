"""The logs must hold nothing that redaction would remove. The finding says where, never what."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped
from pitboard.ops.doctor.local_environment import LocalEnvironment
from pitboard.ops.environment import AwsEnvironment
from pitboard.telemetry.files import log_file, older_log_files
from pitboard.telemetry.logs import SECRETS


def local(environment: LocalEnvironment) -> Finding:
    files = _files(environment)
    if not files:
        return skipped("Nothing has been logged yet.")
    for file in files:
        if number := leak(file.read_text(encoding="utf-8", errors="replace").splitlines()):
            return problem(f"Line {number} of {file} holds a secret.")
    return ok(f"No secret in {', '.join(file.name for file in files)}.")


def redact(environment: LocalEnvironment) -> str:
    files = _files(environment)
    for file in files:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        with file.open("r+", encoding="utf-8") as opened:  # in place: a running server has it open
            opened.writelines(f"{line}\n" for line in _cleaned(lines))
            opened.truncate()
    return f"Redacted the secrets in {', '.join(file.name for file in files)}. Now change them at iRacing."


def aws(environment: AwsEnvironment) -> Finding:
    if not environment.functions():
        return skipped("No function is deployed yet.")
    environment.secret()
    for name in environment.functions():
        if leak(environment.log_lines(name, seconds=24 * 3600)):
            return problem(f"A line of {environment.names.log_group(name)} in the last day holds a secret.")
    return ok("No secret in the functions' logs of the last day.")


def leak(lines: Iterable[str]) -> int:
    """The number of the first line that holds a secret, 0 if none does."""
    lines = list(lines)
    cleaned = _cleaned(lines)
    return next(
        (n for n, (line, clean) in enumerate(zip(lines, cleaned, strict=True), 1) if line != clean), 0
    )


def _cleaned(lines: Iterable[str]) -> Iterator[str]:
    """The lines without secrets. In a JSON line, the values are redacted as they are when it is written."""
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            yield SECRETS.text(line)
            continue
        clean = SECRETS.value(document)
        yield line if clean == document else json.dumps(clean)


def _files(environment: LocalEnvironment) -> list[Path]:
    file = log_file(environment.settings.db)
    return [f for f in (*older_log_files(file), file) if f.exists()]


CHECK = Check(
    id="secrets-in-logs",
    title="The logs hold no secrets",
    section=Section.SECURITY,
    guide="Secrets Exposed in Logs",
    symptoms=("Sensitive data visible in logs", "Security audit findings"),
    remedy=(
        "Change the password, ask iRacing for a new client secret, and run `pitboard login` (in AWS"
        " `pitboard deploy --update-secrets`); then delete the log stream with `aws logs delete-log-stream`."
    ),
    more=(
        (
            "Secrets are taken out by value, by name and by pattern when a line is written, in JSON logs;"
            " names of forum authors and addresses are in no log. This is also what an audit asks for: one"
            " place (`telemetry`), tested with a log of everything."
        ),
    ),
    local=local,
    aws=aws,
    fix=Fix("Redact the secrets in the log files?", local=redact),
)
