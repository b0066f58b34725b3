"""`pitboard login`."""

from pitboard.commands.options import log_to_stderr

EXAMPLE = "Example: pitboard login"


def login() -> None:
    """Log in to iRacing once, then store the credentials in the keyring (else in a private file)."""
    from rich.console import Console

    from pitboard.local.login import login as run

    log_to_stderr("ERROR")
    run(Console())
