"""Makes the parts of the documents that come from the code: checks, metrics, queries, settings.

    uv run scripts/make_docs.py [--check]

TROUBLESHOOTING.md, SETTINGS.md and PERMISSIONS.md are made as a whole. In other documents, the text between
`<!-- made: NAME -->` and `<!-- end -->` is made. With --check nothing is written, and the exit code is 1 if
a document is not current.
"""

import ast
import importlib
import json
import re
import runpy
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pitboard.aws.deploy_settings import DEPLOY_SETTINGS
from pitboard.ops.doctor.check import Check, Section
from pitboard.ops.doctor.run import all_checks
from pitboard.ops.github_role import template
from pitboard.ops.logs import QUERIES
from pitboard.ops.permissions import TASKS, policy
from pitboard.settings import SETTINGS
from pitboard.telemetry.metrics import METRICS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MADE = "<!-- Made by scripts/make_docs.py from the code; do not edit. -->"
HOMES = {"local": "local home", "aws": "AWS"}

TROUBLE = """# Troubleshooting

{made}

`pitboard doctor` runs all checks of this page and says what to do. `pitboard doctor --env prod` checks an AWS
environment, `--only ID` runs one check, and `--fix` fixes what is safe to fix; it asks before each change.
The exit code is 0 if everything works, 1 if something does not work, and 2 for wrong usage.

`pitboard logs` shows the log (`--errors`, `--count`, `--follow`, `--since 2h`, `--env prod`). When the system
is down, begin with [RUNBOOK.md](RUNBOOK.md). [ROLLBACK.md](ROLLBACK.md) says how to go back to an earlier
version.

## Symptoms

{symptoms}
{entries}
## The guide's headings

The headings of the system's troubleshooting guide. For each: its check, what the tests break to see that the
check finds it, and whether `--fix` can fix it.

{headings}

### Further checks

{own}

## The guide's commands

Every `aws ...` command of the guide that reads something. The tests run each of them with the AWS CLI
(1.46.3) after `pitboard deploy --env prod` in the emulator MiniStack.

{commands}

## Getting help

1. [RUNBOOK.md](RUNBOOK.md) for the first five minutes, [ROLLBACK.md](ROLLBACK.md) to go back. When in doubt,
   roll back first and look afterwards: readers are better off with the older version.
2. Tell whoever is on call, then the host: the table "Who may do what" in the runbook.
3. An issue in this repository, with what `pitboard doctor --json` says: it holds no secret. The decisions are
   in [adr/](adr/README.md).
4. AWS Support, if AWS itself is the cause: its status is on https://health.aws.amazon.com. Have the account,
   the region, the time in UTC and a request id at hand (`x-amzn-requestid`, or `request_id` in our logs).
   CloudWatch Logs Insights, the X-Ray service map and the AWS Well-Architected Framework help to look. All
   logs are JSON lines, which other log tools read; questions to other users of AWS: https://repost.aws.

## What the emulator lacks

After a deploy to the emulator, the doctor finds everything healthy except the following, which the emulator
does not support. Other tests create these parts by hand and see the checks succeed.

{gaps}
"""


def troubleshooting() -> str:
    """The whole of TROUBLESHOOTING.md, from the checks and their tests."""
    checks = all_checks()
    broken = breakages()
    guide = runpy.run_path(str(ROOT / "tests" / "support" / "guide_commands.py"))
    return TROUBLE.format(
        made=MADE,
        symptoms="\n".join(_symptoms(checks)),
        entries="".join(_section(section, checks) for section in Section),
        headings=_table(
            ("heading", "check", "broken in the tests by", "`--fix`"),
            [(c.guide, *_row(c, broken)) for c in checks if c.guide],
        ),
        own=_table(
            ("check", "broken in the tests by", "`--fix`"), [_row(c, broken) for c in checks if not c.guide]
        ),
        commands=_table(
            ("command", "answers"),
            [
                (_code(c.text), f"{c.gap}; instead {_code(c.instead)}" if c.gap else "yes")
                for c in guide["COMMANDS"]
            ],
        ),
        gaps=_table(
            ("check", "finding", "why"),
            [(f"[{name}](#{name})", finding, why) for name, (finding, why) in guide["GAPS"].items()],
        ),
    )


def breakages() -> dict[str, list[str]]:
    """What the tests break for each check: the marks `@breaks(check, how)`, by check."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests" / "integration").glob("test_doctor_*.py")):
        for name, how in marks(path, "breaks"):
            found[name].append(how)
    return found


def marks(path: Path, mark: str) -> Iterator[tuple[str, str]]:
    """The arguments of a test file's decorators of this name; "" if there is no second one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == mark:
                values = [str(ast.literal_eval(argument)) for argument in decorator.args]
                yield values[0], values[1] if len(values) > 1 else ""


def _symptoms(checks: tuple[Check, ...]) -> Iterator[str]:
    by_symptom: dict[str, list[str]] = defaultdict(list)
    for check in checks:
        for symptom in check.symptoms:
            by_symptom[symptom].append(f"[{check.id}](#{check.id})")
    return (f"- {symptom}: {', '.join(links)}" for symptom, links in by_symptom.items())


def _section(section: Section, checks: tuple[Check, ...]) -> str:
    entries = [_entry(check) for check in checks if check.section is section]
    return f"\n## {section}\n\n" + "\n".join(entries)


def _entry(check: Check) -> str:
    why = importlib.import_module(f"pitboard.ops.doctor.checks.{check.id.replace('-', '_')}").__doc__ or ""
    homes = " and ".join(HOMES[home] for home in check.homes)
    lines = [
        f"### {check.id}",
        "",
        f"**{check.title}** ({homes}). {' '.join(why.split())}",
        "",
        f"- Symptoms: {'; '.join(check.symptoms)}.",
        f"- Remedy: {check.remedy}",
    ]
    lines += [f"- {text}" for text in check.more]
    if check.fix.question:
        fixable = " and ".join(HOMES[home] for home in check.homes if getattr(check.fix, home))
        lines.append(f"- `--fix` ({fixable}) asks: {check.fix.question}")
    return "\n".join(lines) + "\n"


def _row(check: Check, broken: dict[str, list[str]]) -> tuple[str, str, str]:
    fixes = [HOMES[home] for home in check.homes if getattr(check.fix, home)]
    return f"[{check.id}](#{check.id})", "; ".join(broken[check.id]), ", ".join(fixes) or "no"


def settings() -> str:
    """The whole of SETTINGS.md."""
    rows = [(_code(s.env), _code(s.default) if s.default else "", s.help) for s in SETTINGS]
    return (
        f"# Settings\n\n{MADE}\n\nAll are environment variables. `--host` and `--port` have priority over"
        " their variables. Store the credentials with\n`pitboard login` instead: it puts them into the"
        f" system's keyring.\n\n{_table(('variable', 'default', 'meaning'), rows)}\n"
    )


def deploy_settings() -> str:
    """The table of a deploy's settings."""
    rows = [(_code(f"{s.name}={s.example}"), s.default, s.help) for s in DEPLOY_SETTINGS]
    return _table(("`--context`", "default", "meaning"), rows)


PERMISSIONS = """# Permissions in AWS

{made}

What each task needs. A test runs the commands and compares their calls with these lists. The actions are
allowed on every resource here; narrow them to `pitboard-*`, `ir-*` and `ir_*` if the account has more in it.

CDK makes the stack as its own roles, which `pitboard bootstrap` creates; that itself needs an administrator,
once. The role that CloudFormation then works as (`cdk-hnb659fds-cfn-exec-role-...`) is an administrator, too.

{tasks}
"""


def permissions() -> str:
    """The whole of PERMISSIONS.md."""
    parts = []
    for task in TASKS:
        parts.append(f"## {task.name}\n\nFor {task.what}.")
        if secret := ", ".join(map(_code, task.secret)):
            parts.append(
                f"These show or change what is secret or stored; leave them out if you must: {secret}."
            )
        parts.append(f"```json\n{json.dumps(policy(task), indent=2)}\n```")
    return PERMISSIONS.format(made=MADE, tasks="\n\n".join(parts))


def metrics() -> str:
    """The table of metrics."""
    rows = [
        (_code(m.prometheus), _code(m.cloudwatch), str(m.kind), ", ".join(m.labels) or "none", m.help)
        for m in METRICS
    ]
    return _table(("at /metrics", "in CloudWatch", "kind", "labels", "what it tells"), rows)


def queries() -> str:
    """The ready Logs Insights queries."""
    return "\n\n".join(
        f"`pitboard logs --env prod --query {name}`: {what}\n\n```\n{text}\n```"
        for name, (what, text) in QUERIES.items()
    )


WHOLE: dict[str, Callable[[], str]] = {
    "PERMISSIONS.md": permissions,
    "SETTINGS.md": settings,
    "TROUBLESHOOTING.md": troubleshooting,
}
PARTS: dict[str, Callable[[], str]] = {
    "deploy_settings": deploy_settings,
    "metrics": metrics,
    "queries": queries,
}
_PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def documents() -> dict[Path, str]:
    """Every document with a made part, as it must be."""
    wanted = {DOCS / name: make() for name, make in WHOLE.items()}
    wanted[ROOT / "infra" / "github-role.json"] = json.dumps(template(), indent=2) + "\n"
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path not in wanted and "<!-- made: " in text:
            wanted[path] = _PART.sub(lambda m: f"{m[1]}\n{PARTS[m[2]]()}\n\n{m[3]}", text)
    return wanted


def main() -> int:
    """Writes the documents that are not current, or names them."""
    different = [(p, t) for p, t in documents().items() if not p.exists() or p.read_text("utf-8") != t]
    for path, text in different:
        print(f"{'differs' if '--check' in sys.argv else 'written'}: {path.relative_to(ROOT)}")
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    return 1 if different and "--check" in sys.argv else 0


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    sys.exit(main())
