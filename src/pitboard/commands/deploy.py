"""`pitboard deploy`."""

from pathlib import Path
from typing import Annotated

import typer

from pitboard.commands.options import Environment, Yes, confirm
from pitboard.settings import UsageError

EXAMPLE = "Examples: pitboard deploy --env dev; pitboard deploy --env prod --dry-run"


def deploy(
    environment: Environment,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change.")] = False,
    update_secrets: Annotated[
        bool,
        typer.Option("--update-secrets", help="Fill the secret from PITBOARD_CLIENT_ID and the like."),
    ] = False,
    secrets_file: Annotated[
        Path | None, typer.Option(help="With --update-secrets: from this JSON file instead.")
    ] = None,
    import_tables: Annotated[
        bool, typer.Option("--import-tables", help="Use tables that exist already, with their content.")
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
    from pitboard.ops.environment import AwsEnvironment

    aws = AwsEnvironment(environment)  # first: it says in a sentence if AWS' library is missing
    from pitboard.ops.deploy import DeployOptions, deploy, prepare, show_changes

    plan = prepare(
        aws,
        DeployOptions(update_secrets, secrets_file, import_tables, import_secret, tuple(context or ())),
    )
    if dry_run:
        show_changes(plan)
        return
    confirm(environment, f"Deploy to production in {aws.region}?", yes=yes)
    url = deploy(plan)
    typer.echo(f"Deployed: {url}\nCheck it with `pitboard verify --env {environment}`.")
