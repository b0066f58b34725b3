"""`pitboard deploy`."""

from pathlib import Path
from typing import Annotated

import typer

from pitboard.commands.options import Environment, Verbose, Yes, confirm
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
        typer.Option(
            help="A setting of docs/DEPLOYMENT.md; may be repeated. It is remembered; NAME= forgets it.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    audience: Annotated[
        str, typer.Option(help="Whom it shows, everyone or listed. It is remembered; see docs/MEMBERS.md.")
    ] = "",
    verbose: Verbose = False,
    yes: Yes = False,
) -> None:
    """Deploy the AWS home, or bring it up to date."""
    if secrets_file and not update_secrets:
        raise UsageError("--secrets-file goes with --update-secrets.")
    from pitboard.ops.environment import AwsEnvironment

    aws = AwsEnvironment(environment)  # first: it says in a sentence if AWS' library is missing
    from rich.console import Console

    from pitboard.ops.deploy import DeployOptions, deployment, prepare

    plan = prepare(
        aws,
        DeployOptions(
            update_secrets,
            secrets_file,
            import_tables,
            import_secret,
            tuple(context or ()),
            audience=audience,
        ),
    )
    console = Console()
    console.print(f"{aws.names.stack} in {aws.place}", highlight=False)
    if plan.state.begun:
        typer.echo(plan.state.begun)
    if plan.settings:
        console.print(f"Settings: {', '.join(f'{k}={v}' for k, v in plan.settings.items())}", highlight=False)
    if plan.others:
        typer.echo(
            f"{', '.join(plan.others)} uses the same iRacing account and counts calls and logins for itself:"
            " together they may be too many for iRacing. An account for each is safer."
        )
    if "no_room=true" in plan.context:
        typer.echo(
            "No concurrency is reserved: the account's limit has no room for it, and bounds the costs itself."
        )
    with deployment(plan, verbose=verbose) as prepared:
        with console.status("Looking what would change ..."):
            changes = prepared.changes()
        changes.show(console)
        if dry_run:
            return
        confirm(environment, f"Deploy to production in {aws.place}?", yes=yes)
        with console.status("Deploying ...") as status:
            url = prepared.deploy(lambda step: status.update(f"Deploying: {step}"))
    domain = plan.settings.get("domain")
    address = f"https://{domain}" if domain else url.rstrip("/")
    typer.echo(
        f"Deployed: {url}\nReaders get the addon at {address}/addon\n"
        f"Check it with `pitboard verify --env {environment}`."
    )
    if not plan.settings.get("alarm_email"):
        typer.echo("Nobody is told when it is down: give `--context alarm_email=you@example.org`.")
