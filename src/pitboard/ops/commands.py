"""The commands `pitboard deploy`, `pitboard verify` and `pitboard rollback`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pitboard.settings import UsageError

if TYPE_CHECKING:
    from pitboard.ops.environment import AwsEnvironment
    from pitboard.ops.rollback import Step

Env = Annotated[str, typer.Option("--env", help="The environment: dev, staging or prod.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before production is changed.")]


def app_commands(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command(epilog="Examples: pitboard deploy --env dev; pitboard deploy --env prod --dry-run")(deploy)
    app.command(epilog='Example: pitboard verify --env prod --name "Ann Tester"')(verify)
    app.command(
        epilog="Examples: pitboard rollback --env prod; pitboard rollback --env prod --table ir_drivers"
        " --to 2026-11-24T18:00:00Z"
    )(rollback)


def deploy(
    env: Env,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change.")] = False,
    update_secrets: Annotated[
        bool,
        typer.Option("--update-secrets", help="Fill the secret from PITBOARD_CLIENT_ID and the like."),
    ] = False,
    secrets_file: Annotated[
        Path | None, typer.Option(help="With --update-secrets: from this JSON file instead.")
    ] = None,
    import_tables: Annotated[
        bool, typer.Option("--import-tables", help="Use tables that exist already, and keep what is in them.")
    ] = False,
    import_secret: Annotated[
        bool, typer.Option("--import-secret", help="Use a secret that exists already.")
    ] = False,
    context: Annotated[
        list[str] | None,
        typer.Option(help="A setting of infra/config.py; may be repeated.", metavar="NAME=VALUE"),
    ] = None,
    yes: Yes = False,
) -> None:
    """Deploy the AWS home, or bring it up to date."""
    if secrets_file and not update_secrets:
        raise UsageError("--secrets-file goes with --update-secrets.")
    aws = _aws(env)
    from pitboard.ops import deploy as room

    options = room.DeployOptions(
        update_secrets, secrets_file, import_tables, import_secret, tuple(context or ())
    )
    plan = room.prepare(aws, options)
    with _told_failures():
        if dry_run:
            room.difference(plan)
            return
        _confirm(env, f"Deploy to production in {plan.aws.region}?", yes=yes)
        url = room.carry_out(plan)
    typer.echo(f"Deployed: {url}\nLook at it with `pitboard verify --env {env}`.")


def verify(
    env: Env,
    name: Annotated[str, typer.Option(help="A driver to look up; else one that is known already.")] = "",
    url: Annotated[str, typer.Option(help="Ask here instead of at the stack's own address.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at a deployed environment: stack, functions, tables, secret, routes, a real look-up. Exit code
    1 if something is wrong."""
    aws = _aws(env)
    from pitboard.ops import verify as room

    results = []
    console = Console()
    for result in room.verify(aws, url, name):
        results.append(result)
        if not as_json:
            mark = {True: "[green]ok[/]  ", False: "[red]bad[/] ", None: "[yellow]--[/]  "}[result.ok]
            console.print(f"{mark} {result.what:<20} {result.detail}", highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2))
    if any(result.ok is False for result in results):
        raise typer.Exit(1)


def rollback(
    env: Env,
    stack: Annotated[
        bool, typer.Option("--stack", help="Take back a deployment that is running or stuck.")
    ] = False,
    table: Annotated[str, typer.Option(help="Restore this table's content and switch to it.")] = "",
    to: Annotated[str, typer.Option(help="With --table: the moment, like 2026-11-24T18:00:00Z.")] = "",
    yes: Yes = False,
) -> None:
    """Go back: by default the functions to the version before the last deployment."""
    if bool(table) != bool(to):
        raise UsageError("--table and --to go together.")
    if stack and table:
        raise UsageError("--stack and --table are two different ways back; choose one.")
    aws = _aws(env)
    from pitboard.ops import deploy as deploying
    from pitboard.ops import rollback as room

    with _told_failures():
        if stack:
            _confirm(env, "Take the deployment to production back?", yes=yes)
            typer.echo(f"{aws.names.stack} is {room.stack_back(aws)}.")
        elif table:
            when = room.moment(to)
            source = room.check_restore(aws, table, when)
            deploying.checkout()
            _confirm(env, f"Restore {source} of production and switch to the copy?", yes=yes)
            restored = room.restore(aws, table, source, when)
            deploying.carry_out(room.switch(aws, table, restored))
            typer.echo(f"{restored} is in use; {source} is still there.")
        else:
            found = room.steps(aws)
            _confirm(env, "Take production back to " + _versions(found) + "?", yes=yes)
            room.move_back(aws, found)
            typer.echo(f"Back: {_versions(found)}. The next deploy goes forward again.")


def _aws(env: str) -> "AwsEnvironment":
    """The environment. Comes before what needs AWS' library, for it says in a sentence that it is missing."""
    from pitboard.ops.environment import AwsEnvironment

    return AwsEnvironment(env)


def _versions(found: "list[Step]") -> str:
    return ", ".join(f"{step.function} {step.now} to {step.then}" for step in found)


def _confirm(env: str, question: str, *, yes: bool) -> None:
    if env == "prod" and not yes:
        typer.confirm(question, abort=True)


@contextmanager
def _told_failures() -> Iterator[None]:
    """What went wrong in AWS while it was being done: one sentence, exit code 1."""
    from pitboard.ops.cloud import FailedError

    try:
        yield
    except FailedError as error:
        Console(stderr=True).print(f"[bold red]pitboard:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
