"""`pitboard bootstrap`."""

import typer

from pitboard.commands.options import Environment, Verbose, Yes, confirm

EXAMPLE = "Example: pitboard bootstrap --env prod"


def bootstrap(environment: Environment, verbose: Verbose = False, yes: Yes = False) -> None:
    """Prepare an AWS account and region for deploys: once, for all environments in it."""
    from pitboard.ops.environment import AwsEnvironment

    aws = AwsEnvironment(environment)  # first: it says in a sentence if AWS' library is missing
    from pitboard.ops.bootstrap import bootstrap, is_bootstrapped

    if is_bootstrapped(aws):
        typer.echo(f"Nothing to do: {aws.place} is bootstrapped (version {aws.bootstrap_version()}).")
        return
    confirm(environment, f"Make CDK's stack in {aws.place}?", yes=yes)
    bootstrap(aws, verbose=verbose)
    typer.echo(f"{aws.place} is ready. Deploy with `pitboard deploy --env {environment}`.")
