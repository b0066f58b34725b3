"""`pitboard backup`, `restore`, `export` and `import`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pitboard.commands.options import EnvironmentOrHere, Yes, ask, log_to_stderr
from pitboard.settings import Settings

if TYPE_CHECKING:
    from pitboard.ops.aws_members import AwsMembersAdmin

BACKUP_EXAMPLE = "Example: pitboard backup /backups/pitboard.sqlite3"
RESTORE_EXAMPLE = "Example: pitboard restore /backups/pitboard.sqlite3"
EXPORT_EXAMPLE = "Examples: pitboard export drivers.jsonl; pitboard export members.jsonl --env prod"
IMPORT_EXAMPLE = "Examples: pitboard import drivers.jsonl; pitboard import drivers.jsonl --env prod"

File = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)]


def backup(file: File) -> None:
    """Copy the database into one file, also while the server runs. An older backup of that name is replaced.

    It holds the token to iRacing, and what members have asked for; the driver index is not in it.
    """
    from pitboard.local.backup import backup as run

    log_to_stderr("ERROR")
    typer.echo(run(Settings.read(), file))


def restore(file: File, yes: Yes = False) -> None:
    """Put a backup in the place of the database, also while the server runs.

    Members who have asked not to be shown since then are deleted from it. The token in use stays in use.
    """
    from pitboard.local.backup import check
    from pitboard.local.backup import restore as run

    log_to_stderr("ERROR")
    settings = Settings.read()
    check(settings, file)
    if settings.db.exists():
        ask(f"Replace what is in {settings.db}?", yes=yes)
    typer.echo(run(settings, file))


def export(file: File, environment: EnvironmentOrHere = "") -> None:
    """Write what is kept of drivers, and members' wishes, as lines of JSON, without any secret.

    From an AWS environment only what members have asked for, and the host's list.
    """
    from pitboard.local.portable import export as run

    log_to_stderr("ERROR")
    typer.echo(_aws(environment).export(file) if environment else run(Settings.read(), file))


def import_(file: File, environment: EnvironmentOrHere = "") -> None:
    """Take in what `pitboard export` has written. What is newer here stays.

    An AWS environment takes in only what members have asked for, and the host's list if it has none.
    """
    from pitboard.local.portable import import_ as run

    log_to_stderr("ERROR")
    typer.echo(_aws(environment).import_(file) if environment else run(Settings.read(), file))


def _aws(environment: str) -> "AwsMembersAdmin":
    from pitboard.ops.environment import AwsEnvironment

    aws = AwsEnvironment(environment)  # first: it says in a sentence if AWS' library is missing
    from pitboard.ops.aws_members import AwsMembersAdmin

    return AwsMembersAdmin(aws)
