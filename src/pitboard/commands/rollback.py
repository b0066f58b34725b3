"""`pitboard rollback`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pitboard.commands.options import Environment, Yes, confirm
from pitboard.settings import UsageError

if TYPE_CHECKING:
    from pitboard.ops.environment import AwsEnvironment

EXAMPLE = (
    "Examples: pitboard rollback --env prod; pitboard rollback --env prod --table ir_drivers"
    " --to 2026-11-24T18:00:00Z"
)


def rollback(
    environment: Environment,
    stack: Annotated[
        bool, typer.Option("--stack", help="Roll back a deployment that is running or stuck.")
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
    from pitboard.ops.environment import AwsEnvironment

    aws = AwsEnvironment(environment)  # first: it says in a sentence if AWS' library is missing
    if stack:
        _roll_back_stack(aws, yes=yes)
    elif table:
        _restore_table(aws, table, to, yes=yes)
    else:
        _move_aliases(aws, yes=yes)


def _roll_back_stack(aws: "AwsEnvironment", *, yes: bool) -> None:
    from pitboard.ops.rollback import check_stack, roll_back_stack

    check_stack(aws)
    confirm(aws.names.environment, f"Roll back the deployment to production in {aws.place}?", yes=yes)
    typer.echo(f"{aws.names.stack} is {roll_back_stack(aws)}.")


def _restore_table(aws: "AwsEnvironment", table: str, to: str, *, yes: bool) -> None:
    from pitboard.ops.deploy import checkout, deployment
    from pitboard.ops.rollback import check_restore, parse_moment, restore, switch

    moment = parse_moment(to)
    source = check_restore(aws, table, moment)
    checkout()
    confirm(
        aws.names.environment,
        f"Restore {source} ({aws.place}) and switch production to the copy?",
        yes=yes,
    )
    restored = restore(aws, table, source, moment)
    with deployment(switch(aws, table, restored)) as prepared:
        prepared.changes()
        prepared.deploy(typer.echo)
    typer.echo(f"{restored} is in use; {source} still exists.")


def _move_aliases(aws: "AwsEnvironment", *, yes: bool) -> None:
    from pitboard.ops.rollback import move_aliases, steps

    found = steps(aws)
    versions = ", ".join(f"{step.function} {step.now} to {step.then}" for step in found)
    confirm(aws.names.environment, f"Take production ({aws.place}) back to {versions}?", yes=yes)
    move_aliases(aws, found)
    typer.echo(f"Back: {versions}. The next deploy goes forward again.")
